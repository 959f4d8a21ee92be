import type { ProcessLayout } from "../../src/agent/process_table.ts";
import { readStat } from "../../lib/procfs/process.ts";

/** A layout of process records as the kernel's could be. */
export const testLayout: ProcessLayout = {
  ...{
    size: 64,
    runTimeNs: 0,
    startBootNs: 8,
    tgid: 16,
    execId: 24,
    pid: 32,
    parentPid: 36,
    threads: 40,
    uid: 44,
    name: 48,
  },
};

/** One process of a made-up snapshot. */
export interface TestRecord {
  pid: number;
  startBootNs: number;
  runTimeNs?: number;
  execId?: number;
  parentPid?: number;
  threads?: number;
  uid?: number;
  name?: string;
}

/** Lays records out as {@linkcode testLayout} says. */
export function encodeRecords(records: readonly TestRecord[]): Uint8Array {
  const bytes = new Uint8Array(records.length * testLayout.size);
  const view = new DataView(bytes.buffer);
  for (const [index, record] of records.entries()) {
    const base = index * testLayout.size;
    view.setBigUint64(base + testLayout.runTimeNs, BigInt(record.runTimeNs ?? 0), true);
    view.setBigUint64(base + testLayout.startBootNs, BigInt(record.startBootNs), true);
    view.setBigUint64(base + testLayout.execId, BigInt(record.execId ?? 1), true);
    view.setUint32(base + testLayout.pid, record.pid, true);
    view.setUint32(base + testLayout.parentPid, record.parentPid ?? 1, true);
    view.setUint32(base + testLayout.threads, record.threads ?? 1, true);
    view.setUint32(base + testLayout.uid, record.uid ?? 0, true);
    new TextEncoder().encodeInto(
      record.name ?? "test",
      bytes.subarray(base + testLayout.name).subarray(0, 16),
    );
  }
  return bytes;
}

/** The record of a process that runs, to the 10 ms that /proc knows its start. @throws {Error} when it is gone. */
export function recordOf(pid: number, rest: Partial<TestRecord> = {}): TestRecord {
  const stat = readStat(pid);
  if (stat === undefined) throw new Error(`Process ${pid} has ended`);
  return { pid, startBootNs: stat.startTicks * 1e7, parentPid: stat.parentPid, ...rest };
}
