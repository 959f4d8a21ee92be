import { type NameNote, nameNoteKinds } from "../../../lib/symbol/name_notes.ts";
import type { SymbolizedFrame } from "../../../lib/symbol/symbolized_frame.ts";
import type { FoundPythons } from "../python/find_pythons.ts";
import { readFoundPythons } from "../python/python_answer.ts";
import type { HelperReport } from "../child/helper_process.ts";

/** Frame kinds in the order of their numbers in `Answer`. */
export const frameKinds = ["user", "kernel", "jit", "interpreted"] as const;

/** Numbers of one frame in `Answer`. */
const stride = 7;
const maxLine = 2 ** 31;
/** Bits of a frame's last number. */
const inlinedBit = 1;
const runtimeBit = 2;
/** The largest time that there is. */
const maxUnixMs = 8.64e15;

/** Some frames of one process: user or kernel part of a stack, leaf first. */
export interface FrameRequest {
  readonly pid: number;
  readonly addresses: BigUint64Array;
  readonly kind: "user" | "kernel";
}

/** A process as the parent saw it before the child was there. */
export interface CapturedProcess {
  readonly pid: number;
  readonly startTicks: number;
  readonly maps: string;
}

/** What the agent asks; every request is answered in turn. */
export type Request =
  /** `skip` holds what a child died of; `debugFolder` fetched debug files by build ID, "" when none are fetched. */
  | { type: "capture"; processes: CapturedProcess[]; skip: string[]; debugFolder: string }
  | { type: "refresh" }
  /** Asks which of these processes run a Python whose frames can be read. */
  | { type: "pythons"; pids: number[] }
  /** Asks for the frames of the last "resolve" once more, with lines and inlined functions. */
  | { type: "lines" }
  /** Debug files that are in the folder now. */
  | { type: "fetched"; buildIds: string[] }
  | { type: "resolve"; stacks: { pid: number; kind: "user" | "kernel"; addresses: string }[] };

/** What the naming child says: one "done", "pythons" or "resolved" a request. */
export type Answer =
  | { type: "done" }
  | { type: "pythons"; found: FoundPythons }
  | {
    type: "resolved";
    strings: string[];
    /**
     * For each stack seven numbers a frame: index in `frameKinds`, function, module, its place in `addresses`, source file ("" when
     * there is none), line, and 1 when it was inlined. A stack has one frame that was not inlined for each address asked.
     */
    stacks: number[][];
    /** Hexadecimal. */
    addresses: string[];
    /** Build IDs of modules of which a debug file would tell more. */
    wanted: string[];
    notes: NameNote[];
  };

/** Addresses as text: hexadecimal, comma between. */
export function formatAddresses(addresses: BigUint64Array): string {
  return Array.from(addresses, (address) => address.toString(16)).join(",");
}

/** The other way; what is not an address becomes 0. */
export function parseAddresses(text: string): BigUint64Array {
  if (text === "") return new BigUint64Array(0);
  return BigUint64Array.from(text.split(","), parseAddress);
}

/** Reads what came from the agent; undefined when it is no request. */
export function readRequest(message: unknown): Request | undefined {
  if (!isObject(message)) return undefined;
  const { type, processes, skip, debugFolder, buildIds, stacks } = message;
  if (type === "refresh" || type === "lines") return { type };
  if (type === "pythons" && Array.isArray(message.pids) && message.pids.every(Number.isInteger)) {
    return { type, pids: message.pids };
  }
  if (type === "fetched" && isTexts(buildIds)) return { type, buildIds };
  if (type === "capture" && Array.isArray(processes) && isTexts(skip) && typeof debugFolder === "string") {
    return processes.every(isProcess) ? { type, processes, skip, debugFolder } : undefined;
  }
  if (type === "resolve" && Array.isArray(stacks)) {
    return stacks.every(isStack) ? { type, stacks } : undefined;
  }
  return undefined;
}

