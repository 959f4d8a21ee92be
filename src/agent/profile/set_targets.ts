import type { BpfObject } from "../../../lib/bpf/object.ts";

/** Tells a program that includes `stack.bpf.h`, before it is loaded, whose stacks to take: at most two processes. */
export function setTargets(object: BpfObject, pids: readonly number[]): void {
  const targets = new Uint32Array(2);
  targets.set(pids);
  object.setRodata("targets", new Uint8Array(targets.buffer));
  object.setRodata("pid_namespace_inode", Deno.statSync("/proc/self/ns/pid").ino ?? 0);
  object.setRodata("hash_seed", crypto.getRandomValues(new BigUint64Array(1))[0]!);
}
