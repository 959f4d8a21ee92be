/** Protocol-level: an OAP that is played (see OapPlayer), and the agent's side of policies alone. */
import assert from "node:assert/strict";
import { EntityBook } from "../../src/agent/skywalking/entity.ts";
import { HeldPolicies } from "../../src/agent/skywalking/held_policies.ts";
import { OapHealth } from "../../src/agent/skywalking/oap_health.ts";
import { PolicyPoll } from "../../src/agent/skywalking/policy_poll.ts";
import { createOapTransport } from "../../src/agent/skywalking/transport.ts";
import { defaultConfig } from "../../src/model/config.ts";
import type { Policy } from "../../src/model/policy.ts";
import { parsePolicies } from "../../src/model/policy_file.ts";
import { sleep, waitFor } from "../support/wait.ts";
import { makeCommand } from "./oap_messages.ts";
import { OapPlayer } from "./oap_player.ts";
import { listeningLogger, sampleProcess } from "./samples.ts";

const settings = defaultConfig("/nonexistent").skywalking;

function cpu(threshold: string) {
  return { ON_CPU: { PROCESS_CPU: { Threshold: threshold, Period: 10, Count: 3 } } };
}

/** What an agent with these services holds, following an OAP every 100 ms. */
class Follower implements AsyncDisposable {
  readonly services: string[];
  readonly lines: string[];
  readonly held: HeldPolicies;
  /** How often other policies were handed over. */
  changes = 0;
  readonly #abort = new AbortController();
  readonly #running: Promise<void>;
  readonly #close: () => void;

  constructor(url: string, services: string[]) {
    const { logger, lines } = listeningLogger();
    const oap = createOapTransport({ url, token: "", caFile: "", certFile: "", keyFile: "" });
    this.services = services;
    this.lines = lines;
    this.held = new HeldPolicies(settings, logger);
    const poll = new PolicyPoll({
      ...{ oap, logger, held: this.held, book: new EntityBook(settings), pollMs: 100 },
      look: () => sleep(100),
      health: new OapHealth(url, logger),
      onPolicies: () => this.changes++,
    });
    let revision = 0;
    const processes = new Map<string, { process: ReturnType<typeof sampleProcess> }>();
    const find = (service: string, index: number) => {
      const live = processes.get(service) ?? { process: sampleProcess(service, 100 + index) };
      processes.set(service, live);
      return live as never;
    };
    this.#running = poll.run({
      values: () => this.services.map(find),
      get revision() {
        return revision++;
      },
    }, this.#abort.signal);
    this.#close = () => oap.close();
  }

  policies(): Policy[] {
    return this.held.texts().map(({ source }) => parsePolicies(source).documents[0]!.policy);
  }

  thresholds(): Record<string, number> {
    return Object.fromEntries(this.policies().map((one) => [one.target.service, one.rules[0]!.threshold]));
  }

  async waitFor(thresholds: Record<string, number>): Promise<void> {
    const wanted = JSON.stringify(thresholds);
    await waitFor(() => JSON.stringify(this.thresholds()) === wanted || undefined, 5);
    assert.deepEqual(this.thresholds(), thresholds, this.lines.join("\n"));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort();
    await this.#running;
    this.#close();
  }
}

/** Waits until the OAP has been asked so many times more. */
async function awaitQueries(oap: OapPlayer, more: number): Promise<void> {
  const wanted = oap.queries.length + more;
  assert.ok(await waitFor(() => oap.queries.length >= wanted || undefined, 5), "it was not asked");
}

Deno.test("policies of several services are taken over, then asked for by uuid, and an empty answer changes nothing", async () => {
  await using oap = await OapPlayer.start();
  const uuid = oap.store.save("checkout", cpu("80"));
  oap.store.save("cart", cpu("70"));
  oap.store.save("elsewhere", cpu("60"));
  await using follower = new Follower(oap.url, ["checkout", "cart", "idle"]);
  await follower.waitFor({ checkout: 80, cart: 70 });
  await awaitQueries(oap, 3);
  const asked = oap.queries.at(-1)!.policies.filter(({ serviceName }) =>
    !serviceName.startsWith("stakeout-")
  );
  assert.deepEqual(asked.map(({ serviceName }) => serviceName), ["checkout", "cart", "idle"]);
  assert.equal(asked[0]!.uuid, uuid);
  assert.equal(asked[2]!.uuid, "");
  assert.equal(follower.changes, 1);
  oap.store.save("checkout", cpu("81"));
  await follower.waitFor({ checkout: 81, cart: 70 });
});

Deno.test("an entry without a uuid clears a policy, and one without targets leaves none", async () => {
  await using oap = await OapPlayer.start();
  oap.store.save("checkout", cpu("80"));
  oap.store.save("cart", cpu("70"));
  await using follower = new Follower(oap.url, ["checkout", "cart"]);
  await follower.waitFor({ checkout: 80, cart: 70 });
  oap.store.save("checkout", undefined);
  await follower.waitFor({ cart: 70 });
  const uuid = oap.store.save("cart", {});
  await follower.waitFor({});
  await awaitQueries(oap, 2);
  assert.equal(follower.held.uuidOf("cart"), uuid);
  assert.equal(follower.changes, 3);
});

