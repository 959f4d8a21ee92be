import type { XzOutput } from "./xz_output.ts";

const lowBitModel = 1024;
const states = 12;
const lengthModels = 2 + 16 * 8 * 2 + 256;
const lengthLow = 2;
const lengthMiddle = lengthLow + 16 * 8;
const lengthHigh = lengthMiddle + 16 * 8;
const isMatch = 0;
const isRepeat = isMatch + states * 16;
const isRepeat0 = isRepeat + states;
const isRepeat1 = isRepeat0 + states;
const isRepeat2 = isRepeat1 + states;
const isRepeat0Long = isRepeat2 + states;
const distanceSlot = isRepeat0Long + states * 16;
const distanceSpecial = distanceSlot + 4 * 64;
const distanceAlign = distanceSpecial + 128;
const matchLength = distanceAlign + 16;
const repeatLength = matchLength + lengthModels;
const literals = repeatLength + lengthModels;
/** The states after a literal: a literal, then one of seven ways to have come to it, fall back in steps. */
const stateAfterLiteral = [0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 4, 5];

/**
 * The LZMA part of LZMA2: keeps its state from chunk to chunk, writes to an output that is its dictionary too.
 *
 * Source: what xz writes and liblzma reads: an arithmetic decoder of binary decisions, each with an adaptive 11-bit
 * probability; literals, matches (length, distance) and matches at one of the last four distances.
 */
export class LzmaDecoder {
  #models = new Uint16Array(0);
  #literalContextBits = 0;
  #literalPositionMask = 0;
  #positionMask = 0;
  #state = 0;
  #repeats = new Uint32Array(4);
  #input: Uint8Array = new Uint8Array(0);
  #at = 0;
  #end = 0;
  #range = 0;
  #code = 0;

  /** Sets lc, lp and pb; false when they are not what LZMA2 allows. */
  setProperties(byte: number): boolean {
    const literalContextBits = byte % 9;
    const literalPositionBits = Math.floor(byte / 9) % 5;
    const positionBits = Math.floor(byte / 45);
    if (positionBits > 4 || literalContextBits + literalPositionBits > 4) return false;
    this.#literalContextBits = literalContextBits;
    this.#literalPositionMask = (1 << literalPositionBits) - 1;
    this.#positionMask = (1 << positionBits) - 1;
    this.#models = new Uint16Array(literals + (0x300 << (literalContextBits + literalPositionBits)));
    this.resetState();
    return true;
  }

  resetState(): void {
    this.#models.fill(lowBitModel);
    this.#state = 0;
    this.#repeats.fill(0);
  }

