/** Protocol-level: the whole agent and a real HTTP server against an OAP that is played (see OapPlayer). */
import assert from "node:assert/strict";
import { startNginx } from "../support/http_servers.ts";
import { testAsRoot } from "../support/test_as_root.ts";
import { makeTestFolder } from "../support/test_folder.ts";
import { waitFor } from "../support/wait.ts";
import { startOapAgent, timeOf } from "./agent_process.ts";
import { makeCommand } from "./oap_messages.ts";
import type { Log, SpanEvent } from "./oap_messages.ts";
import { OapPlayer } from "./oap_player.ts";
import { processIdOf } from "./oap_store.ts";

const w3c = "0af7651916cd43dd8448eb211c80319c";
const zipkin = "463ac35c9f6413ad48485a3953bb6124";
const segment = "5c1a.41.16853465476730004";
const traces = ["4f1a.75.16853465476730001", "4f1a.75.16853465476730002"] as const;

/** One connection to a server of HTTP/1.1 that tells the length of its answers. */
class Connection implements Disposable {
  readonly #tcp: Deno.TcpConn;

  private constructor(tcp: Deno.TcpConn) {
    this.#tcp = tcp;
  }

  static async open(port: number): Promise<Connection> {
    return new Connection(await Deno.connect({ hostname: "127.0.0.1", port }));
  }

  /** Every request has secrets in its query and its headers. */
  async get(path: string, ...headers: string[]): Promise<void> {
    const secrets = ["Host: shop", "Authorization: Bearer canary-token", "Cookie: canary-cookie"];
    const head = [`GET ${path}?canary-query HTTP/1.1`, ...secrets, ...headers, "", ""].join("\r\n");
    await this.#tcp.write(new TextEncoder().encode(head));
    const buffer = new Uint8Array(64 * 1024);
    for (let text = "";;) {
      const length = await this.#tcp.read(buffer);
      if (length === null) throw new Error(`The server ended: ${text}`);
      text += new TextDecoder().decode(buffer.subarray(0, length));
      const end = text.indexOf("\r\n\r\n");
      const body = Number(/content-length: (\d+)/i.exec(text)?.[1]);
      if (end >= 0 && text.length >= end + 4 + body) return;
    }
  }

  [Symbol.dispose](): void {
    this.#tcp.close();
  }
}

function sw8(trace: string, span: number): string {
  return `sw8: 1-${btoa(trace)}-${btoa(segment)}-${span}-${btoa("shop")}-${btoa("i")}-${btoa("/")}-${
    btoa("a")
  }`;
}

