import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  type InventoryDelta,
  InventoryDeltaSchema,
  type ProcessUseSchema,
} from "../gen/stakeout/v1/agent_service_pb.ts";
import type { DiscoveryChanges, LiveProcess } from "./discovery.ts";
import { toWireProcess, type UnixMs } from "./wire.ts";

interface Listed {
  readonly live: LiveProcess;
  /** Process goes out with the next delta. */
  unsent: boolean;
  /** What the process had used at the last delta. */
  runTimeNs: number;
  atBootNs: number;
  /** What was last sent. */
  cpuPercent: number;
  threads: number;
}

const mostRows = 5000;
const noticeablePercent = 0.5;

/**
 * Keeps what the backend knows of this host's processes and makes the records that keep it up to date.
 *
 * Limits: 5,000 processes; the rest is counted as omitted and listed when others end.
 */
export class Inventory {
  readonly #limit: number;
  readonly #listed = new Map<LiveProcess, Listed>();
  readonly #omitted = new Set<LiveProcess>();
  #goneIds: string[] = [];
  #full = true;
  #sentOmitted = 0;

  constructor(limit = mostRows) {
    this.#limit = limit;
  }

  /** Makes the next delta whole: for a backend that may have missed one. */
  restart(): void {
    this.#full = true;
  }

  /** Follows the processes of the host. */
  apply(changes: DiscoveryChanges): void {
    for (const live of changes.gone) {
      this.#omitted.delete(live);
      if (this.#listed.delete(live)) this.#goneIds.push(live.process.id);
    }
    for (const live of changes.appeared) this.#omitted.add(live);
    for (const live of changes.changed) {
      const listed = this.#listed.get(live);
      if (listed !== undefined) listed.unsent = true;
    }
    for (const live of this.#omitted) {
      if (this.#listed.size >= this.#limit) break;
      this.#omitted.delete(live);
      const unsent = { unsent: true, runTimeNs: live.row.runTimeNs, atBootNs: 0, cpuPercent: 0, threads: 0 };
      this.#listed.set(live, { live, ...unsent });
    }
  }

  /**
   * Makes the next record; undefined when nothing noticeable happened: a process came, went or became another program,
   * its threads changed, or its CPU did by half a percent of a core or to nothing.
   */
  takeDelta(atBootNs: number, unixMs: UnixMs): InventoryDelta | undefined {
    const full = this.#full;
    const changed = [];
    const uses: MessageInitShape<typeof ProcessUseSchema>[] = [];
    for (const listed of this.#listed.values()) {
      const cpuPercent = meanPercent(listed, atBootNs);
      const isNew = full || listed.unsent;
      if (isNew) changed.push(toWireProcess(listed.live.process, unixMs));
      if (!isNew && !isNoticeable(listed, cpuPercent)) continue;
      const { process: { id: processId }, row: { threads } } = listed.live;
      uses.push({ processId, cpuPercent, threads });
      listed.unsent = false;
      listed.cpuPercent = cpuPercent;
      listed.threads = threads;
    }
    const goneProcessIds = full ? [] : this.#goneIds;
    const nothing = uses.length === 0 && goneProcessIds.length === 0 &&
      this.#omitted.size === this.#sentOmitted;
    if (nothing && !full) return undefined;

    for (const listed of this.#listed.values()) {
      listed.runTimeNs = listed.live.row.runTimeNs;
      listed.atBootNs = atBootNs;
    }
    this.#goneIds = [];
    this.#full = false;
    this.#sentOmitted = this.#omitted.size;
    const atUnixMs = BigInt(Math.round(unixMs(atBootNs)));
    return create(InventoryDeltaSchema, {
      full,
      changed,
      uses,
      goneProcessIds,
      atUnixMs,
      omitted: this.#sentOmitted,
    });
  }
}

/** 0 for a process that no delta has named yet, and to a tenth, so that idling is nothing. */
function meanPercent({ live, runTimeNs, atBootNs }: Listed, nowBootNs: number): number {
  if (atBootNs === 0 || nowBootNs <= atBootNs) return 0;
  return Math.round((live.row.runTimeNs - runTimeNs) / (nowBootNs - atBootNs) * 1000) / 10;
}

function isNoticeable(listed: Listed, cpuPercent: number): boolean {
  return Math.abs(cpuPercent - listed.cpuPercent) >= noticeablePercent ||
    (cpuPercent === 0 && listed.cpuPercent > 0) || listed.live.row.threads !== listed.threads;
}
