import { repositoryRoot } from "../../scripts/command.ts";

const program = `${repositoryRoot}/tests/programs/network_peer.py`;

/** A Python process that does with its sockets what a test says; it is killed when the scope ends. */
export interface PythonPeer extends AsyncDisposable {
  readonly pid: number;
  /** Evaluates an expression with the names of tests/programs/network_peer.py, and returns its value. */
  run<T = unknown>(expression: string): Promise<T>;
}

/** What no expression of a test takes. */
const deadlineMs = 20_000;

/** Starts one. @param within A command that it is run by, such as `ip netns exec NAME`. */
export async function startPythonPeer(within: readonly string[] = []): Promise<PythonPeer> {
  const [command, ...args] = [...within, "python3", program];
  const child = new Deno.Command(command!, { args, stdin: "piped", stdout: "piped" }).spawn();
  const output = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const input = child.stdin.getWriter();
  let said = "";
  async function readLine(): Promise<string> {
    for (;;) {
      const end = said.indexOf("\n");
      if (end >= 0) {
        const line = said.slice(0, end);
        said = said.slice(end + 1);
        return line;
      }
      const { value, done } = await output.read();
      if (done) throw new Error("The Python peer ended");
      said += value;
    }
  }
  await readLine();
  return {
    pid: child.pid,
    async run(expression) {
      await input.write(new TextEncoder().encode(`${expression}\n`));
      // Its end ends the wait.
      const timer = setTimeout(() => child.kill("SIGKILL"), deadlineMs);
      try {
        return JSON.parse(await readLine());
      } catch (error) {
        throw new Error(`${expression}: ${(error as Error).message}`, { cause: error });
      } finally {
        clearTimeout(timer);
      }
    },
    async [Symbol.asyncDispose]() {
      await input.close().catch(() => {});
      try {
        child.kill("SIGKILL");
      } catch {
        // It has ended.
      }
      await output.cancel();
      await child.status;
    },
  };
}
