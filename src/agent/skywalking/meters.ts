import type { MetricColumns } from "../../gen/stakeout/v1/agent_service_pb.ts";
import type { Series } from "../../gen/stakeout/v1/process_pb.ts";
import { SlotState } from "../../gen/stakeout/v1/task_pb.ts";
import { metrics } from "../../model/metric.ts";
import type { Entity } from "./entity.ts";
import { seriesKey } from "./held_policies.ts";
import { MeterTemplate } from "./meter_template.ts";
import { type OapMonitor, oapMonitors } from "../../model/skywalking.ts";

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

interface Meter {
  readonly template: MeterTemplate;
  readonly point: Point;
}

const monitors = new Map(oapMonitors.map((monitor) => [String(monitor.metric), monitor]));

/**
 * Makes meters of a few seconds of series: only of what a policy of the OAP reads, with SkyWalking's names and labels.
 *
 * HTTP values go second by second, dated at its start; of the others the mean of the stretch goes, dated at its last second:
 * an OAP keeps nothing but the mean of a minute.
 */
export class MeterEncoder {
  readonly #owners: MeterOwners;
  /** What is the same in all points of a series of an entity; gone with the entity. */
  readonly #templates = new WeakMap<Entity, Map<string, MeterTemplate>>();

  constructor(owners: MeterOwners) {
    this.#owners = owners;
  }

  /** One serialized MeterDataCollection of each service instance that has a value. */
  encode(columns: MetricColumns): Uint8Array<ArrayBuffer>[] {
    const groups = new Map<string, Meter[]>();
    for (const [index, series] of columns.series.entries()) {
      const monitor = monitors.get(series.metric);
      if (monitor === undefined) continue;
      const key = seriesKey(series);
      let points: Point[] | undefined;
      for (const entity of this.#entitiesOf(series)) {
        if (!this.#owners.reads(entity.service, key)) continue;
        const template = this.#templateOf(entity, key, monitor, series);
        const group = groups.get(template.group) ?? [];
        groups.set(template.group, group);
        points ??= readPoints(columns, index);
        for (const point of points) group.push({ template, point });
      }
    }
    return [...groups.values()].filter((meters) => meters.length > 0).map(write);
  }

  #entitiesOf(series: Series): Iterable<Entity> {
    if (series.processId === "") return this.#owners.all();
    const entity = this.#owners.entityOf(series.processId);
    return entity === undefined ? [] : [entity];
  }

  #templateOf(entity: Entity, key: string, monitor: OapMonitor, { uri }: Series): MeterTemplate {
    const templates = this.#templates.get(entity) ?? new Map<string, MeterTemplate>();
    this.#templates.set(entity, templates);
    const template = templates.get(key) ??
      new MeterTemplate(monitor.meter, entity, metrics[monitor.metric].http ? uri || "global" : undefined);
    templates.set(key, template);
    return template;
  }
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

function write(meters: readonly Meter[]): Uint8Array<ArrayBuffer> {
  const whole = new DataView(
    new ArrayBuffer(meters.reduce((bytes, { template }) => bytes + template.bytes, 0)),
  );
  let at = 0;
  for (const { template, point: { value, atUnixMs } } of meters) {
    template.write(whole, at, value, atUnixMs);
    at += template.bytes;
  }
  return new Uint8Array(whole.buffer);
}
