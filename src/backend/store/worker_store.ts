import type { Logger } from "../../../lib/log.ts";
import { startWorker } from "../start_worker.ts";
import type { RetentionLimits } from "./retention.ts";
import type { Store } from "./store.ts";
import { StoreError } from "./store_error.ts";
import type { WorkerRequest, WorkerResponse } from "./worker_protocol.ts";

export interface WorkerStoreOptions {
  /** File, or ":memory:". */
  readonly path: string;
  readonly limits: RetentionLimits;
  readonly logger: Logger;
}

const pendingLimit = 1_000;

interface Pending {
  resolve(value: unknown): void;
  reject(error: StoreError): void;
}

/** The store as the main thread sees it: every method is a message to the one worker that holds the database. */
export class WorkerStore implements Store {
  readonly #worker: Worker;
  readonly #logger: Logger;
  readonly #pending = new Map<number, Pending>();
  #nextId = 1;
  #closed = false;

  /**
   * Starts the worker and opens the database.
   *
   * @throws {StoreError} When the database cannot be used; the message names the file and the fix.
   */
  static async open({ path, limits, logger }: WorkerStoreOptions): Promise<WorkerStore> {
    const store = new WorkerStore(logger);
    try {
      await store.#send({ id: store.#nextId++, method: "open", path, limits });
      return store;
    } catch (error) {
      store.#end();
      throw error;
    }
  }

  private constructor(logger: Logger) {
    this.#logger = logger;
    this.#worker = startWorker("store");
    this.#worker.onmessage = ({ data }: MessageEvent<WorkerResponse>) => this.#receive(data);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#logger.error("Store worker failed", { reason: event.message });
      this.#end();
    };
  }

  readonly putReport = this.#method("putReport");
  readonly listAgents = this.#method("listAgents");
  readonly listProcesses = this.#method("listProcesses");
  readonly matchProcesses = this.#method("matchProcesses");
  readonly listServices = this.#method("listServices");
  readonly listSeries = this.#method("listSeries");
  readonly queryMetrics = this.#method("queryMetrics");
  readonly newestValues = this.#method("newestValues");
  readonly listHttp = this.#method("listHttp");
  readonly listTasks = this.#method("listTasks");
  readonly getTask = this.#method("getTask");
  readonly readChunks = this.#method("readChunks");
  readonly listFarEnds = this.#method("listFarEnds");
  readonly countTrips = this.#method("countTrips");
  readonly listRefusals = this.#method("listRefusals");
  readonly listPolicies = this.#method("listPolicies");
  readonly listPolicyVersions = this.#method("listPolicyVersions");
  readonly savePolicies = this.#method("savePolicies");
  readonly deletePolicy = this.#method("deletePolicy");
  readonly sizes = this.#method("sizes");

  async close(): Promise<void> {
    if (this.#closed) return;
    const closed = this.#send({ id: this.#nextId++, method: "close", args: [] });
    this.#closed = true;
    await closed;
    this.#end();
  }

  #method<K extends keyof Store>(method: K): Store[K] {
    const call = (...args: unknown[]) => this.#send({ id: this.#nextId++, method, args });
    return call as Store[K];
  }

  #send(request: WorkerRequest): Promise<unknown> {
    if (this.#closed) return Promise.reject(new StoreError("closed", "Cannot use the store: it is closed"));
    if (this.#pending.size >= pendingLimit) {
      return Promise.reject(
        new StoreError("busy", "Cannot use the store: too many requests wait; try again"),
      );
    }
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#pending.set(request.id, { resolve, reject });
    this.#worker.postMessage(request);
    return promise;
  }

  #receive(response: WorkerResponse): void {
    if (response.id === undefined) {
      if ("error" in response) {
        this.#logger.error("Store cannot do its background work", { reason: response.error.message });
      }
      return;
    }
    const pending = this.#pending.get(response.id);
    this.#pending.delete(response.id);
    if ("error" in response) pending?.reject(new StoreError(response.error.kind, response.error.message));
    else pending?.resolve(response.value);
  }

  #end(): void {
    this.#closed = true;
    this.#worker.terminate();
    for (const { reject } of this.#pending.values()) {
      reject(new StoreError("closed", "Cannot use the store: it is closed"));
    }
    this.#pending.clear();
  }
}
