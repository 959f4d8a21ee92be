import { repositoryRoot } from "../../scripts/command.ts";
import { bundleForNode } from "./bundle_for_node.ts";
import type { RoverCall, RoverReply } from "./rover_bridge.ts";

/**
 * Plays SkyWalking's agent Rover towards the backend, with grpc-js on Node: it is no Rover, it says what the facts about
 * Rover's sources say.
 */
export class RoverPlayer implements AsyncDisposable {
  readonly #token: string;
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #waiting = new Map<number, (reply: RoverReply) => void>();
  readonly #reading: Promise<void>;
  #calls = 0;

  private constructor(port: number, token: string, script: string) {
    this.#token = token;
    this.#child = new Deno.Command("node", {
      args: [script, `${repositoryRoot}/proto`, String(port)],
      ...{ stdin: "piped", stdout: "piped", stderr: "inherit" },
    }).spawn();
    this.#input = this.#child.stdin.getWriter();
    this.#reading = this.#read();
  }

  /** Starts one that calls the backend on this port with this token. */
  static async start(port: number, token: string): Promise<RoverPlayer> {
    return new RoverPlayer(port, token, await bundleForNode("rover_bridge"));
  }

  /** Makes a call, and tells how it ended. */
  async end(service: string, method: string, messages: readonly unknown[], how: Partial<RoverCall> = {}) {
    const call = ++this.#calls;
    const { promise, resolve } = Promise.withResolvers<RoverReply>();
    this.#waiting.set(call, resolve);
    const about = { authentication: this.#token, isRaw: false, breaks: false, ...how };
    const line = JSON.stringify({ ...about, call, service, method, messages });
    await this.#input.write(new TextEncoder().encode(`${line}\n`));
    return await promise;
  }

  /** Makes a call that must go well, and answers what it ended with. */
  async call<T>(service: string, method: string, ...messages: unknown[]): Promise<T> {
    const { code, details, reply } = await this.end(service, method, messages);
    if (code !== 0) throw new Error(`${method}: ${code} ${details}`);
    return reply as T;
  }

  /** Ends it as a process that is killed, in the middle of whatever it does. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended already.
    }
    await this.#child.status;
    await this.#reading;
    await this.#input.abort().catch(() => {});
  }

  async #read(): Promise<void> {
    let rest = "";
    for await (const part of this.#child.stdout.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + part).split("\n");
      rest = lines.pop()!;
      for (const line of lines) {
        const reply = JSON.parse(line) as RoverReply;
        this.#waiting.get(reply.call)?.(reply);
        this.#waiting.delete(reply.call);
      }
    }
  }
}
