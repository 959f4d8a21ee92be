import assert from "node:assert/strict";
import { openLibbpf } from "../../lib/bpf/libbpf.ts";
import { repositoryRoot } from "../../scripts/command.ts";
import { listKernelObjects } from "../kernel/leak_check.ts";
import { waitFor } from "./wait.ts";

/** What a process and those it started hold in the kernel; other tests may load their own meanwhile. */
export interface HeldObjects {
  readonly pids: readonly number[];
  readonly programs: readonly number[];
  readonly maps: readonly number[];
  readonly links: readonly number[];
  readonly perfEvents: number;
}

/** Lists what a process and its descendants hold now, from /proc. */
export function listHeldObjects(pid: number): HeldObjects {
  const held = { pids: listTree(pid), programs: [] as number[], maps: [] as number[], links: [] as number[] };
  let perfEvents = 0;
  for (const one of held.pids) {
    for (const { name: fd } of readDirectory(`/proc/${one}/fd`)) {
      const text = read(`/proc/${one}/fdinfo/${fd}`);
      for (
        const [kind, field] of [["programs", "prog_id"], ["maps", "map_id"], ["links", "link_id"]] as const
      ) {
        const id = new RegExp(`^${field}:\\s+(\\d+)$`, "m").exec(text)?.[1];
        if (id !== undefined && !(field === "prog_id" && /^link_id:/m.test(text))) {
          held[kind].push(Number(id));
        }
      }
      if (readLink(`/proc/${one}/fd/${fd}`) === "anon_inode:[perf_event]") perfEvents++;
    }
  }
  return { ...held, perfEvents };
}

/** What a process holds once it profiles: its naming child runs, and its perf events are there. */
export async function waitUntilItProfiles(pid: number): Promise<HeldObjects> {
  const found = await waitFor(() => {
    const now = listHeldObjects(pid);
    return now.perfEvents > 0 && now.links.length > 1 && now.pids.length > 1 ? now : undefined;
  }, 20);
  assert.ok(found !== undefined, `no profile, only ${JSON.stringify(listHeldObjects(pid))}`);
  return found;
}

/** Waits until all of it is gone: processes, programs, maps, links. Perf events live as long as who holds them. */
export async function expectGone(held: HeldObjects): Promise<void> {
  const libbpf = openLibbpf(Deno.readFileSync(`${repositoryRoot}/build/libbpf.so`));
  let left = "";
  await waitFor(() => {
    const now = listKernelObjects(libbpf);
    left = [
      ...held.pids.filter((pid) => isRunning(pid)).map((pid) => `process ${pid}`),
      ...held.programs.filter((id) => now.programs.has(id)).map((id) => `program ${id}`),
      ...held.maps.filter((id) => now.maps.has(id)).map((id) => `map ${id}`),
      ...held.links.filter((id) => now.links.has(id)).map((id) => `link ${id}`),
    ].join(", ");
    return left === "" ? true : undefined;
  }, 5);
  assert.equal(left, "");
}

/** True unless the process is gone or only waits to be reaped. */
export function isRunning(pid: number): boolean {
  const state = /^State:\s+(\S)/m.exec(read(`/proc/${pid}/status`))?.[1];
  return state !== undefined && state !== "Z" && state !== "X";
}

/** The process and all that descend from it. */
export function listTree(pid: number): number[] {
  const children = readDirectory(`/proc/${pid}/task`).flatMap(({ name }) => {
    return read(`/proc/${pid}/task/${name}/children`).trim().split(" ").filter((text) => text !== "");
  });
  return [pid, ...children.flatMap((child) => listTree(Number(child)))];
}

function read(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return "";
  }
}

function readLink(path: string): string {
  try {
    return Deno.readLinkSync(path);
  } catch {
    return "";
  }
}

function readDirectory(path: string): Deno.DirEntry[] {
  try {
    return [...Deno.readDirSync(path)];
  } catch {
    return [];
  }
}
