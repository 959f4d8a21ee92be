import assert from "node:assert/strict";
import type { TaskRecord } from "../../src/cli/task_record.ts";
import { policyText } from "../support/policy_text.ts";
import { SystemdHost } from "../support/systemd_host.ts";
import { compileTarget } from "../support/target.ts";
import { testAsRoot } from "../support/test_as_root.ts";
import { waitFor } from "../support/wait.ts";

const serverState = "/var/lib/stakeout-server";
/** Bits of CAP_DAC_READ_SEARCH, CAP_SYS_PTRACE, CAP_SYSLOG, CAP_PERFMON and CAP_BPF. */
const agentCapabilities = (1n << 2n | 1n << 19n | 1n << 34n | 1n << 38n | 1n << 39n).toString(16)
  .padStart(16, "0");

/** What the kernel says of a service's main process. */
async function readStatus(host: SystemdHost, unit: string): Promise<Record<string, string>> {
  const text = await host.expect(`cat /proc/$(systemctl show -P MainPID ${unit})/status`);
  return Object.fromEntries(text.split("\n").map((line) => line.split(/:\s+/, 2)));
}

function assertRights(status: Record<string, string>, capabilities: string): void {
  for (const set of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"]) {
    assert.equal(status[set], capabilities, set);
  }
  assert.equal(status["NoNewPrivs"], "1");
  assert.equal(status["Seccomp"], "2");
  const [uid] = status["Uid"]!.split("\t").map(Number);
  assert.ok(uid! >= 61184 && uid! <= 65519, `${uid} is no dynamic user's`);
}

/** Lets the agent's log be read, without a journal in the guest; `systemctl edit` makes the same file. */
async function keepLog(host: SystemdHost): Promise<void> {
  const folder = "/etc/systemd/system/stakeout-agent.service.d";
  await host.expect(
    `mkdir -p ${folder} && printf '[Service]\\nStandardError=append:/var/log/agent\\n' >${folder}/log.conf`,
  );
}

testAsRoot(
  "server and agent installed as services profile another user's program, each with its rights alone",
  async () => {
    await using host = await SystemdHost.start();
    await keepLog(host);
    const installed = await host.expect("stakeout install-service server --now");
    assert.match(installed, /^wrote \/etc\/systemd\/system\/stakeout-server\.service$/m);
    assertRights(await readStatus(host, "stakeout-server"), "0".repeat(16));

    const refused = await host.run("stakeout install-service agent --now");
    assert.equal(refused.code, 2);
    assert.match(refused.text, /^error: The service cannot start yet; first: set backend\.url in \S+$/m);
    const told = await host.expect("stakeout install-service agent");
    // The very command that it prints hands the token over.
    const handOver = /^ {5}(awk .*)$/m.exec(told)![1]!;
    await host.expect(handOver);
    await host.expect(`echo 'backend: { url: "http://127.0.0.1:7471" }' >/etc/stakeout/stakeout.yaml`);
    const started = await host.expect("stakeout install-service agent --now");
    assert.match(started, /^unchanged .*agent\.service$/m);
    assertRights(await readStatus(host, "stakeout-agent"), agentCapabilities);
    await host.expect("systemctl reload stakeout-agent");

    // Where neither its mode nor the service's sandbox lets the agent look but through the process itself.
    const burn = "/home/walker/burn";
    await host.expect("install -d -o 1234 -m 700 /home/walker");
    await compileTarget("burn", host.path(burn));
    await Deno.writeTextFile(host.path("/run/policy.yaml"), policyText("hot", burn, { duration: "3s" }));
    await host.expect(`stakeout policy apply --state ${serverState} -f /run/policy.yaml`);
    await host.expect(`setpriv --reuid=1234 --clear-groups ${burn} 1 >/dev/null 2>&1 &`);
    const task = await waitFor(async () => {
      const list = await host.expect(`stakeout task list --state ${serverState} -o json`);
      return (JSON.parse(list) as TaskRecord[]).find(({ state }) => state !== "running");
    }, 30);
    assert.equal(task?.state, "done", await Deno.readTextFile(host.path("/var/log/agent")));
    const folded = await host.expect(
      `stakeout task export ${task.id} --state ${serverState} --format folded -o -`,
    );
    assert.match(folded, /;outer;inner_a \d+$/m);
    const log = await Deno.readTextFile(host.path("/var/log/agent"));
    assert.match(log, /msg="The configuration was read anew"/);

    const removed = await host.expect("stakeout install-service agent --uninstall");
    assert.match(removed, /^removed \/etc\/systemd\/system\/stakeout-agent\.service$/m);
    assert.notEqual((await host.run("systemctl is-active stakeout-agent")).code, 0);
    await host.expect("test -f /etc/stakeout/agent-token && test -d /var/lib/stakeout-agent/agent");
    assert.equal(await host.expect("systemctl is-active stakeout-server"), "active\n");
  },
);

testAsRoot(
  "a service that was killed starts again, and one whose configuration is bad stays down and says why",
  async () => {
    await using host = await SystemdHost.start();
    await keepLog(host);
    await host.expect("install -d /etc/stakeout && echo 0123456789abcdef >/etc/stakeout/agent-token");
    // The backend is away, which is no reason for an agent not to run.
    await host.expect(`echo 'backend: { url: "http://127.0.0.1:1" }' >/etc/stakeout/stakeout.yaml`);
    await host.expect("stakeout install-service agent --now");
    const pid = await host.expect("systemctl show -P MainPID stakeout-agent");
    await host.expect("systemctl kill -s KILL stakeout-agent");
    const next = await waitFor(async () => {
      const now = await host.expect("systemctl show -P MainPID stakeout-agent");
      return now !== "0\n" && now !== pid ? now : undefined;
    }, 10);
    assert.ok(next !== undefined, "it was not started again");

    await host.expect("echo 'backnd: {}' >/etc/stakeout/stakeout.yaml");
    const { code, text } = await host.run("stakeout install-service agent --now");
    assert.equal(code, 2);
    assert.match(text, /^error: .*first: \/etc\/stakeout\/stakeout\.yaml:1:1: backnd is not a setting; /m);
    await host.expect("systemctl restart stakeout-agent");
    const state = await waitFor(async () => {
      const found = await host.expect(
        "systemctl show -p ActiveState,ExecMainStatus,NRestarts stakeout-agent",
      );
      return found.includes("ActiveState=failed") ? found.trim().split("\n").sort() : undefined;
    }, 10);
    assert.deepEqual(state, ["ActiveState=failed", "ExecMainStatus=2", "NRestarts=0"]);
    assert.match(
      await Deno.readTextFile(host.path("/var/log/agent")),
      /^error: .*backnd is not a setting; /m,
    );
  },
);
