/** Name of a metric as policies, the wire and the store spell it. */
export type MetricName =
  | "process_cpu"
  | "process_thread_count"
  | "system_load"
  | "http_request_rate"
  | "http_error_rate"
  | "http_avg_response_time"
  | "http_p50_response_time"
  | "http_p95_response_time"
  | "http_p99_response_time";

/** What is known of a metric before any value of it. */
export interface Metric {
  readonly name: MetricName;
  /** For people, sentence case. */
  readonly title: string;
  /**
   * Unit of values and thresholds. `percent` is of one core for `process_cpu` (four busy threads are 400) and 0–100
   * for `http_error_rate`. The `count` of `http_request_rate` is of requests that ended in one second.
   */
  readonly unit: "percent" | "count" | "milliseconds";
  /** `host` metrics have one value a host and no process. */
  readonly scope: "process" | "host";
  /** A `counter` read late fills the missed seconds with its mean, marked partial; a `gauge` leaves them empty. */
  readonly source: "counter" | "gauge";
  /** Whether rules on it may be limited to URIs and choose a role. */
  readonly http: boolean;
}

/** Every metric that a rule may name. */
export const metrics: Readonly<Record<MetricName, Metric>> = {
  process_cpu: {
    name: "process_cpu",
    title: "Process CPU",
    unit: "percent",
    scope: "process",
    source: "counter",
    http: false,
  },
  process_thread_count: {
    name: "process_thread_count",
    title: "Threads",
    unit: "count",
    scope: "process",
    source: "gauge",
    http: false,
  },
  system_load: {
    name: "system_load",
    title: "System load",
    unit: "count",
    scope: "host",
    source: "gauge",
    http: false,
  },
  http_request_rate: httpMetric("http_request_rate", "HTTP requests", "count"),
  http_error_rate: httpMetric("http_error_rate", "HTTP error rate", "percent"),
  http_avg_response_time: httpMetric("http_avg_response_time", "HTTP response time", "milliseconds"),
  http_p50_response_time: httpMetric("http_p50_response_time", "HTTP response time, p50", "milliseconds"),
  http_p95_response_time: httpMetric("http_p95_response_time", "HTTP response time, p95", "milliseconds"),
  http_p99_response_time: httpMetric("http_p99_response_time", "HTTP response time, p99", "milliseconds"),
};

/** Of a process, and empty in a second without requests. */
function httpMetric(name: MetricName, title: string, unit: Metric["unit"]): Metric {
  return { name, title, unit, scope: "process", source: "counter", http: true };
}

/** Whether `name` is a metric; narrows what comes from the wire or the store. */
export function isMetricName(name: string): name is MetricName {
  return Object.hasOwn(metrics, name);
}

/** Value with its unit for people: `82.4 %`, `13 µs`, `512 ms`, `1.5 s`, `29 /s`, `12`, `0.73`. */
export function formatMetricValue(name: MetricName, value: number): string {
  switch (metrics[name].unit) {
    case "percent":
      return `${formatNumber(value)} %`;
    case "milliseconds":
      if (value > 0 && value < 1) return `${formatNumber(value * 1000)} µs`;
      return value >= 1000 ? `${formatNumber(value / 1000)} s` : `${formatNumber(value)} ms`;
    case "count":
      return name === "http_request_rate" ? `${formatNumber(value)} /s` : formatNumber(value);
  }
}

/** Three digits that matter below 100, whole numbers above. */
function formatNumber(value: number): string {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return String(Number(value.toFixed(digits)));
}
