import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import type { MeterData, MeterReportService } from "../../gen/skywalking/v3/meter_pb.ts";
import { metrics } from "../../model/metric.ts";
import { ruleUris } from "../../model/policy.ts";
import { seriesVariant } from "../../model/series.ts";
import { type OapMonitor, oapMonitors } from "../../model/skywalking.ts";
import { SlotState } from "../../gen/stakeout/v1/task_pb.ts";
import { noCommands, requireAgent, sessionKey } from "./call_context.ts";
import { isNetworkMeter } from "./network_meter.ts";
import { NetworkParts } from "./network_parts.ts";
import type { RecordBody } from "./record_body.ts";
import type { RoverAgent } from "./rover_agent.ts";
import type { RoverProcess } from "./rover_process.ts";
import type { RoverShared } from "./rover_shared.ts";

const bufferedMeters = 5_000;
const mostNames = 1_000;
/** Twice the pace of SkyWalking's agent: after more, values are missing. */
const mostSpanSeconds = 10;
/** How SkyWalking's agent calls all requests of a process. */
const allRequests = "global";

/** Values of one series in one second: SkyWalking's agent sends several seconds of HTTP under one time. */
interface Point {
  readonly agent: RoverAgent;
  readonly process: RoverProcess;
  readonly monitor: OapMonitor;
  readonly uri: string;
  readonly second: number;
  sum: number;
  count: number;
}

/** What a call has told and is not stored yet. */
interface Held {
  readonly points: Map<string, Point>;
  readonly network: NetworkParts;
}

/**
 * Takes the five meters of continuous profiling as series of ours, and those of network profiling into network profiles; the
 * others are ignored with a line in the log each.
 */
export function createMeterService(options: RoverShared): ServiceImpl<typeof MeterReportService> {
  const { directory, logger, clock } = options;
  const ignored = new Set<string>();

  function ignore({ metric }: MeterData): void {
    const name = metric.value?.name ?? "";
    if (ignored.has(name) || ignored.size >= mostNames) return;
    ignored.add(name);
    logger.info("A meter that is not kept here is ignored", { meter: name.slice(0, 100) });
  }

  function read(data: MeterData, context: HandlerContext, { points, network }: Held): void {
    if (isNetworkMeter(data)) {
      if (!network.addMeter(data)) ignore(data);
      return;
    }
    const { metric, service, serviceInstance: instance } = data;
    const name = metric.value?.name ?? "";
    const monitor = oapMonitors.find(({ meter }) => meter === name);
    if (monitor === undefined || metric.case !== "singleValue") return ignore(data);
    const labels = new Map(metric.value.labels.map(({ name, value }) => [name, value]));
    const names = { layer: labels.get("layer") ?? "", service, instance };
    const processName = labels.get("process_name") ?? "";
    const found = directory.named({ ...names, processName }, context.values.get(sessionKey));
    const { value } = metric.value;
    if (found === undefined || !Number.isFinite(Math.fround(value))) return;
    requireAgent(found.agent.info.agentId, context);
    const second = Math.floor(Number(data.timestamp) / 1000);
    const uri = metrics[monitor.metric].http ? (labels.get("uri") ?? allRequests).slice(0, 512) : "";
    const owner = ownerOf({ process: found.process, monitor });
    const key = JSON.stringify([found.agent.info.agentId, owner, monitor.metric, uri, second]);
    const point = points.get(key) ?? { ...found, monitor, uri, second, sum: 0, count: 0 };
    point.sum += value;
    point.count++;
    points.set(key, point);
  }

  async function storePoints(points: Map<string, Point>): Promise<void> {
    const nowMs = clock.nowUnixMs();
    for (const [agent, ofAgent] of Map.groupBy(points.values(), (point) => point.agent)) {
      agent.seenAtMs = nowMs;
      await agent.report([...toUses(agent, ofAgent, nowMs), ...toColumns(ofAgent)]);
    }
    points.clear();
  }

  async function collect(stream: AsyncIterable<MeterData>, context: HandlerContext) {
    const held = { points: new Map<string, Point>(), network: new NetworkParts(options, context) };
    try {
      for await (const data of stream) {
        read(data, context, held);
        if (held.points.size >= bufferedMeters) await storePoints(held.points);
        if (held.network.isFull) await held.network.store();
      }
    } finally {
      // What came before a stream broke is kept. When it comes again, points are of the same seconds.
      await held.network.store();
      await storePoints(held.points);
    }
    return noCommands;
  }

  return {
    collect: (stream, context) => collect(inherit(stream), context),
    collectBatch: (stream, context) => collect(inheritEach(stream), context),
  };
}