Deno.test("a new service is asked for within a second, and one that comes back has its policy still", async () => {
  await using oap = await OapPlayer.start();
  oap.store.save("late", cpu("50"));
  await using follower = new Follower(oap.url, ["early"]);
  await awaitQueries(oap, 1);
  follower.services.push("late");
  await follower.waitFor({ late: 50 });
  follower.services.pop();
  await awaitQueries(oap, 3);
  assert.deepEqual(follower.thresholds(), { late: 50 });
  assert.ok(oap.queries.at(-1)!.policies.some(({ serviceName }) => serviceName === "late"));
});

Deno.test("of two agents of one service both hear of a change, though the OAP remembers the service for one of them", async () => {
  await using oap = await OapPlayer.start({ cacheSeconds: 1 });
  oap.store.save("checkout", cpu("80"));
  await using one = new Follower(oap.url, ["checkout"]);
  await using other = new Follower(oap.url, ["checkout"]);
  await one.waitFor({ checkout: 80 });
  await other.waitFor({ checkout: 80 });
  oap.store.save("checkout", cpu("90"));
  await one.waitFor({ checkout: 90 });
  await other.waitFor({ checkout: 90 });
});

Deno.test("commands of other names, broken JSON and missing arguments change nothing and are told", async () => {
  await using oap = await OapPlayer.start();
  oap.store.save("checkout", cpu("80"));
  await using follower = new Follower(oap.url, ["checkout"]);
  await follower.waitFor({ checkout: 80 });
  const odd = [
    [makeCommand("ProfileTaskQuery", { ServiceWithPolicyJSON: "[]" })],
    [makeCommand("ContinuousProfilingPolicyQuery", {})],
    [makeCommand("ContinuousProfilingPolicyQuery", { ServiceWithPolicyJSON: '[{"ServiceName":"checkout"' })],
    [makeCommand("ContinuousProfilingPolicyQuery", { ServiceWithPolicyJSON: '{"ServiceName":"checkout"}' })],
    [makeCommand("ContinuousProfilingPolicyQuery", { ServiceWithPolicyJSON: '[{"UUID":""}]' })],
    [makeCommand("ContinuousProfilingPolicyQuery", { ServiceWithPolicyJSON: "[null, 5]" })],
  ];
  for (const commands of odd) {
    oap.overrides.queryPolicies = () => ({ commands });
    await awaitQueries(oap, 0).then(() => waitFor(() => follower.lines.length > 1 || undefined, 2));
    await new Promise((resolve) => setTimeout(resolve, 250));
    assert.deepEqual(follower.thresholds(), { checkout: 80 });
    const told = follower.lines.splice(1);
    assert.match(told[0] ?? "nothing was told", /is ignored|cannot be read and the old ones stay/);
  }
  delete oap.overrides.queryPolicies;
  oap.store.save("checkout", cpu("82"));
  await follower.waitFor({ checkout: 82 });
});

Deno.test("a reply of 10 MB is taken, one over 32 MiB is refused with a line and the agent goes on", async () => {
  await using oap = await OapPlayer.start();
  await using follower = new Follower(oap.url, ["checkout"]);
  const reply = (megabytes: number) => {
    const others = Array.from({ length: megabytes * 20 }, (_, index) => {
      const list = [`/${"x".repeat(50_000)}${index}`];
      const item = { Threshold: "5", Period: 10, Count: 3, URIList: list };
      return { ServiceName: `other-${index}`, UUID: "1", Profiling: { NETWORK: { HTTP_ERROR_RATE: item } } };
    });
    const mine = { ServiceName: "checkout", UUID: `of ${megabytes} MB`, Profiling: cpu(String(megabytes)) };
    const json = JSON.stringify([...others, mine]);
    return { commands: [makeCommand("ContinuousProfilingPolicyQuery", { ServiceWithPolicyJSON: json })] };
  };
  oap.overrides.queryPolicies = () => reply(10);
  await follower.waitFor({ checkout: 10 });
  oap.overrides.queryPolicies = () => reply(40);
  const line = await waitFor(() => follower.lines.find((one) => one.includes("beyond a limit")), 10);
  assert.match(line ?? follower.lines.join("\n"), /33554432/);
  delete oap.overrides.queryPolicies;
  oap.store.save("checkout", cpu("12"));
  await follower.waitFor({ checkout: 12 });
});

