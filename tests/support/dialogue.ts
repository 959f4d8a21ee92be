/** A program that is talked to by lines; it is killed when the scope ends. */
export interface Dialogue extends AsyncDisposable {
  readonly pid: number;
  say(line: string): Promise<void>;
  /** Waits until it has said so since the start. @throws {Error} when it ends before. */
  expect(text: string): Promise<void>;
}

/** Starts a program whose standard input and output are the other side of the talk. */
export function startDialogue(command: string, args: readonly string[]): Dialogue {
  const child = new Deno.Command(command, { args: [...args], stdin: "piped", stdout: "piped" }).spawn();
  const output = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const input = child.stdin.getWriter();
  let said = "";
  return {
    pid: child.pid,
    say: (line) => input.write(new TextEncoder().encode(`${line}\n`)),
    async expect(text) {
      while (!said.includes(text)) {
        const { value, done } = await output.read();
        if (done) throw new Error(`${command} ended; it said ${said}`);
        said += value;
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
