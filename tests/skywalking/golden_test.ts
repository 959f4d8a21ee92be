/** Wire bytes written by hand from SkyWalking's field numbers, against what the agent makes and reads. */
import assert from "node:assert/strict";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { commandsNamed } from "../../src/agent/skywalking/command.ts";
import { EntityBook } from "../../src/agent/skywalking/entity.ts";
import { MeterEncoder } from "../../src/agent/skywalking/meters.ts";
import { toBeat, toProcessProperties } from "../../src/agent/skywalking/process_properties.ts";
import { toSampleLog, toSpanEvents } from "../../src/agent/skywalking/sample_messages.ts";
import type { SampledRequest } from "../../src/agent/skywalking/sampled_requests.ts";
import { StackData } from "../../src/agent/skywalking/stack_data.ts";
import { toTaskReport } from "../../src/agent/skywalking/task_report.ts";
import { CommandsSchema } from "../../src/gen/skywalking/v3/common_pb.ts";
import {
  ContinuousProfilingPolicyQuerySchema,
  ContinuousProfilingReportSchema,
} from "../../src/gen/skywalking/v3/continuous_profiling_pb.ts";
import {
  EBPFProcessPingPkgListSchema,
  EBPFProcessReportListSchema,
  EBPFReportProcessDownstreamSchema,
} from "../../src/gen/skywalking/v3/ebpf_process_pb.ts";
import {
  EBPFProfilingDataSchema,
  EBPFProfilingTaskMetadataSchema,
  EBPFProfilingTaskQuerySchema,
} from "../../src/gen/skywalking/v3/ebpf_profiling_pb.ts";
import { LogDataSchema } from "../../src/gen/skywalking/v3/logging_pb.ts";
import { SpanAttachedEventSchema } from "../../src/gen/skywalking/v3/span_attached_event_pb.ts";
import { MetricColumnsSchema } from "../../src/gen/stakeout/v1/agent_service_pb.ts";
import { NetworkSampleSchema, TraceHeader } from "../../src/gen/stakeout/v1/network_pb.ts";
import { type Cause, CauseSchema, ProfileKind, SlotState } from "../../src/gen/stakeout/v1/task_pb.ts";
import { silentLogger } from "../../lib/log.ts";
import { bytes, double, message, number, text } from "./hand_bytes.ts";
import { sampleChunk, sampleProcess } from "./samples.ts";

const book = new EntityBook({ hostLayer: "GENERAL", podLayer: "MESH", services: ["*"] });
const shop = sampleProcess("shop", 77);
const pod = sampleProcess("pay", 78, {
  instance: "pay-0",
  labels: {
    "k8s.pod.name": "pay-0",
    "k8s.container.name": "app",
    "k8s.namespace.name": "eu",
    "k8s.statefulset.name": "pay",
  },
});

function entityBytes(layer: string, service: string, instance: string, process: string, ...labels: string[]) {
  return [
    text(1, layer),
    text(2, service),
    text(3, instance),
    text(4, process),
    ...labels.map((one) => text(5, one)),
  ];
}

function pair(field: number, key: string, value: string) {
  return message(field, text(1, key), text(2, value));
}

Deno.test("processes of a host and of a pod, and their beat, are the bytes of the protocol", () => {
  const processes = [shop, pod].map((one) => toProcessProperties(one, book.nameOf(one)!, "10.0.0.9"));
  const list = create(EBPFProcessReportListSchema, { processes, ebpfAgentID: "agent" });
  const common = (pid: string, exe: string) => [
    pair(3, "pid", pid),
    pair(3, "command_line", exe),
    pair(3, "support_ebpf_profiling", "true"),
  ];
  assert.deepEqual(
    toBinary(EBPFProcessReportListSchema, list),
    bytes(
      message(
        1,
        message(
          1,
          message(1, ...entityBytes("GENERAL", "shop", "host-1", "shop")),
          number(2, 77),
          pair(3, "host_ip", "10.0.0.9"),
          ...common("77", "/usr/bin/shop"),
        ),
      ),
      message(
        1,
        message(
          2,
          message(1, ...entityBytes("MESH", "pay.eu", "pay-0", "pay", "k8s-service")),
          number(2, 78),
          pair(3, "host_ip", "10.0.0.9"),
          pair(3, "container_name", "app"),
          pair(3, "pod_name", "pay-0"),
          ...common("78", "/usr/bin/pay"),
        ),
      ),
      text(2, "agent"),
    ),
  );
  const entities = [shop, pod].map((one) => book.nameOf(one)!);
  const wanted = bytes(
    text(2, "agent"),
    message(1, message(1, ...entityBytes("GENERAL", "shop", "host-1", "shop"))),
    message(1, message(1, ...entityBytes("MESH", "pay.eu", "pay-0", "pay", "k8s-service"))),
  );
  for (const _ of ["first", "again"]) {
    assert.deepEqual(toBinary(EBPFProcessPingPkgListSchema, toBeat(entities, "agent")), wanted);
  }
  const answer = bytes(message(1, text(1, "id-1"), message(2, number(1, 77), message(2, text(2, "shop")))));
  const [known] = fromBinary(EBPFReportProcessDownstreamSchema, answer).processes;
  assert.deepEqual([known?.processId, known?.process.case, known?.process.value?.pid], [
    "id-1",
    "hostProcess",
    77,
  ]);
});

