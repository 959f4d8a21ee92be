import { quoteValue } from "./fault.ts";
import type { Policy } from "./policy.ts";
import { explainIssue, formatPath } from "./policy_issue.ts";
import { policySchema } from "./policy_schema.ts";
import { writePolicy } from "./write_policy.ts";
import { readYaml, replaceField } from "./yaml_document.ts";

/** Longest text of several documents; what one message of the wire can carry. */
const maxTextLength = 4 * 1024 * 1024;
const maxProblems = 100;

/** A policy with the text it was read from. */
export interface PolicyDocument {
  readonly policy: Policy;
  /** The document's own text with its comments, without the `---` lines around it. */
  readonly source: string;
  /** Line of the file on which the document begins, 1-based. */
  readonly line: number;
}

/** One thing wrong with a policy text, and where. */
export interface Problem {
  /** 1-based. */
  readonly line: number;
  /** 1-based, in characters. */
  readonly column: number;
  /** Such as `rules[0].threshold`; `""` when no field is meant. */
  readonly path: string;
  /** One line; of hostile text only a quoted, cut part. */
  readonly message: string;
  /** What to do about it, lower case. */
  readonly fix: string;
}

/**
 * Reads the policies of a text. Never throws; when there is any problem the text as a whole must not be used.
 *
 * Shape: one or more YAML documents, separated by lines that begin with `---`.
 * Limits: 64 KiB a document, 4 MiB a text, 100 aliases, 100 problems; beyond the first three a problem says so.
 */
export function parsePolicies(text: string): { documents: PolicyDocument[]; problems: Problem[] } {
  if (text.length > maxTextLength) {
    const message = `The text has ${text.length.toLocaleString("en")} characters`;
    return {
      documents: [],
      problems: [{ line: 1, column: 1, path: "", message, fix: "split it into several files" }],
    };
  }
  const documents: PolicyDocument[] = [];
  const problems: Problem[] = [];
  for (const part of splitDocuments(text)) {
    if (problems.length >= maxProblems) break;
    const { policy, problems: found } = parseDocument(part.source, part.line);
    problems.push(...found);
    if (policy === undefined) continue;
    const first = documents.find((document) => document.policy.name === policy.policy.name);
    if (first === undefined) {
      documents.push({ policy: policy.policy, source: part.source, line: part.line });
    } else {
      const message = `metadata.name is ${
        quoteValue(policy.policy.name)
      } as in the document of line ${first.line}`;
      problems.push({
        ...policy.namePlace,
        path: "metadata.name",
        message,
        fix: "give each policy its own name",
      });
    }
  }
  if (documents.length === 0 && problems.length === 0) {
    problems.push({ line: 1, column: 1, path: "", message: "The text holds no policy", fix: "write one" });
  }
  return { documents, problems: problems.slice(0, maxProblems) };
}

/** `FILE:LINE:COLUMN: what; fix`, one line. */
export function formatProblem(file: string, problem: Problem): string {
  const fix = problem.fix === "" ? "" : `; ${problem.fix}`;
  return `${file}:${problem.line}:${problem.column}: ${problem.message}${fix}`;
}

interface ParsedDocument {
  readonly policy?: { policy: Policy; namePlace: { line: number; column: number } };
  readonly problems: Problem[];
}

function parseDocument(source: string, firstLine: number): ParsedDocument {
  const yaml = readYaml(source);
  const inFile = (place: { line: number; column: number }) => ({
    line: place.line + firstLine - 1,
    column: place.column,
  });
  if (!("value" in yaml)) {
    const { what: message, fix } = yaml.fault;
    return { problems: [{ ...inFile(yaml.place), path: "", message, fix }] };
  }
  const parsed = policySchema.safeParse(yaml.value);
  if (parsed.success) {
    const namePlace = inFile(yaml.locate(["metadata", "name"], false));
    return { policy: { policy: parsed.data, namePlace }, problems: [] };
  }
  const problems = parsed.error.issues.flatMap((issue) => explainIssue(issue, yaml.value)).slice(
    0,
    maxProblems,
  )
    .map(({ path, atKey, fault }): Problem => {
      const name = formatPath(path);
      const message = name === "" ? `The document ${fault.what}` : `${name} ${fault.what}`;
      return { ...inFile(yaml.locate(path, atKey)), path: name, message, fix: fault.fix };
    });
  problems.sort((left, right) => left.line - right.line || left.column - right.column);
  return { problems };
}

/**
 * Documents of a text with the line each begins on. A line that starts with `---` or `...` ends a document wherever it
 * stands; parts that hold only comments are no documents.
 */
function splitDocuments(text: string): { source: string; line: number }[] {
  const parts: { source: string; line: number }[] = [];
  let lines: string[] = [];
  let firstLine = 1;
  const finish = (nextLine: number) => {
    if (lines.some(isContent)) {
      parts.push({ source: lines.join("\n"), line: firstLine });
    }
    lines = [];
    firstLine = nextLine;
  };
  for (const [index, line] of text.replace(/^\ufeff/, "").split("\n").entries()) {
    const marker = /^(---|\.\.\.)(?=\s|$)(.*)/s.exec(line);
    if (marker === null) {
      lines.push(line);
      continue;
    }
    const [, kind, rest = ""] = marker;
    const holdsContent = lines.some(isContent);
    if (kind === "---" && isContent(rest)) {
      if (holdsContent) finish(index + 1);
      lines.push(line);
    } else if (kind === "---" && !holdsContent && lines.some((one) => one.trim() !== "")) {
      // Comments above the first marker belong to the document below it; the empty line keeps the line numbers.
      lines.push("");
    } else {
      finish(index + 2);
    }
  }
  finish(0);
  return parts;
}

function isContent(line: string): boolean {
  return /^\s*[^\s#]/.test(line);
}

/**
 * The same document with `metadata.paused` set; nothing else of the text changes, comments included. Only where an alias
 * stands in the way is the document written anew, without its comments.
 *
 * @throws {SyntaxError} `source` is not one valid policy.
 */
export function setPaused(source: string, paused: boolean): string {
  const before = onlyPolicy(source);
  if (before === undefined) throw new SyntaxError("Cannot set paused: the text is not one valid policy");
  if (before.paused === paused) return source;
  const after = { ...before, paused };
  const edited = replaceField(source, ["metadata", "paused"], String(paused));
  const same = edited !== undefined && JSON.stringify(onlyPolicy(edited)) === JSON.stringify(after);
  return same ? edited : writePolicy(after);
}

function onlyPolicy(source: string): Policy | undefined {
  const { documents, problems } = parsePolicies(source);
  return problems.length === 0 && documents.length === 1 ? documents[0]?.policy : undefined;
}
