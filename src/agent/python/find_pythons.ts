import { parseElf } from "../../../lib/elf/elf.ts";
import { keepExecutable, type Mapping, parseMaps, readMapsText } from "../../../lib/procfs/maps.ts";
import { findInterpreter, type PythonInterpreter } from "../../../lib/python/interpreter.ts";
import type { PythonLayout } from "../../../lib/python/layout.ts";
import { isMappedBuild, listBiases } from "../../../lib/symbol/mapped_build.ts";
import { moduleKey, openMapped } from "../../../lib/symbol/module_cache.ts";

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

/** How to look. */
export interface PythonSearch {
  /** Keys of files that are not to be touched. */
  readonly skip?: ReadonlySet<string>;
  /** Called with a file's key before it is read, with "" after. */
  readonly onModule?: (key: string) => void;
}

/** Files with Python in their name that are looked into; one or two are the rule. */
const maxFiles = 4;
const pythonFile = /^(?:lib)?(python|pypy)(\d(?:\.\d+)?)?[^/]*$/;
const supported = "those of CPython 3.11 to 3.13 are";

/** Whether a process executes a file with Python in its name, its executable or a library. Reads no file of the process. */
export async function mayRunPython(pid: number): Promise<boolean> {
  return (await listPythonFiles(pid)).length > 0;
}

/** Looks for a Python in each process that may run one. Reads files of hostile processes: for the naming child. */
export async function findPythons(
  pids: readonly number[],
  search: PythonSearch = {},
): Promise<FoundPythons> {
  const processes: PythonProcess[] = [];
  const notes: string[] = [];
  for (const pid of pids) {
    const found = await findPython(pid, search);
    if (typeof found === "string") notes.push(found);
    else if (found !== undefined) processes.push(found);
  }
  return { processes, notes };
}

async function listPythonFiles(pid: number): Promise<Mapping[]> {
  const mappings = parseMaps(keepExecutable(await readMapsText(pid)));
  return mappings.filter(({ path, inode }) => inode !== 0 && pythonFile.test(fileName(path)))
    .slice(0, maxFiles);
}

async function findPython(
  pid: number,
  { skip, onModule }: PythonSearch,
): Promise<PythonProcess | string | undefined> {
  let note: string | undefined;
  for (const mapping of await listPythonFiles(pid)) {
    const key = moduleKey(mapping);
    if (skip?.has(key)) continue;
    onModule?.(key);
    const found = await readMapped(pid, mapping);
    onModule?.("");
    if (typeof found === "object") return found;
    note = found ?? note ?? unsupported(pid, describe(mapping.path));
  }
  return note;
}

/** The interpreter in a mapped file, or why it is not read; undefined when there is none. */
async function readMapped(pid: number, mapping: Mapping): Promise<PythonProcess | string | undefined> {
  const file = openMapped(pid, mapping);
  if (file === undefined) return undefined;
  try {
    const elf = parseElf(file);
    if (elf === undefined || !isMappedBuild(pid, mapping, elf)) return undefined;
    const interpreter = await findInterpreter(file, elf);
    const [bias] = listBiases(mapping, elf);
    if (interpreter === undefined || bias === undefined) return undefined;
    return toProcess({ pid, mapping, bias }, interpreter);
  } finally {
    file.close();
  }
}

function toProcess(
  { pid, mapping, bias }: { pid: number; mapping: Mapping; bias: number },
  { version, layout, runtimeAddress, codeTypeAddress }: PythonInterpreter,
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

function fileName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