Deno.test("a question for policies and for tasks is the bytes of the protocol, and commands are read with fields of later versions", () => {
  const query = create(ContinuousProfilingPolicyQuerySchema, {
    policies: [{ serviceName: "shop", uuid: "u" }],
  });
  assert.deepEqual(
    toBinary(ContinuousProfilingPolicyQuerySchema, query),
    bytes(message(1, text(1, "shop"), text(2, "u"))),
  );
  const tasks = create(EBPFProfilingTaskQuerySchema, {
    roverInstanceId: "agent",
    latestUpdateTime: 1_700_000_000_123n,
  });
  assert.deepEqual(
    toBinary(EBPFProfilingTaskQuerySchema, tasks),
    bytes(text(1, "agent"), number(2, 1_700_000_000_123n)),
  );
  const later = bytes(
    message(1, text(1, "Known"), pair(2, "TaskId", "t"), text(9, "later"), number(10, 5)),
    message(1, text(1, "Unknown")),
    number(7, 1),
  );
  const [command, ...more] = commandsNamed(fromBinary(CommandsSchema, later), "Known", silentLogger);
  assert.deepEqual(more, []);
  assert.deepEqual(command?.args.map(({ key, value }) => [key, value]), [["TaskId", "t"]]);
});

/** A cause whose window holds 3, an empty second, 7 and 9. */
function causeOf(metric: string, more: Partial<Cause> = {}): Cause {
  const slots = [3, 0, 7, 9].map((value, index) => ({
    state: index === 1 ? SlotState.UNSPECIFIED : SlotState.VALUE,
    value,
  }));
  return create(CauseSchema, { metric, threshold: 5, slots, ...more } as never);
}

Deno.test("a task's report is the bytes of the protocol for every monitor, target and kind of URI", () => {
  const entity = book.nameOf(shop)!;
  const report = (cause: Cause, kind = ProfileKind.ON_CPU) =>
    toBinary(ContinuousProfilingReportSchema, toTaskReport(entity, { cause, kind, durationSeconds: 600 }));
  const head = [text(1, "GENERAL"), text(2, "shop"), text(3, "host-1"), text(4, "shop")];
  const single = message(2, double(1, 5), double(2, 7));
  const onCpu = message(7);
  const cases: [Uint8Array, number[], number[]][] = [
    // Type 0, ProcessCPU, is a proto3 default and has no bytes.
    [report(causeOf("process_cpu")), message(5, single), onCpu],
    [report(causeOf("process_thread_count")), message(5, number(1, 1), single), onCpu],
    [report(causeOf("system_load")), message(5, number(1, 2), single), onCpu],
    [
      report(causeOf("http_error_rate", { uri: "/pay", variant: "path 5xx" }), ProfileKind.OFF_CPU),
      message(5, number(1, 3), message(3, text(2, "/pay"), double(3, 5), double(4, 7))),
      message(8),
    ],
    [
      report(causeOf("http_avg_response_time", { uri: "^/v[0-9]", variant: "regex" }), ProfileKind.NETWORK),
      message(5, number(1, 4), message(3, text(1, "^/v[0-9]"), double(3, 5), double(4, 7))),
      message(9, text(1, "^/v[0-9]")),
    ],
    // All requests: the empty path is there, since an OAP refuses a cause with neither.
    [
      report(causeOf("http_error_rate", { variant: "5xx" })),
      message(5, number(1, 3), message(3, text(2, ""), double(3, 5), double(4, 7))),
      onCpu,
    ],
  ];
  for (const [made, cause, target] of cases) {
    assert.deepEqual(made, bytes(...head, cause, number(6, 600), target));
  }
});

