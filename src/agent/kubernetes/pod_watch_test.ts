import assert from "node:assert/strict";
import { findFreePort } from "../../../tests/support/free_port.ts";
import {
  type ApiRequest,
  bookmark,
  expired,
  KubernetesApi,
  podEvent,
  type WatchAnswer,
} from "../../../tests/support/kubernetes_api.ts";
import { makeTestFolder } from "../../../tests/support/test_folder.ts";
import { waitFor } from "../../../tests/support/wait.ts";
import { Backoff } from "../backoff.ts";
import { readCgroupFacts } from "../container.ts";
import { findKubernetes } from "./api.ts";
import { PodDirectory } from "./pod_directory.ts";
import { PodWatch } from "./pod_watch.ts";

const uid = "1b8cd8a2-8f4e-4f6c-9d3e-2a1b3c4d5e6f";
const other = "2c9de9b3-9a5f-4a7d-8e4f-3b2c4d5e6f70";
const containerId = "0123456789abcdef".repeat(4);

/** Runs a watch against a stand-in for the API while `test` does; requests are answered by `answer`, by their number. */
async function withWatch(
  answer: (request: ApiRequest, number: number) => Response | Promise<Response>,
  test: (parts: {
    api: KubernetesApi;
    watch: PodWatch;
    requests: ApiRequest[];
    log: string[];
    renamed: string[];
    /** Until a process of this pod has this name. */
    expectName(podUid: string, workload: string | undefined): Promise<void>;
    expectLog(pattern: RegExp): Promise<void>;
    expectRequests(count: number): Promise<void>;
  }) => Promise<void>,
  options: { answerMs?: number; url?: string } = {},
): Promise<void> {
  await using folder = await makeTestFolder("kubernetes");
  const requests: ApiRequest[] = [];
  await using api = await KubernetesApi.start(
    folder.path,
    (request) => answer(request, requests.push(request)),
  );
  const pods = new PodDirectory();
  const [log, renamed]: [string[], string[]] = [[], []];
  function note(message: string, fields: Record<string, unknown> = {}): void {
    log.push(`${message} ${Object.values(fields).join(" ")}`);
  }
  const watch = new PodWatch({
    place: {
      ...{ url: options.url ?? api.url, node: "node-1", accountFolder: api.accountFolder },
      answerMs: options.answerMs ?? 10_000,
    },
    pods,
    logger: { debug: note, info: note, warn: note, error: note },
    onPod: (pod) => renamed.push(pod.name),
    backoff: new Backoff(2, 10),
  });
  const abort = new AbortController();
  const running = watch.run(abort.signal);
  const find = (podUid: string) => pods.find({ ...readCgroupFacts("/"), podUid });
  try {
    await test({
      ...{ api, watch, requests, log, renamed },
      async expectName(podUid, workload) {
        const met = await waitFor(() => find(podUid)?.workload === workload || undefined, 5);
        assert.ok(met, `${find(podUid)?.workload} is not ${workload}: ${log.join("\n")}`);
      },
      async expectLog(pattern) {
        const met = await waitFor(() => log.some((line) => pattern.test(line)) || undefined, 5);
        assert.ok(met, log.join("\n"));
      },
      async expectRequests(count) {
        assert.ok(
          await waitFor(() => requests.length >= count || undefined, 5),
          `${requests.length} requests`,
        );
      },
    });
  } finally {
    abort.abort();
    await running;
  }
}

function status(code: number, message: string): Response {
  return Response.json({ kind: "Status", apiVersion: "v1", status: "Failure", message, code }, {
    status: code,
  });
}

