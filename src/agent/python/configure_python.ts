import type { BpfObject } from "../../../lib/bpf/object.ts";
import { layouts } from "../../gen/records.ts";
import type { PythonProcess } from "./find_pythons.ts";

const { size: processBytes, offsets } = layouts.python_process_value;
/** MAX_TARGETS. */
const maxTargets = 2;

/** Tells a program that includes `python.bpf.h`, before it is loaded, where the interpreters of its targets are. */
export function configurePython(object: BpfObject, processes: readonly PythonProcess[]): void {
  if (processes.length === 0) {
    for (const map of ["python_codes", "python_threads"]) object.setMaxEntries(map, 1);
    return;
  }
  const bytes = new Uint8Array(maxTargets * processBytes);
  const view = new DataView(bytes.buffer);
  processes.slice(0, maxTargets).forEach((process, index) =>
    writeProcess(view, index * processBytes, process)
  );
  object.setRodata("python_count", processes.length);
  object.setRodata("pythons", bytes);
}

function writeProcess(view: DataView, at: number, process: PythonProcess): void {
  view.setBigUint64(at + offsets.runtime, BigInt(process.runtimeAddress), true);
  view.setBigUint64(at + offsets.code_type, BigInt(process.codeTypeAddress), true);
  view.setUint32(at + offsets.tgid, process.pid, true);
  for (const [field, value] of Object.entries(process.layout)) {
    const name = field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`) as keyof typeof offsets;
    view.setUint16(at + offsets[name], value, true);
  }
}
