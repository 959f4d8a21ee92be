import type { Discovery } from "../discovery.ts";
import { sleep } from "../backoff.ts";
import type { Entity, EntityBook } from "./entity.ts";
import type { OapHealth } from "./oap_health.ts";
import type { ProcessRegistry } from "./process_registry.ts";
import { toProcessProperties } from "./process_properties.ts";
import { nextDueMs } from "./schedule.ts";
import type { OapTransport } from "./transport.ts";

const beatMs = 20_000;
/** Every tenth beat tells everything again, as an OAP forgets what it only hears a beat of. */
const wholeEveryBeats = 10;

export interface ProcessReportsOptions {
  readonly oap: Pick<OapTransport, "hostAddress">;
  readonly book: EntityBook;
  readonly registry: ProcessRegistry;
  /** Waits until it is time to look again, about a second. */
  readonly look: () => Promise<unknown>;
  readonly health: OapHealth;
}

/**
 * Keeps an OAP's picture of this host's processes: new ones are told within a second, all that run every 20 s, and whole
 * descriptions every 200 s and after any failure.
 */
export class ProcessReports {
  readonly #options: ProcessReportsOptions;
  /** What was told of each process, by its id. */
  readonly #told = new Map<string, Entity>();
  /** As of the last beat. */
  #hostAddress = "";
  #beats = 0;
  #nextBeatMs = 0;
  #toldRevision = -1;

  constructor(options: ProcessReportsOptions) {
    this.#options = options;
  }

  /** Tells until `signal` is aborted. Never rejects. */
  async run(discovery: Pick<Discovery, "values" | "revision">, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        if (await this.#tell(discovery, signal)) this.#options.health.succeed("processes");
      } catch (error) {
        if (signal.aborted) return;
        // What arrived is not known: all is told anew.
        this.#told.clear();
        this.#nextBeatMs = 0;
        this.#toldRevision = -1;
        this.#options.health.fail("processes", error);
        await sleep(beatMs / 10 * (1 + Math.random()), signal);
      }
      await this.#options.look();
    }
  }

  /** False when there was nothing to tell. */
  async #tell(discovery: Pick<Discovery, "values" | "revision">, signal: AbortSignal): Promise<boolean> {
    const { oap, book, registry } = this.#options;
    const isBeat = performance.now() >= this.#nextBeatMs;
    if (!isBeat && discovery.revision === this.#toldRevision) return false;
    const { revision } = discovery;
    // The address is known once there was a connection.
    const hostAddress = oap.hostAddress();
    const isWhole = isBeat && (this.#beats % wholeEveryBeats === 0 || hostAddress !== this.#hostAddress);
    if (isBeat) this.#hostAddress = hostAddress;
    const processes = [...discovery.values()].map(({ process }) => process);
    // Before others are named: they may get the name of one that has gone.
    this.#forgetGone(new Set(processes.map(({ id }) => id)));
    const entities: Entity[] = [];
    const news = [];
    for (const process of processes) {
      const entity = book.nameOf(process);
      if (entity === undefined) continue;
      entities.push(entity);
      if (!isWhole && this.#told.get(process.id) === entity) continue;
      news.push({
        id: process.id,
        entity,
        properties: toProcessProperties(process, entity, hostAddress),
      });
    }
    if (news.length > 0) {
      await registry.report(news.map(({ properties }) => properties), signal);
      for (const { id, entity } of news) this.#told.set(id, entity);
    }
    this.#toldRevision = revision;
    if (!isBeat) return news.length > 0;
    if (!isWhole && entities.length > 0) await registry.keepAlive(entities, signal);
    if (isWhole) registry.keepOnly(entities);
    this.#beats += 1;
    this.#nextBeatMs = nextDueMs(beatMs);
    return true;
  }

  #forgetGone(living: ReadonlySet<string>): void {
    const { book } = this.#options;
    for (const id of [...book.processIds()]) {
      if (living.has(id)) continue;
      book.forget(id);
      this.#told.delete(id);
    }
  }
}