Deno.test("a watch asks for this node's pods as this account, and follows what becomes of them", async () => {
  let watched: WatchAnswer | undefined;
  await withWatch((request) => {
    watched ??= request.watch(podEvent("ADDED", { uid }), podEvent("ADDED", { uid: other, workload: "db" }));
    return watched.response;
  }, async ({ requests, log, renamed, expectName }) => {
    await expectName(uid, "web");
    await expectName(other, "db");
    const [request] = requests;
    assert.equal(request!.url.pathname, "/api/v1/pods");
    assert.deepEqual(Object.fromEntries(request!.url.searchParams), {
      ...{ watch: "true", fieldSelector: "spec.nodeName=node-1", resourceVersion: "0" },
      ...{ allowWatchBookmarks: "true", timeoutSeconds: "600" },
    });
    assert.equal(request!.token, "first-token");
    watched!.send(podEvent("MODIFIED", { uid, containerId }));
    watched!.send(podEvent("MODIFIED", { uid, containerId }));
    watched!.send(podEvent("DELETED", { uid: other, workload: "db" }));
    await expectName(other, undefined);
    // The second change changed nothing that names are made of.
    assert.deepEqual(renamed, ["web-5d8c7b9f4-x2x4z", "db-5d8c7b9f4-x2x4z", "web-5d8c7b9f4-x2x4z"]);
    assert.deepEqual(log, ["The Kubernetes API names the pods of this node node-1"]);
  });
});

Deno.test("a watch that the server ended goes on from where it was", async () => {
  await withWatch((request, number) => {
    const watched = number === 1
      ? request.watch(podEvent("ADDED", { uid, version: "41" }), bookmark("43"))
      : request.watch(podEvent("MODIFIED", { uid, workload: "api", version: "47" }));
    if (number === 1) watched.end();
    return watched.response;
  }, async ({ requests, log, expectName }) => {
    await expectName(uid, "api");
    assert.deepEqual(requests.map(({ url }) => url.searchParams.get("resourceVersion")), ["0", "43"]);
    assert.equal(log.length, 1);
  });
});

Deno.test("a watch that ends before every pod was told begins anew", async () => {
  await withWatch((request, number) => {
    const watched = request.watch(podEvent("ADDED", { uid: number === 1 ? uid : other }));
    if (number === 1) watched.end();
    return watched.response;
  }, async ({ requests, expectName }) => {
    await expectName(other, "web");
    await expectName(uid, "web");
    assert.deepEqual(requests.map(({ url }) => url.searchParams.get("resourceVersion")), ["0", "0"]);
  });
});

for (
  const [how, refuse] of [
    ["by an event", (request: ApiRequest) => request.watch(expired()).response],
    ["at once", () => status(410, "too old resource version")],
  ] as const
) {
  Deno.test(`a watch that is told ${how} that it is too old begins anew and forgets pods that are gone`, async () => {
    await withWatch((request, number) => {
      if (number === 2) return refuse(request);
      const found = number === 1 ? [uid, other] : [other];
      const watched = request.watch(
        ...found.map((each) => podEvent("ADDED", { uid: each })),
        bookmark("9000"),
      );
      if (number === 1) watched.end();
      return watched.response;
    }, async ({ requests, log, expectName }) => {
      await expectName(uid, undefined);
      await expectName(other, "web");
      await waitFor(() => requests.length >= 3 || undefined, 5);
      assert.deepEqual(requests.map(({ url }) => url.searchParams.get("resourceVersion")), [
        "0",
        "9000",
        "0",
      ]);
      assert.equal(log.length, 1);
    });
  });
}

Deno.test("an API that forbids is said once, tried again, and names pods as soon as it allows", async () => {
  let allowed = false;
  await withWatch(
    (request) =>
      allowed
        ? request.watch(podEvent("ADDED", { uid })).response
        : status(403, "pods is forbidden: User cannot watch"),
    async ({ watch, log, expectName, expectRequests }) => {
      await expectRequests(5);
      assert.equal(log.length, 1);
      assert.match(
        log[0]!,
        /^The Kubernetes API names no pods; .* forbids this service account to watch pods; bind /,
      );
      assert.match(watch.problem, / forbids this service account /);
      allowed = true;
      await expectName(uid, "web");
      assert.equal(watch.problem, "");
      assert.equal(log.length, 2);
    },
  );
});

