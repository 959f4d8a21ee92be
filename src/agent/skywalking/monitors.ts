import { ContinuousProfilingTriggeredMonitorType as Monitor } from "../../gen/skywalking/v3/continuous_profiling_pb.ts";
import type { MetricName } from "../../model/metric.ts";
import type { ProfileKind } from "../../model/policy.ts";

/** A value that SkyWalking judges, and what it is here. */
export interface OapMonitor {
  /** In policies. */
  readonly name: string;
  readonly metric: MetricName;
  readonly type: Monitor;
  /** Name of its meter. */
  readonly meter: string;
  /** Whether the OAP's threshold is a whole number only. */
  readonly isWhole: boolean;
}

/** All that SkyWalking has; its CPU is in percent of one core and its errors are statuses of 500 and more. */
export const oapMonitors: readonly OapMonitor[] = [
  monitor("PROCESS_CPU", "process_cpu", Monitor.ProcessCPU, true),
  monitor("PROCESS_THREAD_COUNT", "process_thread_count", Monitor.ProcessThreadCount, true),
  monitor("SYSTEM_LOAD", "system_load", Monitor.SystemLoad, false),
  monitor("HTTP_ERROR_RATE", "http_error_rate", Monitor.HTTPErrorRate, false),
  monitor("HTTP_AVG_RESPONSE_TIME", "http_avg_response_time", Monitor.HTTPAvgResponseTime, false),
];

/** What tasks are called in policies and commands, in the order in which kinds are shown. */
export const oapTargets: ReadonlyMap<string, ProfileKind> = new Map([
  ["ON_CPU", "on_cpu"],
  ["OFF_CPU", "off_cpu"],
  ["NETWORK", "network"],
]);

function monitor(name: string, metric: MetricName, type: Monitor, isWhole: boolean): OapMonitor {
  return { name, metric, type, meter: `rover_con_p_${name.toLowerCase()}`, isWhole };
}