Deno.test("stacks by name are the bytes of the protocol, on and off the CPU", () => {
  const stacks = new StackData();
  const chunk = sampleChunk("t", shop, 0);
  const [{ data: [first, second] } = { data: [] }] = stacks.add(chunk);
  first!.task = create(EBPFProfilingTaskMetadataSchema, {
    ...{
      taskId: "t",
      processId: "p",
      profilingStartTime: 1_700_000_000_000n,
      currentTime: 1_700_000_005_000n,
    },
  });
  const userStack = (id: number, ...names: string[]) =>
    message(1, number(1, 1), number(2, id), ...names.map((name) => text(3, name)));
  assert.deepEqual(
    toBinary(EBPFProfilingDataSchema, first!),
    bytes(
      message(1, text(1, "t"), text(2, "p"), number(3, 1_700_000_000_000n), number(4, 1_700_000_005_000n)),
      // Kernel space is 0, which has no bytes.
      message(
        2,
        message(1, number(2, 1), text(3, "do_syscall_64")),
        userStack(2, "work", "main"),
        number(2, 3),
      ),
    ),
  );
  assert.deepEqual(
    toBinary(EBPFProfilingDataSchema, second!),
    bytes(message(2, userStack(3, "only_0", "main"), number(2, 1))),
  );
  chunk.kind = ProfileKind.OFF_CPU;
  chunk.sampleWeights = [5_000_000_000n, 1n, 7n];
  chunk.sampleWaits = [1n, 1n, 0n];
  const [{ data: [waited] } = { data: [] }] = new StackData().add(chunk);
  assert.deepEqual(
    toBinary(EBPFProfilingDataSchema, waited!),
    bytes(
      message(
        3,
        message(1, number(2, 1), text(3, "do_syscall_64")),
        userStack(2, "work", "main"),
        number(2, 2),
        number(3, 5_000_000_001n),
      ),
    ),
  );
});

Deno.test("meters are the bytes of the protocol", () => {
  const columns = create(MetricColumnsSchema, {
    ...{ startUnixMs: 1_700_000_000_000n, seconds: 2, values: [50, 100, 25, 0] },
    series: [
      { processId: shop.id, metric: "process_cpu" },
      { processId: shop.id, metric: "http_error_rate", uri: "/pay", variant: "path 5xx" },
    ],
    states: Uint8Array.of(1, 1, 1, 0),
  });
  const owners = { entityOf: () => book.nameOf(shop), all: () => [], reads: () => true };
  const [collection] = new MeterEncoder(owners).encode(columns);
  const labels = [pair(2, "process_name", "shop"), pair(2, "layer", "GENERAL")];
  const end = (atUnixMs: bigint) => [text(3, "shop"), text(4, "host-1"), number(5, atUnixMs)];
  assert.deepEqual(
    collection,
    bytes(
      message(
        1,
        message(1, text(1, "rover_con_p_process_cpu"), ...labels, double(3, 75)),
        ...end(1_700_000_001_000n),
      ),
      message(
        1,
        message(1, text(1, "rover_con_p_http_error_rate"), ...labels, pair(2, "uri", "/pay"), double(3, 25)),
        ...end(1_700_000_000_000n),
      ),
    ),
  );
});

/** A request of 1.5 KiB that took 7.8 ms: 0.3 to be read, 7 of work, 0.5 to be answered. */
function sampleRequest(more: Partial<SampledRequest> = {}, sample: object = {}): SampledRequest {
  return {
    sample: create(NetworkSampleSchema, {
      ...{ edge: 1, startedUnixUs: 1_700_000_000_999_900n, method: "POST", path: "/pay/é", status: 503 },
      ...{ requestBytes: 1536n, responseBytes: 120n },
      ...{ requestNs: 300_000n, waitNs: 7_000_000n, responseNs: 500_001n },
      ...{ traceId: "1.2.3", traceHeader: TraceHeader.SW8, spanId: "3", traceSegmentId: "4.5.6" },
      ...sample,
    } as never),
    rule: { minimumMs: 0, when4xx: true, when5xx: true, completeRequest: true, completeResponse: true },
    ...{
      reason: "status_5xx",
      latencyMs: 7,
      entity: book.nameOf(shop)!,
      processId: "p",
      isServer: true,
      tls: false,
    },
    peer: { address: "10.0.0.7" },
    ...more,
  };
}

