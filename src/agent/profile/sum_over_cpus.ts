import type { BpfMap } from "../../../lib/bpf/map.ts";

/** Sums a 64-bit field over the CPUs of a per-CPU array's only entry. */
export function sumOverCpus<Field extends string>(
  map: BpfMap,
  layout: { readonly size: number; readonly offsets: Readonly<Record<Field, number>> },
  field: Field,
): number {
  const value = new Uint8Array(map.valueBytes);
  map.lookup(new Uint8Array(4), value);
  const view = new DataView(value.buffer);
  let total = 0;
  for (let cpu = 0; cpu < value.length; cpu += layout.size) {
    total += Number(view.getBigUint64(cpu + layout.offsets[field], true));
  }
  return total;
}
