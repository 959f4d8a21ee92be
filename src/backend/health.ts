import type { Clock } from "../../lib/clock.ts";
import type { AgentStatus } from "../gen/stakeout/v1/agent_service_pb.ts";
import type { AgentDirectory } from "./agent_directory.ts";
import type { IngestCounters } from "./ingest_counters.ts";
import { type ExposedMetric, formatMetrics } from "./prometheus_text.ts";
import type { Store, StoreSizes } from "./store/store.ts";

export interface HealthOptions {
  readonly store: Store;
  readonly agents: AgentDirectory;
  readonly counters: IngestCounters;
  readonly clock: Clock;
  readonly version: string;
}

const answerMs = 2_000;

/** Tells machines how the server does. */
export class Health {
  readonly #options: HealthOptions;

  constructor(options: HealthOptions) {
    this.#options = options;
  }

  /** `/readyz`: 200 when every check is "ok", else 503 and the reasons. */
  async ready(): Promise<Response> {
    const checks = { store: await this.#checkStore() };
    const ready = Object.values(checks).every((check) => check === "ok");
    return Response.json({ ready, checks }, {
      status: ready ? 200 : 503,
      headers: { "cache-control": "no-store" },
    });
  }

  /** `/metrics`: what Prometheus scrapes. */
  async metrics(): Promise<Response> {
    const { store, clock } = this.#options;
    const text = formatMetrics(this.#list(await store.sizes(clock.nowUnixMs())));
    return new Response(text, { headers: { "content-type": "text/plain; version=0.0.4; charset=utf-8" } });
  }

  async #checkStore(): Promise<string> {
    const { store, clock } = this.#options;
    const { promise: late, resolve } = Promise.withResolvers<undefined>();
    const timer = setTimeout(() => resolve(undefined), answerMs);
    try {
      const sizes = await Promise.race([store.sizes(clock.nowUnixMs()), late]);
      if (sizes === undefined) return `no answer within ${answerMs / 1000} s`;
      return sizes.full ? "the disk is full; free some space" : "ok";
    } catch {
      return "the store cannot answer; see the server's log";
    } finally {
      clearTimeout(timer);
    }
  }

  #list(sizes: StoreSizes): ExposedMetric[] {
    const { agents, counters, version } = this.#options;
    const known = agents.list();
    function sum(read: (status: AgentStatus) => bigint): number {
      return known.reduce((total, { status }) => total + (status ? Number(read(status)) : 0), 0);
    }
    const dropped = [
      { labels: { kind: "metrics" }, value: sum(({ droppedMetrics }) => droppedMetrics) },
      { labels: { kind: "refusals" }, value: sum(({ droppedRefusals }) => droppedRefusals) },
      { labels: { kind: "profiles" }, value: sum(({ droppedProfiles }) => droppedProfiles) },
      { labels: { kind: "tasks" }, value: sum(({ droppedTasks }) => droppedTasks) },
    ];
    const records = [...counters.records].map(([kind, value]) => ({ labels: { kind }, value }));
    const connected = known.filter((agent) => agent.connected).length;
    return [
      gauge("stakeout_build_info", "Version of this server.", 1, { version, deno: Deno.version.deno }),
      gauge("stakeout_agents", "Agents known.", known.length),
      gauge("stakeout_agents_connected", "Agents with an open stream or a recent report.", connected),
      counter("stakeout_reports_total", "Reports of agents.", counters.reports),
      counter(
        "stakeout_reports_failed_total",
        "Reports that could not be stored; agents send them again.",
        counters.failedReports,
      ),
      { name: "stakeout_records_total", help: "Records taken.", type: "counter", samples: records },
      counter("stakeout_records_refused_total", "Records refused for good.", counters.refusedRecords),
      counter("stakeout_metric_slots_total", "Seconds of metric series taken.", counters.metricSlots),
      counter("stakeout_profile_bytes_total", "Bytes of profile chunks taken.", counters.profileBytes),
      {
        name: "stakeout_agent_dropped_records",
        help: "Records that agents dropped from full queues.",
        type: "gauge",
        samples: dropped,
      },
      gauge("stakeout_store_bytes", "Size of the database.", sizes.databaseBytes),
      gauge("stakeout_store_profile_bytes", "Size of the profiles kept.", sizes.profileBytes),
      gauge("stakeout_store_tasks", "Tasks kept.", sizes.tasks),
      gauge("stakeout_store_series", "Metric series known.", sizes.series),
      gauge(
        "stakeout_store_journal_entries",
        "Reports whose metrics wait to be packed.",
        sizes.journalEntries,
      ),
      gauge("stakeout_store_full", "1 while the disk is full.", sizes.full ? 1 : 0),
    ];
  }
}

function gauge(
  name: string,
  help: string,
  value: number,
  labels: Record<string, string> = {},
): ExposedMetric {
  return { name, help, type: "gauge", samples: [{ labels, value }] };
}

function counter(name: string, help: string, value: number): ExposedMetric {
  return { name, help, type: "counter", samples: [{ value }] };
}
