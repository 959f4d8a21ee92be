import { createHash } from "node:crypto";

const headPattern = /^# Written by stakeout install-service; sha256 ([0-9a-f]{64})\n/;

/** Puts a first line above a unit that later tells whether anybody has edited it. */
export function signUnit(unit: string): string {
  return `# Written by stakeout install-service; sha256 ${hash(unit)}\n${unit}`;
}

/** Whether a file is just as some version of `install-service` wrote it, so that nobody's work is in it. */
export function isUnedited(text: string): boolean {
  const head = headPattern.exec(text);
  return head !== null && head[1] === hash(text.slice(head[0].length));
}

function hash(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
