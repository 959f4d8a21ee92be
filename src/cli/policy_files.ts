import type { PolicyDocument } from "../model/policy_file.ts";
import { CommandError } from "./command_error.ts";
import { describeFileError } from "./describe_file_error.ts";

/** A policy file as it was read; `-` is standard input. */
export interface PolicyFile {
  path: string;
  text: string;
  documents: PolicyDocument[];
}

const mostBytes = 1024 * 1024;

/**
 * Reads and checks policy files.
 * @throws {CommandError} with every fault of every file, one line each; exit code 2.
 */
export async function readPolicyFiles(paths: readonly string[]): Promise<PolicyFile[]> {
  if (paths.length === 0) throw new CommandError("No policy file is given; add -f FILE", { exitCode: 2 });
  const { formatProblem, parsePolicies } = await import("../model/policy_file.ts");
  const files: PolicyFile[] = [];
  const faults: string[] = [];
  const seen = new Map<string, string>();
  for (const path of paths) {
    const text = await readText(path);
    const { documents, problems } = parsePolicies(text);
    const name = path === "-" ? "standard input" : path;
    faults.push(...problems.map((problem) => formatProblem(name, problem)));
    for (const { policy, line } of documents) {
      const first = seen.get(policy.name);
      if (first !== undefined) {
        faults.push(`${name}:${line}:1: Policy ${policy.name} is in ${first} already; give it another name`);
      }
      seen.set(policy.name, `${name}:${line}`);
    }
    files.push({ path: name, text, documents });
  }
  const [first, ...more] = faults;
  if (first !== undefined) throw new CommandError(first, { exitCode: 2, more });
  return files;
}

async function readText(path: string): Promise<string> {
  try {
    if (path === "-") return await readLimited(Deno.stdin.readable, path);
    const file = await Deno.open(path);
    return await readLimited(file.readable, path);
  } catch (error) {
    if (error instanceof CommandError) throw error;
    throw new CommandError(`Cannot read ${path}: ${describeFileError(error)}; check the path`, {
      exitCode: 2,
      cause: error,
    });
  }
}

async function readLimited(stream: ReadableStream<Uint8Array>, path: string): Promise<string> {
  const decoder = new TextDecoder();
  let [text, bytes] = ["", 0];
  for await (const part of stream) {
    bytes += part.length;
    if (bytes > mostBytes) {
      throw new CommandError(`${path} is over 1 MiB; a policy file holds policies only`, { exitCode: 2 });
    }
    text += decoder.decode(part, { stream: true });
  }
  return text + decoder.decode();
}
