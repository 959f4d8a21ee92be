import { knownLayouts, type PythonLayout } from "../../../lib/python/layout.ts";
import type { FoundPythons, PythonProcess } from "./find_pythons.ts";

const layoutFields = Object.keys(knownLayouts["3.11"]!) as (keyof PythonLayout)[];
const maxOffset = 0xffff;
const userAddressEnd = 2 ** 47;
const maxNotes = 2;
const maxNoteLength = 200;

/** Reads what the naming child found, which has read hostile files; undefined when it is nothing that could be found. */
export function readFoundPythons(found: unknown): FoundPythons | undefined {
  if (typeof found !== "object" || found === null) return undefined;
  const { processes, notes } = found as Record<string, unknown>;
  if (!Array.isArray(processes) || !Array.isArray(notes) || notes.length > maxNotes) return undefined;
  if (!processes.every(isProcess) || !notes.every((note) => typeof note === "string")) return undefined;
  return { processes, notes: notes.map((note) => note.slice(0, maxNoteLength)) };
}

function isProcess(value: unknown): value is PythonProcess {
  if (typeof value !== "object" || value === null) return false;
  const { pid, runtimeAddress, codeTypeAddress, layout } = value as Record<string, unknown>;
  if (typeof layout !== "object" || layout === null) return false;
  const offsets = layout as Record<string, unknown>;
  return Object.keys(offsets).length === layoutFields.length &&
    layoutFields.every((field) => isWithin(offsets[field], maxOffset)) &&
    isWithin(pid, 2 ** 31) && isWithin(runtimeAddress, userAddressEnd) &&
    isWithin(codeTypeAddress, userAddressEnd);
}

function isWithin(value: unknown, most: number): boolean {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= most;
}
