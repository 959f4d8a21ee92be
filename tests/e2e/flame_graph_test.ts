import assert from "node:assert/strict";
import { sampleTask, sampleTaskId } from "../../src/backend/sample_records.ts";
import { FrameKind, NameNoteKind } from "../../src/gen/stakeout/v1/profile_pb.ts";
import { ProfileKind, TaskState } from "../../src/gen/stakeout/v1/task_pb.ts";
import { openPage } from "../support/browser.ts";
import { type RecordBody, startFedBackend } from "../support/fed_backend.ts";

const startMs = Date.now() - 600_000;

/** A chunk of five seconds; paths are written root first. Frames whose name starts with `k_` are the kernel's. */
function chunk(
  paths: readonly string[],
  samples: readonly (readonly [number, number, number, number])[],
): RecordBody {
  const names = [...new Set(paths.flatMap((path) => path.split(";")))];
  const value = {
    taskId: sampleTaskId,
    kind: ProfileKind.ON_CPU,
    startUnixMs: BigInt(startMs),
    seconds: 5,
    strings: ["", "/srv/app", ...names],
    frames: names.map((name, index) => ({
      kind: name.startsWith("k_") ? FrameKind.KERNEL : FrameKind.USER,
      function: index + 2,
      module: 1,
      address: BigInt(index),
    })),
    stacks: paths.map((path) => ({ frames: path.split(";").reverse().map((name) => names.indexOf(name)) })),
    threads: [{ tid: 1, name: "busy", processId: "p-0" }, { tid: 2, name: "idle", processId: "p-0" }],
    sampleStacks: samples.map(([stack]) => stack),
    sampleThreads: samples.map(([, thread]) => thread),
    sampleSeconds: samples.map(([, , second]) => second),
    sampleWeights: samples.map(([, , , weight]) => BigInt(weight)),
    last: true,
  };
  return { case: "profile", value };
}

const done = sampleTask(1, { state: TaskState.DONE, startMs }).body as RecordBody;

Deno.test("the flame graph zooms, searches, filters threads and seconds, by mouse and by keyboard", async () => {
  await using backend = await startFedBackend();
  const paths = ["main;serve;price", "main;serve;k_read", "main;log"];
  await backend.report(done, chunk(paths, [[0, 0, 0, 60], [1, 0, 1, 30], [2, 1, 4, 10]]));
  await using browser = await openPage();
  const { page, faults } = browser;
  await backend.open(page, `/tasks/${sampleTaskId}`);
  const graph = page.getByRole("application", { name: "Flame graph" });
  await graph.waitFor();
  const details = page.locator(".flame-details");
  const rows = page.locator("table.top-table tbody tr");
  assert.match(await rows.first().innerText(), /price[\s\S]*60\.0 %[\s\S]*60\.0 %/);

  await graph.focus();
  for (const key of ["ArrowDown", "ArrowDown", "ArrowDown", "ArrowDown"]) await page.keyboard.press(key);
  assert.match(
    await details.innerText(),
    /price[\s\S]*total 60\.0 %, 60[\s\S]*self 60\.0 %, 60[\s\S]*native, level 3/,
  );
  await page.keyboard.press("ArrowRight");
  assert.match(await details.innerText(), /k_read[\s\S]*30\.0 %[\s\S]*kernel/);
  await page.keyboard.press("Enter");
  await page.getByText("30.0 % of all").waitFor();
  await page.keyboard.press("Backspace");
  await page.getByText("90.0 % of all").waitFor();
  await page.keyboard.press("Escape");
  await page.getByText("90.0 % of all").waitFor({ state: "detached" });

  // The widest frame of the third level is `serve`: 90 of 100 parts from the left.
  const box = (await graph.boundingBox())!;
  await graph.click({ position: { x: box.width * 0.95, y: 2.5 * 20 } });
  await page.getByText("10.0 % of all").waitFor();
  await page.getByRole("button", { name: "Reset" }).click();

  await page.getByRole("searchbox").fill("^k_|log$");
  await page.getByText("40.0 % in 2 functions").waitFor();
  assert.equal(await rows.count(), 2);
  await page.getByRole("searchbox").fill("");
  await rows.nth(3).waitFor();

  await page.getByRole("combobox", { name: "Thread" }).selectOption({ label: "idle (2) 10.0 %" });
  await page.getByText("All, 10 samples").waitFor();
  await page.getByRole("combobox", { name: "Thread" }).selectOption({ index: 0 });
  await page.getByRole("slider", { name: "End of the range" }).focus();
  await page.keyboard.press("ArrowLeft");
  await page.getByText("All, 90 samples").waitFor();
  const strip = (await page.locator(".range-strip").boundingBox())!;
  await page.mouse.move(strip.x + strip.width * 0.25, strip.y + 10);
  await page.mouse.down();
  await page.mouse.move(strip.x + strip.width * 0.35, strip.y + 10);
  await page.mouse.up();
  await page.getByText("All, 30 samples").waitFor();
  await page.getByRole("button", { name: "Whole task" }).click();
  await page.getByText("All, 100 samples").waitFor();

  for (
    const [format, begin] of [["pprof", "\x1f"], ["Folded", "main;serve;price 60"], [
      "Speedscope",
      "{",
    ]] as const
  ) {
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("link", { name: format }).click(),
    ]);
    const bytes = await Deno.readFile(await download.path());
    assert.ok(new TextDecoder("latin1").decode(bytes).includes(begin), format);
  }
  assert.deepEqual(faults, []);
});

