import assert from "node:assert/strict";
import { BpfError, NotSupportedError, summarizeVerifierLog } from "./error.ts";

Deno.test("BpfError says the operation, the reason in words and what may help, on one line", () => {
  const error = new BpfError("attach on_cpu", -1, { hint: "needs CAP_PERFMON" });
  assert.equal(error.message, "Cannot attach on_cpu: operation not permitted (needs CAP_PERFMON)");
  assert.deepEqual([error.operation, error.errno, error.verifierLog], ["attach on_cpu", "EPERM", ""]);
  assert.equal(new BpfError("open x", 2).message, "Cannot open x: no such file or directory");
});

Deno.test("summarizeVerifierLog() returns the last line before the statistics", () => {
  const log = "0: R1=ctx() R10=fp0\n0: (61) r0 = *(u32 *)(r1 +4)\ninvalid bpf_context access off=4 size=4\n" +
    "processed 1 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0\n";
  assert.equal(summarizeVerifierLog(log), "invalid bpf_context access off=4 size=4");
  assert.equal(summarizeVerifierLog(""), "");
  assert.equal(summarizeVerifierLog("x".repeat(1000)).length, 200);
});

Deno.test("NotSupportedError names the feature, what it takes and what to do", () => {
  const error = new NotSupportedError("ring buffer", "Linux 5.8");
  assert.equal(error.message, "This host cannot use ring buffer: it needs Linux 5.8");
  assert.deepEqual([error.name, error.feature, error.needs, error.fix], [
    "NotSupportedError",
    "ring buffer",
    "Linux 5.8",
    "",
  ]);
  const fixable = new NotSupportedError("BPF", "CAP_BPF", { fix: "grant it" });
  assert.equal(fixable.message, "This host cannot use BPF: it needs CAP_BPF; grant it");
});
