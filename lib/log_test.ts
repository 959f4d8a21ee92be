import assert from "node:assert/strict";
import { createLogger, type LogFormat, type LogLevel } from "./log.ts";

function capture(format: LogFormat, level: LogLevel = "info") {
  const lines: string[] = [];
  const clock = { unixMs: Date.UTC(2026, 10, 23, 12, 0, 0), nowUnixMs: () => clock.unixMs };
  const logger = createLogger({ format, level, write: (line) => lines.push(line), clock });
  return { lines, clock, logger };
}

Deno.test("createLogger() writes logfmt with quotes only where they are needed", () => {
  const { lines, logger } = capture("logfmt");
  logger.info("watching", { processes: 3, name: "a b", path: "/x", empty: "", absent: undefined, ok: true });
  assert.deepEqual(lines, [
    'ts=2026-11-23T12:00:00.000Z level=info msg=watching processes=3 name="a b" path=/x empty="" ok=true\n',
  ]);
});

Deno.test("createLogger() shows quotes, backslashes and control characters of hostile names as text", () => {
  const { lines, logger } = capture("logfmt");
  logger.warn("started", { name: 'x" level=error msg="\n\x1b[2J\\', error: new TypeError("two\nlines") });
  assert.equal(
    lines[0],
    'ts=2026-11-23T12:00:00.000Z level=warn msg=started name="x\\" level=error msg=\\"\\n\\x1b[2J\\\\" ' +
      'error="two\\nlines"\n',
  );
});

Deno.test("createLogger() writes one JSON object a line that reads back as what was logged", () => {
  const { lines, logger } = capture("json");
  logger.error("failed", { count: 2, name: "a\u202eb\u{e0001}\x9b", list: [1n, "x"] });
  assert.doesNotMatch(lines[0]!, /[\u202e\x9b]/);
  assert.deepEqual(JSON.parse(lines[0]!), {
    ts: "2026-11-23T12:00:00.000Z",
    level: "error",
    msg: "failed",
    count: 2,
    name: "a\u202eb\u{e0001}\x9b",
    list: '["1","x"]',
  });
});

Deno.test("createLogger() drops what is below its level", () => {
  const { lines, logger } = capture("logfmt", "warn");
  logger.debug("no");
  logger.info("no");
  logger.warn("yes");
  assert.equal(lines.length, 1);
});

Deno.test("createLogger() writes a repeated message ten times a minute and then counts it", () => {
  const { lines, clock, logger } = capture("logfmt");
  for (let i = 0; i < 37; i++) logger.warn("backend unreachable", { i });
  logger.warn("something else");
  assert.equal(lines.filter((line) => line.includes("backend unreachable")).length, 10);
  assert.equal(lines.length, 11);
  clock.unixMs += 60_000;
  logger.info("tick");
  assert.match(lines[11]!, /level=warn msg="backend unreachable" suppressed=27\n$/);
  assert.match(lines[12]!, /msg=tick/);
  logger.warn("backend unreachable");
  assert.equal(lines.length, 14);
});

Deno.test("createLogger() does not stay silent when the wall clock is set back", () => {
  const { lines, clock, logger } = capture("logfmt");
  for (let i = 0; i < 11; i++) logger.warn("again");
  clock.unixMs -= 3_600_000;
  logger.warn("again");
  assert.equal(lines.length, 12);
});

Deno.test("createLogger() cuts long values and remembers a bounded number of messages", () => {
  const { lines, logger } = capture("logfmt");
  logger.info("long", { value: "x".repeat(10_000) });
  assert.ok(lines[0]!.length < 2_200);
  for (let i = 0; i < 5_000; i++) logger.info(`message ${i}`);
  for (let i = 0; i < 10; i++) logger.info("message 0");
  assert.equal(lines.filter((line) => line.includes('msg="message 0"')).length, 11);
});
