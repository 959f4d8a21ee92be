/** Meters and logs of network profiling, as the facts about Rover's sources have them. */

/** Lower bounds, in milliseconds; all of them are sent, also those of nothing. */
const durationBuckets = [
  ...[1, 2, 5, 10, 15, 20, 25, 30, 40, 45, 50, 60, 65, 70, 80, 90, 100, 110, 130, 150, 170, 200, 230, 260],
  ...[290, 330, 380, 430, 480, 500, 600, 700, 800, 900, 1_000, 1_100, 1_300, 1_500, 1_800, 2_000, 5_000],
  ...[10_000, 15_000, 20_000, 30_000],
];

/** What one flush says of one connection, or of all to one process. */
export interface Connection {
  /** Id of the process. */
  readonly own: string;
  readonly isServer?: boolean;
  /** Label of the other end, without its side: `process_id`, `local` or `address`. */
  readonly peer: readonly [label: string, value: string];
  readonly protocol?: string;
  readonly isTls?: boolean;
  /** By the middle of the name: `write_bytes`. */
  readonly values?: Readonly<Record<string, number>>;
  readonly http?: {
    readonly requests: number;
    readonly statuses: Readonly<Record<string, number>>;
    readonly meanMs: number;
    /** Count by lower bound. */
    readonly durations: Readonly<Record<number, number>>;
  };
}

interface Meter {
  readonly singleValue?: object;
  readonly histogram?: object;
  readonly service?: string;
  readonly serviceInstance?: string;
  readonly timestamp?: number;
}

/** A MeterDataCollection: only its first says whose it is and when. */
export function flush(
  atMs: number,
  service: string,
  ...connections: readonly Connection[]
): { readonly meterData: readonly Meter[] } {
  const [first, ...others] = connections.flatMap(metersOf);
  const about = { service, serviceInstance: `${service}-pod`, timestamp: atMs };
  return { meterData: first === undefined ? [] : [{ ...first, ...about }, ...others] };
}

function metersOf(connection: Connection): Meter[] {
  const { own, isServer = false, peer: [peer, to], protocol = "unknown", isTls = false, values = {}, http } =
    connection;
  const [side, other] = isServer ? ["server", "client"] : ["client", "server"];
  const labels = [
    [`${side}_process_id`, own],
    [`${other}_${peer}`, to],
    ["side", side],
    ["protocol", http === undefined ? protocol : "http"],
    ["is_ssl", String(isTls)],
  ].map(([name, value]) => ({ name, value }));
  const single = (name: string, value: number, more: object[] = []) => ({
    singleValue: { name: `rover_net_p_${name}`, labels: [...labels, ...more], value },
  });
  const histogram = (name: string, counts: Readonly<Record<number, number>>) => ({
    histogram: {
      ...{ name: `rover_net_p_${name}`, labels },
      values: durationBuckets.map((bucket) => ({ bucket, count: counts[bucket] ?? 0 })),
    },
  });
  return [
    ...Object.entries(values).map(([name, value]) => single(`${side}_${name}_counter`, value)),
    ...http === undefined ? [] : [
      single(`http1_${side}_duration_avg`, http.meanMs),
      histogram(`http1_${side}_duration_histogram`, http.durations),
      single("http1_request_counter", http.requests),
      ...Object.entries(http.statuses).map(([code, count]) =>
        single("http1_response_status_counter", count, [{ name: "code", value: code }])
      ),
      single("http1_request_package_size_avg", 900),
      histogram("http1_request_package_size_histogram", { 10: 1 }),
    ],
  ];
}

/** A LogData of a sampled request; `more` goes over what its body has. */
export function sampledRequest(atMs: number, service: string, traceId: string, more: object) {
  const json = JSON.stringify({
    ...{ uri: "/", reason: "slow", latency: 1, trace_provider: "skywalking", detect_point: "client" },
    ...{ component: "http", ssl: false, status: 200 },
    ...more,
  });
  return {
    ...{ timestamp: atMs, service, serviceInstance: `${service}-pod`, layer: "MESH" },
    tags: { data: [{ key: "LOG_KIND", value: "NET_PROFILING_SAMPLED_TRACE" }] },
    traceContext: { traceId },
    body: { type: "json", json: { json } },
  };
}
