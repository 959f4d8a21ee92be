import { fromBinary, type MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import type { Clock } from "../../lib/clock.ts";
import type {
  GetPolicyRequest,
  GetPolicyResponseSchema,
  ListPoliciesRequest,
  ListPoliciesResponseSchema,
  PolicyAgentStateSchema,
  PolicyValueSchema,
} from "../gen/stakeout/v1/policy_service_pb.ts";
import { ProcessSchema } from "../gen/stakeout/v1/process_pb.ts";
import { RefusalSchema } from "../gen/stakeout/v1/task_pb.ts";
import { metrics } from "../model/metric.ts";
import { type Policy, ruleUris } from "../model/policy.ts";
import { parsePolicies } from "../model/policy_file.ts";
import { seriesVariant } from "../model/series.ts";
import type { AgentDirectory } from "./agent_directory.ts";
import type { BookEntry, PolicyBook } from "./policy_book.ts";
import type { Store, StoredPolicyVersion, StoredProcess } from "./store/store.ts";
import { readPageLimit, toWirePolicy } from "./wire.ts";

const processesListed = 1_000;
const valuesListed = 20_000;
const refusalsListed = 20;

interface Trips {
  trips: number;
  lastMs: number;
}

/** What the policies' list and page show: the text joined with what agents and tasks say of it. */
export class PolicyPages {
  readonly #store: Store;
  readonly #book: PolicyBook;
  readonly #agents: AgentDirectory;
  readonly #clock: Clock;

  constructor({ store, book, agents, clock }: {
    store: Store;
    book: PolicyBook;
    agents: AgentDirectory;
    clock: Clock;
  }) {
    this.#store = store;
    this.#book = book;
    this.#agents = agents;
    this.#clock = clock;
  }

  /** One page of all policies. */
  async list(request: ListPoliciesRequest): Promise<MessageInitShape<typeof ListPoliciesResponseSchema>> {
    const words = request.search.toLowerCase().split(/\s+/).filter(Boolean);
    const found = this.#book.entries.filter(({ stored, policy }) => {
      const text = `${stored.name}\n${policy?.description ?? ""}`.toLowerCase();
      return words.every((word) => text.includes(word));
    });
    const trips = new Map<string, Trips>();
    for (const { policy, trips: count, lastMs } of await this.#store.countTrips()) {
      addTrips(trips, policy, count, lastMs);
    }
    const page = found.slice(request.offset, request.offset + readPageLimit(request.limit));
    return {
      policies: page.map((entry) => this.#summarize(entry, this.#agentStates(entry.stored.name), trips)),
      total: found.length,
      setVersion: BigInt(this.#book.setVersion),
    };
  }

  /** One policy, at its newest or an older version. */
  async get({ name, version }: GetPolicyRequest): Promise<MessageInitShape<typeof GetPolicyResponseSchema>> {
    const versions = await this.#store.listPolicyVersions(name);
    const entry = this.#choose(name, version, versions);
    if (entry === undefined) {
      throw new ConnectError(`No such policy or version; list the policies to see the names`, Code.NotFound);
    }
    const ids = this.#matchedIds(name);
    const [{ rows, total }, counts, refusals] = await Promise.all([
      this.#store.listProcesses({
        ids,
        order: "cpu",
        offset: 0,
        limit: processesListed,
        includeEnded: false,
      }),
      this.#store.countTrips(name),
      this.#store.listRefusals(refusalsListed, { policy: name }),
    ]);
    const trips = new Map<string, Trips>();
    const tripsByProcess = new Map<string, Trips>();
    for (const { processId, trips: count, lastMs } of counts) {
      addTrips(trips, name, count, lastMs);
      addTrips(tripsByProcess, processId, count, lastMs);
    }
    const agents = this.#agentStates(name);
    return {
      summary: this.#summarize(entry, agents, trips),
      versions: versions.map(({ version, updatedAtMs, change }) => ({
        version,
        updatedAtUnixMs: BigInt(updatedAtMs),
        change,
      })),
      agents,
      processes: await this.#addValues(rows, entry.policy, tripsByProcess),
      processesTotal: total,
      recentRefusals: refusals.map((data) => fromBinary(RefusalSchema, data)),
    };
  }

  #choose(name: string, version: number, versions: readonly StoredPolicyVersion[]): BookEntry | undefined {
    const current = this.#book.get(name);
    if (version === 0 || version === current?.stored.version) return current;
    const stored = versions.find((candidate) => candidate.version === version);
    if (stored === undefined) return undefined;
    return { stored, policy: parsePolicies(stored.source).documents[0]?.policy };
  }

  #matchedIds(name: string): string[] {
    const ids: string[] = [];
    for (const { status } of this.#agents.list()) {
      for (const match of status?.matches ?? []) {
        if (match.policy === name) ids.push(...match.processIds);
      }
    }
    return ids;
  }

  #agentStates(name: string): MessageInitShape<typeof PolicyAgentStateSchema>[] {
    return this.#agents.list().map(({ agent, connected, status }) => ({
      agentId: agent.agentId,
      host: agent.host,
      connected,
      upToDate: Number(status?.setVersion ?? 0n) === this.#book.setVersion,
      refused: status?.refused.filter(({ policy }) => policy === name) ?? [],
      matchedProcesses: status?.matches.find(({ policy }) => policy === name)?.processIds.length ?? 0,
    }));
  }

  #summarize(
    { stored, policy }: BookEntry,
    agents: readonly MessageInitShape<typeof PolicyAgentStateSchema>[],
    trips: ReadonlyMap<string, Trips>,
  ) {
    const count = trips.get(stored.name);
    return {
      policy: toWirePolicy(stored),
      paused: policy?.paused ?? false,
      description: policy?.description ?? "",
      agents: agents.filter(({ connected, upToDate }) => connected && upToDate).length,
      matchedProcesses: agents.reduce((sum, { matchedProcesses }) => sum + (matchedProcesses ?? 0), 0),
      trips: count?.trips ?? 0,
      lastTripUnixMs: BigInt(count?.lastMs ?? 0),
      refusals: agents.reduce((sum, { refused }) => sum + (refused?.length ?? 0), 0),
    };
  }

  async #addValues(
    rows: readonly StoredProcess[],
    policy: Policy | undefined,
    trips: ReadonlyMap<string, Trips>,
  ) {
    const wanted = rows.flatMap((row) =>
      (policy?.rules ?? []).flatMap((rule) =>
        ruleUris(rule).map((uri) => {
          const processId = metrics[rule.metric].scope === "host" ? "" : row.id;
          const { metric, threshold } = rule;
          const variant = seriesVariant(rule);
          return { row, agentId: row.agentId, processId, metric, uri, variant, threshold };
        })
      )
    ).slice(0, valuesListed);
    const values = await this.#store.newestValues(
      wanted.map(({ row: _row, threshold: _threshold, ...key }) => key),
      this.#clock.nowUnixMs(),
    );
    const byProcess = new Map<string, MessageInitShape<typeof PolicyValueSchema>[]>();
    wanted.forEach(({ row, metric, uri, variant, threshold }, index) => {
      const value = values[index];
      if (value === undefined) return;
      byProcess.set(row.id, [...byProcess.get(row.id) ?? [], { metric, uri, variant, value, threshold }]);
    });
    return rows.map((row) => ({
      process: fromBinary(ProcessSchema, row.data),
      agentId: row.agentId,
      host: row.host,
      values: byProcess.get(row.id) ?? [],
      trips: trips.get(row.id)?.trips ?? 0,
      lastTripUnixMs: BigInt(trips.get(row.id)?.lastMs ?? 0),
    }));
  }
}

function addTrips(trips: Map<string, Trips>, key: string, count: number, lastMs: number): void {
  const known = trips.get(key);
  trips.set(key, { trips: (known?.trips ?? 0) + count, lastMs: Math.max(known?.lastMs ?? 0, lastMs) });
}
