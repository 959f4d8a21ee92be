import { FrameKind } from "../../gen/stakeout/v1/profile_pb.ts";
import type { FlameSymbol } from "./flame_tree.ts";

const shades = 8;

/** Hues in degrees by kind of code: warm for the program, blue for the kernel, green for generated code. */
const hues: Readonly<Record<number, readonly [number, number, number]>> = {
  [FrameKind.USER]: [22, 46, 78],
  [FrameKind.KERNEL]: [204, 226, 48],
  [FrameKind.JIT]: [146, 170, 44],
};
const greyRow = 3;

/** Colours of frames: `shades` a kind, full and faded. Index them with `shadeOf`. */
export interface Palette {
  readonly full: readonly string[];
  readonly faded: readonly string[];
}

/** Makes the colours for dark or light surroundings. Labels on full ones are near black in both. */
export function makePalette(dark: boolean): Palette {
  const full: string[] = [];
  const faded: string[] = [];
  for (const kind of [FrameKind.USER, FrameKind.KERNEL, FrameKind.JIT]) {
    const [from, to, saturation] = hues[kind]!;
    for (let shade = 0; shade < shades; shade++) {
      const hue = from + ((to - from) * shade) / (shades - 1);
      const lightness = (dark ? 61 : 71) + (shade % 3) * 3;
      full.push(`hsl(${hue.toFixed(0)} ${saturation}% ${lightness}%)`);
      faded.push(dark ? `hsl(${hue.toFixed(0)} 14% 25%)` : `hsl(${hue.toFixed(0)} 22% 91%)`);
    }
  }
  for (let shade = 0; shade < shades; shade++) {
    full.push(dark ? "hsl(210 9% 60%)" : "hsl(210 12% 80%)");
    faded.push(dark ? "hsl(210 10% 24%)" : "hsl(210 14% 92%)");
  }
  return { full, faded };
}

/** Index of a symbol's colour; the same name always has the same shade. */
export function shadeOf({ kind, name }: FlameSymbol): number {
  const row = kind === FrameKind.USER ? 0 : kind === FrameKind.KERNEL ? 1 : kind === FrameKind.JIT ? 2 : greyRow;
  let hash = 0;
  for (let index = 0; index < name.length && index < 64; index++) {
    hash = (Math.imul(hash, 31) + name.charCodeAt(index)) | 0;
  }
  return row * shades + ((hash >>> 4) % shades);
}
