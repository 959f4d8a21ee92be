import assert from "node:assert/strict";
import { create, fromBinary, type MessageInitShape } from "@bufbuild/protobuf";
import { MeterDataCollectionSchema } from "../../gen/skywalking/v3/meter_pb.ts";
import { MetricColumnsSchema } from "../../gen/stakeout/v1/agent_service_pb.ts";
import type { SeriesSchema } from "../../gen/stakeout/v1/process_pb.ts";
import type { Entity } from "./entity.ts";
import { MeterEncoder } from "./meters.ts";

const entities = new Map(["one", "two"].map((name): [string, Entity] => [
  name,
  { layer: "GENERAL", service: name, instance: "host", processName: name, labels: [] },
]));

/** Meters of one second in which every series is 5: `service name label…`. */
function metersOf(series: MessageInitShape<typeof SeriesSchema>[], reads: readonly string[]): string[] {
  const columns = create(MetricColumnsSchema, {
    ...{ startUnixMs: 1000n, seconds: 1, series, values: series.map(() => 5) },
    states: new Uint8Array(series.length).fill(1),
  });
  const encoder = new MeterEncoder({
    entityOf: (id) => entities.get(id),
    all: () => entities.values(),
    reads: (service, key) => reads.includes(`${service} ${key}`),
  });
  const collections = encoder.encode(columns).map((bytes) => fromBinary(MeterDataCollectionSchema, bytes));
  return collections.flatMap(({ meterData }) => meterData).map(({ service, metric }) => {
    const { name = "", labels = [] } = metric.value ?? {};
    return [service, name, ...labels.map(({ value }) => value)].join(" ");
  });
}

Deno.test("encode() sends only what a policy of the service reads, and by the errors that it means", () => {
  const series = [
    { processId: "one", metric: "process_cpu" },
    { processId: "two", metric: "process_cpu" },
    // All HTTP metrics of a watched process are kept for people to see, with 4xx as errors.
    { processId: "one", metric: "http_error_rate", variant: "" },
    { processId: "one", metric: "http_error_rate", variant: "5xx" },
    { processId: "one", metric: "http_p95_response_time", variant: "" },
    { processId: "one", metric: "http_avg_response_time", variant: "regex", uri: "^/a" },
    { processId: "gone", metric: "process_cpu" },
  ];
  const reads = [
    ...[
      "one process_cpu  ",
      "one http_error_rate 5xx ",
      "one http_avg_response_time regex ^/a",
      "gone process_cpu  ",
    ],
    "one http_p95_response_time  ",
  ];
  assert.deepEqual(metersOf(series, reads), [
    "one rover_con_p_process_cpu one GENERAL",
    "one rover_con_p_http_error_rate one GENERAL global",
    "one rover_con_p_http_avg_response_time one GENERAL ^/a",
  ]);
});

Deno.test("encode() sends the host's load for each process whose policy reads it", () => {
  const series = [{ processId: "", metric: "system_load" }];
  assert.deepEqual(metersOf(series, ["two system_load  "]), ["two rover_con_p_system_load two GENERAL"]);
  assert.deepEqual(metersOf(series, []), []);
});
