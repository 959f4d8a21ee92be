import assert from "node:assert/strict";
import { create } from "@bufbuild/protobuf";
import { sampleTask, sampleTaskId } from "../../src/backend/sample_records.ts";
import { FrameKind, ProfileChunkSchema, WaitState } from "../../src/gen/stakeout/v1/profile_pb.ts";
import { ProfileKind, TaskState } from "../../src/gen/stakeout/v1/task_pb.ts";
import { openPage } from "../support/browser.ts";
import { type RecordBody, startFedBackend } from "../support/fed_backend.ts";

const startMs = Date.now() - 600_000;
const names = ["main", "take_cart", "futex_wait", "read_row", "tcp_recvmsg", "recv"];

/** main waits 3 s for a lock in 23 waits, was preempted 5 times, and still reads from the network since 7 s. */
const chunk = create(ProfileChunkSchema, {
  ...{
    taskId: sampleTaskId,
    kind: ProfileKind.OFF_CPU,
    startUnixMs: BigInt(startMs),
    seconds: 5,
    last: true,
  },
  strings: ["", "/srv/shop", "[kernel]", "/usr/lib/x86_64-linux-gnu/libc.so.6", ...names],
  frames: names.map((name, index) => {
    const kernel = name === "futex_wait" || name === "tcp_recvmsg";
    return {
      kind: kernel ? FrameKind.KERNEL : FrameKind.USER,
      ...{ function: index + 4, module: kernel ? 2 : name === "recv" ? 3 : 1, address: BigInt(index) },
    };
  }),
  stacks: [{ frames: [2, 1, 0] }, { frames: [4, 5, 3, 0] }],
  threads: [{ tid: 1, name: "web-1", processId: "p-0" }, { tid: 2, name: "web-2", processId: "p-0" }],
  ...{ sampleStacks: [0, 0, 1], sampleThreads: [0, 0, 1], sampleSeconds: [0, 1, 4] },
  sampleStates: [WaitState.SLEEPING, WaitState.PREEMPTED, WaitState.SLEEPING],
  sampleWeights: [3_000_000_000n, 0n, 1_000_000_000n],
  sampleWaits: [23n, 5n, 1n],
  sampleRunQueueNs: [2_000_000n, 8_000_000n, 0n],
  switches: { switches: 120n, involuntary: 5n, picked: 30n, brief: 91n, briefNs: 4_500_000n },
  waiting: [{ stack: 1, thread: 1, state: WaitState.SLEEPING, waitedNs: 7_000_000_000n }],
  loss: { taken: 29n, stored: 29n },
});

Deno.test("an off-CPU profile is drawn by time, waits and run queue, by reason and thread, and says who still waits", async () => {
  await using backend = await startFedBackend();
  const done = sampleTask(1, { state: TaskState.DONE, startMs }).body as RecordBody;
  assert.ok(done.case === "task");
  done.value = {
    ...done.value,
    kinds: [ProfileKind.OFF_CPU],
    offCpuMinimumNs: 1_000_000n,
  } as typeof done.value;
  await backend.report(done, { case: "profile", value: chunk } as RecordBody);
  await using browser = await openPage();
  const { page, faults } = browser;
  await backend.open(page, `/tasks/${sampleTaskId}`);
  const rows = page.locator("table.top-table tbody tr");
  await rows.filter({ hasText: "[lock (futex)]" }).waitFor();
  assert.match(await rows.first().innerText(), /\[lock \(futex\)\][\s\S]*3 s[\s\S]*75\.0 %/);
  await page.getByText("All, 4 s").waitFor();
  await page.getByText(/120 switches: 115 of the threads' own will, 5 preempted/).waitFor();
  await page.getByText(/one in 4\.0 was taken, at random.*91 waits shorter than 1 ms, 4\.5 ms in all/)
    .waitFor();

  await page.getByRole("button", { name: "Waits", exact: true }).click();
  await page.getByText("All, 29 waits").waitFor();
  await page.getByRole("button", { name: "Run queue" }).click();
  assert.match(await rows.first().innerText(), /\[CPU\][\s\S]*8 ms[\s\S]*80\.0 %/);
  await page.getByRole("button", { name: /^CPU 80\.0 %/ }).click();
  await rows.filter({ hasText: "[lock (futex)]" }).waitFor({ state: "detached" });
  await page.getByRole("button", { name: "All reasons" }).click();
  await page.getByRole("button", { name: "Time blocked" }).click();
  await page.getByLabel("Thread", { exact: true }).selectOption({ index: 2 });
  assert.match(await rows.first().innerText(), /\[network read\][\s\S]*1 s[\s\S]*100\.0 %/);

  await page.getByText("1 thread was still waiting at the end").click();
  const waiting = page.locator(".waiting tbody tr");
  assert.match(
    (await waiting.innerText()).replaceAll(/\s+/g, " "),
    /web-2 \(2\) 7 s network read sleeping \(S\) read_row ← main/,
  );
  assert.deepEqual(faults, []);
});
