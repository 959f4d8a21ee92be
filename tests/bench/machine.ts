import { readSmallFile } from "../../lib/procfs/small_file.ts";
import { repositoryRoot } from "../../scripts/command.ts";

/** A program that runs on one CPU, talked to by lines, and killed at the latest when its scope ends. */
export interface PinnedProgram extends AsyncDisposable {
  readonly pid: number;
  /** Sends a line to its standard input. */
  send(line: string): Promise<void>;
  /** Reads lines until one matches. @throws {Error} when it ends before; after 30 s it is killed. */
  expect(pattern: RegExp): Promise<RegExpExecArray>;
  /** Ends it, with SIGTERM unless told, and waits until it has. */
  end(signal?: Deno.Signal): Promise<void>;
  /** Waits until it ends by itself. @throws {Error} when not with 0. */
  finish(): Promise<void>;
}

export interface PinnedOptions {
  cpu: number;
  /** Which stream `expect` reads; the other is thrown away. */
  read?: "stdout" | "stderr";
  cwd?: string;
}

const expectLimitMs = 30_000;

/** The program, from source; what it needs was built when Deno was fetched. */
export const stakeout: readonly string[] = [
  ...[
    `${repositoryRoot}/scripts/deno`,
    "run",
    "-A",
    "--no-prompt",
    "--config",
    `${repositoryRoot}/deno.json`,
  ],
  `${repositoryRoot}/main.ts`,
];

/** Starts a program on one CPU. `taskset` executes it in its own place, so the pid is the program's. */
export function startPinned(command: readonly string[], options: PinnedOptions): PinnedProgram {
  const read = options.read ?? "stdout";
  const child = new Deno.Command("taskset", {
    args: ["-c", String(options.cpu), ...command],
    stdin: "piped",
    stdout: read === "stdout" ? "piped" : "null",
    stderr: read === "stderr" ? "piped" : "null",
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  }).spawn();
  const input = child.stdin.getWriter();
  const lines = child[read].pipeThrough(new TextDecoderStream()).pipeThrough(new LineStream()).getReader();
  let last = "";

  async function expect(pattern: RegExp): Promise<RegExpExecArray> {
    const timer = setTimeout(() => child.kill("SIGKILL"), expectLimitMs);
    try {
      for (;;) {
        const { value, done } = await lines.read();
        if (done) {
          throw new Error(`Cannot find ${pattern} in the output of ${command.join(" ")}; it ends: ${last}`);
        }
        last = value;
        const match = pattern.exec(value);
        if (match !== null) return match;
      }
    } finally {
      clearTimeout(timer);
    }
  }
  async function end(signal: Deno.Signal = "SIGTERM"): Promise<void> {
    try {
      child.kill(signal);
    } catch {
      // It has ended already.
    }
    await close();
  }
  async function close(): Promise<Deno.CommandStatus> {
    await lines.cancel();
    const status = await child.status;
    await input.close().catch(() => {});
    return status;
  }
  return {
    pid: child.pid,
    send: (line) => input.write(new TextEncoder().encode(`${line}\n`)),
    expect,
    end,
    [Symbol.asyncDispose]: () => end("SIGKILL"),
    async finish() {
      for (let done = false; !done;) {
        const line = await lines.read();
        done = line.done;
        if (line.value) last = line.value;
      }
      const { code } = await close();
      if (code !== 0) throw new Error(`${command.join(" ")} ended with ${code}: ${last}`);
    },
  };
}

/** Builds one of the bench's programs as users' programs with whole stacks are built; returns its path. */
export async function buildProgram(source: string, folder: string, name: string): Promise<string> {
  const path = `${folder}/${name}`;
  const { success, stderr } = await new Deno.Command("gcc", {
    args: [
      "-O0",
      "-g",
      "-fno-omit-frame-pointer",
      "-pthread",
      "-o",
      path,
      new URL(source, import.meta.url).pathname,
    ],
  }).output();
  if (!success) throw new Error(`Cannot build ${source}: ${new TextDecoder().decode(stderr)}`);
  return path;
}

/** CPU time of each thread of a process in ns, as the scheduler counts it. */
export function readThreadTimes(pid: number): Map<string, number> {
  const times = new Map<string, number>();
  for (const name of listNumbers(`/proc/${pid}/task`)) {
    const text = readText(`/proc/${pid}/task/${name}/schedstat`);
    if (text !== "") times.set(name, Number.parseInt(text));
  }
  return times;
}

/** CPU time between two readings of {@linkcode readThreadTimes}; what threads used that ended between is not known. */
export function usedNs(before: Map<string, number>, after: Map<string, number>): number {
  let used = 0;
  for (const [thread, timeNs] of after) used += timeNs - (before.get(thread) ?? 0);
  return used;
}

/** A size of /proc/PID/status in MiB: `VmRSS` or `VmHWM`. */
export function readMemoryMib(pid: number, field: "VmRSS" | "VmHWM"): number {
  const kib = new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(readText(`/proc/${pid}/status`))?.[1];
  return Number(kib ?? NaN) / 1024;
}

/** How many perf events a process holds open: whether a profiler has begun. */
export function countPerfEvents(pid: number): number {
  let count = 0;
  for (const name of listNumbers(`/proc/${pid}/fd`)) {
    try {
      if (Deno.readLinkSync(`/proc/${pid}/fd/${name}`).includes("perf_event")) count++;
    } catch {
      // It was closed meanwhile.
    }
  }
  return count;
}

/** Waits until `condition` holds. @throws {Error} after `limitMs`. */
export async function waitUntil(condition: () => boolean, what: string, limitMs = 15_000): Promise<void> {
  for (const startMs = performance.now(); !condition();) {
    if (performance.now() - startMs > limitMs) throw new Error(`${what}: not within ${limitMs / 1000} s`);
    await sleep(5);
  }
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Runs `work` with a folder of its own, which is gone afterwards. */
export async function withFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await Deno.makeTempDir({ prefix: "stakeout-bench-" });
  try {
    return await work(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Names in a folder of /proc; none when the process is gone. */
function listNumbers(path: string): string[] {
  try {
    return Array.from(Deno.readDirSync(path), ({ name }) => name);
  } catch {
    return [];
  }
}

const buffer = new Uint8Array(16 * 1024);

function readText(path: string): string {
  return new TextDecoder().decode(buffer.subarray(0, readSmallFile(path, buffer) ?? 0));
}

class LineStream extends TransformStream<string, string> {
  constructor() {
    let rest = "";
    super({
      transform(chunk, controller) {
        const lines = (rest + chunk).split(/[\n\r]/);
        rest = lines.pop() ?? "";
        for (const line of lines) controller.enqueue(line);
      },
      flush(controller) {
        if (rest !== "") controller.enqueue(rest);
      },
    });
  }
}
