import { parsePolicies } from "../model/policy_file.ts";
import type { PolicyText } from "./policy_sync.ts";

const read = new WeakMap<PolicyText, ReturnType<typeof parsePolicies>>();

/** Parses a policy's text once, however often it is asked for: a set that is taken over again has mostly the same texts. */
export function readPolicyText(text: PolicyText): ReturnType<typeof parsePolicies> {
  const known = read.get(text) ?? parsePolicies(text.source);
  read.set(text, known);
  return known;
}
