/** Protocol-level: the whole agent and real HTTP and TLS servers against an OAP that is played (see OapPlayer). */
import assert from "node:assert/strict";
import { makeCertificate } from "../support/certificate.ts";
import { runCurl } from "../support/http_clients.ts";
import { type HttpServer, startNginx } from "../support/http_servers.ts";
import { testAsRoot } from "../support/test_as_root.ts";
import { makeTestFolder } from "../support/test_folder.ts";
import { waitFor } from "../support/wait.ts";
import { startOapAgent } from "./agent_process.ts";
import type { Meter } from "./oap_messages.ts";
import { OapPlayer } from "./oap_player.ts";
import type { OapStore } from "./oap_store.ts";

const service = "oapnet";
/** What the client counts itself. */
const moved = { requests: 0, requestBytes: 0, responseBytes: 0, waitedMs: 0 };

/** One request on a connection of its own. */
async function request(port: number, path: string): Promise<void> {
  using connection = await Deno.connect({ port });
  const bytes = new TextEncoder().encode(
    `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`,
  );
  const startMs = performance.now();
  await connection.write(bytes);
  const buffer = new Uint8Array(65_536);
  for (let read = 0; read !== null; read = await connection.read(buffer) as number) {
    moved.responseBytes += read;
  }
  moved.waitedMs += performance.now() - startMs;
  moved.requests++;
  moved.requestBytes += bytes.length;
}

/** A process that serves, which nginx's first one does not. */
function workerOf(server: HttpServer): number {
  return server.pids().find((pid) => pid !== server.pid)!;
}

function fieldsOf({ singleValue, histogram }: Meter) {
  return (singleValue ?? histogram)!;
}

/** Meters of one relation, by its first two labels: of a process by pid, else as it says. */
class Relations {
  readonly #store: OapStore;
  readonly #meters = new Map<string, Meter[]>();

  constructor(store: OapStore) {
    this.#store = store;
    for (const meter of store.meters) {
      const { name, labels } = fieldsOf(meter);
      if (!name.startsWith("rover_net_p_")) continue;
      const key = labels.slice(0, 2).map((label) => this.#show(label)).join(" ");
      this.#meters.set(key, [...this.#meters.get(key) ?? [], meter]);
    }
  }

  #show({ name, value }: { name: string; value: string }): string {
    const pid = this.#store.processes.get(value)?.pid;
    return name.endsWith("_process_id") ? `${name.replace("_process_id", "")}=${pid}` : `${name}=${value}`;
  }

  names(): string[] {
    return [...this.#meters.keys()].sort();
  }

  /** Of a meter's name without what all have in front. */
  of(relation: string, name: string): Meter[] {
    return (this.#meters.get(relation) ?? []).filter((meter) =>
      fieldsOf(meter).name === `rover_net_p_${name}`
    );
  }

  sum(relation: string, name: string): number {
    return this.of(relation, name).reduce((sum, { singleValue }) => sum + singleValue!.value, 0);
  }

  codes(relation: string): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const { singleValue } of this.of(relation, "http1_response_status_counter")) {
      const { labels, value } = singleValue!;
      const code = labels.find(({ name }) => name === "code")!.value;
      counts[code] = (counts[code] ?? 0) + value;
    }
    return counts;
  }

  /** A mean of each time, by the requests of that time. */
  total(relation: string, name: string): number {
    const requests = new Map(
      this.of(relation, "http1_request_counter").map((
        { timestamp, singleValue },
      ) => [timestamp, singleValue!.value]),
    );
    return this.of(relation, name).reduce(
      (sum, { timestamp, singleValue }) => sum + singleValue!.value * requests.get(timestamp)!,
      0,
    );
  }

  /** Values of the labels after the two that tell who it is. */
  kinds(relation: string): string[] {
    const kinds = (this.#meters.get(relation) ?? []).map((meter) =>
      fieldsOf(meter).labels.slice(2, 5).map(({ name, value }) => `${name}=${value}`).join(" ")
    );
    return [...new Set(kinds)];
  }
}

