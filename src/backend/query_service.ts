import { fromBinary } from "@bufbuild/protobuf";
import { Code, ConnectError, type HandlerContext, type ServiceImpl } from "@connectrpc/connect";
import type { Clock } from "../../lib/clock.ts";
import type { GetOverviewResponseSchema, QueryService } from "../gen/stakeout/v1/query_service_pb.ts";
import { RefusalSchema, TaskSchema } from "../gen/stakeout/v1/task_pb.ts";
import { metrics } from "../model/metric.ts";
import { ruleUris } from "../model/policy.ts";
import { seriesVariant } from "../model/series.ts";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { AgentDirectory } from "./agent_directory.ts";
import type { ChangeFeed } from "./change_feed.ts";
import { delay } from "./delay.ts";
import { sumUpHttp } from "./http_summary.ts";
import type { PolicyBook } from "./policy_book.ts";
import { peerKey } from "./request_gate.ts";
import type { RetentionLimits } from "./store/retention.ts";
import type { ProcessQuery, Store } from "./store/store.ts";
import { readPageLimit, toProcessSummary } from "./wire.ts";

export interface QueryServiceOptions {
  readonly store: Store;
  readonly agents: AgentDirectory;
  readonly book: PolicyBook;
  readonly feed: ChangeFeed;
  readonly clock: Clock;
  readonly limits: RetentionLimits;
}

type Overview = MessageInitShape<typeof GetOverviewResponseSchema>;

const overviewMs = 1_000;
const changePauseMs = 1_000;
const streamsPerPeer = 32;
const streamsInAll = 512;
const seriesPerQuery = 32;
const pointsPerSeries = 2_000;
/** Five minutes of both sides of a process, twice over. */
const httpRecords = 120;
const orders: ReadonlySet<string> = new Set(["cpu", "service", "name", "pid", "threads"]);

