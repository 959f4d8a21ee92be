import type { Mapping } from "../../../lib/procfs/maps.ts";
import type { ModuleOutline } from "../../../lib/symbol/mapped_build.ts";
import type { HelperReport } from "../child/helper_process.ts";
import { blockWords, type PackedTable } from "./packed_table.ts";

const maxSegments = 4096;

/** What the agent asks: one module's table, unless that of its build is known already. */
export interface Request {
  readonly type: "build";
  readonly pid: number;
  readonly mapping: Mapping;
  /** Build IDs. */
  readonly known: readonly string[];
}

/** What the table child answers; a message of bytes with the words comes before it when there is a table. */
export interface Answer {
  readonly type: "built";
  readonly outline: ModuleOutline;
  readonly firstAddress: number;
  /** Why there is no table; "" when there is one, or the build is known. */
  readonly reason: string;
  readonly table: PackedTable | undefined;
}

/** The answer as JSON; the words go before it. */
export function writeAnswer({ table, ...answer }: Answer): unknown {
  return { ...answer, pageCount: table?.pageCount ?? 0, rulesAt: table?.rulesAt ?? 0 };
}

/** Reads what came from the agent; undefined when it is no request. */
export function readRequest(message: unknown): Request | undefined {
  if (!isObject(message) || message.type !== "build" || !isNumber(message.pid)) return undefined;
  const { type, pid, mapping, known } = message;
  if (!isMapping(mapping) || !Array.isArray(known) || !known.every((id) => typeof id === "string")) {
    return undefined;
  }
  return { type, pid, mapping, known };
}

/** Reads what came from the child, which has read hostile files; undefined when it is no answer. */
export function readAnswer(
  message: unknown,
  bytes: Uint8Array | undefined,
): Answer | HelperReport | undefined {
  if (!isObject(message)) return undefined;
  const { type, key, outline, firstAddress, reason, pageCount, rulesAt } = message;
  if (type === "ready") return { type };
  if (type === "module" && typeof key === "string") return { type, key };
  if (type !== "built" || !isOutline(outline) || !isNumber(firstAddress) || typeof reason !== "string") {
    return undefined;
  }
  const answer = { type, outline, firstAddress, reason } as const;
  if (bytes === undefined) return { ...answer, table: undefined };
  if (!isNumber(pageCount) || !isNumber(rulesAt) || bytes.length % (4 * blockWords) !== 0) return undefined;
  const words = new Uint32Array(bytes.slice().buffer);
  if (pageCount < 1 || rulesAt <= pageCount || rulesAt >= words.length) return undefined;
  return { ...answer, table: { pageCount, rulesAt, words } };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function isNumber(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function isMapping(value: unknown): value is Mapping {
  return isObject(value) && typeof value.path === "string" && typeof value.deleted === "boolean" &&
    [value.start, value.end, value.offset, value.deviceMajor, value.deviceMinor, value.inode].every(isNumber);
}

function isOutline(value: unknown): value is ModuleOutline {
  return isObject(value) && typeof value.buildId === "string" && isNumber(value.buildIdOffset) &&
    Array.isArray(value.segments) && value.segments.length <= maxSegments &&
    value.segments.every((segment) =>
      isObject(segment) && [segment.fileOffset, segment.fileBytes, segment.address].every(isNumber)
    );
}
