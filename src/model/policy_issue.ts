import type { z } from "zod";
import { Fault, quoteValue } from "./fault.ts";
import { knownFields } from "./policy_schema.ts";

/** A fault with the path of the field it is about; `atKey` when the field's name is wrong, not its value. */
export interface PlacedFault {
  readonly path: readonly PropertyKey[];
  readonly atKey: boolean;
  readonly fault: Fault;
}

/** Puts one issue of `policySchema` into words; one unknown field each. Never shows zod's own text. */
export function explainIssue(issue: z.core.$ZodIssue, input: unknown): PlacedFault[] {
  const { path } = issue;
  if (issue.code === "unrecognized_keys") {
    const known = knownFields[formatPath(path).replace(/\[\d+\]/g, "[]")] ?? [];
    return issue.keys.map((key) => ({ path: [...path, key], atKey: true, fault: unknownField(key, known) }));
  }
  return [{ path, atKey: false, fault: explainValue(issue, valueAt(input, path)) }];
}

/** `rules[0].uri.paths` of its parts; a part that is no plain word is quoted. */
export function formatPath(path: readonly PropertyKey[]): string {
  let text = "";
  for (const part of path) {
    if (typeof part === "number") text += `[${part}]`;
    else {text += `${text === "" ? "" : "."}${
        /^\w{1,60}$/.test(String(part)) ? String(part) : quoteValue(part)
      }`;}
  }
  return text;
}

function explainValue(issue: z.core.$ZodIssue, value: unknown): Fault {
  if (issue.code === "custom") return new Fault(issue.message, String(issue.params?.fix ?? ""));
  if (issue.code === "too_small") return new Fault("is empty", "write 1 to 16 rules");
  if (issue.code === "too_big") {
    return new Fault(`has ${(value as unknown[]).length} entries`, "write 1 to 16 rules");
  }
  const list = issue.code === "invalid_type" && issue.expected === "array";
  const fields = knownFields[formatPath(issue.path).replace(/\[\d+\]/g, "[]")] ?? [];
  const fix = list ? "write a list of rules, each after a dash" : `write a map of ${fields.join(", ")}`;
  if (value === undefined) return new Fault("is missing", fix);
  return new Fault(
    value === null ? "is empty" : `is ${quoteValue(value)}, not a ${list ? "list" : "map"}`,
    fix,
  );
}

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  let value = input;
  for (const part of path) value = (value as Record<PropertyKey, unknown> | null | undefined)?.[part];
  return value;
}

function unknownField(key: string, known: readonly string[]): Fault {
  const near = nearest(key, known);
  return new Fault(
    "is not a known field",
    near === undefined ? `known are ${known.join(", ")}` : `write ${near}`,
  );
}

/** The one of `words` that somebody who wrote `key` meant, if it is at most two slips away. */
function nearest(key: string, words: readonly string[]): string | undefined {
  if (key.length > 40) return undefined;
  const plain = simplify(key);
  const ranked = words.map((word) => ({ word, slips: countSlips(plain, simplify(word)) }));
  ranked.sort((left, right) => left.slips - right.slips);
  const best = ranked[0];
  return best !== undefined && best.slips <= Math.min(2, Math.floor(plain.length / 2))
    ? best.word
    : undefined;
}

function simplify(word: string): string {
  return word.toLowerCase().replace(/[^a-z0-9]/g, "");
}

/** Edit distance: letters added, removed or changed. */
function countSlips(left: string, right: string): number {
  let row = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let i = 0; i < left.length; i++) {
    const next = [i + 1];
    for (let j = 0; j < right.length; j++) {
      const change = (row[j] ?? 0) + (left[i] === right[j] ? 0 : 1);
      next.push(Math.min(change, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row[right.length] ?? 0;
}
