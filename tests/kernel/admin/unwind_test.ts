/**
 * User stacks against perf's own DWARF unwinder on the same interrupts; its rings take more locked memory than an agent
 * may have. `STAKEOUT_UNWIND_STACKS` is how many stacks of each program are compared, 100 when not given.
 */
import assert from "node:assert/strict";
import { repositoryRoot, runCommand } from "../../../scripts/command.ts";
import { StackEnd } from "../../../src/gen/stakeout/v1/profile_pb.ts";
import { makeCertificate } from "../../support/certificate.ts";
import { startNginx } from "../../support/http_servers.ts";
import { makeTestFolder } from "../../support/test_folder.ts";
import { libbpf, startTarget, type Target } from "../harness.ts";
import { withoutLeaks } from "../leak_check.ts";
import { type Compared, compareWithPerf, didPerfGiveUp, isEqual, TestTables } from "../unwind_oracle.ts";

const stacks = Number(Deno.env.get("STAKEOUT_UNWIND_STACKS") ?? 100);
/** Of a hundred stacks the ends of one or two may be beyond either unwinder. */
const leastShare = stacks >= 1000 ? 0.99 : 0.97;

/** Compiles tests/programs/unwind_target.c as distributions do: optimized, without frame pointers. */
async function compileUnwindTarget(folder: string, flags: readonly string[]): Promise<string> {
  const path = `${folder}/unwind_target${flags.join("")}`;
  const options = ["-O2", "-fomit-frame-pointer", "-pthread", ...flags];
  await runCommand("gcc", [...options, "-o", path, `${repositoryRoot}/tests/programs/unwind_target.c`]);
  return path;
}

/** Nearly all stacks are those that perf found, and end as they should. */
function assertAgreement(all: readonly Compared[], least: number, end = StackEnd.WHOLE): void {
  const compared = all.filter((stack) => !didPerfGiveUp(stack));
  assert.ok(compared.length >= least, `${compared.length} of ${all.length} stacks`);
  const different = compared.filter((stack) => !isEqual(stack));
  const ended = compared.filter((stack) => stack.end === end);
  const wrong = different.slice(0, 3).map(({ ours, perfs }) =>
    `ours ${ours.join(" ")}\nperf ${perfs.join(" ")}`
  );
  assert.ok(
    different.length <= (1 - leastShare) * compared.length,
    `${different.length}\n${wrong.join("\n")}`,
  );
  assert.ok(ended.length >= leastShare * compared.length, `${ended.length} of ${compared.length} end well`);
}

/** Offset of _start in a file. */
async function findStart(path: string): Promise<number> {
  const { stdout } = await new Deno.Command("readelf", { args: ["-hlW", path] }).output();
  const text = new TextDecoder().decode(stdout);
  const entry = parseInt(/Entry point address:\s+(0x[0-9a-f]+)/.exec(text)![1]!, 16);
  const [, offset, address] = /LOAD\s+(0x[0-9a-f]+) (0x[0-9a-f]+) .* R E /.exec(text)!;
  return entry - parseInt(address!, 16) + parseInt(offset!, 16);
}

/** File offsets of the bytes of a program's .plt. */
async function findStubs(path: string): Promise<number[]> {
  const { stdout } = await new Deno.Command("readelf", { args: ["-SW", path] }).output();
  const [, offset, size] = / \.plt +PROGBITS +[0-9a-f]+ ([0-9a-f]+) ([0-9a-f]+)/.exec(
    new TextDecoder().decode(stdout),
  )!;
  return Array.from({ length: parseInt(size!, 16) }, (_, byte) => parseInt(offset!, 16) + byte);
}

function offsetOf(place: string): number {
  return parseInt(place.slice(place.lastIndexOf("+") + 1), 16);
}

/** Runs OpenSSL's benchmark of an algorithm, which is hand-written assembler mostly. */
function startSpeed(algorithm: string): Target {
  const child = new Deno.Command("openssl", {
    args: ["speed", "-seconds", "60", algorithm],
    ...{ stdin: "null", stdout: "null", stderr: "null" },
  }).spawn();
  return {
    pid: child.pid,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.status;
    },
  };
}

