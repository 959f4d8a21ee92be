import assert from "node:assert/strict";
import { repositoryRoot } from "../../scripts/command.ts";
import { findFreePort } from "../support/free_port.ts";
import { compileTarget, startTarget } from "../support/target.ts";
import { testAsRoot } from "../support/test_as_root.ts";
import { makeTestFolder } from "../support/test_folder.ts";
import { waitFor } from "../support/wait.ts";
import { executable, run } from "./executable.ts";

const minimalRoot = `${repositoryRoot}/scripts/minimal_root`;

testAsRoot(
  "doctor finds all an agent needs in an empty root, and tells a pid namespace of its own",
  async () => {
    const shared = await run([minimalRoot, "--read-only", executable, "doctor", "--json"]);
    assert.equal(shared.code, 0, shared.stdout + shared.errors);
    const own = await run([minimalRoot, "--pid", executable, "doctor", "--json"]);
    assert.equal(own.code, 0, own.stdout + own.errors);
    const levels = ["pid namespace", "runtime"].map((wanted) =>
      [shared, own].map(({ stdout }) =>
        JSON.parse(stdout).find(({ name }: { name: string }) => name === wanted).level
      )
    );
    assert.deepEqual(levels, [["ok", "limited"], ["limited", "ok"]]);
  },
);

testAsRoot(
  "up trips and profiles with its state in memory, and says so, where nothing can be written",
  async () => {
    await using folder = await makeTestFolder("memory");
    const target = `${folder.path}/memory-burn`;
    await compileTarget("burn", target);
    const policy = `apiVersion: stakeout/v1
kind: Policy
metadata: { name: memory }
target: { exe: "${target}" }
rules: [{ metric: process_cpu, threshold: 20%, period: 5s, count: 2 }]
start: [on_cpu]
duration: 3s
`;
    await Deno.writeTextFile(`${folder.path}/policy.yaml`, policy);
    const url = `http://127.0.0.1:${findFreePort()}`;
    const listen = ["--listen", new URL(url).host, "--no-open"];
    const up = new Deno.Command(minimalRoot, {
      args: ["--read-only", executable, "up", ...listen],
      clearEnv: true,
      env: { PATH: Deno.env.get("PATH") ?? "" },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const errors = new Response(up.stderr).text();
    const lines = up.stdout.pipeThrough(new TextDecoderStream()).getReader();
    try {
      const token = /\/login\?token=(\S+)/.exec((await lines.read()).value ?? "")?.[1];
      assert.ok(token !== undefined);
      const client = (...args: string[]) =>
        run([executable, ...args, "--backend", url], { STAKEOUT_TOKEN: token, XDG_CACHE_HOME: "" });
      const applied = await client("policy", "apply", "-f", `${folder.path}/policy.yaml`);
      assert.equal(applied.code, 0, applied.errors.join("\n"));
      await using _burn = await startTarget(target, "1");
      const task = await waitFor(async () => {
        const { stdout } = await client("task", "list", "--output", "json");
        const tasks = stdout === "" ? [] : JSON.parse(stdout);
        return tasks.find(({ state }: { state: string }) => state === "done");
      }, 30);
      assert.ok(task !== undefined);
      const exported = await client("task", "export", task.id, "--format", "folded", "-o", "-");
      assert.match(exported.stdout, /outer;inner_a \d+/);
    } finally {
      up.kill("SIGTERM");
      await up.status;
      await lines.cancel();
    }
    assert.match(
      await errors,
      /level=warn msg="State is kept in memory and ends with this program; .*read-only/,
    );
  },
);
