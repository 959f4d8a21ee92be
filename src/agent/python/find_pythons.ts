import { parseElf } from "../../../lib/elf/elf.ts";
import { keepExecutable, type Mapping, parseMaps, readMapsText } from "../../../lib/procfs/maps.ts";
import { findInterpreter, type PythonInterpreter } from "../../../lib/python/interpreter.ts";
import type { PythonLayout } from "../../../lib/python/layout.ts";
import { isMappedBuild, listBiases } from "../../../lib/symbol/mapped_build.ts";
import { type ExpectedFile, openExecutable, openInRoot, openMapFile } from "../../../lib/sys/open_in_root.ts";
import type { OpenedFile } from "../../../lib/sys/opened_file.ts";

/** A process that runs a CPython whose frames can be read. Addresses are of the process. */
export interface PythonProcess {
  readonly pid: number;
  readonly runtimeAddress: number;
  readonly codeTypeAddress: number;
  readonly layout: PythonLayout;
}

/** What was found in the targets of a task. */
export interface FoundPythons {
  readonly processes: readonly PythonProcess[];
  /** A sentence for each that runs a Python whose frames are not read. */
  readonly notes: readonly string[];
}

/** Files with Python in their name that are looked into; one is the rule. */
const maxFiles = 4;
const pythonFile = /^(?:lib)?(python|pypy)(\d(?:\.\d+)?)?[^/]*$/;
const supported = "those of CPython 3.11 to 3.13 are";

/** Looks for a Python in each process: in its executable, and in files whose names say so. */
export async function findPythons(pids: readonly number[]): Promise<FoundPythons> {
  const processes: PythonProcess[] = [];
  const notes: string[] = [];
  for (const pid of pids) {
    const found = await findPython(pid);
    if (typeof found === "string") notes.push(found);
    else if (found !== undefined) processes.push(found);
  }
  return { processes, notes };
}

async function findPython(pid: number): Promise<PythonProcess | string | undefined> {
  const mappings = parseMaps(keepExecutable(await readMapsText(pid)));
  const named = mappings.filter(({ path, inode }) => inode !== 0 && pythonFile.test(fileName(path)));
  let note: string | undefined;
  for (const mapping of named.slice(0, maxFiles)) {
    const found = await readMapped(pid, mapping, openMapping(pid, mapping));
    if (typeof found === "object") return found;
    note = found ?? note ?? unsupported(pid, describe(mapping.path));
  }
  if (named.length > 0) return note;
  // An executable of any name may have one linked in.
  const file = openExecutable(pid);
  const own = file && mappings.find(({ inode }) => inode === file.inode);
  if (own !== undefined) return await readMapped(pid, own, file);
  file?.close();
  return undefined;
}

/** The interpreter in a mapped file, or why it is not read; undefined when there is none. Closes the file. */
async function readMapped(
  pid: number,
  mapping: Mapping,
  file: OpenedFile | undefined,
): Promise<PythonProcess | string | undefined> {
  if (file === undefined) return undefined;
  try {
    const elf = parseElf(file);
    if (elf === undefined || !isMappedBuild(pid, mapping, elf)) return undefined;
    const interpreter = await findInterpreter(file, elf);
    const [bias] = listBiases(mapping, elf);
    if (interpreter === undefined || bias === undefined) return undefined;
    return toProcess(pid, mapping, interpreter, bias);
  } finally {
    file.close();
  }
}

function toProcess(
  pid: number,
  mapping: Mapping,
  { version, layout, runtimeAddress, codeTypeAddress }: PythonInterpreter,
  bias: number,
): PythonProcess | string {
  if (layout === undefined) {
    const described = version === "before 3.11" ? describe(mapping.path) : `Python ${version}`;
    return unsupported(pid, described);
  }
  return { pid, runtimeAddress: bias + runtimeAddress, codeTypeAddress: bias + codeTypeAddress, layout };
}

/** "Python 3.9" out of "/usr/lib/libpython3.9.so.1.0". */
function describe(path: string): string {
  const [, name, version = ""] = pythonFile.exec(fileName(path)) ?? [];
  return `${name === "pypy" ? "PyPy" : "Python"} ${version}`.trim();
}

function unsupported(pid: number, described: string): string {
  return `Frames of ${described} in process ${pid} are not read; ${supported}`;
}

function openMapping(pid: number, mapping: Mapping): OpenedFile | undefined {
  const expected: ExpectedFile = mapping;
  return (mapping.deleted ? undefined : openInRoot(pid, mapping.path, expected)) ??
    openExecutable(pid, expected) ?? openMapFile(pid, mapping.start, mapping.end, expected);
}

function fileName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
