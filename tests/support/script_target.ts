/** A program of an interpreter or a virtual machine, which has said that it is warm; killed when the scope ends. */
export interface ScriptTarget extends AsyncDisposable {
  readonly pid: number;
  /** Sends it a signal, if one is given; its further output when it has ended. */
  ended(signal?: Deno.Signal): Promise<string>;
}

/** Starts it and waits for its line "warm". */
export async function startScript(command: string, args: string[], cwd: string): Promise<ScriptTarget> {
  const child = new Deno.Command(command, { args, cwd, stdin: "null", stdout: "piped" }).spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  async function read(done: () => boolean): Promise<void> {
    while (!done()) {
      const { value } = await reader.read();
      if (value === undefined) return;
      text += value;
    }
  }
  await read(() => text.includes("warm\n"));
  let over = false;
  return {
    pid: child.pid,
    async ended(signal) {
      if (signal !== undefined) child.kill(signal);
      await read(() => false);
      await child.status;
      over = true;
      return text.slice(text.indexOf("warm\n") + 5);
    },
    async [Symbol.asyncDispose]() {
      if (!over) child.kill("SIGKILL");
      await child.status;
      await reader.cancel();
      // Its runtime may have written one.
      await Deno.remove(`/tmp/perf-${child.pid}.map`).catch(() => {});
    },
  };
}
