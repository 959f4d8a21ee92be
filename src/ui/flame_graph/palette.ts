import { FrameKind } from "../../gen/stakeout/v1/profile_pb.ts";
import type { FlameSymbol } from "./flame_tree.ts";

const shades = 8;

/**
 * Hues from, to and saturation by row: warm for the program, blue for the kernel, green for generated code, violet for what is
 * interpreted, grey else.
 */
const rows = [[14, 40, 70], [202, 224, 46], [146, 170, 44], [268, 292, 38], [210, 210, 10]] as const;
const rowOfKind: Readonly<Record<number, number>> = {
  [FrameKind.USER]: 0,
  [FrameKind.KERNEL]: 1,
  [FrameKind.JIT]: 2,
  [FrameKind.INTERPRETED]: 3,
};

/** A colour as one pixel of an ImageData seen as 32-bit numbers on a little-endian machine: 0xAABBGGRR. */
export type Pixel = number;

/** Colours of frames; index them with `shadeOf`. */
export interface Palette {
  readonly full: Uint32Array;
  readonly faded: Uint32Array;
}

/** Makes the colours for dark or light surroundings. Labels on full ones are near black in both. */
export function makePalette(dark: boolean): Palette {
  const full = new Uint32Array(rows.length * shades);
  const faded = new Uint32Array(rows.length * shades);
  for (const [row, [from, to, saturation]] of rows.entries()) {
    for (let shade = 0; shade < shades; shade++) {
      const hue = from + ((to - from) * shade) / (shades - 1);
      const lightness = (dark ? 61 : 71) + (shade % 3) * 3;
      full[row * shades + shade] = toPixel(hue, saturation, lightness);
      faded[row * shades + shade] = dark ? toPixel(hue, 13, 24) : toPixel(hue, 22, 91);
    }
  }
  return { full, faded };
}

/** Index of a symbol's colour; the same name always has the same shade. */
export function shadeOf({ kind, name }: Pick<FlameSymbol, "kind" | "name">): number {
  let hash = 0;
  for (let index = 0; index < name.length && index < 64; index++) {
    hash = (Math.imul(hash, 31) + name.charCodeAt(index)) | 0;
  }
  return (rowOfKind[kind] ?? rows.length - 1) * shades + ((hash >>> 4) % shades);
}

/** The colour that stands for a kind in legends. */
export function legendShade(kind: FrameKind): number {
  return (rowOfKind[kind] ?? rows.length - 1) * shades + 2;
}

/** A pixel as CSS writes it: `rgb(18 32 42)`. */
export function toCss(pixel: Pixel): string {
  return `rgb(${pixel & 255} ${(pixel >>> 8) & 255} ${(pixel >>> 16) & 255})`;
}

/** Hue in degrees, saturation and lightness in percent. */
function toPixel(hue: number, saturation: number, lightness: number): Pixel {
  const light = lightness / 100;
  const spread = (saturation / 100) * Math.min(light, 1 - light);
  const channel = (offset: number) => {
    const at = (offset + hue / 30) % 12;
    return Math.round(255 * (light - spread * Math.max(-1, Math.min(at - 3, 9 - at, 1))));
  };
  return ((255 << 24) | (channel(4) << 16) | (channel(8) << 8) | channel(0)) >>> 0;
}
