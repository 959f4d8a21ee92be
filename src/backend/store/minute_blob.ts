/** Slots of one minute. */
export const slotsPerMinute = 60;

const allValues = 1;
const constant = 2;
const stateBytes = slotsPerMinute / 4;

/**
 * Packs one minute of one series.
 * Shape: a byte of flags; 15 bytes of 2-bit slot states, lowest bits first, unless every slot is a value; then the
 * values of the slots that are not empty as little-endian floats, or a single one when they are all the same.
 * Limits: 1 to 256 bytes.
 */
export function encodeMinute(values: Float32Array, states: Uint8Array): Uint8Array<ArrayBuffer> {
  let full = true;
  let same = true;
  let present = 0;
  let first = 0;
  for (let slot = 0; slot < slotsPerMinute; slot++) {
    if (states[slot] !== 1) full = false;
    if (!states[slot]) continue;
    if (present++ === 0) first = values[slot] ?? 0;
    else if (values[slot] !== first) same = false;
  }
  const written = same ? Math.min(1, present) : present;
  const bytes = new Uint8Array(1 + (full ? 0 : stateBytes) + written * 4);
  bytes[0] = (full ? allValues : 0) | (same ? constant : 0);
  let offset = 1;
  if (!full) {
    for (let slot = 0; slot < slotsPerMinute; slot++) {
      bytes[1 + (slot >> 2)]! |= ((states[slot] ?? 0) & 3) << ((slot & 3) * 2);
    }
    offset += stateBytes;
  }
  const view = new DataView(bytes.buffer);
  for (let slot = 0, done = 0; done < written; slot++) {
    if (!states[slot]) continue;
    view.setFloat32(offset + done++ * 4, values[slot] ?? 0, true);
  }
  return bytes;
}

/** Unpacks into arrays of 60, over what they hold; a blob that is cut short leaves the rest empty. */
export function decodeMinute(bytes: Uint8Array, values: Float32Array, states: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const flags = bytes[0] ?? 0;
  const full = (flags & allValues) !== 0;
  let offset = full ? 1 : 1 + stateBytes;
  for (let slot = 0; slot < slotsPerMinute; slot++) {
    const state = full ? 1 : ((bytes[1 + (slot >> 2)] ?? 0) >> ((slot & 3) * 2)) & 3;
    const present = state !== 0 && offset + 4 <= bytes.length;
    states[slot] = present ? state : 0;
    values[slot] = present ? view.getFloat32(offset, true) : 0;
    if (present && (flags & constant) === 0) offset += 4;
  }
}
