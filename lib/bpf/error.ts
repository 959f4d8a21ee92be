import { errnoName, errnoText } from "../sys/errno_name.ts";

/** What a {@linkcode BpfError} may say beyond the operation and the errno. */
export interface BpfErrorDetails {
  /** What may help, one clause without a period: `"needs CAP_PERFMON"`. */
  readonly hint?: string;
  /** The verifier's whole log. */
  readonly verifierLog?: string;
}

/** The kernel or libbpf refused an operation. The message is one line; the verifier's whole log is beside it. */
export class BpfError extends Error {
  override readonly name = "BpfError";
  /** What was tried: `"load on_cpu"`. */
  readonly operation: string;
  /** Name of the errno: `"EPERM"`. */
  readonly errno: string;
  /** The verifier's log, `""` when it said nothing. */
  readonly verifierLog: string;

  /** @param errnoNumber positive or negative. */
  constructor(operation: string, errnoNumber: number, details: BpfErrorDetails = {}) {
    const verifierLog = details.verifierLog ?? "";
    const notes = [summarizeVerifierLog(verifierLog), details.hint ?? ""].filter((note) => note !== "");
    const reason = errnoText(errnoNumber) + (notes.length > 0 ? ` (${notes.join("; ")})` : "");
    super(`Cannot ${operation}: ${reason}`);
    this.operation = operation;
    this.errno = errnoName(errnoNumber);
    this.verifierLog = verifierLog;
  }
}

/** What a {@linkcode NotSupportedError} may say beyond what is missing. */
export interface NotSupportedDetails extends ErrorOptions {
  /** What to do, in the imperative and without a period: `"run Linux 6.1 or newer"`. */
  readonly fix?: string;
}

/** This kernel or these rights cannot do it: named with what it takes, and the fix. What tests skip on. */
export class NotSupportedError extends Error {
  override readonly name = "NotSupportedError";
  /** `"ring buffer"`. */
  readonly feature: string;
  /** What it takes, as a noun: `"Linux 5.8"`, `"CAP_BPF"`. */
  readonly needs: string;
  /** What to do; `""` where nothing is known to help. */
  readonly fix: string;

  constructor(feature: string, needs: string, details: NotSupportedDetails = {}) {
    const fix = details.fix ?? "";
    super(`This host cannot use ${feature}: it needs ${needs}${fix === "" ? "" : `; ${fix}`}`, details);
    this.feature = feature;
    this.needs = needs;
    this.fix = fix;
  }
}

/**
 * Returns the one line of a verifier's log that says why: the last before its statistics. `""` for an empty log.
 *
 * Limits: 200 characters.
 */
export function summarizeVerifierLog(log: string): string {
  const lines = log.split("\n").map((line) => line.trim()).filter((line) =>
    line !== "" && !/^(processed \d+ insns|verification time|stack depth|mark_precise)/.test(line)
  );
  return (lines.at(-1) ?? "").slice(0, 200);
}
