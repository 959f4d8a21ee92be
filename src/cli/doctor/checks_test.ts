import assert from "node:assert/strict";
import { defaultConfig } from "../../model/config.ts";
import { formatCheck } from "../doctor_command.ts";
import { checkBackend, checkSkew } from "./backend_checks.ts";
import { checkCapabilities } from "./capability_checks.ts";
import { checkKernel } from "./host_checks.ts";
import { checkState } from "./state_check.ts";

Deno.test("checkKernel() passes 6.1 and newer and says that older ones are not tested", () => {
  for (const release of ["6.1.0-13-amd64", "6.18.44", "7.0"]) {
    assert.equal(checkKernel(release).level, "ok", release);
  }
  for (const release of ["5.15.0", "6.0.19", "4.19"]) {
    assert.equal(checkKernel(release).level, "limited", release);
  }
});

Deno.test("checkCapabilities() tells what stops working without each", () => {
  const checks = checkCapabilities(new Set(["CAP_BPF", "CAP_SYSLOG"]));
  assert.deepEqual(
    checks.filter(({ level }) => level !== "ok").map(({ name, level }) => `${name} ${level}`),
    [
      "CAP_PERFMON missing",
      "CAP_SYS_PTRACE limited",
      "CAP_DAC_READ_SEARCH limited",
    ],
  );
});

Deno.test("checkState() looks at the nearest folder that exists and at its room", () => {
  const folder = Deno.makeTempDirSync();
  try {
    assert.equal(checkState(`${folder}/a/b`, 1).level, "ok");
    const full = checkState(folder, 2 ** 60);
    assert.equal(full.level, "limited");
    assert.match(full.fix, /^free \d+ MiB, or set a smaller spool_bytes$/);
  } finally {
    Deno.removeSync(folder);
  }
});

Deno.test("checkSkew() reports clocks that differ by five seconds or more", () => {
  const date = "Mon, 23 Nov 2026 12:00:00 GMT";
  const noon = Date.UTC(2026, 10, 23, 12);
  assert.equal(checkSkew(date, noon + 4_000).level, "ok");
  assert.match(checkSkew(date, noon + 65_000).message, /^this host's is 65 s ahead/);
  assert.match(checkSkew(date, noon - 3_600_000).message, /^this host's is 3600 s behind/);
  assert.equal(checkSkew(null, noon).level, "ok");
});

Deno.test("checkBackend() says one thing when none is set up or none answers", async () => {
  const config = defaultConfig("/nonexistent");
  assert.deepEqual((await checkBackend(config)).map(({ level }) => level), ["ok"]);
  const dead = { ...config, backend: { ...config.backend, url: "http://127.0.0.1:1" } };
  const [check, ...more] = await checkBackend(dead);
  assert.equal(more.length, 0);
  assert.match(check!.message, /^http:\/\/127\.0\.0\.1:1 does not answer: /);
});

Deno.test("formatCheck() prints one aligned line with the fix", () => {
  const check = { name: "BTF", level: "missing", message: "a\x1b[2J", fix: "b" } as const;
  assert.equal(formatCheck(check), `missing  BTF                  a\\x1b[2J; b`);
});
