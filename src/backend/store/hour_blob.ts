/** What is kept of a minute after a day. */
export interface MinuteSummary {
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  /** Slots that were not empty, 1 to 60. */
  readonly count: number;
}

const entryBytes = 14;

/**
 * Packs the summaries of one hour of one series by minute of the hour.
 * Shape: entries of minute (1 byte), count (1 byte), min, max, mean (little-endian floats), ascending by minute.
 * Limits: at most 60 entries, 840 bytes.
 */
export function encodeHour(minutes: ReadonlyMap<number, MinuteSummary>): Uint8Array<ArrayBuffer> {
  const entries = [...minutes].sort(([left], [right]) => left - right);
  const bytes = new Uint8Array(entries.length * entryBytes);
  const view = new DataView(bytes.buffer);
  entries.forEach(([minute, { min, max, mean, count }], index) => {
    const offset = index * entryBytes;
    view.setUint8(offset, minute);
    view.setUint8(offset + 1, count);
    view.setFloat32(offset + 2, min, true);
    view.setFloat32(offset + 6, max, true);
    view.setFloat32(offset + 10, mean, true);
  });
  return bytes;
}

/** Unpacks what `encodeHour` packed. */
export function decodeHour(bytes: Uint8Array): Map<number, MinuteSummary> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const minutes = new Map<number, MinuteSummary>();
  for (let offset = 0; offset + entryBytes <= bytes.length; offset += entryBytes) {
    minutes.set(view.getUint8(offset), {
      count: view.getUint8(offset + 1),
      min: view.getFloat32(offset + 2, true),
      max: view.getFloat32(offset + 6, true),
      mean: view.getFloat32(offset + 10, true),
    });
  }
  return minutes;
}

/** Sums up the slots of a minute; undefined when all are empty. */
export function summarizeMinute(values: Float32Array, states: Uint8Array): MinuteSummary | undefined {
  let min = Infinity;
  let max = -Infinity;
  let sum = 0;
  let count = 0;
  for (let slot = 0; slot < values.length; slot++) {
    const value = values[slot];
    if (!states[slot] || value === undefined) continue;
    min = Math.min(min, value);
    max = Math.max(max, value);
    sum += value;
    count++;
  }
  return count === 0 ? undefined : { min, max, mean: sum / count, count };
}

/** Joins two parts of one minute that came at different times. */
export function joinSummaries(left: MinuteSummary | undefined, right: MinuteSummary): MinuteSummary {
  if (left === undefined) return right;
  const count = left.count + right.count;
  return {
    min: Math.min(left.min, right.min),
    max: Math.max(left.max, right.max),
    mean: (left.mean * left.count + right.mean * right.count) / count,
    count: Math.min(60, count),
  };
}
