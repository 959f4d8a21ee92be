import type { BpfObject } from "../../../lib/bpf/object.ts";
import { configurePython, setPythons } from "./configure_python.ts";
import { type FoundPythons, mayRunPython } from "./find_pythons.ts";

/** Looks for Pythons in processes: the naming child does. */
export type PythonFinder = (pids: readonly number[]) => Promise<FoundPythons>;

/** It takes 0.4 s, most of it the child's start; where that is busy, stacks come without Python's frames at first. */
const maxWaitMs = 1500;

/** What a session of a program that includes `python.bpf.h` does for the Pythons among its targets. */
export class PythonTargets {
  readonly #object: BpfObject;
  readonly #pids: readonly number[];
  #notes: readonly string[] = [];

  private constructor(object: BpfObject, pids: readonly number[]) {
    this.#object = object;
    this.#pids = pids;
  }

  /** To be called before the object is loaded. */
  static async prepare(object: BpfObject, pids: readonly number[]): Promise<PythonTargets> {
    const mayRun = await Promise.all(pids.map(mayRunPython));
    const pythonPids = pids.filter((_, target) => mayRun[target]);
    configurePython(object, pythonPids.length > 0);
    return new PythonTargets(object, pythonPids);
  }

  /** Why frames of a target are not read, a sentence each. */
  get notes(): readonly string[] {
    return this.#notes;
  }

  /** To be called once it is loaded, before it is attached. Resolves when all are found, or that takes too long. */
  async find(findPythons: PythonFinder): Promise<void> {
    if (this.#pids.length === 0) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const waited = new Promise<void>((resolve) => timer = setTimeout(resolve, maxWaitMs));
    await Promise.race([waited, this.#find(findPythons)]);
    clearTimeout(timer);
  }

  async #find(findPythons: PythonFinder): Promise<void> {
    try {
      const { processes, notes } = await findPythons(this.#pids);
      this.#notes = notes;
      setPythons(this.#object, processes);
    } catch (error) {
      // The child cannot be had, or the session was closed meanwhile.
      this.#notes = [`Python frames are missing: ${(error as Error).message}`];
    }
  }
}