testAsRoot(
  "a network profile tells an OAP requests, statuses, durations and sizes as they were, who talks to whom, and TLS",
  async () => {
    await using folder = await makeTestFolder("oapnet");
    const program = `${folder.path}/${service}`;
    await Deno.copyFile("/usr/sbin/nginx", program);
    const places = ["back", "front", "secure"].map((name) => `${folder.path}/${name}`);
    for (const place of [folder.path, ...places]) {
      await Deno.mkdir(place, { recursive: true });
      await Deno.chmod(place, 0o777);
    }
    const certificate = await makeCertificate(folder.path);
    await using back = await startNginx(places[0]!, 1, { program });
    await using front = await startNginx(places[1]!, 1, { program, upstreamPort: back.port });
    await using secure = await startNginx(places[2]!, 1, { program, certificate });
    await using oap = await OapPlayer.start({ token: "secret" });
    const { store } = oap;
    store.save(service, { NETWORK: { PROCESS_THREAD_COUNT: { Threshold: "1", Period: 5, Count: 1 } } });
    await using agent = await startOapAgent(folder, oap.url, service, 15);
    await agent.waitForLine(/msg="Task started"/, 20);
    const pidOf = { back: workerOf(back), front: workerOf(front), secure: workerOf(secure) };
    const atSecure = `server=${pidOf.secure} client_local=true`;
    // Once one connection has been told, all servers are covered.
    await waitFor(async () => {
      await runCurl("-k", `https://localhost:${secure.port}/`);
      return new Relations(store).names().includes(atSecure) || undefined;
    }, 15);

    for (let index = 0; index < 97; index++) await request(front.port, `/good/${index}`);
    for (let index = 0; index < 13; index++) await request(front.port, "/status/404?token=1");
    for (let index = 0; index < 7; index++) await request(front.port, "/status/503");
    for (let index = 0; index < 11; index++) await request(front.port, "/app/status/404");
    await agent.waitForLine(/msg="Task ended"/, 30);
    const atFront = `server=${pidOf.front} client_local=true`;
    // A client does not see which of the processes that share a port has accepted: it is the one that opened it.
    const toBack = `client=${pidOf.front} server=${back.pid}`;
    const atBack = `server=${pidOf.back} client=${pidOf.front}`;
    await waitFor(() => {
      const relations = new Relations(store);
      const done = [[atFront, 128], [toBack, 11], [atBack, 11]] as const;
      return done.every(([who, count]) => relations.sum(who, "http1_request_counter") >= count) || undefined;
    }, 15);

    const relations = new Relations(store);
    assert.deepEqual(relations.names(), [atFront, toBack, atBack, atSecure].sort());
    assert.equal(relations.sum(atFront, "http1_request_counter"), 97 + 13 + 7 + 11);
    assert.deepEqual(relations.codes(atFront), { "1xx-3xx": 97, "4xx": 13 + 11, "5xx": 7 });
    for (const relation of [toBack, atBack]) {
      assert.equal(relations.sum(relation, "http1_request_counter"), 11);
      assert.deepEqual(relations.codes(relation), { "4xx": 11 });
    }
    for (const [relation, side] of [[atFront, "server"], [toBack, "client"], [atBack, "server"]] as const) {
      const histograms = relations.of(relation, `http1_${side}_duration_histogram`).map(({ histogram }) =>
        histogram!
      );
      assert.ok(histograms.length > 0 && histograms.every(({ values }) => values.length === 45));
      const counts = histograms.flatMap(({ values }) => values.map(({ count }) => count));
      const requests = relations.sum(relation, "http1_request_counter");
      assert.equal(counts.reduce((sum, count) => sum + count, 0), requests);
    }
    // What a server takes is within what its client waits.
    const totalMs = (relation: string, side: string) =>
      relations.total(relation, `http1_${side}_duration_avg`);
    const longestFirst = [
      moved.waitedMs,
      totalMs(atFront, "server"),
      totalMs(toBack, "client"),
      totalMs(atBack, "server"),
      0,
    ];
    assert.deepEqual(longestFirst.toSorted((one, other) => other - one), longestFirst);
    assert.equal(moved.requests, 128);
    const sizes = ["request", "response"].map((what) =>
      relations.total(atFront, `http1_${what}_package_size_avg`)
    );
    assert.deepEqual(sizes.map(Math.round), [moved.requestBytes, moved.responseBytes]);
    assert.deepEqual(relations.kinds(atSecure), ["side=server protocol=tcp is_ssl=true"]);
    assert.ok(relations.kinds(atFront).includes("side=server protocol=http is_ssl=false"));
    assert.ok(relations.kinds(toBack).includes("side=client protocol=http is_ssl=false"));
    assert.deepEqual(relations.of(atSecure, "http1_request_counter"), []);
    assert.deepEqual(store.tasks.map(({ serviceName, network }) => [serviceName, network !== undefined]), [
      [service, true],
    ]);
    agent.kill("SIGINT");
    assert.equal(await agent.ended(20), 0);
  },
);
