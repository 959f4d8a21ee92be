/** Answers of the servers of {@linkcode startPython} and nginx's `/` end so. */
const answerEnd = "\r\n\r\nok";

/** One connection on which requests are written byte for byte as the test wants. */
export class RawConnection implements Disposable {
  readonly #connection: Deno.Conn;
  #received = "";
  #answers = 0;

  private constructor(connection: Deno.Conn) {
    this.#connection = connection;
  }

  static async open(to: number | string, hostname = "127.0.0.1"): Promise<RawConnection> {
    const connection = typeof to === "number"
      ? await Deno.connect({ hostname, port: to })
      : await Deno.connect({ transport: "unix", path: to });
    if ("setNoDelay" in connection) connection.setNoDelay(true);
    return new RawConnection(connection);
  }

  /** Writes these parts one by one, each alone in a segment of its own. */
  async send(...parts: string[]): Promise<void> {
    for (const [index, part] of parts.entries()) {
      // The server has to have read the part before.
      if (index > 0) await new Promise((resolve) => setTimeout(resolve, 15));
      await this.#connection.write(new TextEncoder().encode(part));
    }
  }

  /** Waits until so many more answers came. */
  async receive(answers = 1): Promise<void> {
    const buffer = new Uint8Array(65_536);
    this.#answers += answers;
    while (this.#received.split(answerEnd).length - 1 < this.#answers) {
      const bytes = await this.#connection.read(buffer);
      if (bytes === null) throw new Error(`The server hung up after ${this.#received}`);
      this.#received += new TextDecoder().decode(buffer.subarray(0, bytes));
    }
  }

  /** Everything received so far. */
  get received(): string {
    return this.#received;
  }

  /** Sends one request and waits for its answer. */
  async get(path: string): Promise<void> {
    await this.send(getRequest(path));
    await this.receive();
  }

  [Symbol.dispose](): void {
    this.#connection.close();
  }
}

/** Text of a plain request. */
export function getRequest(path: string): string {
  return `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
}

/** Runs `ab` and returns how many requests it completed and how many of them were no 2xx. */
export async function runAb(args: readonly string[]): Promise<{ complete: number; non2xx: number }> {
  const text = await capture("ab", ["-q", ...args]);
  return {
    complete: Number(/Complete requests:\s+(\d+)/.exec(text)?.[1]),
    non2xx: Number(/Non-2xx responses:\s+(\d+)/.exec(text)?.[1] ?? 0),
  };
}

/** Runs `wrk` and returns how many responses it got, and how many connections it had. */
export async function runWrk(
  url: string,
  { connections = 8, seconds = 1 } = {},
): Promise<{ requests: number; connections: number }> {
  const text = await capture("wrk", ["-t1", `-c${connections}`, `-d${seconds}s`, url]);
  return { requests: Number(/(\d+) requests in/.exec(text)?.[1]), connections };
}

/** Runs `curl` with these arguments, what it gets thrown away. @throws {Error} when it fails. */
export async function runCurl(...args: string[]): Promise<void> {
  await capture("curl", ["-s", ...args]);
}

async function capture(command: string, args: readonly string[]): Promise<string> {
  const { stdout, stderr, code } = await new Deno.Command(command, { args: [...args] }).output();
  const text = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  if (code !== 0) throw new Error(`${command} ${args.join(" ")}: ${text}`);
  return text;
}
