import type { BpfMap } from "../../../lib/bpf/map.ts";
import type { BpfObject } from "../../../lib/bpf/object.ts";
import { layouts } from "../../gen/records.ts";

const mappingLayout = layouts.unwind_mapping_value;
const targetLayout = layouts.unwind_target_value;
/** MAX_UNWIND_MAPPINGS of bpf/unwind.h. */
export const maxMappings = 2048;

/** Instead of a slot: enum unwind_table_state of bpf/unwind.h. */
export const tableState = { none: 0xfffffff0, overBudget: 0xfffffff1, pending: 0xfffffff2 } as const;

/** A `struct unwind_mapping_value`. */
export interface UnwindMapping {
  readonly start: number;
  readonly end: number;
  /** An address minus this is its offset in the module's table. */
  readonly base: number;
  /** Slot in `unwind_tables`, or a `tableState`. */
  readonly table: number;
  readonly pageCount: number;
  readonly rulesAt: number;
}

/**
 * The mappings of one target as the BPF programs see them. There are two sets: the one that is not read is written, then
 * they change places.
 */
export class MappingSet {
  readonly #mappings: BpfMap;
  readonly #view: DataView;
  readonly #at: number;
  readonly #firsts: readonly [number, number];
  #active = 0;

  /** `target` is the target's index. */
  constructor(object: BpfObject, target: number) {
    this.#mappings = object.map("unwind_mappings");
    const targets = object.variable("unwind_targets");
    this.#view = new DataView(targets.buffer, targets.byteOffset, targets.byteLength);
    this.#at = target * targetLayout.size;
    this.#firsts = [2 * target * maxMappings, (2 * target + 1) * maxMappings];
  }

  /** `self_exec_id` of the program that was sampled last, 0 when none was. */
  get seenExecId(): bigint {
    return this.#view.getBigUint64(this.#at + targetLayout.offsets.seen_exec_id, true);
  }

  /** Samples since the start that met an address outside of all mappings. */
  get misses(): bigint {
    return this.#view.getBigUint64(this.#at + targetLayout.offsets.misses, true);
  }

  /** Shows the programs these mappings, ordered by address, at most 2,048. `execId` is that of the program that has them, 0 for any. */
  publish(mappings: readonly UnwindMapping[], execId: bigint): void {
    const next = 1 - this.#active;
    const first = this.#firsts[next]!;
    const key = new Uint32Array(1);
    const keyBytes = new Uint8Array(key.buffer);
    const value = new Uint8Array(mappingLayout.size);
    const view = new DataView(value.buffer);
    mappings.slice(0, maxMappings).forEach((mapping, index) => {
      key[0] = first + index;
      encodeMapping(view, mapping);
      this.#mappings.update(keyBytes, value);
    });
    const count = Math.min(mappings.length, maxMappings);
    this.#view.setBigUint64(this.#at + targetLayout.offsets.exec_id, execId, true);
    this.#view.setBigUint64(
      this.#at + targetLayout.offsets.mappings,
      BigInt(count) << 32n | BigInt(first),
      true,
    );
    this.#active = next;
  }
}

function encodeMapping(view: DataView, mapping: UnwindMapping): void {
  const { offsets } = mappingLayout;
  view.setBigUint64(offsets.start, BigInt(mapping.start), true);
  view.setBigUint64(offsets.end, BigInt(mapping.end), true);
  view.setBigInt64(offsets.base, BigInt(mapping.base), true);
  view.setUint32(offsets.table, mapping.table, true);
  view.setUint32(offsets.page_count, mapping.pageCount, true);
  view.setUint32(offsets.rules_at, mapping.rulesAt, true);
}