Deno.test("user stacks are those of perf's own unwinder when programs have no frame pointers", async (t) => {
  await using folder = await makeTestFolder("unwind");
  /** Runs a target and compares its stacks, within a step. */
  async function compare(name: string, start: () => Promise<Target>, check: (compared: Compared[]) => void) {
    await t.step(name, () =>
      withoutLeaks(libbpf, async () => {
        await using tables = new TestTables();
        await using target = await start();
        check(await compareWithPerf(target.pid, tables, { stacks: 1.1 * stacks }));
      }));
  }
  const builds: [string, string[]][] = [
    ["the C library's functions", []],
    ["a stripped program at a fixed address", ["-no-pie", "-s"]],
  ];
  for (const [name, flags] of builds) {
    const path = await compileUnwindTarget(folder.path, flags);
    await compare(name, () => startTarget(path, "libc"), (compared) => assertAgreement(compared, stacks));
  }
  const path = await compileUnwindTarget(folder.path, []);
  for (const mode of ["thread", "signal", "vdso"]) {
    await compare(mode, () => startTarget(path, mode), (compared) => assertAgreement(compared, stacks));
  }
  const fixed = await compileUnwindTarget(folder.path, ["-static", "-w"]);
  const start = await findStart(fixed);
  const stubs = await findStubs(fixed);
  await compare(
    "a static program, which perf cannot unwind",
    () => startTarget(fixed, "libc"),
    (compared) => {
      assert.ok(compared.length >= stacks);
      // In a static program nothing describes the linker's stubs between a call and its function: on one a stack ends at once.
      const described = compared.filter(({ ours }) => !stubs.includes(offsetOf(ours[0]!)));
      assert.ok(described.length >= 0.97 * compared.length, `${described.length} of ${compared.length}`);
      for (const { ours, end } of described) {
        assert.equal(end, StackEnd.WHOLE, ours.join(" "));
        assert.ok(ours.length > 3 && Math.abs(offsetOf(ours.at(-1)!) - start) < 64, ours.join(" "));
      }
    },
  );
  await compare("calls 200 deep", () => startTarget(path, "deep"), (compared) => {
    const deep = compared.filter(({ end }) => end === StackEnd.TOO_DEEP);
    assert.ok(deep.length > 0.9 * compared.length, `${deep.length} of ${compared.length}`);
    for (const { ours, perfs } of deep) assert.deepEqual(ours, perfs.slice(0, 127));
  });
  const broken = `${folder.path}/broken`;
  await Deno.writeFile(`${folder.path}/noise`, crypto.getRandomValues(new Uint8Array(4096)));
  await runCommand("objcopy", ["--update-section", `.eh_frame=${folder.path}/noise`, path, broken]);
  await compare("unwind information that is noise", () => startTarget(broken, "libc"), (compared) => {
    assert.ok(compared.length >= stacks);
    const whole = compared.filter(({ end, ours }) => end === StackEnd.WHOLE && ours.length > 1);
    assert.ok(whole.length < 0.05 * compared.length, `${whole.length} of ${compared.length}`);
  });
  await compare(
    "hand-written assembler",
    () => Promise.resolve(startSpeed("rsa2048")),
    (compared) => assertAgreement(compared, stacks),
  );
});

Deno.test("user stacks are whole soon after a library was opened", async () => {
  await using folder = await makeTestFolder("unwind");
  const library = `${folder.path}/unwind_library.so`;
  const source = `${repositoryRoot}/tests/programs/unwind_library.c`;
  await runCommand("gcc", ["-O2", "-fomit-frame-pointer", "-shared", "-fPIC", "-o", library, source]);
  const path = await compileUnwindTarget(folder.path, []);
  await withoutLeaks(libbpf, async () => {
    await using tables = new TestTables();
    await using target = await startTarget(path, "library", library);
    const compared = await compareWithPerf(target.pid, tables, { stacks: 2500, limitMs: 5000 });
    const last = compared.slice(-20);
    assert.ok(last.some(({ ours }) => ours[0]!.startsWith(library)));
    assertAgreement(last, 20);
  });
});

Deno.test("user stacks are whole soon after the process executed another program", async () => {
  await using folder = await makeTestFolder("unwind");
  const path = await compileUnwindTarget(folder.path, []);
  await withoutLeaks(libbpf, async () => {
    await using tables = new TestTables();
    await using target = await startTarget("sh", "-c", `echo ready; sleep 2; exec ${path} libc`);
    const compared = await compareWithPerf(target.pid, tables, { stacks: 2500, limitMs: 5000 });
    assertAgreement(compared.slice(-20), 20);
  });
});

Deno.test("nginx's user stacks are those of perf's own unwinder when it serves TLS", async () => {
  await using folder = await makeTestFolder("unwind");
  await Deno.chmod(folder.path, 0o777);
  const certificate = await makeCertificate(folder.path);
  await Deno.chmod(certificate.key, 0o644);
  await using server = await startNginx(folder.path, 1, { certificate });
  const [, worker] = server.pids();
  const load = new Deno.Command("wrk", {
    args: ["-t1", "-c8", "-d60", "-H", "Connection: close", `https://127.0.0.1:${server.port}/file`],
    stdout: "null",
  }).spawn();
  try {
    await withoutLeaks(libbpf, async () => {
      await using tables = new TestTables();
      assertAgreement(
        await compareWithPerf(worker!, tables, { stacks: 1.1 * stacks, limitMs: 60_000 }),
        stacks,
      );
    });
  } finally {
    load.kill("SIGKILL");
    await load.status;
  }
});
