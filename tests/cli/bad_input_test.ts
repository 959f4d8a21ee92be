import assert from "node:assert/strict";
import { escapeControl } from "../../lib/escape.ts";
import { runProgram } from "./program.ts";

const goodPolicy = `apiVersion: stakeout/v1
kind: Policy
metadata: { name: checkout }
target: { service: "checkout*" }
rules:
  - { metric: process_cpu, threshold: 80%, period: 10s, count: 5 }
start: [on_cpu]
`;

const folder = await Deno.makeTempDir({ prefix: "stakeout-cli-" });
const files: Record<string, string> = {
  "good.yaml": goodPolicy,
  "empty.yaml": "",
  "remarks.yaml": "# nothing\n---\n# at all\n",
  "broken.yaml": "metadata: [a\n",
  "unit.yaml": goodPolicy.replace("80%", "80"),
  "zero.yaml": goodPolicy.replace("80%", "0%"),
  "count.yaml": goodPolicy.replace("count: 5", "count: 11"),
  "field.yaml": goodPolicy.replace("start:", "begin: 1\nstart:"),
  "two.yaml": goodPolicy.replace("80%", "80").replace("start:", "begin: 1\nstart:"),
  "binary.yaml": "\0\x01\x1b[2J\x9b\n",
  "config.yaml": "log_level: loud\n",
  "config_key.yaml": "listen: 127.0.0.1:1\nlisen: 127.0.0.1:2\n",
  "config_variable.yaml": "backend: { token: '${STAKEOUT_TEST_MISSING}' }\n",
  "token": "secret\n",
  "token_bad": "two words\n",
};
for (const [name, text] of Object.entries(files)) await Deno.writeTextFile(`${folder}/${name}`, text);

/** Answers everything as a web server that knows nothing of Stakeout. */
const stranger = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, () => {
  return new Response("<html><body>It works!</body></html>", { headers: { "content-type": "text/html" } });
});
const strangerUrl = `http://127.0.0.1:${stranger.addr.port}`;

interface Case {
  args: string[];
  code: 1 | 2 | 3;
  /** The one line of standard error; or all of them. */
  error: RegExp | RegExp[];
  stdin?: string;
  env?: Record<string, string>;
}

