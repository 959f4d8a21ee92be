import { create } from "@bufbuild/protobuf";
import {
  type ContinuousProfilingCause,
  ContinuousProfilingCauseSchema,
  type ContinuousProfilingReport,
  ContinuousProfilingReportSchema,
} from "../../gen/skywalking/v3/continuous_profiling_pb.ts";
import { type Cause, ProfileKind, SlotState } from "../../gen/stakeout/v1/task_pb.ts";
import type { Entity } from "./entity.ts";
import { oapMonitors } from "../../model/skywalking.ts";

/** Tells an OAP why a task of one kind started on a process. */
export function toTaskReport(
  entity: Entity,
  task: { readonly cause?: Cause | undefined; readonly kind: ProfileKind; readonly durationSeconds: number },
): ContinuousProfilingReport {
  const causes = task.cause === undefined ? [] : [toCause(task.cause)];
  return create(ContinuousProfilingReportSchema, {
    layer: entity.layer,
    serviceName: entity.service,
    instanceName: entity.instance,
    processName: entity.processName,
    causes,
    duration: task.durationSeconds,
    targetTask: toTarget(task.kind, task.cause),
  });
}

function toTarget(kind: ProfileKind, cause: Cause | undefined): ContinuousProfilingReport["targetTask"] {
  const wanted = create(ContinuousProfilingReportSchema, {
    targetTask: kind === ProfileKind.NETWORK
      // An empty one takes samples of all requests.
      ? { case: "network", value: { samplingURIRegexes: [cause?.uri ?? ""] } }
      : { case: kind === ProfileKind.OFF_CPU ? "offCPU" : "onCPU", value: {} },
  });
  return wanted.targetTask;
}

/** Its `current` is the oldest value of the window that reached the threshold, as in SkyWalking's agent. */
function toCause({ metric, uri, variant, threshold, slots }: Cause): ContinuousProfilingCause {
  const current =
    slots.find(({ state, value }) => state !== SlotState.UNSPECIFIED && value >= threshold)?.value ?? 0;
  const type = oapMonitors.find((monitor) => monitor.metric === metric)?.type ?? 0;
  if (!metric.startsWith("http_")) {
    return create(ContinuousProfilingCauseSchema, {
      type,
      cause: { case: "singleValue", value: { threshold, current } },
    });
  }
  // An OAP refuses a cause without either; all requests are an empty path.
  const isRegex = variant.split(" ").includes("regex");
  return create(ContinuousProfilingCauseSchema, {
    type,
    cause: {
      case: "uri",
      value: { uri: { case: isRegex ? "regex" : "path", value: uri }, threshold, current },
    },
  });
}
