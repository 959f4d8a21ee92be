import type { User } from "../../lib/sys/user.ts";
import type { LifelineLine } from "./lifeline.ts";
import { selfCommand } from "./self_command.ts";

/** How long a child may take to its end: the agent ends its tasks and sends what is queued. */
const endMs = 10_000;

/** How a child ended. */
export interface ChildEnd {
  readonly code: number;
  /** `with code 1`, `by SIGKILL`. */
  readonly how: string;
}

/**
 * A process of this program that `up` started and that ends with it. It is told what to do through its standard input alone:
 * `up` keeps no right to send it signals. See {@linkcode Lifeline} for the other end.
 */
export class UpChild {
  readonly name: "agent" | "server";
  readonly ended: Promise<ChildEnd>;
  readonly #process: Deno.ChildProcess;
  readonly #lines: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  readonly #said: ReadableStreamDefaultReader<string>;
  #unread = "";

  /** Starts `stakeout NAME --lifeline ARGS`, with the rights that the calling thread has now or as another user. */
  constructor(name: "agent" | "server", args: readonly string[], user?: User) {
    this.name = name;
    const [command, ...rest] = selfCommand([name, "--lifeline", ...args]);
    this.#process = new Deno.Command(command, { args: rest, ...user, stdin: "piped", stdout: "piped" })
      .spawn();
    this.#lines = this.#process.stdin.getWriter();
    this.#said = this.#process.stdout.pipeThrough(new TextDecoderStream()).getReader();
    this.ended = this.#process.status.then(({ code, signal }) => {
      return { code, how: signal === null ? `with code ${code}` : `by ${signal}` };
    });
  }

  /** Waits for the next line that it says; `undefined` when it ends without another. */
  async nextLine(): Promise<string | undefined> {
    for (;;) {
      const end = this.#unread.indexOf("\n");
      if (end >= 0) {
        const line = this.#unread.slice(0, end);
        this.#unread = this.#unread.slice(end + 1);
        return line;
      }
      const { value } = await this.#said.read();
      if (value === undefined) return undefined;
      this.#unread += value;
    }
  }

  /** Tells it something; nothing happens when it has ended. */
  async tell(line: LifelineLine): Promise<void> {
    await this.#lines.write(new TextEncoder().encode(`${line}\n`)).catch(() => {});
  }

  /** Ends it; resolves to whether it has ended, after 10 s at most. */
  async end(): Promise<boolean> {
    await this.#lines.close().catch(() => {});
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const timer = setTimeout(() => resolve(false), endMs);
    void this.ended.then(() => resolve(true));
    return await promise.finally(() => clearTimeout(timer));
  }
}
