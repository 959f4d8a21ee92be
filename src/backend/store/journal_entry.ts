/** A few seconds of several series of one agent, with the store's own numbers for the series. */
export interface JournalEntry {
  readonly startSecond: number;
  readonly seconds: number;
  readonly series: Uint32Array;
  /** Series by series, oldest first. */
  readonly values: Float32Array;
  readonly states: Uint8Array;
}

const headerBytes = 16;

/**
 * Packs columns for the journal, which holds them until their minute is packed.
 * Shape: start second (8 bytes), seconds, number of series (4 bytes each), then series, values and states as columns,
 * all in this machine's byte order: the journal lives minutes and never leaves the machine.
 */
export function encodeJournalEntry(entry: JournalEntry): Uint8Array<ArrayBuffer> {
  const { startSecond, seconds, series, values, states } = entry;
  const bytes = new Uint8Array(headerBytes + series.byteLength + values.byteLength + states.byteLength);
  const view = new DataView(bytes.buffer);
  view.setFloat64(0, startSecond);
  view.setUint32(8, seconds);
  view.setUint32(12, series.length);
  let offset = headerBytes;
  for (const column of [series, values, states]) {
    bytes.set(new Uint8Array(column.buffer, column.byteOffset, column.byteLength), offset);
    offset += column.byteLength;
  }
  return bytes;
}

/** Unpacks an entry; undefined when its length does not fit its header. */
export function decodeJournalEntry(bytes: Uint8Array): JournalEntry | undefined {
  if (bytes.length < headerBytes) return undefined;
  const copy = bytes.slice();
  const view = new DataView(copy.buffer);
  const seconds = view.getUint32(8);
  const count = view.getUint32(12);
  const slots = count * seconds;
  if (copy.length !== headerBytes + count * 4 + slots * 5) return undefined;
  return {
    startSecond: view.getFloat64(0),
    seconds,
    series: new Uint32Array(copy.buffer, headerBytes, count),
    values: new Float32Array(copy.buffer, headerBytes + count * 4, slots),
    states: new Uint8Array(copy.buffer, headerBytes + count * 4 + slots * 4, slots),
  };
}