Deno.test("policies of 300 services in one reply hold nothing else up, and endless lists are not kept", async () => {
  await using oap = await OapPlayer.start();
  const item = (more: object) => ({ Threshold: "50", Period: 10, Count: 3, ...more });
  const conditions = {
    PROCESS_CPU: item({}),
    PROCESS_THREAD_COUNT: item({}),
    HTTP_ERROR_RATE: item({ URIRegex: "^/api" }),
  };
  const services = Array.from({ length: 300 }, (_, index) => `service-${index}`);
  for (const service of services) oap.store.save(service, { ON_CPU: conditions, OFF_CPU: conditions });
  const uris = Array.from({ length: 200_000 }, (_, index) => `/${index}`);
  oap.store.save("odd", {
    ON_CPU: {
      PROCESS_CPU: item({}),
      HTTP_ERROR_RATE: item({ URIList: uris }),
      ...Object.fromEntries(Array.from({ length: 1_000 }, (_, index) => [`OTHER_${index}`, item({})])),
    },
  });
  let [lastMs, longestMs] = [performance.now(), 0];
  const ticks = setInterval(() => {
    const nowMs = performance.now();
    longestMs = Math.max(longestMs, nowMs - lastMs);
    lastMs = nowMs;
  }, 5);
  try {
    await using follower = new Follower(oap.url, [...services, "odd"]);
    await waitFor(() => follower.changes > 0 || undefined, 20);
    assert.equal(follower.policies().length, 301);
    assert.ok(longestMs < 700, `nothing else ran for ${longestMs} ms`);
    const refused = follower.lines.filter((line) => line.includes("is not judged service=odd"));
    assert.equal(refused.length, 15, refused.join("\n"));
    assert.match(refused[0]!, /uri\.paths has 33 entries; write 1 to 32$/);
  } finally {
    clearInterval(ticks);
  }
});

Deno.test("an OAP that ends and comes back is told as one line each and asked on", async () => {
  let oap = await OapPlayer.start();
  const { port, store, url } = oap;
  store.save("checkout", cpu("80"));
  await using follower = new Follower(url, ["checkout"]);
  await follower.waitFor({ checkout: 80 });
  await oap[Symbol.asyncDispose]();
  await waitFor(() => follower.lines.some((line) => line.includes("ECONNREFUSED")) || undefined, 5);
  await new Promise((resolve) => setTimeout(resolve, 500));
  assert.deepEqual(follower.thresholds(), { checkout: 80 });
  oap = await OapPlayer.start({ port, store });
  store.save("checkout", cpu("85"));
  await follower.waitFor({ checkout: 85 });
  assert.equal(follower.lines.filter((line) => line.includes("ECONNREFUSED")).length, 1);
  assert.ok(
    follower.lines.some((line) => line.startsWith("info The OAP answers again")),
    follower.lines.join("\n"),
  );
  await oap[Symbol.asyncDispose]();
});

Deno.test("what cannot be judged is told item by item, and the rest is judged with SkyWalking's meaning", async () => {
  await using oap = await OapPlayer.start();
  const item = (more: object) => ({ Threshold: "5", Period: 10, Count: 3, ...more });
  oap.store.save("checkout", {
    ON_CPU: {
      PROCESS_CPU: item({ Threshold: "1.5" }),
      PROCESS_THREAD_COUNT: item({ Threshold: "", Count: 2 }),
      SYSTEM_LOAD: item({ Threshold: "3", Count: 11 }),
      HTTP_ERROR_RATE: item({ Threshold: "10", URIRegex: "/v[0-9]+(" }),
      HTTP_AVG_RESPONSE_TIME: item({ Threshold: "500", URIRegex: "^/api" }),
      MEMORY: item({}),
    },
    NETWORK: { HTTP_ERROR_RATE: item({ URIList: ["/api/pay", "/api/cart"], URIRegex: "is not read" }) },
    GPU: { PROCESS_CPU: item({}) },
  });
  await using follower = new Follower(oap.url, ["checkout"]);
  const found = await waitFor(() => follower.policies().length > 0 ? follower.policies() : undefined, 5);
  const shown = found?.map(({ start, rules, tls }) => ({ start, rules, tls }));
  const common = { periodSeconds: 10, count: 3, role: "server", includePending: false };
  assert.deepEqual(shown, [{
    ...{ start: ["on_cpu"], tls: true },
    rules: [{
      ...{ metric: "http_avg_response_time", threshold: 500, uri: { regex: "^/api" }, errors: "4xx_5xx" },
      ...common,
    }],
  }, {
    ...{ start: ["network"], tls: true },
    rules: [{
      ...{
        metric: "http_error_rate",
        threshold: 5,
        uri: { paths: ["/api/pay", "/api/cart"] },
        errors: "5xx",
      },
      ...common,
    }],
  }]);
  const refused = follower.lines.filter((line) =>
    line.startsWith("warn A condition of the OAP is not judged")
  );
  const reasons = refused.map((line) => / monitor=(\S*) reason=(.*)/.exec(line)!.slice(1).join(": "));
  assert.equal(reasons.length, 6, follower.lines.join("\n"));
  assert.match(reasons[0]!, /^PROCESS_CPU: its threshold 1.5 is no whole number$/);
  assert.match(reasons[1]!, /^PROCESS_THREAD_COUNT: its threshold "" is no number above 0$/);
  assert.match(reasons[2]!, /^SYSTEM_LOAD: count is 11/);
  assert.match(reasons[3]!, /^HTTP_ERROR_RATE: uri.regex is not a regular expression: .*RE2/);
  assert.match(reasons[4]!, /^MEMORY: this version knows no such monitor$/);
  assert.match(reasons[5]!, /^: this version knows no such target$/);
});
