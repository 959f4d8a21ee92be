import { repositoryRoot } from "../../scripts/command.ts";

/** The program of the Python tests. */
export const pythonWork = `${repositoryRoot}/tests/programs/python_work.py`;

/** A Python that is installed here, "" when there is none: Debian's of the release, else one that pyenv has built. */
export function findPython(minor: string): string {
  const places = [`/usr/bin/python${minor}`];
  const versions = `${Deno.env.get("HOME")}/.pyenv/versions`;
  try {
    for (const { name } of Deno.readDirSync(versions)) {
      if (name.startsWith(`${minor}.`)) places.push(`${versions}/${name}/bin/python${minor}`);
    }
  } catch {
    // There is no pyenv.
  }
  return places.find((path) => exists(path)) ?? "";
}

function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

/** A running tests/programs/python_work.py, or a Python of the test's own; it is killed when the scope ends. */
export class PythonProgram implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #lines: AsyncIterator<string>;

  /** Starts it; `command` comes before the interpreter, `pid` is then not the interpreter's. */
  constructor(command: readonly string[]) {
    const [executable, ...args] = command;
    this.#child = new Deno.Command(executable!, { args, stdin: "piped", stdout: "piped", stderr: "null" })
      .spawn();
    this.#lines = readLines(this.#child.stdout);
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** The next line that it prints. */
  async readLine(): Promise<string> {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error(`The Python program ended with ${(await this.#child.status).code}`);
    return value;
  }

  /** Ends its input, on which it sums up and ends. */
  async endInput(): Promise<void> {
    await this.#child.stdin.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It ended on its own.
    }
    await this.#child.stdin.close().catch(() => {});
    await this.#lines.return?.();
    await this.#child.status;
  }
}

async function* readLines(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let rest = "";
  for await (
    const text of stream.pipeThrough(new TextDecoderStream() as TransformStream<Uint8Array, string>)
  ) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    yield* lines;
  }
}
