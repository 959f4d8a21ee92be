import assert from "node:assert/strict";
import { NotSupportedError } from "../../lib/bpf/error.ts";
import { FeatureProbe, features } from "../../lib/bpf/feature.ts";
import { repositoryRoot } from "../../scripts/command.ts";
import { nobodyWith } from "../support/rights.ts";
import { libbpf } from "./harness.ts";
import { withoutLeaks } from "./leak_check.ts";

/** Runs tests/kernel/rights_reader.ts as nobody with these capabilities alone, and returns its lines. */
async function runAsNobody(capabilities: string[]): Promise<string[]> {
  const [command, ...rights] = nobodyWith(capabilities);
  const reader = `${repositoryRoot}/tests/kernel/rights_reader.ts`;
  const { stdout } = await new Deno.Command(command!, {
    args: [...rights, `${repositoryRoot}/scripts/deno`, "run", "-A", reader],
    stderr: "inherit",
  }).output();
  return new TextDecoder().decode(stdout).trim().split("\n");
}

Deno.test("missing() finds nothing amiss with root's rights on a kernel that is supported, and names a missing tracepoint", () =>
  withoutLeaks(libbpf, async () => {
    const probe = new FeatureProbe(libbpf);
    for (const feature of features) assert.equal(probe.missing(feature), undefined);
    assert.equal(probe.missingTracepoint("sched_switch"), undefined);
    assert.ok(probe.missingTracepoint("no_such_event") instanceof NotSupportedError);
    probe.require(...features);
    await Promise.resolve();
  }));

Deno.test("iterator, profilers and TLS probes run with CAP_BPF and CAP_PERFMON and no other right", () =>
  withoutLeaks(libbpf, async () => {
    const lines = await runAsNobody(["bpf", "perfmon"]);
    assert.deepEqual(lines, ["features: all", "process: ok", "on_cpu: ok", "tls: ok", "network: ok"]);
  }));

Deno.test("what is missing is named when a right is missing", () =>
  withoutLeaks(libbpf, async () => {
    const needs = "This host cannot use BPF: it needs";
    const fix = "run as root, or grant it";
    assert.deepEqual((await runAsNobody(["bpf"]))[0], `features: ${needs} CAP_PERFMON; ${fix}`);
    assert.deepEqual(await runAsNobody([]), [
      `features: ${needs} CAP_BPF and CAP_PERFMON; ${fix}`,
      `process: ${needs} CAP_BPF and CAP_PERFMON; ${fix}`,
      `on_cpu: ${needs} CAP_BPF and CAP_PERFMON; ${fix}`,
      `tls: ${needs} CAP_BPF and CAP_PERFMON; ${fix}`,
      `network: ${needs} CAP_BPF and CAP_PERFMON; ${fix}`,
    ]);
  }));
