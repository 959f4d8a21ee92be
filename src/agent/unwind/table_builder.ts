import type { Logger } from "../../../lib/log.ts";
import type { Mapping } from "../../../lib/procfs/maps.ts";
import { moduleKey } from "../../../lib/symbol/module_cache.ts";
import { BadModules } from "../child/bad_modules.ts";
import { type HelperLimits, HelperProcess } from "../child/helper_process.ts";
import { type Answer, readAnswer, type Request } from "./protocol.ts";
import type { StoredModule, TableStore } from "./table_store.ts";

/** Without anything to build the child is ended. */
const lingerMs = 500;
/** After a child that could not be started, or ended before it read anything, none is started for so long. */
const pauseMs = 60_000;
/** It starts in 0.3 s, and builds the largest of tables in 2 s; emulated on a busy host that takes 100 times as long. */
const defaultLimits: HelperLimits = {
  startMs: 60_000,
  deadlineMs: 20_000,
  memoryLimitBytes: 512 * 1024 * 1024,
};

/** How to start a builder. */
export interface TableBuilderOptions {
  /** Program and arguments of the table child; a heap limit belongs in here. */
  readonly command: readonly string[];
  readonly store: TableStore;
  readonly logger: Logger;
  readonly limits?: Partial<HelperLimits>;
}

/**
 * Has tables compiled by a child process, which is started when there is something to build and ended soon after. A file
 * that it dies of, or that takes it too long, is not touched again.
 */
export class TableBuilder {
  readonly #options: TableBuilderOptions;
  readonly #badModules = new BadModules();
  #child: HelperProcess<Request, Answer> | undefined;
  #linger: ReturnType<typeof setTimeout> | undefined;
  #waiting = 0;
  #pausedUntilMs = 0;
  /** Requests wait here for the one before. */
  #queue: Promise<unknown> = Promise.resolve();

  constructor(options: TableBuilderOptions) {
    this.#options = options;
  }

  /** What is known of a mapping's file, when it takes no child to tell. */
  find(pid: number, mapping: Mapping): StoredModule | undefined {
    return this.#options.store.find(pid, mapping);
  }

  /** Builds the table of a mapping's file, or finds that it cannot be had. Never rejects. */
  async build(pid: number, mapping: Mapping): Promise<StoredModule> {
    clearTimeout(this.#linger);
    this.#waiting++;
    const built = this.#queue.then(() => this.#build(pid, mapping)).catch((error) => nothing(error.message));
    this.#queue = built;
    const module = await built;
    if (--this.#waiting === 0) this.#linger = setTimeout(() => void this.close(), lingerMs);
    return module;
  }

  /** Ends the child; another `build` starts it anew. */
  async close(): Promise<void> {
    clearTimeout(this.#linger);
    const child = this.#child;
    this.#child = undefined;
    await child?.close();
  }

  async #build(pid: number, mapping: Mapping): Promise<StoredModule> {
    const { store, command, limits, logger } = this.#options;
    // Another task may have waited for the same.
    const known = store.find(pid, mapping);
    if (known !== undefined) return known;
    const key = moduleKey(mapping);
    if (this.#badModules.list().includes(key)) return nothing("a process died of it");
    if (performance.now() < this.#pausedUntilMs) {
      return nothing("the last process that compiles tables failed");
    }
    const child = this.#child ??= new HelperProcess<Request, Answer>(
      command,
      { ...defaultLimits, ...limits },
      readAnswer,
    );
    const answer = await child.ask({ type: "build", pid, mapping, known: store.builds });
    if (answer !== undefined) return await store.add(mapping, answer);
    if (this.#child !== child) return nothing("the task ended");
    const { failure, module } = child;
    await this.close();
    if (module !== "") this.#badModules.add(module);
    else this.#pausedUntilMs = performance.now() + pauseMs;
    logger.warn("A child that compiles unwind tables failed", { reason: failure, module: mapping.path });
    return nothing(failure);
  }
}

function nothing(reason: string): StoredModule {
  return {
    outline: { segments: [], buildId: "", buildIdOffset: 0 },
    ...{ table: undefined, reason, overBudget: false },
  };
}
