import { Code, ConnectError } from "@connectrpc/connect";
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type ClientSessionRequestOptions,
  connect as connectHttp2,
  type OutgoingHttpHeaders,
} from "node:http2";
import type { Socket } from "node:net";

const connectMs = 10_000;
const pingIntervalMs = 20_000;
const pingTimeoutMs = 10_000;
/** What is under way on a connection that its server gives up may end by itself for so long. */
const drainMs = 30_000;

/**
 * One HTTP/2 connection at a time, made at the first request after the last one was lost; a ping every 20 s finds out that
 * it is dead.
 *
 * Connect's own manager of sessions (2.2.0) is not used: when servers went away as connections opened, it came to spin
 * without letting anything else run in some stress runs; and it stops listening after a first error, so that a second one
 * ends the whole program.
 */
export class OapConnection {
  readonly authority: string;
  readonly #openSocket: () => Socket;
  readonly #sessions = new Set<ClientHttp2Session>();
  #current: Promise<ClientHttp2Session> | undefined;
  #localAddress = "";

  /** @param authority `http://host:port`, for the request's headers. */
  constructor(authority: string, openSocket: () => Socket) {
    this.authority = authority;
    this.#openSocket = openSocket;
  }

  /** This host's address on the last connection; `""` before the first. */
  get localAddress(): string {
    return this.#localAddress;
  }

  /** Begins a request. @throws {ConnectError} with `Unavailable` when there is no connection to be had. */
  async request(
    method: string,
    path: string,
    headers: OutgoingHttpHeaders,
    options: ClientSessionRequestOptions,
  ): Promise<ClientHttp2Stream> {
    const whole = { ...headers, ":method": method, ":path": path };
    const current = this.#current ??= this.#open();
    try {
      return (await current).request(whole, options);
    } catch (error) {
      if (error instanceof ConnectError) throw error;
      // It has ended, and nobody has told yet: once more with a new one.
      if (this.#current === current) this.#current = undefined;
    }
    try {
      return (await (this.#current ??= this.#open())).request(whole, options);
    } catch (error) {
      throw error instanceof ConnectError ? error : unavailable((error as Error).message);
    }
  }

  /** Told by the RPC library; the pings go on whatever comes. */
  notifyResponseByteRead(): void {}

  /** Ends all connections and what is under way on them. */
  close(): void {
    this.#current = undefined;
    for (const session of this.#sessions) end(session, "the connection was closed");
  }

  #open(): Promise<ClientHttp2Session> {
    const { promise, resolve, reject } = Promise.withResolvers<ClientHttp2Session>();
    const socket = this.#openSocket().on("error", (error) => reject(unavailable(error.message)));
    socket.on("close", () => end(session, "the connection was lost"));
    const session = connectHttp2(this.authority, { createConnection: () => socket });
    this.#sessions.add(session);
    const forget = () => {
      if (this.#current === promise) this.#current = undefined;
    };
    const connecting = setTimeout(() => {
      end(session, `no connection within ${connectMs / 1000} s`);
    }, connectMs);
    const pings = setInterval(() => ping(session), pingIntervalMs);
    let drain: ReturnType<typeof setTimeout> | undefined;
    session.on("connect", () => {
      clearTimeout(connecting);
      this.#localAddress = (socket.localAddress ?? "").replace(/^::ffff:/, "");
      resolve(session);
    });
    session.on("error", (error) => reject(unavailable(error.message)));
    session.on("goaway", () => {
      forget();
      drain ??= setTimeout(() => end(session, "the connection was given up"), drainMs);
    });
    session.on("close", () => {
      clearTimeout(connecting);
      clearInterval(pings);
      clearTimeout(drain);
      this.#sessions.delete(session);
      socket.destroy();
      forget();
      reject(unavailable("the connection was lost"));
    });
    promise.catch(forget);
    return promise;
  }
}

/** Gives a connection up that does not answer in time. */
function ping(session: ClientHttp2Session): void {
  if (session.closed || session.destroyed) return;
  const timer = setTimeout(() => {
    end(session, "a ping was not answered");
  }, pingTimeoutMs);
  // Also called, with an error, when the session ends before.
  session.ping(() => clearTimeout(timer));
}

/** With an error: requests that are under way would else never hear of it. */
function end(session: ClientHttp2Session, reason: string): void {
  if (!session.destroyed) session.destroy(unavailable(reason));
}

function unavailable(reason: string): ConnectError {
  return new ConnectError(reason, Code.Unavailable);
}
