import assert from "node:assert/strict";
import fc from "fast-check";
import { parseConfig } from "./config_file.ts";

function parse(text: string) {
  const environment: Record<string, string> = {
    PORT: "9000",
    LEVEL: "debug",
    BYTES: "33554432",
    EVIL: "a\nlisten: b",
  };
  return parseConfig(text, (name) => environment[name]);
}

/** The problems as `line:column what; fix`. */
function problems(text: string): string[] {
  return parse(text).problems.map(({ line, column, message, fix }) => `${line}:${column} ${message}; ${fix}`);
}

Deno.test("parseConfig() reads every setting", () => {
  const { source, problems } = parse(`
listen: 127.0.0.1:\${PORT}
grpc_listen: "[::1]:11800"
backend: { url: "https://stakeout:7471", token_file: /etc/stakeout/token }
tls: { cert_file: /c.pem, key_file: /k.pem, ca_file: /ca.pem }
state_folder: /srv/stakeout
log_format: json
log_level: \${LEVEL:info}
services:
  - match: "*/checkout"
    service: checkout
    labels: { team: pay }
retention: { per_second_hours: 48, profile_bytes: 1073741824 }
host_names: [stakeout.example]
spool_bytes: \${BYTES}
debuginfod: { enabled: true, urls: ["https://debuginfod.example"], file_bytes: 2097152 }
`);
  assert.deepEqual(problems, []);
  assert.deepEqual(source, {
    listen: "127.0.0.1:9000",
    grpcListen: "[::1]:11800",
    backend: { url: "https://stakeout:7471", tokenFile: "/etc/stakeout/token" },
    tls: { certFile: "/c.pem", keyFile: "/k.pem", caFile: "/ca.pem" },
    stateFolder: "/srv/stakeout",
    logFormat: "json",
    logLevel: "debug",
    services: [{ match: "*/checkout", service: "checkout", labels: { team: "pay" } }],
    retention: { perSecondHours: 48, profileBytes: 1073741824 },
    hostNames: ["stakeout.example"],
    spoolBytes: 33554432,
    debuginfod: { enabled: true, urls: ["https://debuginfod.example"], fileBytes: 2097152 },
  });
});

Deno.test("parseConfig() takes an empty file and one of remarks as no settings", () => {
  for (const text of ["", "# nothing\n"]) assert.deepEqual(parse(text), { source: {}, problems: [] });
});

Deno.test("parseConfig() places each fault at its own line and column", () => {
  assert.deepEqual(problems("listen: 7471\n"), ["1:9 listen is 7471; write text"]);
  assert.deepEqual(problems("\nlisten: nowhere\n"), [
    "2:9 listen is not an address; write host:port, such as 127.0.0.1:7471",
  ]);
  assert.deepEqual(problems("log_level: info\nbackend:\n  url: ftp://x\n  tokenfile: /x\n"), [
    "3:8 backend.url is not a URL; write http://, https:// or skywalking://, host and port",
    "4:3 backend.tokenfile is not a setting; remove it or correct its name",
  ]);
  assert.deepEqual(problems("log_format: xml\n"), ['1:13 log_format is "xml"; write logfmt or json']);
  assert.deepEqual(problems("services:\n  - service: a\n"), ["2:5 services[0].match is missing; add it"]);
  assert.deepEqual(problems("spool_bytes: 5\n"), ["1:14 spool_bytes is too small; the least is 16777216"]);
  assert.deepEqual(problems("spool_bytes: 1.5\n"), ["1:14 spool_bytes is 1.5; write a whole number"]);
  assert.match(problems("lisen: a:1\n")[0]!, /^1:1 lisen is not a setting; known are listen, grpc_listen, /);
  assert.deepEqual(problems("- a\n"), ["1:1 The file is a list; write a map of settings"]);
});

Deno.test("parseConfig() says which variable is missing and never lets a value add settings", () => {
  assert.deepEqual(problems("backend:\n  token: ${TOKEN}\n"), [
    "2:10 backend.token needs ${TOKEN}, which is not set; set it, or write ${TOKEN:default}",
  ]);
  assert.deepEqual(problems("log_level: ${EVIL}\n"), [
    '1:12 log_level is "a\\nlisten: b"; write debug or info or warn or error',
  ]);
});

Deno.test("parseConfig() keeps a token of digits that came from a variable as text", () => {
  assert.deepEqual(parse("backend: { token: '${PORT}' }\n").source, { backend: { token: "9000" } });
});

Deno.test("parseConfig() refuses broken YAML and repeated keys with a place", () => {
  assert.match(problems("listen: [a\n")[0]!, /^2:1 Broken YAML: /);
  assert.match(problems("listen: a:1\nlisten: b:1\n")[0]!, /^2:1 Broken YAML: the same field twice/);
  assert.match(problems("x: " + "y".repeat(300_000))[0]!, /at most 65,536/);
});

Deno.test("parseConfig() never throws, whatever the text", () => {
  const words = fc.constantFrom(
    "listen",
    ":",
    " ",
    "\n",
    "- ",
    "{",
    "}",
    "[",
    "&a",
    "*a",
    "<<",
    "'",
    '"',
    "?",
    "!!",
    "|",
    "---",
    "%",
    "${A}",
    "backend",
    "\t",
    "1",
  );
  fc.assert(
    fc.property(fc.array(words, { maxLength: 30 }), (parts) => {
      for (const { line, column, message } of parse(parts.join("")).problems) {
        assert.ok(line >= 1 && column >= 1 && message !== "");
      }
    }),
    { numRuns: 2_000 },
  );
});