Deno.test("100,000 frames are painted in under 0.2 s", async () => {
  await using backend = await startFedBackend();
  await backend.report(done);
  const sizes = { tables: 0, stacks: 0 };
  for (let number = 0; number < 25; number++) {
    const { body, stacks } = wideChunk(number, sizes);
    await backend.report(body);
    sizes.stacks += stacks;
    sizes.tables = functionCount;
  }
  await using browser = await openPage();
  const { page, faults } = browser;
  await backend.open(page, `/tasks/${sampleTaskId}`);
  const graph = page.getByRole("application", { name: "Flame graph" });
  await graph.waitFor();
  await page.getByText("All, 100,000 samples").waitFor();
  const turn = await page.getByRole("button", { name: /Roots/ }).elementHandle();
  const times: number[] = [];
  for (let round = 0; round < 7; round++) {
    times.push(await turn!.evaluate(timeUntilPainted) as number);
  }
  times.sort((one, two) => one - two);
  console.log(`repaint of 100,000 frames: ${times.map((time) => time.toFixed(0)).join(", ")} ms`);
  assert.ok(times[3]! < 200, `${times[3]} ms`);
  assert.deepEqual(faults, []);
});

const functionCount = 4000;

/** 4,000 stacks of one sample each that share their first frame only, so each adds new frames. */
function wideChunk(
  number: number,
  sizes: { tables: number; stacks: number },
): { body: RecordBody; stacks: number } {
  const first = number === 0;
  const names = Array.from({ length: functionCount }, (_, index) => `service::Handler${index}::run(int)`);
  const stacks = Array.from({ length: 4000 }, (_, index) => ({ frames: [index, (number * 7919) % 4000, 0] }));
  const value = {
    taskId: sampleTaskId,
    kind: ProfileKind.ON_CPU,
    number,
    startUnixMs: BigInt(startMs + number * 5000),
    seconds: 5,
    stringsBase: first ? 0 : functionCount + 1,
    framesBase: sizes.tables,
    stacksBase: sizes.stacks,
    threadsBase: first ? 0 : 1,
    strings: first ? ["", ...names] : [],
    frames: first
      ? names.map((_, index) => ({ kind: 1 + (index % 3), function: index + 1, address: BigInt(index) }))
      : [],
    stacks,
    threads: first ? [{ tid: 1, name: "all", processId: "p-0" }] : [],
    sampleStacks: stacks.map((_, index) => sizes.stacks + index),
    sampleThreads: stacks.map(() => 0),
    sampleSeconds: stacks.map((_, index) => index % 5),
    sampleWeights: stacks.map(() => 1n),
    last: number === 24,
  };
  return { body: { case: "profile", value }, stacks: stacks.length };
}

/** Runs in the browser: turns the graph over and waits until that is on the screen. */
// deno-lint-ignore no-explicit-any
function timeUntilPainted(button: any): Promise<number> {
  const started = performance.now();
  button.click();
  // deno-lint-ignore no-explicit-any
  const { requestAnimationFrame } = globalThis as any;
  return new Promise((resolve) =>
    requestAnimationFrame(() => requestAnimationFrame(() => resolve(performance.now() - started)))
  );
}

Deno.test("frames of a runtime are hidden until they are asked for, and missing names are told with their command", async () => {
  await using backend = await startFedBackend();
  const profile = chunk(["entry;serve;call;price", "entry;serve"], [[0, 0, 0, 60], [1, 0, 1, 40]]);
  const value = profile.value as { frames: Record<string, unknown>[]; nameNotes?: unknown };
  const [entry, serve, call, price] = value.frames;
  Object.assign(entry!, { runtime: true });
  Object.assign(call!, { runtime: true });
  Object.assign(serve!, { kind: FrameKind.INTERPRETED });
  Object.assign(price!, { kind: FrameKind.JIT });
  value.nameNotes = [{ processId: "p-0", kind: NameNoteKind.NODE_INTERPRETED_MISSING }];
  await backend.report(done, profile);
  await using browser = await openPage();
  const { page, faults } = browser;
  await backend.open(page, `/tasks/${sampleTaskId}`);
  const rows = page.locator("table.top-table tbody tr");
  await rows.nth(1).waitFor();
  assert.deepEqual(await rows.locator("button").allInnerTexts(), ["price", "serve"]);
  assert.match(await page.locator(".flame-legend").innerText(), /^\s*JIT\s*interpreted\s*$/);
  await page.getByText("functions that V8 interprets have no names").waitFor();
  await page.getByText("node --perf-basic-prof --interpreted-frames-native-stack").waitFor();
  const folded = page.getByRole("link", { name: "Folded" });
  assert.doesNotMatch((await folded.getAttribute("href"))!, /runtime/);

  await page.getByRole("button", { name: "Show runtime frames" }).click();
  await rows.nth(3).waitFor();
  const [download] = await Promise.all([page.waitForEvent("download"), folded.click()]);
  assert.equal(await Deno.readTextFile(await download.path()), "entry;serve;call;price 60\nentry;serve 40\n");
  await page.getByRole("button", { name: "Hide runtime frames" }).click();
  const [other] = await Promise.all([page.waitForEvent("download"), folded.click()]);
  assert.equal(await Deno.readTextFile(await other.path()), "serve;price 60\nserve 40\n");
  assert.deepEqual(faults, []);
});
