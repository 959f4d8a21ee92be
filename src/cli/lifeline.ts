/** Where an agent reports to, and the token of its role. */
export interface BackendAddress {
  readonly url: string;
  readonly token: string;
}

/** What `up` tells its children, a line each. */
export type LifelineLine = `backend ${string} ${string}` | "reload";

/**
 * The end of a lifeline that a child of `up` holds: its standard input. `up` tells it there which backend to use and to
 * read its configuration anew, and ends it by closing it, which the kernel does when `up` dies. From the terminal, whose
 * signals go to all of `up`'s processes, it takes none.
 */
export class Lifeline {
  readonly #end = new AbortController();
  readonly #backend = Promise.withResolvers<BackendAddress | undefined>();
  #reload = () => {};

  constructor() {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) Deno.addSignalListener(signal, () => {});
    void this.#follow();
  }

  /** Aborts when the lifeline ends. */
  get signal(): AbortSignal {
    return this.#end.signal;
  }

  /** Resolves once `up` says which backend; to `undefined` when the lifeline ended before. */
  get backend(): Promise<BackendAddress | undefined> {
    return this.#backend.promise;
  }

  /** Calls back, instead of whom it called before, when the configuration is to be read anew. */
  onReload(reload: () => void): void {
    this.#reload = reload;
  }

  async #follow(): Promise<void> {
    try {
      let rest = "";
      for await (const part of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
        const lines = (rest + part).split("\n");
        rest = lines.pop()!;
        for (const line of lines) this.#take(line);
      }
    } catch {
      // A broken pipe is the end like any other.
    }
    this.#backend.resolve(undefined);
    this.#end.abort();
  }

  #take(line: string): void {
    const [word, url, token] = line.split(" ");
    if (word === "reload") this.#reload();
    else if (word === "backend" && url && token) this.#backend.resolve({ url, token });
  }
}
