import { connect, createServer, type Socket } from "node:net";
import type { AddressInfo } from "node:net";

/** Stands between an agent and an OAP and cuts what goes through, as a network does. */
export class CuttingProxy implements AsyncDisposable {
  readonly #server: ReturnType<typeof createServer>;
  readonly #sockets = new Set<Socket>();
  /** Connections that were cut while they were open. */
  cuts = 0;
  /** Cuts left that {@linkcode cutCalls} makes, and those since a call passed. */
  #left = 0;
  #inRow = 0;
  #cutting: ReturnType<typeof setTimeout> | undefined;

  private constructor(server: ReturnType<typeof createServer>) {
    this.#server = server;
  }

  static async start(toPort: number): Promise<CuttingProxy> {
    const server = createServer();
    const proxy = new CuttingProxy(server);
    server.on("connection", (near) => {
      const far = connect(toPort, "127.0.0.1");
      for (const socket of [near, far]) {
        proxy.#sockets.add(socket);
        socket.on("error", () => {});
        socket.on("close", () => {
          proxy.#sockets.delete(socket);
          near.destroy();
          far.destroy();
        });
      }
      near.on("data", ({ length }: Uint8Array) => proxy.#passing(length));
      near.pipe(far);
      far.pipe(near);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
    return proxy;
  }

  get url(): string {
    return `skywalking://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Cuts all connections; false when there was none. */
  cut(): boolean {
    const open = this.#sockets.size > 0;
    for (const socket of this.#sockets) socket.destroy();
    if (open) this.cuts += 1;
    return open;
  }

  /**
   * Cuts shortly behind what an agent sends, up to `most` times: in the middle of a call, or before its answer. After three
   * in a row one passes, as each lets the agent wait longer. 0 ends that.
   */
  cutCalls(most: number): void {
    this.#left = most;
  }

  #passing(bytes: number): void {
    if (bytes < 100 || this.#left === 0 || this.#cutting !== undefined) return;
    const isSpared = this.#inRow === 3;
    this.#inRow = isSpared ? 0 : this.#inRow + 1;
    this.#cutting = setTimeout(() => {
      this.#cutting = undefined;
      if (!isSpared && this.#left > 0 && this.cut()) this.#left--;
    }, isSpared ? 200 : Math.random() * 20);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#cutting);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    this.cut();
    await promise;
  }
}
