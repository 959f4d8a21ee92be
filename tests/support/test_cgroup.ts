import { sleep } from "./wait.ts";

/** A cgroup of a test's own in the unified hierarchy, removed with all in it when the scope ends. */
export interface TestCgroup extends AsyncDisposable {
  /** Makes a cgroup below it and returns its folder. */
  make(path: string): string;
  /** Moves a process into a folder that was made. */
  add(folder: string, pid: number): void;
}

/** Makes one. What runs in it has to end before it is disposed of. */
export function makeCgroup(): TestCgroup {
  const root = `${findUnifiedHierarchy()}/stakeout-test-${Deno.pid}`;
  Deno.mkdirSync(root);
  return {
    make(path) {
      Deno.mkdirSync(`${root}/${path}`, { recursive: true });
      return `${root}/${path}`;
    },
    add: (folder, pid) => Deno.writeTextFileSync(`${folder}/cgroup.procs`, `${pid}`),
    [Symbol.asyncDispose]: () => removeCgroup(root),
  };
}

/** Where cgroup v2 is mounted: /sys/fs/cgroup, or beside the controllers of v1. */
export function findUnifiedHierarchy(): string {
  const [, path] = /^\S+ (\S+) cgroup2 /m.exec(Deno.readTextFileSync("/proc/self/mounts")) ?? [];
  if (path === undefined) throw new Error("No cgroup v2 is mounted");
  return path;
}

/** Removes a cgroup and those below it. Ended processes leave theirs a moment later. */
export async function removeCgroup(folder: string): Promise<void> {
  for (let attempt = 0; attempt < 30; attempt++) {
    const { success } = await new Deno.Command("find", {
      args: [folder, "-depth", "-type", "d", "-exec", "rmdir", "{}", "+"],
      stderr: "null",
    }).output();
    if (success) return;
    await sleep(100);
  }
  throw new Error(`Cannot remove ${folder}: something runs in it`);
}
