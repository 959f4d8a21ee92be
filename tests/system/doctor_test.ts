import assert from "node:assert/strict";
import type { Check } from "../../src/cli/doctor/check.ts";
import { findFreePort } from "../support/free_port.ts";
import { makePoorHosts } from "../support/poor_hosts.ts";
import { fourCapabilities, nobodyWith } from "../support/rights.ts";
import { SplitHost } from "../support/split_host.ts";
import { runStakeout } from "../support/stakeout.ts";
import { testAsRoot } from "../support/test_as_root.ts";
import { makeTestFolder } from "../support/test_folder.ts";

const five = [...fourCapabilities, "syslog"];
const names = [
  "kernel",
  "BTF",
  "pid namespace",
  "user namespace",
  "cgroups",
  "tracefs",
  "clock",
  ...five.map(capabilityName),
];
/** What is amiss where no BPF program can be loaded. */
const noHook = [
  "task iterator missing",
  "CPU sampling limited",
  "scheduler events limited",
  "HTTP limited",
  "TLS limited",
  "network limited",
];

function capabilityName(short: string): string {
  return `CAP_${short.toUpperCase()}`;
}

interface Diagnosis {
  code: number;
  checks: Check[];
  /** Names of what is not ok, each with its level. */
  faults: string[];
}

async function diagnose(state: string, under: readonly string[], args: string[] = []): Promise<Diagnosis> {
  const { code, stdout, errors } = await runStakeout(["doctor", "--json", "--state", state, ...args], {
    under,
  });
  assert.deepEqual(errors, []);
  const checks: Check[] = JSON.parse(stdout);
  for (const { level, fix, message } of checks) {
    assert.ok(message !== "" && (level === "ok") === (fix === ""), JSON.stringify(checks));
  }
  const faults = checks.filter(({ level }) => level !== "ok").map(({ name, level }) => `${name} ${level}`);
  return { code, checks, faults };
}

function find({ checks }: Diagnosis, name: string): Check {
  const check = checks.find((check) => check.name === name);
  assert.ok(check !== undefined, `${name} is not among ${checks.map(({ name }) => name)}`);
  return check;
}

testAsRoot(
  "doctor finds nothing amiss and says one line each, when root asks on a host that has all",
  async () => {
    await using folder = await makeTestFolder("doctor");
    const { code, stdout, errors } = await runStakeout(["doctor", "--state", folder.path]);
    assert.deepEqual([code, errors], [0, []]);
    const lines = stdout.trimEnd().split("\n");
    assert.deepEqual(lines.filter((line) => !line.startsWith("ok ")), []);
    for (
      const name of [
        ...names,
        "task iterator",
        "CPU sampling",
        "scheduler events",
        "HTTP",
        "TLS",
        "network",
        "kernel symbols",
        "state folder",
        "backend",
      ]
    ) {
      assert.equal(
        lines.filter((line) => line.startsWith(`${"ok".padEnd(8)} ${name.padEnd(20)} `)).length,
        1,
        name,
      );
    }
  },
);

testAsRoot(
  "doctor tells for each capability what stops working without it, and ends with 3 where that is all",
  async () => {
    await using folder = await makeTestFolder("doctor");
    const expected: Record<string, { code: number; faults: string[] }> = {
      bpf: { code: 3, faults: ["CAP_BPF missing", ...noHook] },
      perfmon: { code: 3, faults: ["CAP_PERFMON missing", ...noHook] },
      sys_ptrace: { code: 0, faults: ["CAP_SYS_PTRACE limited"] },
      dac_read_search: { code: 0, faults: ["CAP_DAC_READ_SEARCH limited"] },
      syslog: { code: 0, faults: ["CAP_SYSLOG limited", "kernel symbols limited"] },
      // Nobody may not write into root's folder.
      "": { code: 0, faults: [] },
    };
    const perfMayKnow = Number(await Deno.readTextFile("/proc/sys/kernel/perf_event_paranoid")) <= 1;
    const kernelHides = Number(await Deno.readTextFile("/proc/sys/kernel/kptr_restrict")) > 0 || !perfMayKnow;
    for (const [without, { code, faults }] of Object.entries(expected)) {
      const diagnosis = await diagnose(folder.path, nobodyWith(five.filter((name) => name !== without)));
      const wanted = without === "syslog" && !kernelHides ? [] : faults;
      assert.deepEqual(diagnosis.faults, [...wanted, "state folder limited"], without);
      assert.equal(diagnosis.code, code, without);
      if (wanted.length > 0) {
        assert.match(find(diagnosis, capabilityName(without)).fix, /^run as root, or grant it/);
      }
      if (code === 3) {
        const { message, fix } = find(diagnosis, "task iterator");
        assert.equal(message, `needs ${capabilityName(without)}: no process is seen`);
        assert.equal(fix, "run as root, or grant it");
      }
    }
  },
);

testAsRoot("doctor tells an ordinary user all that is missing, and ends with 3", async () => {
  await using folder = await makeTestFolder("doctor");
  const { code, faults } = await diagnose(folder.path, nobodyWith([]));
  assert.equal(code, 3);
  for (const name of ["CAP_BPF", "CAP_PERFMON", "task iterator"]) {
    assert.ok(faults.includes(`${name} missing`), `${faults}`);
  }
});