testAsRoot(
  "a user's network profile tells the sampled requests that its rules want, no secret of theirs, and is extended",
  async () => {
    await using folder = await makeTestFolder("oap");
    const program = `${folder.path}/oapsampled`;
    await Deno.copyFile("/usr/sbin/nginx", program);
    await Deno.chmod(folder.path, 0o777);
    await using server = await startNginx(folder.path, 1, { program });
    await using oap = await OapPlayer.start({ token: "secret" });
    const { store } = oap;
    await using agent = await startOapAgent(folder, oap.url, "oapsampled");
    assert.ok(await waitFor(() => store.processes.size === 2 || undefined, 10), agent.lines.join("\n"));
    const startMs = Date.now();
    const settings = { RequireCompleteRequest: true, RequireCompleteResponse: true, MaxRequestSize: null };
    const rules: object[] = [
      { URIRegex: "^/slow$", MinDuration: 100, When4xx: false, When5xx: false, Settings: settings },
      { URIRegex: "status", MinDuration: null, When4xx: true, When5xx: true, Settings: null },
    ];
    const command = (updatedMs: number, duration: number, samplings: object[]) =>
      makeCommand("EBPFProfilingTaskQuery", {
        ...{ SerialNumber: "1", TaskId: "asked-net", TargetType: "NETWORK", TriggerType: "FIXED_TIME" },
        ProcessId: [...store.processes.values()].map(({ entity }) => processIdOf(entity)).join(","),
        ...{ TaskUpdateTime: String(updatedMs), TaskStartTime: String(startMs) },
        ...{ FixedTriggerDuration: String(duration) },
        ExtensionConfigJSON: JSON.stringify({ NetworkSamplings: samplings }),
      });
    oap.overrides.queryTasks = () => ({ commands: [command(startMs, 25, rules)] });
    const started = await agent.waitForLine(/msg="Task started" /, 15);
    // The same again, for longer and with one more rule: what else is asked falls under it.
    const second = [...rules, { URIRegex: null, MinDuration: 0, When4xx: true, When5xx: true }, {
      URIRegex: "(",
    }];
    oap.overrides.queryTasks = () => ({ commands: [command(startMs + 1, 34, second)] });

    using connection = await Connection.open(server.port);
    const watched = await waitFor(async () => {
      await connection.get("/status/404");
      return store.meters.some(({ singleValue }) => singleValue?.name.startsWith("rover_net_p_")) ||
        undefined;
    }, 12);
    assert.ok(watched, agent.lines.join("\n"));
    await connection.get("/status/404", sw8(traces[0], 3));
    await connection.get("/status/503", `b3: ${w3c}-e457b5a2e4d86bd1-1`);
    await connection.get("/status/404", "X-B3-SpanId: a2fb4a1d1a96d312", `X-B3-TraceId: ${zipkin}`);
    await connection.get("/slow", `traceparent: 00-${"f".repeat(32)}-b7ad6b7169203331-01`);
    await connection.get("/slow", `traceparent: 00-${w3c}-b7ad6b7169203331-01`);
    await connection.get("/slow", sw8(traces[1], 0));
    await connection.get("/status/503", "traceparent: canary-trace");
    assert.doesNotMatch(agent.lines.join("\n"), /Task extended/);
    const logs = await waitFor(() => store.logs.length >= 5 ? store.logs : undefined, 12);
    assert.ok(logs !== undefined, JSON.stringify(store.logs) + agent.lines.join("\n"));
    assert.deepEqual(
      logs.map(describe).sort(),
      [
        `${traces[0]} skywalking /status/404 status_4xx 404`,
        `${traces[1]} skywalking /slow slow 200`,
        `${w3c} zipkin /slow slow 200`,
        `${w3c} zipkin /status/503 status_5xx 503`,
        `${zipkin} zipkin /status/404 status_4xx 404`,
      ].sort(),
    );
    for (const log of logs) expectShape(log, [...store.processes.keys()]);
    assert.ok(await waitFor(() => store.spanEvents.length >= 4 || undefined, 5));
    assert.deepEqual(store.spanEvents.map(describeEvent).sort(), [
      `SKYWALKING ${traces[1]} ${segment} 0 HTTP Request Sampling Ingress GET /slow`,
      `SKYWALKING ${traces[1]} ${segment} 0 HTTP Response Sampling Egress HTTP/1.1 200`,
      `ZIPKIN ${w3c}  b7ad6b7169203331 HTTP Request Sampling Ingress GET /slow`,
      `ZIPKIN ${w3c}  b7ad6b7169203331 HTTP Response Sampling Egress HTTP/1.1 200`,
    ]);
    for (const event of store.spanEvents) expectTimes(event);

    await agent.waitForLine(/msg="Task extended" .*durationSeconds=/, 15);
    await connection.get("/late", `b3: ${zipkin}-e457b5a2e4d86bd1`);
    assert.ok(await waitFor(() => store.logs.length > 5 || undefined, 12), agent.lines.join("\n"));
    assert.equal(describe(store.logs[5]!), `${zipkin} zipkin /late slow 200`);
    const ended = await agent.waitForLine(/msg="Task ended" /, 30);
    const seconds = (timeOf(ended) - startMs) / 1000;
    assert.ok(
      seconds > 32 && seconds < 37,
      `ended after ${seconds} s, began after ${timeOf(started) - startMs} ms`,
    );
    assert.equal(store.logs.length, 6);
    const starts = agent.lines.filter((line) => line.includes("Task started"));
    assert.equal(starts.length, 1);
    const fewer = agent.lines.filter((line) => line.includes("fewer samples"));
    assert.equal(fewer.length, 1, fewer.join("\n"));

    const received = oap.received.join("\n");
    assert.ok(received.includes("/status/404"));
    assert.doesNotMatch(received, /canary|Bearer|Cookie/i);
    assert.doesNotMatch(agent.lines.join("\n"), /canary/);
    agent.kill("SIGINT");
    assert.equal(await agent.ended(20), 0);
  },
);

function describe({ traceContext, body }: Log): string {
  const { trace_provider: provider, uri, reason, status } = JSON.parse(body.json.json);
  return `${traceContext.traceId} ${provider} ${uri} ${reason} ${status}`;
}

/** What is the same in every log of a server on this host. */
function expectShape({ body, traceContext, tags, ...log }: Log, processIds: readonly string[]): void {
  assert.deepEqual([log.service, log.layer, body.type], ["oapsampled", "GENERAL", "json"]);
  assert.deepEqual(tags.data, [{ key: "LOG_KIND", value: "NET_PROFILING_SAMPLED_TRACE" }]);
  assert.ok(Math.abs(log.timestamp - Date.now()) < 60_000, `${log.timestamp}`);
  assert.equal(traceContext.traceSegmentId, "");
  const { client_process, server_process, latency, uri, ...json } = JSON.parse(body.json.json);
  assert.ok(processIds.includes(server_process.process_id), JSON.stringify(server_process));
  assert.deepEqual(client_process, { process_id: "", local: true, address: "" });
  assert.ok(uri === "/slow" ? latency >= 100 && latency < 2000 : latency < 1000, `${uri} ${latency}`);
  assert.deepEqual([json.detect_point, json.component, json.ssl], ["server", "http", false]);
}

function describeEvent(
  { event, tags, traceContext: { type, traceId, traceSegmentId, spanId } }: SpanEvent,
): string {
  const tag = (key: string) => tags.find((one) => one.key === key)?.value;
  assert.deepEqual([tag("connection_role"), tag("service_name")], ["server", "oapsampled"]);
  return [type, traceId, traceSegmentId, spanId, event, tag("data_direction"), tag("data_content")].join(" ");
}

/** The wait lies between the request and the response. */
function expectTimes({ event, startTime, endTime }: SpanEvent): void {
  const tookMs = (endTime.seconds - startTime.seconds) * 1000 + (endTime.nanos - startTime.nanos) / 1e6;
  assert.ok(tookMs >= 0 && tookMs < 90, `${event} took ${tookMs} ms`);
}