/** Only the first has to say whose it is and of when: the others are of the same. */
async function* inherit(stream: AsyncIterable<MeterData> | Iterable<MeterData>): AsyncGenerator<MeterData> {
  let first: MeterData | undefined;
  for await (const data of stream) {
    first ??= data;
    if (data.service === "") {
      data.service = first.service;
      data.serviceInstance = first.serviceInstance;
    }
    if (data.timestamp === 0n) data.timestamp = first.timestamp;
    yield data;
  }
}

async function* inheritEach(
  stream: AsyncIterable<{ readonly meterData: readonly MeterData[] }>,
): AsyncGenerator<MeterData> {
  for await (const { meterData } of stream) yield* inherit(meterData);
}

/**
 * Records of points. One of HTTP is of its second. Of the others one comes every five seconds, the newest of five that the
 * agent judged: it stands for those since the one before, as partial.
 */
function toColumns(points: readonly Point[]): RecordBody[] {
  const spans = Map.groupBy(points, (point) => `${point.second} ${spanSeconds(point)}`);
  return [...spans].map(([span, same]) => {
    const [second = 0, seconds = 1] = span.split(" ").map(Number);
    const isWhole = seconds === 1;
    return {
      case: "metrics" as const,
      value: {
        startUnixMs: BigInt(second - seconds + 1) * 1000n,
        seconds,
        series: same.map(toSeries),
        values: same.flatMap(({ sum, count }) => new Array<number>(seconds).fill(sum / count)),
        states: Uint8Array.from(
          same.flatMap(({ count }) =>
            new Array<SlotState>(seconds).fill(isWhole && count === 1 ? SlotState.VALUE : SlotState.PARTIAL)
          ),
        ),
      },
    };
  });
}

/** Seconds that a point stands for; also notes it as the newest. */
function spanSeconds(point: Point): number {
  const { agent, monitor: { metric }, second } = point;
  if (metrics[metric].http) return 1;
  const key = `${ownerOf(point)} ${metric}`;
  const last = agent.lastSeconds.get(key);
  agent.lastSeconds.set(key, Math.max(second, last ?? 0));
  return last === undefined ? 1 : Math.min(Math.max(second - last, 1), mostSpanSeconds);
}

function ownerOf({ process, monitor: { metric } }: Pick<Point, "process" | "monitor">): string {
  return metrics[metric].scope === "host" ? "" : process.id;
}

function toSeries(point: Point) {
  const { agent, process, monitor: { metric }, uri } = point;
  if (!metrics[metric].http) return { processId: ownerOf(point), metric, uri: "", variant: "" };
  const rules = agent.expression.services.get(process.service)?.rules ?? [];
  const own = uri === allRequests ? "" : uri;
  const rule = rules.find(({ rule }) => rule.metric === metric && ruleUris(rule).includes(own))?.rule;
  const variant = rule !== undefined ? seriesVariant(rule) : metric === "http_error_rate" ? "5xx" : "";
  return { processId: process.id, metric, uri: own, variant };
}

/** CPU and threads as the inventory shows them; the load is the host's. */
function toUses(agent: RoverAgent, points: readonly Point[], nowMs: number): RecordBody[] {
  const uses = new Map<string, { processId: string; cpuPercent: number; threads: number }>();
  for (const { process, monitor: { metric }, sum, count } of points) {
    if (metric === "system_load") agent.hostLoad = sum / count;
    if (metric !== "process_cpu" && metric !== "process_thread_count") continue;
    const use = uses.get(process.id) ?? { processId: process.id, ...process.use };
    if (metric === "process_cpu") use.cpuPercent = sum / count;
    else use.threads = Math.max(0, Math.round(sum / count));
    process.use = { cpuPercent: use.cpuPercent, threads: use.threads };
    uses.set(process.id, use);
  }
  if (uses.size === 0) return [];
  return [{ case: "inventory", value: { uses: [...uses.values()], atUnixMs: BigInt(nowMs) } }];
}
