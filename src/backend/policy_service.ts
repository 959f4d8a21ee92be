import { fromBinary } from "@bufbuild/protobuf";
import { Code, ConnectError, type ServiceImpl } from "@connectrpc/connect";
import type { Clock } from "../../lib/clock.ts";
import { PolicyProblemSchema } from "../gen/stakeout/v1/policy_pb.ts";
import type { PolicyService } from "../gen/stakeout/v1/policy_service_pb.ts";
import { ProcessSchema } from "../gen/stakeout/v1/process_pb.ts";
import { parsePolicies, type PolicyDocument, type Problem, setPaused } from "../model/policy_file.ts";
import type { AgentDirectory } from "./agent_directory.ts";
import type { ChangeFeed } from "./change_feed.ts";
import type { PolicyBook } from "./policy_book.ts";
import { listSeenPaths } from "./http_summary.ts";
import { PolicyPages } from "./policy_pages.ts";
import type { PolicyChange, Store } from "./store/store.ts";
import { toWirePolicy } from "./wire.ts";

export interface PolicyServiceOptions {
  readonly store: Store;
  readonly book: PolicyBook;
  readonly agents: AgentDirectory;
  readonly feed: ChangeFeed;
  readonly clock: Clock;
}

const matchesListed = 20;
/** Whose paths are offered. */
const matchesSearched = 200;
const httpRecords = 400;

/** Policies for people and scripts. */
export function createPolicyService(options: PolicyServiceOptions): ServiceImpl<typeof PolicyService> {
  const { store, book, agents, feed, clock } = options;
  const pages = new PolicyPages(options);

  /** Ends a change: every agent and page hears of it. */
  async function announce(change: PolicyChange, name: string): Promise<void> {
    if (change.kind === "missing") throw notFound(name);
    if (change.kind === "conflict") {
      throw new ConnectError(
        `Policy ${name} is at version ${change.version} by now; load it again before you save`,
        Code.Aborted,
      );
    }
    await book.reload();
    agents.policiesChanged();
    feed.publish("policies");
  }

  return {
    listPolicies: (request) => pages.list(request),
    getPolicy: (request) => pages.get(request),

    async checkPolicy({ source }) {
      const { documents, problems } = parsePolicies(source);
      const target = documents[0]?.policy.target;
      const found = target === undefined
        ? { rows: [], total: 0 }
        : await store.matchProcesses(target, matchesSearched);
      const http = await store.listHttp(found.rows.map(({ id }) => id), httpRecords);
      return {
        problems: problems.map(toWireProblem),
        names: documents.map(({ policy }) => policy.name),
        matchedProcesses: found.total,
        matches: found.rows.slice(0, matchesListed).map(({ data }) => fromBinary(ProcessSchema, data)),
        paths: listSeenPaths(http),
      };
    },

    async applyPolicies({ source, expectedVersion }) {
      const documents = readDocuments(source);
      if (expectedVersion !== 0 && documents.length !== 1) {
        throw new ConnectError("Expected version is for a single policy; leave it out", Code.InvalidArgument);
      }
      const policies = documents.map(({ policy, source }) => ({ name: policy.name, source }));
      const expected = expectedVersion === 0 ? undefined : expectedVersion;
      await announce(
        await store.savePolicies(policies, clock.nowUnixMs(), expected),
        policies[0]?.name ?? "",
      );
      const saved = policies.map(({ name }) => book.get(name)?.stored).filter((stored) =>
        stored !== undefined
      );
      return { policies: saved.map(toWirePolicy), setVersion: BigInt(book.setVersion) };
    },

    async deletePolicy({ name }) {
      await announce(await store.deletePolicy(name, clock.nowUnixMs()), name);
      return {};
    },

    async setPolicyPaused({ name, paused }) {
      const entry = book.get(name);
      if (entry === undefined) throw notFound(name);
      const source = setPaused(entry.stored.source, paused);
      const change = paused ? "paused" as const : "resumed" as const;
      const saved = await store.savePolicies(
        [{ name, source, change }],
        clock.nowUnixMs(),
        entry.stored.version,
      );
      await announce(saved, name);
      const stored = book.get(name)?.stored;
      if (stored === undefined) throw notFound(name);
      return { policy: toWirePolicy(stored) };
    },
  };
}

/** The documents of a text without a fault, at least one. */
function readDocuments(source: string): PolicyDocument[] {
  const { documents, problems } = parsePolicies(source);
  const [first] = problems;
  if (first !== undefined) {
    const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : "";
    const fix = first.fix === "" ? "" : `; ${first.fix}`;
    throw new ConnectError(
      `Line ${first.line}:${first.column}: ${first.message}${fix}${more}`,
      Code.InvalidArgument,
      undefined,
      problems.map((problem) => ({ desc: PolicyProblemSchema, value: toWireProblem(problem) })),
    );
  }
  if (documents.length === 0) {
    throw new ConnectError("Text holds no policy; write at least one document", Code.InvalidArgument);
  }
  return documents;
}

function toWireProblem({ line, column, path, message, fix }: Problem) {
  return { line, column, path, message, fix };
}

function notFound(name: string): ConnectError {
  return new ConnectError(
    `No policy is named ${name.slice(0, 63)}; list them to see the names`,
    Code.NotFound,
  );
}
