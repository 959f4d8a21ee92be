import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  visit,
} from "yaml";
import { Fault, showText } from "./fault.ts";

const maxDocumentBytes = 64 * 1024;
const maxAliasCount = 100;

/** One place in a document, both 1-based. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/** A fault of the YAML itself. */
export interface YamlFault {
  readonly place: Place;
  readonly fault: Fault;
}

/** Values of one YAML document and the way back from a path to its place. */
export interface YamlDocument {
  readonly value: unknown;
  /** Where the value at `path` begins, or its key; of the nearest map around it when there is none. */
  locate(path: readonly PropertyKey[], atKey: boolean): Place;
}

/** Reads one YAML document of bounded size, or tells the first fault; never throws. */
export function readYaml(text: string): YamlDocument | YamlFault {
  const start = { line: 1, column: 1 };
  const bytes = new TextEncoder().encode(text).length;
  if (bytes > maxDocumentBytes) {
    const what = `The document has ${bytes.toLocaleString("en")} bytes`;
    return { place: start, fault: new Fault(what, "write at most 65,536") };
  }
  const lineCounter = new LineCounter();
  const placeAt = (offset: number): Place => {
    const { line, col } = lineCounter.linePos(offset);
    return line === 0 ? start : { line, column: col };
  };
  try {
    // The library compares every key with every other; 64 KiB of keys would take seconds.
    const document = parseDocument(text, { lineCounter, prettyErrors: false, uniqueKeys: false });
    const errors = [...document.errors, ...document.warnings];
    if (errors.some((error) => error.code === "RESOURCE_EXHAUSTION")) {
      throw new RangeError("Nested too deeply");
    }
    const error = errors[0];
    if (error !== undefined) {
      return { place: placeAt(error.pos[0]), fault: explain(error.code, error.message) };
    }
    const misuse = findMisuse(document);
    if (misuse !== undefined) return { place: placeAt(misuse.offset), fault: misuse.fault };
    return {
      value: document.toJS({ maxAliasCount }),
      locate: (path, atKey) => placeAt(locate(document, path, atKey)),
    };
  } catch (error) {
    // Where the stack ends is no place in the text, and aliases of aliases are only counted in the end.
    const fault = error instanceof RangeError
      ? new Fault("Broken YAML: nested too deeply", "write it flatter")
      : tooManyAliases;
    return { place: start, fault };
  }
}

const tooManyAliases = new Fault(
  `Broken YAML: more than ${maxAliasCount} uses of aliases`,
  "write the values out",
);

function explain(code: string, message: string): Fault {
  const firstLine = showText(message.split("\n", 1)[0] ?? "");
  if (/^Flow (map|sequence) in block/.test(firstLine)) {
    const [open, close] = firstLine.startsWith("Flow map") ? ["{", "}"] : ["[", "]"];
    return new Fault(`Broken YAML: the ${open} before is not closed`, `add ${close}`);
  }
  if (code === "MISSING_CHAR" && firstLine.includes("quote")) {
    return new Fault("Broken YAML: the quotation mark before is not closed", "add one");
  }
  if (firstLine.startsWith("Sequence item without")) {
    return new Fault(
      "Broken YAML: the line starts between two levels",
      "indent with as many spaces as the fields beside it",
    );
  }
  if (firstLine.includes("directives-end")) {
    return new Fault("Broken YAML: a directive", "remove the line that begins with %");
  }
  const what = `Broken YAML: ${firstLine.slice(0, 1).toLowerCase()}${firstLine.slice(1)}`;
  return new Fault(what, fixes[code] ?? "correct the YAML here");
}

const fixes: Readonly<Record<string, string>> = {
  BAD_ALIAS: "write the value out",
  BAD_DQ_ESCAPE: "write the backslash twice, or use single quotes",
  BAD_INDENT: "indent with as many spaces as the fields beside it",
  BAD_SCALAR_START: "put the value in quotes",
  BLOCK_AS_IMPLICIT_KEY: "put the value on a line of its own, or in quotes",
  MISSING_CHAR: "add what is missing",
  MULTILINE_IMPLICIT_KEY: "write a colon and a value after the field's name, on one line",
  TAB_AS_INDENT: "indent with spaces",
  TAG_RESOLVE_FAILED: "remove the tag",
};

/** What YAML allows or the library tells too late: fields given twice, aliases without an anchor, too many of them. */
function findMisuse(document: Document): { offset: number; fault: Fault } | undefined {
  let misuse: { offset: number; fault: Fault } | undefined;
  let aliases = 0;
  visit(document, {
    Alias(_key, alias) {
      if (++aliases > maxAliasCount) {
        misuse = { offset: offsetOf(alias), fault: tooManyAliases };
      } else if (alias.resolve(document) === undefined) {
        const fault = new Fault("Broken YAML: a value begins with *", "put it in quotes");
        misuse = { offset: offsetOf(alias), fault };
      }
      return misuse === undefined ? undefined : visit.BREAK;
    },
    Map(_key, map) {
      const seen = new Set<string>();
      for (const { key } of map.items) {
        const name = isScalar(key) ? String(key.value) : "";
        if (seen.has(name)) {
          const fault = new Fault("Broken YAML: the same field twice", "remove one of them");
          misuse = { offset: offsetOf(key), fault };
          return visit.BREAK;
        }
        seen.add(name);
      }
      return undefined;
    },
  });
  return misuse;
}

function locate(document: Document, path: readonly PropertyKey[], atKey: boolean): number {
  let node: unknown = document.contents;
  let offset = offsetOf(node);
  for (const [index, part] of path.entries()) {
    if (isAlias(node)) return offset;
    if (isSeq(node)) {
      node = node.items[Number(part)];
    } else if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(part));
      const wantsKey = atKey && index === path.length - 1;
      node = wantsKey || isEmpty(pair?.value) ? pair?.key : pair?.value;
    } else {
      return offset;
    }
    if (node === undefined || node === null) return offset;
    offset = offsetOf(node);
  }
  return offset;
}

/** A value left out has no place of its own. */
function isEmpty(node: unknown): boolean {
  return node === null || (isScalar(node) && node.value === null && (node.source ?? "") === "");
}

function offsetOf(node: unknown): number {
  return (node as Node | null)?.range?.[0] ?? 0;
}

/**
 * Puts `value` in the place of the scalar at `path`, or as a new first entry into the map around it, and leaves every
 * other character. Gives `undefined` when an alias or a missing map stands in the way.
 */
export function replaceField(
  text: string,
  path: readonly [...string[], string],
  value: string,
): string | undefined {
  const document = parseDocument(text, { prettyErrors: false, uniqueKeys: false });
  const scalar = document.getIn(path, true);
  if (isScalar(scalar) && scalar.range && !isEmpty(scalar)) {
    return text.slice(0, scalar.range[0]) + value + text.slice(scalar.range[1]);
  }
  const map = document.getIn(path.slice(0, -1), true);
  const first = isMap(map) ? map.items[0]?.key : undefined;
  if (scalar !== undefined || !isScalar(first) || !first.range || !isMap(map)) return undefined;
  const offset = first.range[0];
  const lineStart = text.lastIndexOf("\n", offset - 1) + 1;
  const separator = map.flow ? ", " : `\n${text.slice(lineStart, offset)}`;
  return `${text.slice(0, offset)}${path.at(-1)}: ${value}${separator}${text.slice(offset)}`;
}
