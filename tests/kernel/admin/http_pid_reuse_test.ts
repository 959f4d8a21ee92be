import assert from "node:assert/strict";
import { silentLogger } from "../../../lib/log.ts";
import { bootNs } from "../../../lib/sys/kernel_clock.ts";
import { repositoryRoot } from "../../../scripts/command.ts";
import { HttpMonitor } from "../../../src/agent/http/http_monitor.ts";
import { HttpPrograms } from "../../../src/agent/http/http_programs.ts";
import { Window } from "../../../src/agent/window.ts";
import { ruleDefaults } from "../../../src/model/policy.ts";
import { RawConnection } from "../../support/http_clients.ts";
import { startPython } from "../../support/http_servers.ts";
import { makeLive } from "../../support/live_process.ts";
import { waitFor } from "../../support/wait.ts";
import { libbpf } from "../harness.ts";
import { withoutLeaks } from "../leak_check.ts";

Deno.test("a process under the pid of one that was watched is not counted for it, and begins at nothing when it is watched itself", () =>
  withoutLeaks(libbpf, async () => {
    const monitor = new HttpMonitor({
      open: () => HttpPrograms.open(libbpf, Deno.readFileSync(`${repositoryRoot}/build/bpf/http.bpf.o`)),
      logger: silentLogger,
    });
    const rule = { ...ruleDefaults, metric: "http_request_rate", threshold: 1, periodSeconds: 10 } as const;
    const window = () => ({ rule, uri: "", window: new Window(10, true) });
    const [first, second] = [window(), window()];
    const read = (second: number) => monitor.read({ second, coveredSeconds: 1, atBootNs: bootNs() });
    const valueOf = ({ window }: typeof first, second: number) => window.slots(second, 1)[0]!.value;
    // Another one keeps the programs loaded.
    monitor.follow(makeLive(Deno.pid), [window()]);
    let pid = 0;
    {
      await using server = await startPython("thread");
      pid = server.pid;
      monitor.follow(makeLive(pid, { id: "first" }), [first]);
      assert.ok(await waitFor(() => monitor.places === undefined ? undefined : true, 10));
      using client = await RawConnection.open(server.port);
      for (let time = 0; time < 3; time++) await client.get("/");
      read(1);
      assert.equal(valueOf(first, 1), 3);
    }
    await using server = await startPython("thread", "tcp4", "", { pid });
    assert.equal(server.pids().at(-1), pid);
    using client = await RawConnection.open(server.port);
    for (let time = 0; time < 5; time++) await client.get("/");
    // The agent learns later that the first one has ended.
    read(2);
    assert.equal(valueOf(first, 2), 0);
    monitor.leave("first");
    monitor.follow(makeLive(pid, { id: "second" }), [second]);
    for (let time = 0; time < 7; time++) await client.get("/");
    read(3);
    assert.equal(valueOf(second, 3), 7);
    monitor.leave("second");
    monitor.leave(`boot-${Deno.pid}`);
    await monitor.close();
  }));