/** Reads what came from the child, which has read hostile files; undefined when it is no answer. */
export function readAnswer(message: unknown): Answer | HelperReport | undefined {
  if (!isObject(message)) return undefined;
  const { type, key, strings, stacks, addresses, wanted, notes } = message;
  if (type === "ready" || type === "done") return { type };
  if (type === "pythons") {
    const found = readFoundPythons(message.found);
    return found && { type, found };
  }
  if (type === "module" && typeof key === "string") return { type, key };
  if (
    type !== "resolved" || !isTexts(strings) || !isTexts(addresses) || !isTexts(wanted) ||
    !Array.isArray(stacks) || !Array.isArray(notes) || !notes.every(isNote)
  ) {
    return undefined;
  }
  const whole = stacks.every((stack) => Array.isArray(stack) && stack.every(Number.isInteger));
  return whole ? { type, strings, stacks, addresses, wanted, notes } : undefined;
}

/** The named frames of an answer. */
export function unpackFrames(
  { strings, stacks, addresses }: Answer & { type: "resolved" },
): SymbolizedFrame[][] {
  return stacks.map((stack) => {
    const frames: SymbolizedFrame[] = [];
    for (let at = 0; at + stride <= stack.length; at += stride) {
      const file = strings[stack[at + 4]!] ?? "";
      const line = stack[at + 5]!;
      frames.push({
        kind: frameKinds[stack[at]!] ?? "user",
        function: strings[stack[at + 1]!] ?? "",
        module: strings[stack[at + 2]!] ?? "",
        address: parseAddress(addresses[stack[at + 3]!] ?? ""),
        ...(file !== "" && { source: { file, line: line >= 0 && line < maxLine ? line : 0 } }),
        ...((stack[at + 6]! & inlinedBit) !== 0 && { inlined: true }),
        ...((stack[at + 6]! & runtimeBit) !== 0 && { runtime: true }),
      });
    }
    return frames;
  });
}

/** The answer that holds these frames. */
export function packFrames(
  stacks: readonly (readonly SymbolizedFrame[])[],
  { wanted, notes }: { wanted: string[]; notes: NameNote[] },
): Answer & { type: "resolved" } {
  const strings = new Map<string, number>();
  const addresses: string[] = [];
  function intern(text: string): number {
    const known = strings.get(text) ?? strings.size;
    strings.set(text, known);
    return known;
  }
  const packed = stacks.map((frames) =>
    frames.flatMap((frame) => [
      frameKinds.indexOf(frame.kind),
      intern(frame.function),
      intern(frame.module),
      addresses.push(frame.address.toString(16)) - 1,
      intern(frame.source?.file ?? ""),
      frame.source?.line ?? 0,
      (frame.inlined ? inlinedBit : 0) + (frame.runtime ? runtimeBit : 0),
    ])
  );
  return { type: "resolved", strings: [...strings.keys()], stacks: packed, addresses, wanted, notes };
}

function parseAddress(text: string): bigint {
  return /^[0-9a-f]{1,16}$/.test(text) ? BigInt(`0x${text}`) : 0n;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

function isProcess(value: unknown): value is CapturedProcess {
  return isObject(value) && Number.isInteger(value.pid) && Number.isInteger(value.startTicks) &&
    typeof value.maps === "string";
}

function isNote(value: unknown): value is NameNote {
  if (!isObject(value)) return false;
  const { pid, kind, mapWrittenUnixMs } = value;
  return Number.isInteger(pid) && nameNoteKinds.some((known) => known === kind) &&
    Number.isInteger(mapWrittenUnixMs) && Math.abs(mapWrittenUnixMs as number) <= maxUnixMs;
}

function isStack(value: unknown): value is { pid: number; kind: "user" | "kernel"; addresses: string } {
  return isObject(value) && Number.isInteger(value.pid) &&
    (value.kind === "user" || value.kind === "kernel") &&
    typeof value.addresses === "string";
}