  /** Decodes one chunk to exactly `length` more bytes of output; false when it is broken. */
  decode(input: Uint8Array, start: number, end: number, output: XzOutput, length: number): boolean {
    if (this.#models.length === 0 || end - start < 5 || input[start] !== 0) return false;
    this.#input = input;
    this.#range = 0xffffffff;
    this.#code = 0;
    for (let index = 1; index < 5; index++) this.#code = (this.#code << 8 | input[start + index]!) >>> 0;
    this.#at = start + 5;
    this.#end = end;
    const limit = output.length + length;
    while (output.length < limit) {
      const position = (output.length - output.start) & this.#positionMask;
      const models = this.#state * 16 + position;
      if (this.#bit(isMatch + models) === 0) this.#literal(output);
      else if (!this.#match(output, position, limit)) return false;
      if (this.#at > this.#end) return false;
    }
    return true;
  }

  #literal(output: XzOutput): void {
    const position = output.length - output.start;
    const previous = position === 0 ? 0 : output.bytes[output.length - 1]!;
    const context = ((position & this.#literalPositionMask) << this.#literalContextBits) +
      (previous >> (8 - this.#literalContextBits));
    const base = literals + 0x300 * context;
    let symbol = 1;
    if (this.#state >= 7) {
      // After a match, the byte that the match would go on with tells much of this one.
      let expected = output.bytes[output.length - this.#repeats[0]! - 1]!;
      while (symbol < 0x100) {
        const expectedBit = expected >> 7 & 1;
        expected <<= 1;
        const bit = this.#bit(base + ((1 + expectedBit) << 8) + symbol);
        symbol = symbol << 1 | bit;
        if (bit !== expectedBit) break;
      }
    }
    while (symbol < 0x100) symbol = symbol << 1 | this.#bit(base + symbol);
    output.push(symbol & 0xff);
    this.#state = stateAfterLiteral[this.#state]!;
  }

  /** A match of any kind; false when it reaches before the beginning or behind the end. */
  #match(output: XzOutput, position: number, limit: number): boolean {
    const repeats = this.#repeats;
    const afterLiteral = this.#state < 7;
    let length: number;
    if (this.#bit(isRepeat + this.#state) === 0) {
      repeats.copyWithin(1, 0, 3);
      length = this.#length(matchLength, position);
      repeats[0] = this.#distance(length);
      this.#state = afterLiteral ? 7 : 10;
    } else if (this.#bit(isRepeat0 + this.#state) !== 0) {
      const which = this.#bit(isRepeat1 + this.#state) === 0 ? 1 : 2 + this.#bit(isRepeat2 + this.#state);
      const distance = repeats[which]!;
      repeats.copyWithin(1, 0, which);
      repeats[0] = distance;
      length = this.#length(repeatLength, position);
      this.#state = afterLiteral ? 8 : 11;
    } else if (this.#bit(isRepeat0Long + this.#state * 16 + position) !== 0) {
      length = this.#length(repeatLength, position);
      this.#state = afterLiteral ? 8 : 11;
    } else {
      length = 1;
      this.#state = afterLiteral ? 9 : 11;
    }
    if (repeats[0]! >= output.length - output.start || output.length + length > limit) return false;
    output.repeat(repeats[0]! + 1, length);
    return true;
  }

  #length(models: number, position: number): number {
    if (this.#bit(models) === 0) return 2 + this.#tree(models + lengthLow + position * 8, 3);
    if (this.#bit(models + 1) === 0) return 10 + this.#tree(models + lengthMiddle + position * 8, 3);
    return 18 + this.#tree(models + lengthHigh, 8);
  }

  /** Distance less one; 0xffffffff would be an end mark, which LZMA2 does not have. */
  #distance(length: number): number {
    const slot = this.#tree(distanceSlot + Math.min(length - 2, 3) * 64, 6);
    if (slot < 4) return slot;
    const bits = (slot >> 1) - 1;
    const base = (2 | slot & 1) << bits >>> 0;
    if (slot < 14) return base + this.#reverseTree(distanceSpecial + base - slot, bits);
    const direct = this.#directBits(bits - 4) * 16;
    return (base + direct + this.#reverseTree(distanceAlign, 4)) >>> 0;
  }

  #tree(models: number, bits: number): number {
    let symbol = 1;
    for (let index = 0; index < bits; index++) symbol = symbol << 1 | this.#bit(models + symbol);
    return symbol - (1 << bits);
  }

  #reverseTree(models: number, bits: number): number {
    let symbol = 1;
    let value = 0;
    for (let index = 0; index < bits; index++) {
      const bit = this.#bit(models + symbol);
      symbol = symbol << 1 | bit;
      value |= bit << index;
    }
    return value;
  }

  #directBits(bits: number): number {
    let value = 0;
    for (let index = 0; index < bits; index++) {
      this.#normalize();
      this.#range >>>= 1;
      const bit = this.#code >= this.#range ? 1 : 0;
      if (bit === 1) this.#code = (this.#code - this.#range) >>> 0;
      value = value * 2 + bit;
    }
    return value;
  }

  /** Decodes one decision and moves its probability toward what came. */
  #bit(model: number): number {
    this.#normalize();
    const models = this.#models;
    const probability = models[model]!;
    const bound = (this.#range >>> 11) * probability;
    if (this.#code < bound) {
      this.#range = bound;
      models[model] = probability + ((2048 - probability) >> 5);
      return 0;
    }
    this.#range -= bound;
    this.#code -= bound;
    models[model] = probability - (probability >> 5);
    return 1;
  }

  /** Reads behind the end count as zeros; `decode` sees that it went there. */
  #normalize(): void {
    if (this.#range >= 0x1000000) return;
    this.#range = (this.#range << 8) >>> 0;
    const byte = this.#at < this.#end ? this.#input[this.#at]! : 0;
    this.#at++;
    this.#code = (this.#code << 8 | byte) >>> 0;
  }
}
