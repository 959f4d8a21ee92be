import type { DwarfReader } from "./dwarf_reader.ts";
import type { DwarfSections } from "./dwarf_sections.ts";
import { type FileTable, readFileTable } from "./file_table.ts";
import { LineRows } from "./line_rows.ts";

/** Which file and line the code of one unit came from, by address. */
export interface LineProgram {
  readonly files: FileTable;
  readonly rows: LineRows;
}

/** Registers of the line machine. */
interface Machine {
  address: number;
  file: number;
  line: number;
}

/**
 * Runs a line program; undefined when it is of a version not known here, what was read until then when it is broken.
 *
 * Source: .debug_line, versions 2 to 5: header, tables of folders and files, then the opcodes.
 */
export function readLineProgram(
  sections: DwarfSections,
  at: number,
  unit: { readonly folder: string; readonly addressBytes: number },
): LineProgram | undefined {
  const reader = sections.reader("line", at);
  if (reader === undefined) return undefined;
  const length = reader.unitLength();
  const end = Math.min(reader.at + length, sections.sizeOf("line"));
  const version = reader.u16();
  if (version < 2 || version > 5 || reader.failed) return undefined;
  const addressBytes = version === 5 ? reader.u8() : unit.addressBytes;
  if (version === 5) reader.u8();
  const headerBytes = reader.offset();
  const programAt = reader.at + headerBytes;
  const minimumBytes = reader.u8();
  if (version >= 4) reader.u8();
  reader.u8();
  const lineBase = (reader.u8() << 24) >> 24;
  const lineRange = reader.u8();
  const opcodeBase = reader.u8();
  const operands = Array.from({ length: Math.max(0, opcodeBase - 1) }, () => reader.u8());
  const files = readFileTable(sections, reader, version, unit.folder);
  if (reader.failed || lineRange === 0) return undefined;
  reader.at = programAt;
  const rows = new LineRows();
  run(reader, end, rows, { minimumBytes, lineBase, lineRange, opcodeBase, operands, addressBytes });
  rows.finish();
  return { files, rows };
}

interface Header {
  readonly minimumBytes: number;
  readonly lineBase: number;
  readonly lineRange: number;
  readonly opcodeBase: number;
  readonly operands: readonly number[];
  readonly addressBytes: number;
}

function run(reader: DwarfReader, end: number, rows: LineRows, header: Header): void {
  const { minimumBytes, lineBase, lineRange, opcodeBase, operands } = header;
  let machine: Machine = { address: 0, file: 1, line: 1 };
  while (reader.at < end && !reader.failed) {
    const opcode = reader.u8();
    if (opcode >= opcodeBase) {
      const adjusted = opcode - opcodeBase;
      machine.address += Math.floor(adjusted / lineRange) * minimumBytes;
      machine.line += lineBase + adjusted % lineRange;
      if (!rows.add(machine.address, machine.file, machine.line)) return;
      continue;
    }
    switch (opcode) {
      case 0:
        if (runExtended(reader, header, rows, machine)) machine = { address: 0, file: 1, line: 1 };
        break;
      case 1:
        if (!rows.add(machine.address, machine.file, machine.line)) return;
        break;
      case 2:
        machine.address += reader.uleb() * minimumBytes;
        break;
      case 3:
        machine.line += reader.sleb();
        break;
      case 4:
        machine.file = reader.uleb();
        break;
      case 8:
        machine.address += Math.floor((255 - opcodeBase) / lineRange) * minimumBytes;
        break;
      case 9:
        machine.address += reader.u16();
        break;
      default:
        // Those that say nothing of addresses, files or lines, and those of the future.
        for (let count = operands[opcode - 1] ?? 0; count > 0; count--) reader.uleb();
    }
  }
}

/** True at the end of a sequence. */
function runExtended(reader: DwarfReader, header: Header, rows: LineRows, machine: Machine): boolean {
  const length = reader.uleb();
  const next = reader.at + length;
  const opcode = length === 0 ? 0 : reader.u8();
  if (opcode === 1) rows.endSequence(machine.address);
  if (opcode === 2) machine.address = header.addressBytes === 8 ? reader.u64() : reader.u32();
  reader.at = next;
  return opcode === 1;
}
