import { connect, createServer, type Socket } from "node:net";
import type { AddressInfo } from "node:net";

/** Stands between an agent and an OAP and cuts what goes through, as a network does. */
export class CuttingProxy implements AsyncDisposable {
  readonly #server: ReturnType<typeof createServer>;
  readonly #sockets = new Set<Socket>();
  /** Connections that were cut while they were open. */
  cuts = 0;
  /** Called with the size of each piece that came from the agent, as it is passed on. */
  passing: (bytes: number) => void = () => {};

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
      near.on("data", ({ length }: Uint8Array) => proxy.passing(length));
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

  async [Symbol.asyncDispose](): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    this.cut();
    await promise;
  }
}
