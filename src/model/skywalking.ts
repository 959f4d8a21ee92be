import type { MetricName } from "./metric.ts";
import type { ProfileKind } from "./policy.ts";

/** A value that SkyWalking judges, and what it is here. */
export interface OapMonitor {
  /** In policies. */
  readonly name: string;
  readonly metric: MetricName;
  /** ContinuousProfilingTriggeredMonitorType. */
  readonly type: number;
  /** Name of its meter. */
  readonly meter: string;
  /** Whether the OAP's threshold is a whole number only. */
  readonly isWhole: boolean;
}

/** All that SkyWalking has; its CPU is in percent of one core and its errors are statuses of 500 and more. */
export const oapMonitors: readonly OapMonitor[] = [
  monitor("PROCESS_CPU", "process_cpu", 0, true),
  monitor("PROCESS_THREAD_COUNT", "process_thread_count", 1, true),
  monitor("SYSTEM_LOAD", "system_load", 2, false),
  monitor("HTTP_ERROR_RATE", "http_error_rate", 3, false),
  monitor("HTTP_AVG_RESPONSE_TIME", "http_avg_response_time", 4, false),
];

/** What SkyWalking's agents have for a version among ours. */
export const roverVersion = "SkyWalking Rover";

/** What tasks are called in policies and commands, in the order in which kinds are shown. */
export const oapTargets: ReadonlyMap<string, ProfileKind> = new Map([
  ["ON_CPU", "on_cpu"],
  ["OFF_CPU", "off_cpu"],
  ["NETWORK", "network"],
]);

function monitor(name: string, metric: MetricName, type: number, isWhole: boolean): OapMonitor {
  return { name, metric, type, meter: `rover_con_p_${name.toLowerCase()}`, isWhole };
}
