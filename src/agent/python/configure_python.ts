import type { BpfObject } from "../../../lib/bpf/object.ts";
import { layouts } from "../../gen/records.ts";
import type { PythonProcess } from "./find_pythons.ts";

const { size: processBytes, offsets } = layouts.python_process_value;

/** Tells a program that includes `python.bpf.h`, before it is loaded, whether a target may run a Python. */
export function configurePython(object: BpfObject, readsPython: boolean): void {
  object.setRodata("reads_python", readsPython ? 1 : 0);
  if (readsPython) return;
  for (const map of ["python_codes", "python_threads"]) object.setMaxEntries(map, 1);
}

/** Tells it, once it is loaded, where the interpreters are: frames are read from then on. At most two. */
export function setPythons(object: BpfObject, processes: readonly PythonProcess[]): void {
  const memory = object.variable("pythons");
  const view = new DataView(memory.buffer, memory.byteOffset, memory.byteLength);
  processes.slice(0, memory.length / processBytes).forEach((process, index) => {
    writeProcess(view, index * processBytes, process);
  });
}

function writeProcess(view: DataView, at: number, process: PythonProcess): void {
  view.setBigUint64(at + offsets.runtime, BigInt(process.runtimeAddress), true);
  view.setBigUint64(at + offsets.code_type, BigInt(process.codeTypeAddress), true);
  for (const [field, value] of Object.entries(process.layout)) {
    const name = field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`) as keyof typeof offsets;
    view.setUint16(at + offsets[name], value, true);
  }
  // Last, for the programs look at nothing else until it is there.
  view.setUint32(at + offsets.tgid, process.pid, true);
}