const token = ["--token-file", `${folder}/token`];
const cases: Case[] = [
  { args: ["polcy"], code: 2, error: /^error: unknown command 'polcy'; did you mean policy\?$/ },
  { args: ["policy", "aply"], code: 2, error: /^error: unknown command 'aply'; did you mean apply\?$/ },
  {
    args: ["up", "--lissten", "x"],
    code: 2,
    error: /^error: unknown option '--lissten'; did you mean --listen\?$/,
  },
  {
    args: ["up", "--listen", "nowhere"],
    code: 2,
    error: /'nowhere' is invalid: Write host:port.*; see stakeout up --help$/,
  },
  {
    args: ["up", "--log-level", "loud"],
    code: 2,
    error: /'loud' is invalid: Allowed choices are debug, info/,
  },
  {
    args: ["up"],
    env: { STAKEOUT_LISTEN: "x" },
    code: 2,
    error: /'x' from env 'STAKEOUT_LISTEN' is invalid/,
  },
  { args: ["version", "extra"], code: 2, error: /^error: too many arguments/ },
  {
    args: ["watch", "-o", folder],
    code: 2,
    error: /^error: required option '-f, --file <file>' not specified; see /,
  },
  { args: ["watch", "-f", `${folder}/good.yaml`], code: 2, error: /^error: required option '-o, --output/ },
  {
    args: ["watch", "-f", `${folder}/good.yaml`, "-o", folder, "--for", "soon"],
    code: 2,
    error: /'soon' is invalid: Write a number/,
  },
  {
    args: ["watch", "-f", `${folder}/unit.yaml`, "-o", `${folder}/out`],
    code: 2,
    error: /^error: .*unit\.yaml:6:\d+: /,
  },
  {
    args: ["record", "-o", "x.pb.gz"],
    code: 2,
    error: /^error: required option '--pid <pid>' not specified/,
  },
  {
    args: ["record", "--pid", "0", "-o", "x.pb.gz"],
    code: 2,
    error: /'0' is invalid: Give a process id, 1 to /,
  },
  {
    args: ["record", "--pid", "1", "-o", "x.svg"],
    code: 2,
    error: /^error: x\.svg: the name does not tell the format; end it in /,
  },
  {
    args: ["record", "--pid", "1", "-o", "x.pb.gz", "--frequency", "1000"],
    code: 2,
    error: /'1000' is invalid/,
  },
  {
    args: ["record", "--pid", "1", "-o", "x.pb.gz", "--off-cpu", "--minimum", "11s"],
    code: 2,
    error: /'11s' is invalid: Write a number and ms or s, such as 1ms, from 0ms to 10s/,
  },
  {
    args: ["task", "start", "--pid", "1", "--kind", "on_cpu,hot"],
    code: 2,
    error: /'on_cpu,hot' is invalid: Use on_cpu, off_cpu, network, each once/,
  },
  {
    args: ["task", "extend", "3f2a"],
    code: 2,
    error: /^error: required option '--by <duration>' not specified/,
  },
  { args: ["record", "--pid", "1"], code: 2, error: /^error: required option '-o, --output <file>'/ },
  { args: ["agent"], code: 2, error: /^error: No backend is given; add --backend URL/ },

  { args: ["policy", "check"], code: 2, error: /^error: No policy file is given; add -f FILE$/ },
  {
    args: ["policy", "check", "/nonexistent.yaml"],
    code: 2,
    error: /^error: Cannot read \/nonexistent\.yaml: no such file or folder; check the path$/,
  },
  { args: ["policy", "check", folder], code: 2, error: /: it is a folder; check the path$/ },
  { args: ["policy", "check", `${folder}/empty.yaml`], code: 2, error: /empty\.yaml:1:1: .+; .+$/ },
  { args: ["policy", "check", `${folder}/remarks.yaml`], code: 2, error: /remarks\.yaml:1:1: .+; .+$/ },
  { args: ["policy", "check", "-"], code: 2, error: /^error: standard input:1:1: .+; .+$/ },
  { args: ["policy", "check", `${folder}/broken.yaml`], code: 2, error: /broken\.yaml:\d+:\d+: .+; .+$/ },
  {
    args: ["policy", "check", `${folder}/unit.yaml`],
    code: 2,
    error: /unit\.yaml:6:\d+: .*threshold.*; .+$/,
  },
  {
    args: ["policy", "check", `${folder}/zero.yaml`],
    code: 2,
    error: /zero\.yaml:6:\d+: .*threshold.*; .+$/,
  },
  { args: ["policy", "check", `${folder}/count.yaml`], code: 2, error: /count\.yaml:6:\d+: .*count.*; .+$/ },
  { args: ["policy", "check", `${folder}/field.yaml`], code: 2, error: /field\.yaml:7:1: .*begin.*; .+$/ },
  { args: ["policy", "check", `${folder}/two.yaml`], code: 2, error: [/two\.yaml:6:/, /two\.yaml:7:1: /] },
  { args: ["policy", "check", `${folder}/binary.yaml`], code: 2, error: /binary\.yaml:\d+:\d+: / },
  {
    args: ["policy", "check", `${folder}/good.yaml`, "-f", `${folder}/good.yaml`],
    code: 2,
    error: /good\.yaml:1:1: Policy checkout is in .*good\.yaml:1 already; give it another name$/,
  },

  {
    args: ["config", "check", "/nonexistent.yaml"],
    code: 2,
    error: /^error: Cannot read \/nonexistent\.yaml: /,
  },
  {
    args: ["config", "check", `${folder}/config.yaml`],
    code: 2,
    error: /config\.yaml:1:12: log_level is "loud"; write debug or /,
  },
  {
    args: ["config", "check", `${folder}/config_key.yaml`],
    code: 2,
    error: /config_key\.yaml:2:1: lisen is not a setting; known are /,
  },
  {
    args: ["config", "check", `${folder}/config_variable.yaml`],
    code: 2,
    error: /:1:19: backend\.token needs \$\{STAKEOUT_TEST_MISSING\}/,
  },
  {
    args: ["task", "list"],
    env: { STAKEOUT_CONFIG: `${folder}/config.yaml` },
    code: 2,
    error: /config\.yaml:1:12: /,
  },

  {
    args: ["policy", "list"],
    code: 2,
    error: /^error: No backend is known: .*\/url: no such file or folder; run stakeout up, or give /,
  },
  { args: ["task", "list", "--backend", "ftp://x"], code: 2, error: /'ftp:\/\/x' is invalid: Write http/ },
  {
    args: ["task", "list", "--backend", "http://127.0.0.1:9", ...token],
    code: 1,
    error: /^error: Cannot reach the backend at http:\/\/127\.0\.0\.1:9: .*; check that it runs/,
  },
  {
    args: ["task", "list", "--backend", "http://nowhere.invalid", ...token],
    code: 1,
    error: /^error: Cannot reach the backend at http:\/\/nowhere\.invalid/,
  },
  {
    args: ["task", "list", "--backend", strangerUrl, ...token],
    code: 1,
    error: /does not answer as a Stakeout backend: .*; check --backend$/,
  },
  {
    args: ["policy", "apply", `${folder}/good.yaml`, "--backend", strangerUrl, ...token],
    code: 1,
    error: /does not answer as a Stakeout backend/,
  },
  {
    args: ["task", "list", "--backend", strangerUrl.replace("http", "https"), ...token],
    code: 1,
    error: /^error: .*; check /,
  },
  {
    args: ["task", "list", "--backend", strangerUrl],
    code: 2,
    error: /^error: Cannot read .*\/state\/token: .*; check --token-file$/,
  },
  {
    args: ["task", "list", "--backend", strangerUrl, "--token-file", `${folder}/token_bad`],
    code: 2,
    error: /token_bad holds no token; /,
  },
  {
    args: ["task", "list", "--backend", strangerUrl, ...token, "--tls-ca", "/nonexistent"],
    code: 2,
    error: /check --tls-ca$/,
  },
  {
    args: ["task", "show", "xyz", "--backend", strangerUrl, ...token],
    code: 2,
    error: /^error: xyz is not a task's id; /,
  },
  {
    args: ["task", "export", "ab".repeat(16), "-o", `${folder}/x.svg`, "--backend", strangerUrl, ...token],
    code: 2,
    error: /does not tell the format/,
  },
  {
    args: ["task", "list", "--metric", "cpu", "--backend", strangerUrl, ...token],
    code: 2,
    error: /'cpu' is invalid/,
  },
  {
    args: ["task", "list", "--status", "gone", "--backend", strangerUrl, ...token],
    code: 2,
    error: /'gone' is invalid/,
  },
  { args: ["completion", "powershell"], code: 2, error: /'powershell' is invalid/ },
];

for (const { args, code, error, stdin, env } of cases) {
  const shown = args.map((word) => word.replace(folder, "DIR").replace(strangerUrl, "HTML-SERVER")).join(" ");
  const set = env === undefined
    ? ""
    : `${Object.entries(env).map((pair) => pair.join("=").replace(folder, "DIR")).join(" ")} `;
  Deno.test(`stakeout ${set}${shown} ends with ${code} and says what and how to fix it`, async () => {
    const outcome = await runProgram(args, { home: folder, ...(stdin && { stdin }), ...(env && { env }) });
    assert.equal(outcome.stdout, "");
    const expected = Array.isArray(error) ? error : [error];
    assert.equal(outcome.errors.length, expected.length, outcome.errors.join("\n"));
    outcome.errors.forEach((line, index) => {
      assert.match(line, /^error: /);
      assert.match(line, expected[index]!);
      assert.equal(line, escapeControl(line));
      assert.doesNotMatch(line, /\.$|^\s+at /);
    });
    assert.equal(outcome.code, code);
  });
}

Deno.test("stakeout task export writes nothing when the answer is not a profile", async () => {
  const file = `${folder}/profile.pb.gz`;
  const id = "ab".repeat(16);
  const outcome = await runProgram([
    "task",
    "export",
    id,
    "-o",
    file,
    "--backend",
    "http://127.0.0.1:9",
    ...token,
  ]);
  assert.equal(outcome.code, 1);
  for (const path of [file, `${file}.part`]) await assert.rejects(Deno.stat(path), Deno.errors.NotFound);
});

Deno.test({
  name: "after the table: the stranger's server and the files are removed",
  async fn() {
    await stranger.shutdown();
    await Deno.remove(folder, { recursive: true });
  },
  sanitizeResources: false,
  sanitizeOps: false,
});
