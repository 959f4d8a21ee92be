import { create } from "@bufbuild/protobuf";
import {
  type MeterData,
  type MeterDataCollection,
  MeterDataCollectionSchema,
  MeterDataSchema,
} from "../../gen/skywalking/v3/meter_pb.ts";
import type { MetricColumns } from "../../gen/stakeout/v1/agent_service_pb.ts";
import type { Series } from "../../gen/stakeout/v1/process_pb.ts";
import { SlotState } from "../../gen/stakeout/v1/task_pb.ts";
import { metrics } from "../../model/metric.ts";
import type { Entity } from "./entity.ts";
import { seriesKey } from "./held_policies.ts";
import { oapMonitors } from "./monitors.ts";

/** Who values belong to. */
export interface MeterOwners {
  /** Undefined for a process that has gone, or is not reported. */
  entityOf(processId: string): Entity | undefined;
  /** All processes that are reported: a value of the host is one of each whose policy reads it. */
  all(): Iterable<Entity>;
  /** Whether a policy of the service reads the series, by `seriesKey`. */
  reads(service: string, series: string): boolean;
}

interface Point {
  readonly atUnixMs: number;
  readonly value: number;
}

const monitors = new Map(oapMonitors.map((monitor) => [String(monitor.metric), monitor]));

/**
 * Makes meters of a few seconds of series, one collection of each service instance: only of what a policy of the OAP reads,
 * with SkyWalking's names and labels.
 *
 * HTTP values go second by second, dated at its start; of the others the mean of the stretch goes, dated at its last second:
 * an OAP keeps nothing but the mean of a minute.
 */
export function toMeters(columns: MetricColumns, owners: MeterOwners): MeterDataCollection[] {
  const collections = new Map<string, MeterData[]>();
  for (const [index, series] of columns.series.entries()) {
    const monitor = monitors.get(series.metric);
    const points = monitor === undefined ? [] : readPoints(columns, index);
    if (monitor === undefined || points.length === 0) continue;
    for (const entity of entitiesOf(series, owners)) {
      if (!owners.reads(entity.service, seriesKey(series))) continue;
      const group = JSON.stringify([entity.service, entity.instance]);
      const data = collections.get(group) ?? [];
      collections.set(group, data);
      const labels = labelsOf(entity, series);
      for (const { atUnixMs, value } of points) {
        data.push(create(MeterDataSchema, {
          metric: { case: "singleValue", value: { name: monitor.meter, labels, value } },
          service: entity.service,
          serviceInstance: entity.instance,
          timestamp: BigInt(atUnixMs),
        }));
      }
    }
  }
  return [...collections.values()].map((meterData) => create(MeterDataCollectionSchema, { meterData }));
}

function entitiesOf(series: Series, owners: MeterOwners): Iterable<Entity> {
  if (series.processId === "") return owners.all();
  const entity = owners.entityOf(series.processId);
  return entity === undefined ? [] : [entity];
}

function readPoints({ startUnixMs, seconds, values, states, series }: MetricColumns, index: number): Point[] {
  const points: Point[] = [];
  for (let second = 0; second < seconds; second++) {
    const at = index * seconds + second;
    if (states[at] === SlotState.UNSPECIFIED) continue;
    points.push({ atUnixMs: Number(startUnixMs) + second * 1000, value: values[at] ?? 0 });
  }
  const last = points.at(-1);
  if (last === undefined || metrics[series[index]!.metric as keyof typeof metrics].http) return points;
  const mean = points.reduce((sum, { value }) => sum + value, 0) / points.length;
  return [{ atUnixMs: last.atUnixMs, value: mean }];
}

function labelsOf(entity: Entity, { metric, uri }: Series): { name: string; value: string }[] {
  const labels = [
    { name: "process_name", value: entity.processName },
    { name: "layer", value: entity.layer },
  ];
  if (metric.startsWith("http_")) labels.push({ name: "uri", value: uri === "" ? "global" : uri });
  return labels;
}