testAsRoot(
  "doctor tells what the kernel forbids or lacks, by trying, and ends with 3 where no agent can run",
  async () => {
    await using folder = await makeTestFolder("doctor");
    const hosts = await makePoorHosts(folder.path);
    for (
      const [denial, message, fix] of [
        [
          "EPERM",
          /^needs bpf\(2\), which a seccomp filter or security module forbids here: no process is seen$/,
          /^allow bpf/,
        ],
        [
          "ENOSYS",
          /^needs bpf\(2\), which answers "function not implemented" here: /,
          /^run Linux 6\.1 or newer, without/,
        ],
        [
          "EINVAL",
          /^needs bpf\(2\), which answers "invalid argument" here: /,
          /^run Linux 6\.1 or newer, without/,
        ],
      ] as const
    ) {
      const diagnosis = await diagnose(folder.path, hosts.withoutBpf(denial));
      assert.deepEqual([diagnosis.code, diagnosis.faults], [3, noHook]);
      assert.match(find(diagnosis, "task iterator").message, message);
      assert.match(find(diagnosis, "task iterator").fix, fix);
    }
    const hidden = await diagnose(folder.path, hosts.withoutBtf);
    assert.deepEqual([hidden.code, hidden.faults], [3, ["BTF missing", ...noHook]]);
    assert.match(
      find(hidden, "task iterator").message,
      /^needs \/sys\/kernel\/btf\/vmlinux \(CONFIG_DEBUG_INFO_BTF\): /,
    );

    const unsampled = await diagnose(folder.path, hosts.withoutPerfEvents);
    assert.deepEqual([unsampled.code, unsampled.faults], [0, ["CPU sampling limited"]]);
    assert.match(
      find(unsampled, "CPU sampling").message,
      /^needs perf_event_open\(2\), which a seccomp .*: no on-CPU/,
    );
    assert.match(find(unsampled, "CPU sampling").fix, /^allow perf_event_open\(2\)/);

    const contained = await diagnose(folder.path, hosts.inPidNamespace);
    assert.deepEqual([contained.code, contained.faults], [0, ["pid namespace limited"]]);
    assert.match(
      find(contained, "pid namespace").message,
      /^not the host's: processes outside .* are not seen$/,
    );

    const rootless = await diagnose(folder.path, hosts.inUserNamespace);
    assert.equal(rootless.code, 3);
    for (const name of ["user namespace", "task iterator"]) {
      assert.equal(find(rootless, name).level, "missing");
      assert.match(find(rootless, name).fix, /rootless container$/);
    }

    // Nothing of this build needs it: all hooks are there.
    const untraced = await diagnose(folder.path, hosts.withoutTracefs);
    assert.deepEqual([untraced.code, untraced.faults], [0, []]);
    assert.match(find(untraced, "tracefs").message, /not mounted/);
  },
);

testAsRoot(
  "doctor tells a backend that is there from one that is not, and a token it knows from others",
  async () => {
    await using folder = await makeTestFolder("doctor");
    const host = new SplitHost(folder.path);
    await using _server = await host.startServer();
    await Deno.writeTextFile(`${folder.path}/wrong_token`, "a".repeat(43), { mode: 0o600 });
    const ask = (url: string, token: string) =>
      diagnose(folder.path, [], ["--backend", url, "--token-file", `${folder.path}/${token}`]);

    const agent = await ask(host.url, "agent_token");
    assert.deepEqual([agent.code, agent.faults], [0, []]);
    assert.equal(find(agent, "backend token").message, "valid, an agent's");
    assert.match(find(agent, "backend clock").message, /^within seconds/);
    const editor = await diagnose(`${folder.path}/server`, []);
    assert.deepEqual([editor.faults, find(editor, "backend token").message], [[], "valid"]);

    const wrong = await ask(host.url, "wrong_token");
    assert.deepEqual([wrong.code, wrong.faults], [0, ["backend token limited"]]);
    assert.match(find(wrong, "backend token").message, /does not know the token$/);

    const down = await ask(`http://127.0.0.1:${findFreePort()}`, "agent_token");
    assert.deepEqual([down.code, down.faults], [0, ["backend limited"]]);
    assert.match(find(down, "backend").message, /does not answer: .*refused/);
  },
);

testAsRoot(
  "doctor waits little for a backend that says nothing, and tells whose clock is wrong",
  async () => {
    await using folder = await makeTestFolder("doctor");
    await Deno.writeTextFile(`${folder.path}/token`, "a".repeat(43), { mode: 0o600 });
    const token = ["--token-file", `${folder.path}/token`];
    const askTimed = async (url: string) => {
      const started = performance.now();
      const diagnosis = await diagnose(folder.path, [], ["--backend", url, ...token]);
      return { diagnosis, tookSeconds: (performance.now() - started) / 1000 };
    };
    const refusing = await askTimed(`http://127.0.0.1:${findFreePort()}`);
    // A listener that accepts and is silent. Not a backend: none can be made to be silent.
    using silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { diagnosis: hanging, tookSeconds } = await askTimed(`http://127.0.0.1:${silent.addr.port}`);
    assert.match(find(hanging, "backend").message, /does not answer: nothing within 1\.2 s$/);
    // All else takes as long as when a backend refuses at once, on a busy machine up to a second more.
    assert.ok(tookSeconds - refusing.tookSeconds < 1.2 + 1, `${tookSeconds} and ${refusing.tookSeconds} s`);

    // A server of the test with another Date. Not a backend: its clock is this host's.
    await using shifted = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, () => {
      return new Response("ok", { headers: { date: new Date(Date.now() - 90_000).toUTCString() } });
    });
    const skewed = await diagnose(folder.path, [], [
      "--backend",
      `http://127.0.0.1:${shifted.addr.port}`,
      ...token,
    ]);
    const { level, message, fix } = find(skewed, "backend clock");
    assert.equal(level, "limited");
    assert.match(message, /^this host's is (89|90|91) s ahead: /);
    assert.match(fix, /NTP/);
  },
);
