const polynomialLow = 0xd7870f42;
const polynomialHigh = 0xc96c5795;
let tables: { low: Uint32Array; high: Uint32Array } | undefined;

/** CRC-64 as xz counts it (ECMA-182, reflected). */
export function crc64(bytes: Uint8Array): bigint {
  const { low, high } = tables ??= makeTables();
  let sumLow = 0xffffffff;
  let sumHigh = 0xffffffff;
  for (const byte of bytes) {
    const index = (sumLow ^ byte) & 0xff;
    sumLow = (sumLow >>> 8 | sumHigh << 24) ^ low[index]!;
    sumHigh = sumHigh >>> 8 ^ high[index]!;
  }
  return BigInt(~sumHigh >>> 0) << 32n | BigInt(~sumLow >>> 0);
}

function makeTables() {
  const low = new Uint32Array(256);
  const high = new Uint32Array(256);
  for (let index = 0; index < 256; index++) {
    let sumLow = index;
    let sumHigh = 0;
    for (let bit = 0; bit < 8; bit++) {
      const odd = sumLow & 1;
      sumLow = sumLow >>> 1 | sumHigh << 31;
      sumHigh >>>= 1;
      if (odd === 1) {
        sumLow ^= polynomialLow;
        sumHigh ^= polynomialHigh;
      }
    }
    low[index] = sumLow;
    high[index] = sumHigh;
  }
  return { low, high };
}
