import { CommanderError } from "commander";
import { BpfError, NotSupportedError } from "../../lib/bpf/error.ts";
import { escapeControl } from "../../lib/escape.ts";
import { CommandError } from "./command_error.ts";
import { printNote } from "./output.ts";

/** Lines for the user, without `error: `, and the exit code. */
export interface ErrorReport {
  lines: string[];
  exitCode: number;
}

/** What may be there again the next time; any other refusal of a program is this host's way. */
const shortages = ["ENOMEM", "EMFILE", "ENFILE", "EAGAIN"];

/** Turns whatever a command threw into lines for people. `usage` is the help to point at, `stakeout watch --help`. */
export function describeError(error: unknown, usage: string): ErrorReport {
  if (error instanceof CommandError) {
    return { lines: [error.message, ...error.more], exitCode: error.exitCode };
  }
  // Connect wraps whatever an interceptor throws, and ours throws what is to be said.
  if (error instanceof Error && error.cause instanceof CommandError) return describeError(error.cause, usage);
  if (error instanceof CommanderError) return describeUsage(error, usage);
  if (error instanceof NotSupportedError) {
    return { lines: [error.message + (error.fix === "" ? "; see stakeout doctor" : "")], exitCode: 3 };
  }
  if (error instanceof BpfError) {
    const refused = /^(load|attach) /.test(error.operation) && !shortages.includes(error.errno);
    return { lines: [`${error.message}; see stakeout doctor`], exitCode: refused ? 3 : 1 };
  }
  if (error instanceof Deno.errors.AddrInUse) {
    return {
      lines: ["The address is in use already; stop the other program or give another --listen"],
      exitCode: 1,
    };
  }
  return { lines: [error instanceof Error ? error.message : String(error)], exitCode: 1 };
}

/** Read at the start: a server gives up the environment. */
const showsStack = Boolean(Deno.env.get("STAKEOUT_DEBUG"));

/** Prints the report on standard error; with STAKEOUT_DEBUG also where it came from. */
export function reportError(error: unknown, usage: string): number {
  const { lines, exitCode } = describeError(error, usage);
  for (const line of lines) printNote(`error: ${escapeControl(line.trim().replace(/\.$/, ""))}`);
  if (showsStack && error instanceof Error) printNote(error.stack ?? "");
  return exitCode;
}

/** Commander's message on one line: the suggestion, if it has one, is the fix. */
function describeUsage(error: CommanderError, usage: string): ErrorReport {
  const [what, suggestion] = error.message.replace(/^error: /, "").split("\n");
  const question = /^\(Did you mean (.*)\?\)$/.exec(suggestion ?? "")?.[1];
  const fix = question === undefined ? `see ${usage}` : `did you mean ${question}?`;
  return {
    lines: [`${what!.replace(/ is invalid\. /, " is invalid: ").replace(/\.$/, "")}; ${fix}`],
    exitCode: 2,
  };
}
