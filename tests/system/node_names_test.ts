import assert from "node:assert/strict";
import { repositoryRoot } from "../../scripts/command.ts";
import { startScript } from "../support/script_target.ts";
import { sharesBelow } from "../support/stack_shares.ts";
import { runStakeout } from "../support/stakeout.ts";
import { testAsRoot } from "../support/test_as_root.ts";
import { makeTestFolder } from "../support/test_folder.ts";

const program = `${repositoryRoot}/tests/programs/work.js`;
const functions = ["mixNumbers", "sortNumbers", "parse", "walk"];
/** V8 tells its own profiler what it put into which function, but not the perf map. */
const comparable = "--no-turbo-inlining";

/** Shares of functions below `handleRequest`, as Node's own profiler counted them. */
async function readOracle(folder: string): Promise<Map<string, number>> {
  const [file] = [...Deno.readDirSync(folder)].filter(({ name }) => name.endsWith(".cpuprofile"));
  const { nodes, samples } = JSON.parse(await Deno.readTextFile(`${folder}/${file!.name}`));
  const names = new Map<number, string>();
  const parents = new Map<number, number>();
  for (const { id, callFrame, children } of nodes) {
    names.set(id, callFrame.functionName || "(anonymous)");
    for (const child of children ?? []) parents.set(child, id);
  }
  const folded = samples.map((leaf: number) => {
    const stack = [];
    for (let at: number | undefined = leaf; at !== undefined; at = parents.get(at)) {
      stack.unshift(names.get(at));
    }
    return `${stack.join(";")} 1`;
  });
  return sharesBelow(folded.join("\n"), "handleRequest", functions);
}

async function record(pid: number, output: string, ...more: string[]): Promise<string[]> {
  const args = ["record", "--pid", String(pid), "--for", "4s", "--frequency", "499", "-o", output, ...more];
  const { code, errors } = await runStakeout(args);
  assert.equal(code, 0, errors.join("\n"));
  return errors;
}

// What is on PATH may be another build than Debian's, which is stripped and in a library.
const nodes = [["this machine's", "node"], ["Debian's", `${repositoryRoot}/scripts/debian_node`]] as const;
for (const [whose, node] of nodes) {
  testAsRoot(
    `record shows the functions of ${whose} Node under each other, with the shares that its own profiler gives them`,
    async () => {
      await using folder = await makeTestFolder("node");
      const output = `${folder.path}/node.folded`;
      const flags = ["--perf-basic-prof", "--interpreted-frames-native-stack", comparable];
      const oracle = ["--cpu-prof", `--cpu-prof-dir=${folder.path}`];
      await using target = await startScript(node, [...flags, ...oracle, program], folder.path);
      const errors = await record(target.pid, output);
      await target.ended("SIGTERM");

      const folded = await Deno.readTextFile(output);
      const shares = sharesBelow(folded, "handleRequest", functions);
      const expected = await readOracle(folder.path);
      for (const name of functions) {
        const difference = Math.abs(shares.get(name)! - expected.get(name)!);
        assert.ok(difference < 0.06, `${name}: ${shares.get(name)}, by Node ${expected.get(name)}`);
      }
      assert.match(folded, /^(processImmediate;)?serve;handleRequest;mixNumbers \d+$/m);
      assert.match(folded, /;handleRequest;walk;#sum \d+$/m);
      assert.match(folded, /;sortNumbers;Array\.prototype\.sort;\(anonymous\) work\.js:\d+ \d+$/m);
      assert.match(folded, /;handleRequest;parse;JSON\.parse \d+$/m);
      // Nothing of how V8 runs them, nothing twice, no name as V8 writes it.
      assert.doesNotMatch(
        folded,
        /Builtins_(JSEntry|Interpreter|CEntry|Call)|LazyCompile|JS:|handleRequest;handleRequest/,
      );
      assert.deepEqual(errors.filter((line) => line.startsWith("note: ")), []);
    },
  );
}

testAsRoot("record keeps the frames of V8 when they are asked for", async () => {
  await using folder = await makeTestFolder("node");
  const output = `${folder.path}/node.folded`;
  await using target = await startScript("node", ["--perf-basic-prof", program], folder.path);
  await record(target.pid, output, "--runtime-frames");
  assert.match(await Deno.readTextFile(output), /;Builtins_JSEntry;.*serve;handleRequest;?.* \d+$/m);
});

testAsRoot("record says which flag is missing when Node writes no perf map, and loses no frame", async () => {
  await using folder = await makeTestFolder("node");
  const output = `${folder.path}/node.folded`;
  await using target = await startScript("node", [comparable, program], folder.path);
  const errors = await record(target.pid, output);
  assert.deepEqual(errors.filter((line) => line.startsWith("note: ")), [
    "note: Names of JavaScript functions are missing; start it with node --perf-basic-prof --interpreted-frames-native-stack",
  ]);
  // serve, handleRequest and what it calls.
  assert.match(await Deno.readTextFile(output), /^(.*;)?\[node jit\];\[node jit\];\[node jit\](;.*)? \d+$/m);
});

testAsRoot(
  "record finds the perf map of a Node program in a container's own /tmp, under the pid that it has there",
  async () => {
    await using folder = await makeTestFolder("node");
    const output = `${folder.path}/node.folded`;
    // Opened before: the checkout itself may lie below /tmp.
    const inside = `exec 3<${program} && mount -t tmpfs none /tmp && cat <&3 >/tmp/work.js && ` +
      "exec node --perf-basic-prof /tmp/work.js";
    const places = ["--pid", "--fork", "--mount-proc", "--mount", "--kill-child"];
    await using target = await startScript("unshare", [...places, "sh", "-c", inside], folder.path);
    const [child] = (await Deno.readTextFile(`/proc/${target.pid}/task/${target.pid}/children`)).trim().split(
      " ",
    );
    await record(Number(child), output);
    assert.match(await Deno.readTextFile(output), /;handleRequest(;mixNumbers)? \d+$/m);
  },
);