Deno.test("a token that was renewed on disk is used from the next request on", async () => {
  let valid = "first-token";
  let watched: WatchAnswer | undefined;
  await withWatch((request) => {
    if (request.token !== valid) return status(401, "Unauthorized");
    watched = request.watch(podEvent("ADDED", { uid, workload: request.token }));
    return watched.response;
  }, async ({ api, expectName, expectLog }) => {
    await expectName(uid, "first-token");
    valid = "second-token";
    watched!.end();
    await expectLog(/does not take the service account's token/);
    // As the kubelet does it: a new file under the old name.
    await Deno.writeTextFile(`${api.accountFolder}/token.new`, "second-token");
    await Deno.rename(`${api.accountFolder}/token.new`, `${api.accountFolder}/token`);
    await expectName(uid, "second-token");
  });
});

const strange: [what: string, answer: (request: ApiRequest) => Response, said: RegExp][] = [
  [
    "is a web page",
    () => new Response("<html>\nhello\n"),
    /What answers at \S+ is no Kubernetes API; check /,
  ],
  ["is other JSON", () => new Response("[1]\n"), /is no Kubernetes API; check KUBERNETES_SERVICE_HOST/],
  ["is null", () => new Response("null\n"), /is no Kubernetes API/],
  ["is deep", () => new Response("[".repeat(500_000) + "\n"), /is no Kubernetes API/],
  [
    "is an error",
    () => status(500, "etcdserver: request timed out"),
    / answers HTTP 500: etcdserver: request timed out$/,
  ],
  [
    "is an endless error",
    () => new Response(new Uint8Array(1e6).fill(97), { status: 503 }),
    /HTTP 503: a{300}$/,
  ],
  ["leads elsewhere", () => Response.redirect("https://127.0.0.1:1/", 307), /HTTP 307/],
  [
    "breaks off",
    (request) => request.watch({ type: "ERROR", object: { code: 500, message: "boom" } }).response,
    / ends the watch: boom$/,
  ],
];
for (const [what, answer, said] of strange) {
  Deno.test(`an answer that ${what} is said once and tried again`, async () => {
    await withWatch(answer, async ({ log, expectRequests, expectLog }) => {
      await expectLog(said);
      await expectRequests(3);
      assert.equal(log.length, 1);
    });
  });
}

Deno.test("an event over 2 MiB is left out, one without a pod passed over, and those after them are taken", async () => {
  const large = JSON.stringify({ type: "ADDED", object: { metadata: { note: "x".repeat(3e6) } } }) + "\n";
  const poor = { type: "ADDED", object: { metadata: { resourceVersion: "8" } } };
  await withWatch(
    (request) => request.watch(large, poor, podEvent("ADDED", { uid })).response,
    async (test) => {
      await test.expectName(uid, "web");
      assert.match(test.log[0]!, /description is over 2 MiB/);
    },
  );
});

Deno.test("an API that does not answer in time is given up and tried again", async () => {
  await withWatch(() => new Promise<Response>(() => {}), async ({ log, expectRequests, expectLog }) => {
    await expectLog(/No answer from https:\S+ in time/);
    await expectRequests(2);
    assert.equal(log.length, 1);
  }, { answerMs: 50 });
});

Deno.test("a server of another authority, and one that is not there, get no token", async () => {
  await using folder = await makeTestFolder("kubernetes");
  let asked = 0;
  await using stranger = await KubernetesApi.start(folder.path, () => (asked++, new Response("")));
  await withWatch(() => new Response(""), async ({ expectLog }) => {
    await expectLog(/invalid peer certificate|UnknownIssuer/);
    assert.equal(asked, 0);
  }, { url: stranger.url });
  await withWatch(() => new Response(""), ({ expectLog }) => expectLog(/Connection refused/), {
    url: `https://127.0.0.1:${findFreePort()}`,
  });
});

Deno.test("a pod without its account's files is told so", async () => {
  await withWatch(() => status(500, "again"), async ({ api, expectLog }) => {
    await Deno.remove(`${api.accountFolder}/token`);
    await expectLog(/Cannot read \S+\/token: it is missing; give the pod its service account's token/);
  });
});

Deno.test("findKubernetes() finds the API by a pod's environment, and nothing outside of one", () => {
  function find(environment: Record<string, string>) {
    return findKubernetes((name) => environment[name]);
  }
  assert.equal(find({ NODE_NAME: "n" }), undefined);
  assert.match(
    find({ KUBERNETES_SERVICE_HOST: "10.0.0.1" }) as string,
    /^NODE_NAME is not set; set it from /,
  );
  const inside = { KUBERNETES_SERVICE_HOST: "fd00::1", KUBERNETES_SERVICE_PORT: "6443", NODE_NAME: "node-1" };
  const place = find(inside);
  assert.deepEqual(typeof place === "object" && [place.url, place.node], [
    "https://[fd00::1]:6443",
    "node-1",
  ]);
});
