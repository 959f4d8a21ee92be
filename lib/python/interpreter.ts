import type { ByteSource } from "../bytes/byte_source.ts";
import { Cursor } from "../bytes/cursor.ts";
import { type Elf, toFileOffset } from "../elf/elf.ts";
import { findObjects } from "../elf/find_functions.ts";
import { readDebugOffsets } from "./debug_offsets.ts";
import { knownLayouts, type PythonLayout } from "./layout.ts";

/** A CPython in an ELF file: an executable or libpython3.X.so. */
export interface PythonInterpreter {
  /** Its version, "3.11"; with "(free-threaded)" or "(pre-release)" behind it when such, "before 3.11" when older. */
  readonly version: string;
  /** Addresses in the module. */
  readonly runtimeAddress: number;
  readonly codeTypeAddress: number;
  /** Undefined when this version is not supported. */
  readonly layout: PythonLayout | undefined;
}

const release = 0xf;

/**
 * Finds the interpreter in a file; undefined when it has none.
 *
 * Source: the exported objects _PyRuntime, Py_Version (from 3.11 on) and PyCode_Type.
 */
export async function findInterpreter(
  source: ByteSource,
  elf: Elf,
): Promise<PythonInterpreter | undefined> {
  const found = await findObjects(source, elf, ["_PyRuntime", "Py_Version", "PyCode_Type"]);
  const [runtime, version, codeType] = ["_PyRuntime", "Py_Version", "PyCode_Type"].map((name) =>
    found.get(name)
  );
  if (runtime === undefined || codeType === undefined) return undefined;
  const addresses = { runtimeAddress: runtime, codeTypeAddress: codeType };
  const versionOffset = version === undefined ? undefined : toFileOffset(elf, version);
  if (versionOffset === undefined) return { version: "before 3.11", ...addresses, layout: undefined };
  const hexVersion = new Cursor(source, 10).u32(versionOffset);
  const minor = `${hexVersion >>> 24}.${hexVersion >>> 16 & 0xff}`;
  if ((hexVersion >>> 4 & 0xf) !== release) {
    return { version: `${minor} (pre-release)`, ...addresses, layout: undefined };
  }
  const runtimeOffset = toFileOffset(elf, runtime);
  if (minor !== "3.13" || runtimeOffset === undefined) {
    return { version: minor, ...addresses, layout: knownLayouts[minor] };
  }
  const layout = readDebugOffsets(source, runtimeOffset);
  return { version: layout === undefined ? "3.13 (free-threaded)" : minor, ...addresses, layout };
}
