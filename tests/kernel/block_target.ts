import { compileTarget } from "./harness.ts";

const block = await compileTarget("block");

/** tests/programs/block.c, which waits in known ways. */
export class BlockTarget implements AsyncDisposable {
  readonly pid: number;
  readonly #child: Deno.ChildProcess;
  readonly #lines: ReadableStreamDefaultReader<string>;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;

  private constructor(child: Deno.ChildProcess) {
    this.pid = child.pid;
    this.#child = child;
    this.#lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    this.#input = child.stdin.getWriter();
  }

  static readonly path = block;

  /** Starts it; it waits for {@linkcode work}. */
  static async start(...args: readonly (string | number)[]): Promise<BlockTarget> {
    const pipes = { stdin: "piped", stdout: "piped" } as const;
    const target = new BlockTarget(new Deno.Command(block, { args: args.map(String), ...pipes }).spawn());
    await target.#lines.read();
    return target;
  }

  /** Lets it work, and returns what its own clock says of it. */
  async work(): Promise<{ times: number; waitedNs: number }> {
    await this.#input.write(new TextEncoder().encode("\n"));
    const { value = "" } = await this.#lines.read();
    const [times, waitedNs] = value.trim().split(" ").map(Number);
    return { times: times ?? 0, waitedNs: waitedNs ?? 0 };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It ended on its own.
    }
    await this.#child.status;
    await this.#lines.cancel();
    await this.#input.abort();
  }
}
