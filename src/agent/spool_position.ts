import { crc32 } from "node:zlib";
import { writeAll } from "./private_folder.ts";

/** Records given up to make room, by class, since the agent's first start. Status and inventory count as metrics. */
export interface Drops {
  metrics: number;
  refusals: number;
  profiles: number;
  tasks: number;
}

/** What the queue must remember besides its records. */
export interface Position {
  /** Every sequence below may have been used. */
  readonly reserved: number;
  /** Every record at or below is forgotten. */
  readonly acknowledged: number;
  readonly drops: Readonly<Drops>;
}

const magic = 0x50_51_53_a7;
const slotBytes = 64;
const slotOffsets = [0, 4096] as const;

/**
 * The queue's position on disk.
 * Shape: two slots at 0 and 4096, written in turn and in place, so that a torn write spares the older one and a
 * full disk is no matter: u32 magic, u32 CRC-32 of the other bytes, f64 generation, reserved, acknowledged, and the
 * four drop counts, little-endian. The valid slot of the higher generation counts.
 */
export class PositionFile {
  readonly #file: Deno.FsFile;
  #generation: number;
  /** The position read at the start; `undefined` when there was none or both slots are damaged. */
  readonly initial: Position | undefined;

  /** Use `open`. */
  constructor(file: Deno.FsFile, newest: { generation: number; position: Position } | undefined) {
    this.#file = file;
    this.#generation = newest?.generation ?? 0;
    this.initial = newest?.position;
  }

  /** Opens or makes the file. */
  static async open(path: string): Promise<PositionFile> {
    const file = await Deno.open(path, { read: true, write: true, create: true, mode: 0o600 });
    let newest: { generation: number; position: Position } | undefined;
    for (const offset of slotOffsets) {
      const slot = await readSlot(file, offset);
      if (slot !== undefined && slot.generation > (newest?.generation ?? 0)) newest = slot;
    }
    return new PositionFile(file, newest);
  }

  /** Writes the other slot; `durable` waits until it is on the disk. One call at a time. */
  async write(position: Position, durable: boolean): Promise<void> {
    const generation = this.#generation + 1;
    const bytes = new Uint8Array(slotBytes);
    const view = new DataView(bytes.buffer);
    const { metrics, refusals, profiles, tasks } = position.drops;
    const fields = [generation, position.reserved, position.acknowledged, metrics, refusals, profiles, tasks];
    fields.forEach((value, index) => view.setFloat64(8 + index * 8, value, true));
    view.setUint32(0, magic, true);
    view.setUint32(4, crc32(bytes.subarray(8)), true);
    await this.#file.seek(slotOffsets[generation % 2 === 0 ? 0 : 1], Deno.SeekMode.Start);
    await writeAll(this.#file, bytes);
    if (durable) await this.#file.syncData();
    this.#generation = generation;
  }

  close(): void {
    this.#file.close();
  }
}

async function readSlot(
  file: Deno.FsFile,
  offset: number,
): Promise<{ generation: number; position: Position } | undefined> {
  const bytes = new Uint8Array(slotBytes);
  await file.seek(offset, Deno.SeekMode.Start);
  const length = await file.read(bytes);
  const view = new DataView(bytes.buffer);
  if (length !== slotBytes || view.getUint32(0, true) !== magic) return undefined;
  if (view.getUint32(4, true) !== crc32(bytes.subarray(8))) return undefined;
  const field = (index: number) => view.getFloat64(8 + index * 8, true);
  return {
    generation: field(0),
    position: {
      reserved: field(1),
      acknowledged: field(2),
      drops: { metrics: field(3), refusals: field(4), profiles: field(5), tasks: field(6) },
    },
  };
}
