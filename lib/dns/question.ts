/** What a query of DNS asks. */
export interface Question {
  /** Lower case, without the last dot, at most 253 characters; bytes that no host name has are shown as `?`. */
  readonly name: string;
  /** 1 A, 28 AAAA, ... */
  readonly type: number;
}

const longestLabel = 63;
const longestName = 253;

/**
 * Reads the question that follows the header of a DNS message, undefined when it is none or is cut short. Attacker's input:
 * compressed names, which no question needs, are refused, so every byte is looked at once.
 */
export function readQuestion(bytes: Uint8Array): Question | undefined {
  const labels: string[] = [];
  let at = 0;
  let length = -1;
  for (;;) {
    const labelBytes = bytes[at];
    if (labelBytes === undefined || labelBytes > longestLabel) return undefined;
    at++;
    if (labelBytes === 0) break;
    length += labelBytes + 1;
    if (length > longestName || at + labelBytes > bytes.length) return undefined;
    labels.push(String.fromCharCode(...bytes.subarray(at, at + labelBytes).map(showByte)));
    at += labelBytes;
  }
  const high = bytes[at];
  const low = bytes[at + 1];
  if (high === undefined || low === undefined) return undefined;
  return { name: labels.join(".").toLowerCase(), type: high << 8 | low };
}

function showByte(byte: number): number {
  const isNameByte = byte >= 0x30 && byte <= 0x39 || byte >= 0x41 && byte <= 0x5a ||
    byte >= 0x61 && byte <= 0x7a;
  return isNameByte || byte === 0x2d || byte === 0x5f ? byte : 0x3f;
}