/** Reads for the UI and the command line. */
export function createQueryService(options: QueryServiceOptions): ServiceImpl<typeof QueryService> {
  const { store, agents, book, feed, clock, limits } = options;
  const streams = new Map<string, number>();
  let overview: { atMs: number; answer: Promise<Overview> } | undefined;

  async function readOverview(): Promise<Overview> {
    const nowMs = clock.nowUnixMs();
    const all = { fromMs: 0, toMs: Number.MAX_SAFE_INTEGER, offset: 0, limit: 10 };
    const [services, busiest, tasks, sizes, refusals] = await Promise.all([
      store.listServices(),
      store.listProcesses({ order: "cpu", offset: 0, limit: 10, includeEnded: false }),
      store.listTasks(all),
      store.sizes(nowMs),
      store.listRefusals(10),
    ]);
    return {
      // What each policy matches can be megabytes; its own page shows it.
      agents: agents.list().map(({ status, ...agent }) => (
        status === undefined ? agent : { ...agent, status: { ...status, matches: [] } }
      )),
      services,
      busiest: busiest.rows.map((row) => toProcessSummary(row, agents)),
      recentTasks: tasks.tasks.map((data) => fromBinary(TaskSchema, data)),
      policies: book.entries.length,
      runningTasks: sizes.runningTasks,
      retention: {
        perSecondHours: limits.perSecondHours,
        minuteDays: limits.minuteDays,
        taskDays: limits.taskDays,
        profileLimitBytes: BigInt(limits.profileBytes),
        profileBytes: BigInt(sizes.profileBytes),
        databaseBytes: BigInt(sizes.databaseBytes),
        oldestTaskUnixMs: BigInt(sizes.oldestTaskMs),
      },
      recentRefusals: refusals.map((data) => fromBinary(RefusalSchema, data)),
    };
  }

  function openStream(context: HandlerContext): () => void {
    const peer = context.values.get(peerKey);
    const open = streams.get(peer) ?? 0;
    if (open >= streamsPerPeer || feed.size >= streamsInAll) {
      throw new ConnectError("Too many open pages; close some", Code.ResourceExhausted);
    }
    streams.set(peer, open + 1);
    return () => {
      const left = (streams.get(peer) ?? 1) - 1;
      if (left > 0) streams.set(peer, left);
      else streams.delete(peer);
    };
  }

  return {
    /** Several pages ask at once: within a second they get the same answer. */
    getOverview() {
      const nowMs = clock.nowUnixMs();
      if (overview === undefined || Math.abs(nowMs - overview.atMs) >= overviewMs) {
        overview = { atMs: nowMs, answer: readOverview() };
      }
      return overview.answer;
    },

    async listProcesses({ search, service, agentId, order, offset, limit, includeEnded }) {
      const { rows, total } = await store.listProcesses({
        search,
        service,
        agentId,
        order: readOrder(order),
        offset,
        limit: readPageLimit(limit),
        includeEnded,
      });
      return { processes: rows.map((row) => toProcessSummary(row, agents)), total };
    },

    async getProcess({ id }) {
      const { rows } = await store.listProcesses({
        ids: [id],
        order: "cpu",
        offset: 0,
        limit: 1,
        includeEnded: true,
      });
      const [row] = rows;
      if (row === undefined) {
        throw new ConnectError("No such process; it may have ended longer ago than is kept", Code.NotFound);
      }
      const page = { processId: id, fromMs: 0, toMs: Number.MAX_SAFE_INTEGER, offset: 0, limit: 100 };
      const [series, tasks, refusals, http] = await Promise.all([
        store.listSeries(row.agentId, id),
        store.listTasks(page),
        store.listRefusals(100, { processId: id }),
        store.listHttp([id], httpRecords),
      ]);
      return {
        summary: toProcessSummary(row, agents),
        series,
        rules: agents.policiesOf(row.agentId, id).flatMap((policy) => readRuleLines(policy)),
        tasks: tasks.tasks.map((data) => fromBinary(TaskSchema, data)),
        refusals: refusals.map((data) => fromBinary(RefusalSchema, data)),
        http: sumUpHttp(http),
      };
    },

    async queryMetrics({ series, agentId, fromUnixMs, toUnixMs, maxPoints }) {
      if (series.length > seriesPerQuery) {
        throw new ConnectError(
          `Too many series; ask for at most ${seriesPerQuery} at once`,
          Code.InvalidArgument,
        );
      }
      const toMs = toUnixMs === 0n ? clock.nowUnixMs() : Number(toUnixMs);
      const fromMs = Number(fromUnixMs);
      const longestMs = (limits.minuteDays + 1) * 86_400_000;
      if (!(fromMs < toMs) || toMs - fromMs > longestMs) {
        throw new ConnectError(
          `Range is empty or over ${limits.minuteDays} days; choose another`,
          Code.InvalidArgument,
        );
      }
      const points = maxPoints === 0 ? pointsPerSeries : Math.min(maxPoints, pointsPerSeries);
      const found = await store.queryMetrics({ agentId, series, fromMs, toMs, maxPoints: points });
      return {
        stepSeconds: found.stepSeconds,
        series: found.series.map(({ atSeconds, min, max, mean }, index) => ({
          ...series[index] && { series: series[index] },
          atUnixMs: atSeconds.map((second) => BigInt(second * 1000)),
          min,
          max,
          mean,
        })),
      };
    },

    async *watchChanges(_request, context) {
      const closeStream = openStream(context);
      const subscription = feed.subscribe();
      try {
        while (true) {
          const changes = await subscription.take(context.signal);
          if (changes === undefined) return;
          yield { topics: [...changes.topics], taskIds: [...changes.taskIds] };
          await delay(changePauseMs, context.signal);
        }
      } finally {
        subscription.close();
        closeStream();
      }
    },
  };

  function readRuleLines(name: string) {
    return (book.get(name)?.policy?.rules ?? []).flatMap((rule, index) =>
      ruleUris(rule).map((uri) => ({
        policy: name,
        rule: index,
        metric: metrics[rule.metric].name,
        uri,
        variant: seriesVariant(rule),
        threshold: rule.threshold,
        periodSeconds: rule.periodSeconds,
        count: rule.count,
      }))
    );
  }
}

function readOrder(order: string): ProcessQuery["order"] {
  if (order === "") return "cpu";
  if (orders.has(order)) return order as ProcessQuery["order"];
  throw new ConnectError(`Unknown order; use ${[...orders].join(", ")}`, Code.InvalidArgument);
}
