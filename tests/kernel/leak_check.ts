import assert from "node:assert/strict";
import type { Libbpf } from "../../lib/bpf/libbpf.ts";

/** The kernel frees programs and maps some grace periods after their last user is gone. */
const PATIENCE_MS = 5000;

/**
 * What BPF leaves in a kernel: ids of programs, maps and links on the whole host, and this process's fds and mappings.
 * The kernel lists the ids to root alone; for others the sets are empty.
 */
export interface KernelObjects {
  readonly programs: ReadonlySet<number>;
  readonly maps: ReadonlySet<number>;
  readonly links: ReadonlySet<number>;
  readonly fds: number;
  readonly mappings: number;
}

/** Lists what is there now. */
export function listKernelObjects(libbpf: Libbpf): KernelObjects {
  const { symbols } = libbpf;
  return {
    programs: walkIds(symbols.bpf_prog_get_next_id),
    maps: walkIds(symbols.bpf_map_get_next_id),
    links: walkIds(symbols.bpf_link_get_next_id),
    fds: [...Deno.readDirSync("/proc/self/fd")].length,
    mappings:
      Deno.readTextFileSync("/proc/self/maps").split("\n").filter((line) => /bpf|perf_event/.test(line))
        .length,
  };
}

/**
 * Runs a test and fails when afterwards the kernel holds a program, map or link that was not there before, or this
 * process an fd or a mapping of BPF memory. What another living process holds is that one's.
 */
export async function withoutLeaks(libbpf: Libbpf, run: () => Promise<void>): Promise<void> {
  const before = listKernelObjects(libbpf);
  await run();
  await expectNothingNew(libbpf, before);
}

/** Waits until nothing is left that was not there before. */
export async function expectNothingNew(libbpf: Libbpf, before: KernelObjects): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  let left = leftOver(before, listKernelObjects(libbpf));
  while (left !== "" && performance.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    left = leftOver(before, listKernelObjects(libbpf));
  }
  assert.equal(left, "");
}

function leftOver(before: KernelObjects, now: KernelObjects): string {
  const left: string[] = [];
  const others = new Map<string, Set<number>>();
  for (const kind of ["programs", "maps", "links"] as const) {
    let ids = [...now[kind]].filter((id) => !before[kind].has(id));
    if (ids.length > 0) {
      if (others.size === 0) listHeldElsewhere(others);
      ids = ids.filter((id) => !others.get(kind)?.has(id));
    }
    if (ids.length > 0) left.push(`${kind} ${ids.join(" ")}`);
  }
  for (const kind of ["fds", "mappings"] as const) {
    if (now[kind] > before[kind]) left.push(`${now[kind] - before[kind]} ${kind}`);
  }
  return left.join(", ");
}

/** Collects the ids that other processes have fds of. Source: /proc/PID/fdinfo. */
function listHeldElsewhere(held: Map<string, Set<number>>): void {
  for (const [kind, field] of [["programs", "prog_id"], ["maps", "map_id"], ["links", "link_id"]] as const) {
    const { stdout } = new Deno.Command("sh", {
      args: ["-c", `grep -Hs "^${field}:" /proc/[0-9]*/fdinfo/*`],
      stderr: "null",
    }).outputSync();
    const ids = new Set<number>();
    for (const [, pid, id] of new TextDecoder().decode(stdout).matchAll(/^\/proc\/(\d+)\/.*:\s*(\d+)$/gm)) {
      if (Number(pid) !== Deno.pid) ids.add(Number(id));
    }
    held.set(kind, ids);
  }
}

function walkIds(next: (start: number, id: Uint32Array<ArrayBuffer>) => number): Set<number> {
  const ids = new Set<number>();
  const id = new Uint32Array(1);
  while (next(id[0]!, id) === 0) ids.add(id[0]!);
  return ids;
}