Deno.test("sampled requests are the bytes of the protocol as logs, whichever end and trace they are of", () => {
  const logBytes = (json: string, traceId: string) =>
    bytes(
      number(1, 1_700_000_000_999n),
      text(2, "shop"),
      text(3, "host-1"),
      message(5, text(1, "json"), message(3, text(1, json))),
      message(6, text(1, traceId)),
      message(7, pair(1, "LOG_KIND", "NET_PROFILING_SAMPLED_TRACE")),
      text(8, "GENERAL"),
    );
  const log = (request: SampledRequest) => toBinary(LogDataSchema, toSampleLog(request));
  const own = '{"process_id":"p","local":false,"address":""}';
  assert.deepEqual(
    log(sampleRequest()),
    logBytes(
      '{"uri":"/pay/é","reason":"status_5xx","latency":7,"trace_provider":"skywalking",' +
        '"client_process":{"process_id":"","local":false,"address":"10.0.0.7"},' +
        `"server_process":${own},"detect_point":"server","component":"http","ssl":false,"status":503}`,
      "1.2.3",
    ),
  );
  for (const traceHeader of [TraceHeader.B3, TraceHeader.TRACEPARENT]) {
    const more = { isServer: false, peer: "local", tls: true, reason: "slow", latencyMs: 0 } as const;
    assert.deepEqual(
      log(sampleRequest(more, { traceHeader, traceId: "0af7", path: "/", status: 200 })),
      logBytes(
        '{"uri":"/","reason":"slow","latency":0,"trace_provider":"zipkin",' +
          `"client_process":${own},"server_process":{"process_id":"","local":true,"address":""},` +
          '"detect_point":"client","component":"http","ssl":true,"status":200}',
        "0af7",
      ),
    );
  }
  const neighbour = new TextDecoder().decode(log(sampleRequest({ peer: { processId: "q" } })));
  assert.ok(neighbour.includes('"client_process":{"process_id":"q","local":false,"address":""}'));
});

Deno.test("requests and responses are the bytes of the protocol as events of their span, as the rule asks", () => {
  const events = (request: SampledRequest) =>
    toSpanEvents(request).map((event) => toBinary(SpanAttachedEventSchema, event));
  const instant = (field: number, seconds: number, nanos: number) =>
    message(field, number(1, seconds), ...nanos === 0 ? [] : [number(2, nanos)]);
  const tags = (size: string, content: string, direction: string, type: string, role: string) => [
    ...[pair(4, "data_size", size), pair(4, "data_content", content), pair(4, "data_direction", direction)],
    ...[pair(4, "data_type", type), pair(4, "connection_role", role), pair(4, "service_name", "shop")],
    ...[pair(4, "service_instance_name", "host-1"), pair(4, "process_name", "shop")],
  ];
  // SKYWALKING is 0, which has no bytes.
  const skywalking = message(6, text(2, "1.2.3"), text(3, "4.5.6"), text(4, "3"));
  const zipkin = message(6, number(1, 1), text(2, "0af7"), text(4, "b7ad"));
  const b3 = { traceHeader: TraceHeader.B3, traceId: "0af7", spanId: "b7ad", traceSegmentId: "" };
  const [request, response, ...more] = events(sampleRequest());
  assert.deepEqual(more, []);
  assert.deepEqual(
    request,
    bytes(
      instant(1, 1_700_000_000, 999_900_000),
      text(2, "HTTP Request Sampling"),
      instant(3, 1_700_000_001, 200_000),
      ...tags("1.5KiB", "POST /pay/é", "Ingress", "request", "server"),
      skywalking,
    ),
  );
  assert.deepEqual(
    response,
    bytes(
      instant(1, 1_700_000_001, 7_200_000),
      text(2, "HTTP Response Sampling"),
      instant(3, 1_700_000_001, 7_700_001),
      ...tags("120B", "HTTP/1.1 503", "Egress", "response", "server"),
      skywalking,
    ),
  );
  const rule = sampleRequest().rule;
  const client = { isServer: false, rule: { ...rule, completeRequest: false } };
  assert.deepEqual(events(sampleRequest(client, { ...b3, responseBytes: 5n << 30n })), [
    bytes(
      instant(1, 1_700_000_001, 7_200_000),
      text(2, "HTTP Response Sampling"),
      instant(3, 1_700_000_001, 7_700_001),
      ...tags("5GiB", "HTTP/1.1 503", "Ingress", "response", "client"),
      zipkin,
    ),
  ]);
  assert.deepEqual(events(sampleRequest({}, { ...b3, spanId: "" })), []);
  assert.deepEqual(
    events(sampleRequest({ rule: { ...rule, completeRequest: false, completeResponse: false } })),
    [],
  );
});
