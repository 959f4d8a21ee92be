import { encodeMessage, MessageDecoder } from "./message_codec.ts";

/** How often the child's memory is looked at while it works. */
const watchIntervalMs = 100;
const pageBytes = 4096;

/** Limits of one helper process; beyond any it is killed. */
export interface HelperLimits {
  /** Longest time from its start until it says that it is ready; how long that takes is up to the host alone. */
  readonly startMs: number;
  /** Longest time for one request. */
  readonly deadlineMs: number;
  /** Resident memory. */
  readonly memoryLimitBytes: number;
}

/**
 * What every helper process may say at any time, whatever it is for: "ready" once, and before it reads a file, that file's key
 * ("" when it is done with it).
 */
export type HelperReport = { readonly type: "ready" } | { readonly type: "module"; readonly key: string };

/**
 * Reads what a helper said, which has read hostile files; undefined when it makes no sense. `bytes` is the message of bytes
 * that came before, if one did.
 */
export type AnswerReader<Answer> = (
  message: unknown,
  bytes: Uint8Array | undefined,
) => Answer | HelperReport | undefined;

/**
 * One run of this executable as a helper that reads what may be hostile: a request at a time is sent to it, and its answer
 * waited for.
 */
export class HelperProcess<Request, Answer extends { readonly type: string }> {
  readonly #child: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  readonly #limits: HelperLimits;
  readonly #readAnswer: AnswerReader<Answer>;
  readonly #ended: Promise<void>;
  /** Until it has said something, or failed. */
  readonly #started = Promise.withResolvers<void>();
  #waiting: ((answer: Answer | undefined) => void) | undefined;
  #bytes: Uint8Array | undefined;
  #module = "";
  #failure = "";

  constructor(command: readonly string[], limits: HelperLimits, readAnswer: AnswerReader<Answer>) {
    const [executable, ...args] = command;
    this.#child = new Deno.Command(executable!, { args, stdin: "piped", stdout: "piped", stderr: "null" })
      .spawn();
    this.#writer = this.#child.stdin.getWriter();
    this.#limits = limits;
    this.#readAnswer = readAnswer;
    const deadline = setTimeout(
      () => this.#kill(`it took over ${limits.startMs} ms to start`),
      limits.startMs,
    );
    void this.#started.promise.then(() => clearTimeout(deadline));
    this.#ended = this.#readAnswers();
  }

  /** Why it is of no use any more; "" while it works. */
  get failure(): string {
    return this.#failure;
  }

  /** Key of the module that it was reading when it last said something, "" when none. */
  get module(): string {
    return this.#module;
  }

  /** The answer, undefined when the child failed; it is dead then. Only one request at a time. */
  async ask(request: Request): Promise<Answer | undefined> {
    const watch = setInterval(() => this.#checkMemory(), watchIntervalMs);
    let deadline: ReturnType<typeof setTimeout> | undefined;
    try {
      await this.#started.promise;
      this.#checkMemory();
      if (this.#failure !== "") return undefined;
      const answer = new Promise<Answer | undefined>((resolve) => this.#waiting = resolve);
      const { deadlineMs } = this.#limits;
      deadline = setTimeout(() => this.#kill(`it took over ${deadlineMs} ms`), deadlineMs);
      // Not awaited before the answer: a child that reads no more is the deadline's business.
      this.#writer.write(encodeMessage(request)).catch(() => {});
      return await answer;
    } finally {
      clearTimeout(deadline);
      clearInterval(watch);
    }
  }

  /** Ends it: it goes by itself when its stdin closes, and is killed if it is busy. */
  async close(): Promise<void> {
    if (this.#failure === "") this.#kill("it was ended");
    await this.#ended;
  }

  async #readAnswers(): Promise<void> {
    const decoder = new MessageDecoder();
    const reader = this.#child.stdout.getReader();
    // Its end counts, not that of its stdout, which a process that it started could hold open.
    const ended = this.#child.status.then(async (status) => {
      await reader.cancel().catch(() => {});
      return status;
    });
    for (let piece = await readPiece(reader); piece !== undefined; piece = await readPiece(reader)) {
      for (const message of decoder.push(piece)) this.#takeMessage(message);
      if (decoder.broken) this.#kill("it answered nonsense");
    }
    const status = await ended;
    await this.#writer.abort().catch(() => {});
    this.#fail(`it ended with ${status.signal ?? `code ${status.code}`}`);
  }

  #takeMessage(message: unknown): void {
    if (message instanceof Uint8Array) {
      this.#bytes = message;
      return;
    }
    const answer = this.#readAnswer(message, this.#bytes);
    this.#bytes = undefined;
    if (answer === undefined) return this.#kill("it answered nonsense");
    this.#started.resolve();
    if (isReport(answer)) {
      if (answer.type === "module") this.#module = answer.key;
      return;
    }
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.(answer);
  }

  #checkMemory(): void {
    let residentPages = 0;
    try {
      residentPages = Number(Deno.readTextFileSync(`/proc/${this.#child.pid}/statm`).split(" ")[1]);
    } catch {
      return;
    }
    const limitBytes = this.#limits.memoryLimitBytes;
    if (residentPages * pageBytes > limitBytes) this.#kill(`it used over ${limitBytes} bytes of memory`);
  }

  #kill(reason: string): void {
    this.#fail(reason);
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It is dead already.
    }
  }

  #fail(reason: string): void {
    if (this.#failure === "") this.#failure = reason;
    this.#started.resolve();
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.(undefined);
  }
}

function isReport(answer: { readonly type: string }): answer is HelperReport {
  return answer.type === "ready" || answer.type === "module";
}

async function readPiece(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<Uint8Array | undefined> {
  try {
    return (await reader.read()).value;
  } catch {
    // A broken pipe is the end like any other.
    return undefined;
  }
}
