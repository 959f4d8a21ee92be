/** Protocol-level: the whole agent and a real HTTP server against an OAP that is played (see OapPlayer). */
import assert from "node:assert/strict";
import { startNginx } from "../support/http_servers.ts";
import { testAsRoot } from "../support/test_as_root.ts";
import { makeTestFolder } from "../support/test_folder.ts";
import { waitFor } from "../support/wait.ts";
import { startOapAgent } from "./agent_process.ts";
import { OapPlayer } from "./oap_player.ts";

testAsRoot(
  "policies on HTTP trip under real traffic, errors are those from 500, and each worker is a process of its own",
  async () => {
    await using folder = await makeTestFolder("oap");
    const program = `${folder.path}/oapnginx`;
    await Deno.copyFile("/usr/sbin/nginx", program);
    await Deno.chmod(folder.path, 0o777);
    await using server = await startNginx(folder.path, 2, { program });
    await using oap = await OapPlayer.start({ token: "secret" });
    const { store } = oap;
    const item = (threshold: string, more: object) => ({
      Threshold: threshold,
      Period: 10,
      Count: 2,
      ...more,
    });
    store.save("oapnginx", {
      ON_CPU: {
        HTTP_ERROR_RATE: item("100", { URIList: ["/status/503"] }),
        HTTP_AVG_RESPONSE_TIME: item("60000", { URIRegex: "^/sl[ao]w$" }),
      },
      NETWORK: { HTTP_ERROR_RATE: item("1", { URIList: ["/status/404", "/status/503"] }) },
    });
    await using agent = await startOapAgent(folder, oap.url, "oapnginx");
    await agent.waitForLine(/msg="HTTP is watched"/, 15);
    const sw8 = ["1", btoa("1.2.3"), btoa("4.5.6"), "7", ...["s", "i", "/", "a"].map(btoa)].join("-");
    const task = await waitFor(async () => {
      for (const path of ["/status/404?a=1", "/status/503?b=2", "/status/503/other", "/slow", "/"]) {
        await (await fetch(`http://127.0.0.1:${server.port}${path}`, { headers: { sw8 } })).text();
      }
      return store.tasks.find(({ onCPU }) => onCPU !== undefined);
    }, 30);
    assert.ok(task !== undefined, agent.lines.join("\n"));
    const { serviceName, causes, onCPU } = task;
    assert.deepEqual({ serviceName, causes, onCPU }, {
      ...{ serviceName: "oapnginx", onCPU: {} },
      causes: [{
        ...{ type: "HTTPErrorRate", cause: "uri" },
        uri: { path: "/status/503", uri: "path", threshold: 100, current: 100 },
      }],
    });
    const names = [...store.processes.values()].map(({ entity }) => entity.processName).sort();
    assert.deepEqual(names, ["oapnginx", "oapnginx-2", "oapnginx-3"]);
    assert.ok(names.includes(task.processName), task.processName);

    // Meters go every 10 s: the first may hold nothing but the connection's first request, which nothing slows down.
    await waitFor(
      () =>
        store.meters.some(({ singleValue }) =>
          singleValue?.name.includes("response_time") && singleValue.value > 100
        ) || undefined,
      25,
    );
    const values = new Map<string, Set<number>>();
    for (const { singleValue } of store.meters) {
      if (!singleValue?.name.startsWith("rover_con_p_")) continue;
      const { name, labels, value } = singleValue;
      const key = `${name} ${labels.find((label) => label.name === "uri")?.value}`;
      values.set(key, (values.get(key) ?? new Set()).add(value));
    }
    assert.deepEqual([...values.keys()].sort(), [
      "rover_con_p_http_avg_response_time ^/sl[ao]w$",
      "rover_con_p_http_error_rate /status/404",
      "rover_con_p_http_error_rate /status/503",
    ]);
    assert.deepEqual([...values.get("rover_con_p_http_error_rate /status/404")!], [0]);
    assert.deepEqual([...values.get("rover_con_p_http_error_rate /status/503")!], [100]);
    const slow = [...values.get("rover_con_p_http_avg_response_time ^/sl[ao]w$")!];
    assert.ok(slow.every((value) => value < 2000) && slow.some((value) => value > 100), slow.join(" "));

    // Of the network profile: what tripped it is a path, which is no expression here.
    assert.ok(await waitFor(() => store.spanEvents.length > 1 || undefined, 15), agent.lines.join("\n"));
    const uris = store.logs.map(({ body }) => JSON.parse(body.json.json)).map(({ uri, reason }) =>
      `${uri} ${reason}`
    );
    assert.deepEqual([...new Set(uris)], ["/status/503 status_5xx"]);
    assert.deepEqual(
      [...new Set(store.spanEvents.map(({ event, traceContext }) => `${event} ${traceContext.spanId}`))]
        .sort(),
      ["HTTP Request Sampling 7", "HTTP Response Sampling 7"],
    );
    agent.kill("SIGINT");
    assert.equal(await agent.ended(20), 0);
  },
);
