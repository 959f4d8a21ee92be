import type { Logger } from "../../../lib/log.ts";
import { Backoff, sleep } from "../backoff.ts";
import { type KubernetesPlace, watchNodePods } from "./api.ts";
import { readBoundedLines } from "./bounded_lines.ts";
import { type Pod, readPod } from "./pod.ts";
import type { PodDirectory } from "./pod_directory.ts";

export interface PodWatchOptions {
  readonly place: KubernetesPlace;
  readonly pods: PodDirectory;
  readonly logger: Logger;
  /** A pod is new or has other names than before. */
  readonly onPod: (pod: Pod) => void;
  /** Between attempts; up to 5 s at first and a minute in the end when absent. */
  readonly backoff?: Backoff;
}

/** Larger than anything the API server stores, and parsed in about 15 ms. */
const eventBytes = 2 * 1024 * 1024;
const errorBytes = 4 * 1024;

/** The API cannot go on from where the last watch ended. */
class ExpiredError extends Error {}

/**
 * Keeps the directory of this node's pods in step with the Kubernetes API. Whatever goes wrong there is said once and
 * tried again; processes keep the names they have.
 */
export class PodWatch {
  readonly #options: PodWatchOptions;
  readonly #backoff: Backoff;
  #resourceVersion = "0";
  #problem = "";
  #named = false;
  #roundEnds = false;
  #fullSaid = false;

  constructor(options: PodWatchOptions) {
    this.#options = options;
    this.#backoff = options.backoff ?? new Backoff(5_000, 60_000);
  }

  /** Why there are no names from the API, one sentence; `""` when there are or nothing was tried yet. */
  get problem(): string {
    return this.#problem;
  }

  /** Watches until `signal` is aborted. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        if (this.#resourceVersion === "0") {
          this.#options.pods.startRound();
          this.#roundEnds = true;
        }
        await watchNodePods(
          this.#options.place,
          this.#resourceVersion,
          signal,
          (response) => this.#readAnswer(response),
        );
      } catch (error) {
        if (error instanceof ExpiredError) this.#resourceVersion = "0";
        else if (!signal.aborted) this.#fail((error as Error).message);
      }
      await sleep(this.#backoff.nextMs(), signal);
    }
  }

  async #readAnswer(response: Response): Promise<void> {
    if (response.status === 410) throw new ExpiredError();
    if (response.status !== 200) throw new Error(await describeRefusal(response, this.#options.place));
    if (response.body === null) return;
    for await (const line of readBoundedLines(response.body, eventBytes)) {
      if (line === undefined) this.#options.logger.warn("A pod's description is over 2 MiB and left out");
      else this.#take(line);
    }
  }

  #take(line: string): void {
    const { type, object } = parseEvent(line, this.#options.place);
    if (type === "ERROR") {
      const { code, message } = object as { code?: unknown; message?: unknown };
      if (code === 410) throw new ExpiredError();
      throw new Error(`${this.#options.place.url} ends the watch: ${message}`);
    }
    const { metadata } = object as { metadata?: { resourceVersion?: unknown } };
    this.#succeed();
    if (type === "BOOKMARK" && this.#roundEnds) {
      // The first one follows on all that a watch from "0" begins with; one that ends before has to begin anew.
      this.#options.pods.endRound();
      this.#roundEnds = false;
    }
    if (!this.#roundEnds && typeof metadata?.resourceVersion === "string") {
      this.#resourceVersion = metadata.resourceVersion;
    }
    if (type === "BOOKMARK") return;
    const pod = readPod(object);
    if (pod === undefined) return;
    if (type === "DELETED") this.#options.pods.delete(pod.uid);
    else this.#put(pod);
  }

  #put(pod: Pod): void {
    const change = this.#options.pods.put(pod);
    if (change === true) this.#options.onPod(pod);
    if (change !== "full" || this.#fullSaid) return;
    this.#fullSaid = true;
    this.#options.logger.warn("This node has more pods than are named", { pods: this.#options.pods.size });
  }

  #fail(reason: string): void {
    if (reason !== this.#problem) {
      this.#options.logger.warn("The Kubernetes API names no pods; cgroups and environments do", { reason });
    }
    this.#problem = reason;
    this.#named = false;
  }

  #succeed(): void {
    this.#backoff.reset();
    this.#problem = "";
    if (this.#named) return;
    this.#named = true;
    this.#options.logger.info("The Kubernetes API names the pods of this node", {
      node: this.#options.place.node,
    });
  }
}

function parseEvent(line: string, { url }: KubernetesPlace): { type: string; object: object } {
  let event: { type?: unknown; object?: unknown } | null;
  try {
    event = JSON.parse(line);
  } catch {
    event = null;
  }
  const { type, object } = event ?? {};
  if (typeof type === "string" && typeof object === "object" && object !== null) return { type, object };
  throw new Error(`What answers at ${url} is no Kubernetes API; check KUBERNETES_SERVICE_HOST`);
}

async function describeRefusal(response: Response, { url }: KubernetesPlace): Promise<string> {
  switch (response.status) {
    case 401:
      return `${url} does not take the service account's token; check that the account exists`;
    case 403:
      return `${url} forbids this service account to watch pods; bind it to a ClusterRole with verb watch on pods`;
    default:
      return `${url} answers HTTP ${response.status}: ${await readMessage(response)}`;
  }
}

/** The message of a Status object, or the beginning of whatever it is. */
async function readMessage(response: Response): Promise<string> {
  const reader = response.body?.getReader();
  const { value } = await reader?.read() ?? {};
  const text = new TextDecoder().decode(value?.subarray(0, errorBytes));
  try {
    const { message } = JSON.parse(text);
    if (typeof message === "string") return message.slice(0, 300);
  } catch {
    // No Status object, or only the beginning of one.
  }
  return text.slice(0, 300).trim();
}
