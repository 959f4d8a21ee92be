import { type CertificateFiles, makeCertificate } from "./certificate.ts";

/** A request that the stand-in was sent. */
export interface ApiRequest {
  readonly url: URL;
  readonly token: string;
  readonly headers: Headers;
  /** Answers with a watch: events that were given come at once, others as they are sent. */
  watch(...events: unknown[]): WatchAnswer;
}

/** A watch that is open. */
export interface WatchAnswer {
  readonly response: Response;
  /** Sends an event; text goes out as it is. */
  send(event: unknown): void;
  end(): void;
}

/**
 * Stands in for the API server of a cluster, at the level of its protocol: HTTPS with an authority of its own, tokens,
 * and watches as documents of one line each. What it answers is written by hand.
 */
export class KubernetesApi implements AsyncDisposable {
  readonly accountFolder: string;
  readonly port: number;
  readonly #server: Deno.HttpServer;
  readonly #open = new Set<WatchAnswer>();
  readonly #abort = new AbortController();

  private constructor(
    folder: string,
    files: CertificateFiles,
    answer: (request: ApiRequest) => Response | Promise<Response>,
  ) {
    this.accountFolder = folder;
    this.#server = Deno.serve({
      ...{ hostname: "127.0.0.1", port: 0, onListen() {}, signal: this.#abort.signal },
      ...{ cert: Deno.readTextFileSync(files.certificate), key: Deno.readTextFileSync(files.key) },
    }, (request) => answer(this.#describe(request)));
    this.port = (this.#server.addr as Deno.NetAddr).port;
  }

  /** Starts it; `folder` gets the files of a service account, `token` and `ca.crt`. */
  static async start(
    folder: string,
    answer: (request: ApiRequest) => Response | Promise<Response>,
  ): Promise<KubernetesApi> {
    const files = await makeCertificate(folder, ["IP:127.0.0.1"]);
    await Deno.writeTextFile(`${folder}/token`, "first-token\n");
    return new KubernetesApi(folder, files, answer);
  }

  get url(): string {
    return `https://127.0.0.1:${this.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const watch of this.#open) watch.end();
    this.#abort.abort();
    await this.#server.finished;
  }

  #describe(request: Request): ApiRequest {
    const token = request.headers.get("authorization")?.replace("Bearer ", "") ?? "";
    return {
      url: new URL(request.url),
      ...{ token, headers: request.headers },
      watch: (...events) => {
        const watch = openWatch(events);
        this.#open.add(watch);
        return watch;
      },
    };
  }
}

function openWatch(events: unknown[]): WatchAnswer {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>(undefined, undefined, {
    highWaterMark: 1000,
  });
  const writer = writable.getWriter();
  // The client may have gone.
  writer.closed.catch(() => {});
  function send(event: unknown): void {
    const text = typeof event === "string" ? event : JSON.stringify(event) + "\n";
    writer.write(new TextEncoder().encode(text)).catch(() => {});
  }
  for (const event of events) send(event);
  return {
    response: new Response(readable, { headers: { "content-type": "application/json" } }),
    send,
    end: () => void writer.close().catch(() => {}),
  };
}

/** An event about a pod of a Deployment, as the API sends it. */
export function podEvent(
  type: "ADDED" | "MODIFIED" | "DELETED",
  pod: { uid: string; workload?: string; version?: string; containerId?: string },
) {
  const { uid, workload = "web", version = "7", containerId } = pod;
  const containerStatuses = containerId === undefined
    ? []
    : [{ name: "app", containerID: `containerd://${containerId}`, ready: true }];
  return {
    type,
    object: {
      ...{ kind: "Pod", apiVersion: "v1" },
      metadata: {
        ...{ uid, name: `${workload}-5d8c7b9f4-x2x4z`, namespace: "shop", resourceVersion: version },
        labels: { "app.kubernetes.io/name": workload, "pod-template-hash": "5d8c7b9f4" },
        ownerReferences: [
          {
            apiVersion: "apps/v1",
            kind: "ReplicaSet",
            name: `${workload}-5d8c7b9f4`,
            uid: "0",
            controller: true,
          },
        ],
      },
      spec: { nodeName: "node-1", containers: [{ name: "app", image: "shop/web:1" }] },
      status: { phase: "Running", podIP: "10.0.0.7", containerStatuses },
    },
  };
}

/** The event that says how far a watch has come. */
export function bookmark(version: string) {
  return {
    type: "BOOKMARK",
    object: { kind: "Pod", apiVersion: "v1", metadata: { resourceVersion: version } },
  };
}

/** The event that ends a watch that cannot go on. */
export function expired() {
  const message = "too old resource version: 7 (9000)";
  return {
    type: "ERROR",
    object: { kind: "Status", status: "Failure", message, reason: "Expired", code: 410 },
  };
}
