import { Code, ConnectError } from "@connectrpc/connect";
import { PolicyProblemSchema } from "../../gen/stakeout/v1/policy_pb.ts";
import type { Problem } from "../../model/policy_file.ts";
import { api, explainError } from "../api.ts";

/** What somebody else saved meanwhile. */
export interface Conflict {
  readonly version: number;
  readonly source: string;
}

/** What became of a save: exactly one of these. */
export interface SaveOutcome {
  /** Name to show. */
  readonly saved?: string;
  readonly problems?: readonly Problem[];
  readonly conflict?: Conflict;
  readonly failure?: string;
}

/** Saves a text without overwriting what this editor has not seen: neither a newer version nor another policy. */
export async function savePolicy({ source, names, name, expectedVersion }: {
  source: string;
  /** Of the policies in the text. */
  names: readonly string[];
  /** Under which the edited one is stored; `""` for a new one. */
  name: string;
  expectedVersion: number;
}): Promise<SaveOutcome> {
  try {
    for (const other of names) {
      if (other !== name && await exists(other)) {
        return { failure: `A policy named ${other} exists already. Choose another name, or edit that one.` };
      }
    }
    const guarded = names.length === 1 && names[0] === name;
    await api.policies.applyPolicies({ source, expectedVersion: guarded ? expectedVersion : 0 });
    return { saved: names[0] ?? name };
  } catch (error) {
    const refused = ConnectError.from(error);
    if (refused.code === Code.Aborted) return await readConflict(name);
    const problems = refused.findDetails(PolicyProblemSchema);
    return problems.length > 0 ? { problems } : { failure: explainError(error) };
  }
}

/** Asks by a search: a policy that is missing is no error, and the browser's console shows none. */
async function exists(name: string): Promise<boolean> {
  const { policies } = await api.policies.listPolicies({ search: name, limit: 1000 });
  return policies.some(({ policy }) => policy?.name === name);
}

async function readConflict(name: string): Promise<SaveOutcome> {
  try {
    const { summary } = await api.policies.getPolicy({ name });
    const { version = 0, source = "" } = summary?.policy ?? {};
    return { conflict: { version, source } };
  } catch (error) {
    const gone = ConnectError.from(error).code === Code.NotFound;
    return { failure: gone ? "Somebody deleted this policy meanwhile." : explainError(error) };
  }
}
