import assert from "node:assert/strict";
import { makePoorHosts } from "../support/poor_hosts.ts";
import { policyText } from "../support/policy_text.ts";
import { fourCapabilities, nobodyWith } from "../support/rights.ts";
import { runStakeout } from "../support/stakeout.ts";
import { testAsRoot } from "../support/test_as_root.ts";
import { makeTestFolder } from "../support/test_folder.ts";

testAsRoot("agent, watch, record and up say in one line what the host lacks, and end with 3", async () => {
  await using folder = await makeTestFolder("incapable");
  // Nobody's commands write, too.
  await Deno.chmod(folder.path, 0o777);
  const hosts = await makePoorHosts(folder.path);
  await Deno.writeTextFile(`${folder.path}/policy.yaml`, policyText("hot", "/nowhere"));
  await Deno.writeTextFile(`${folder.path}/token`, "a".repeat(43));
  await using target = new Deno.Command("sleep", { args: ["300"] }).spawn();
  const lacking: [string, string[], RegExp][] = [
    [
      "seccomp",
      hosts.withoutBpf("EPERM"),
      /^error: This host cannot use BPF: it needs bpf\(2\), which a seccomp filter or security module forbids here; allow /,
    ],
    [
      "old kernel",
      hosts.withoutBpf("ENOSYS"),
      /^error: This host cannot use BPF: it needs bpf\(2\), which answers "function not implemented" here; run Linux 6\.1 /,
    ],
    [
      "BTF",
      hosts.withoutBtf,
      /^error: This host cannot use kernel types: it needs \/sys\/kernel\/btf\/vmlinux \(CONFIG_DEBUG_INFO_BTF\); run a kernel/,
    ],
    [
      "CAP_BPF",
      nobodyWith(fourCapabilities.filter((name) => name !== "bpf")),
      /^error: This host cannot use BPF: it needs CAP_BPF; run as root, or grant it$/,
    ],
    [
      "user namespace",
      hosts.inUserNamespace,
      /^error: This host cannot use BPF: it needs the host's user namespace, whose .*; run as the host's root/,
    ],
  ];
  for (const [lack, under, expected] of lacking) {
    const state = (name: string) => ["--state", `${folder.path}/${lack}-${name}`];
    const commands = [
      ["agent", "--backend", "http://127.0.0.1:1", "--token-file", `${folder.path}/token`, ...state("agent")],
      ["watch", "-f", `${folder.path}/policy.yaml`, "-o", `${folder.path}/${lack}-tasks`],
      ["record", "--pid", `${target.pid}`, "--for", "1s", "-o", `${folder.path}/${lack}.pb.gz`],
      ["up", "--listen", "127.0.0.1:0", "--no-open", ...state("up")],
    ];
    await Promise.all(commands.map(async (args) => {
      const { code, stdout, errors } = await runStakeout(args, { under });
      const said = errors.filter((line) => !/level=(info|warn) /.test(line));
      assert.equal(said.length, 1, `${lack} ${args[0]}: ${errors.join("\n")}`);
      assert.match(said[0]!, expected);
      assert.deepEqual([code, stdout], [3, ""], `${lack} ${args[0]}: ${errors.join("\n")}`);
    }));
  }
  for (const { name } of Deno.readDirSync(folder.path)) assert.ok(!/\.pb\.gz/.test(name), name);
  target.kill("SIGKILL");
});
