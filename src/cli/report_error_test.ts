import assert from "node:assert/strict";
import { Code, ConnectError } from "@connectrpc/connect";
import { CommanderError } from "commander";
import { BpfError, NotSupportedError } from "../../lib/bpf/error.ts";
import { describeBackendError } from "./backend_client.ts";
import { CommandError } from "./command_error.ts";
import { describeError } from "./report_error.ts";

const usage = "stakeout watch --help";

Deno.test("describeError() gives usage errors their fix and exit code 2", () => {
  const unknown = new CommanderError(
    1,
    "commander.unknownOption",
    "error: unknown option '--fr'\n(Did you mean --for?)",
  );
  assert.deepEqual(describeError(unknown, usage), {
    lines: ["unknown option '--fr'; did you mean --for?"],
    exitCode: 2,
  });
  const missing = new CommanderError(1, "x", "error: required option '--pid <pid>' not specified");
  assert.equal(
    describeError(missing, usage).lines[0],
    `required option '--pid <pid>' not specified; see ${usage}`,
  );
});

Deno.test("describeError() ends with 3 when this host cannot do it and with 1 otherwise", () => {
  assert.equal(describeError(new NotSupportedError("ring buffer", "Linux 5.8"), usage).exitCode, 3);
  const [EPERM, ENOMEM, EINVAL] = [1, 12, 22];
  for (const refusal of [EPERM, EINVAL]) {
    assert.equal(describeError(new BpfError("load on_cpu", refusal), usage).exitCode, 3);
  }
  assert.equal(describeError(new BpfError("load on_cpu", ENOMEM), usage).exitCode, 1);
  assert.equal(describeError(new BpfError("read an iterator", EINVAL), usage).exitCode, 1);
  const fixable = new NotSupportedError("BPF", "CAP_BPF", { fix: "grant it" });
  assert.deepEqual(describeError(fixable, usage).lines, [
    "This host cannot use BPF: it needs CAP_BPF; grant it",
  ]);
  assert.equal(describeError(new Error("x"), usage).exitCode, 1);
  assert.deepEqual(describeError("thrown text", usage), { lines: ["thrown text"], exitCode: 1 });
  const several = new CommandError("a", { exitCode: 2, more: ["b"] });
  assert.deepEqual(describeError(several, usage), { lines: ["a", "b"], exitCode: 2 });
});

Deno.test("describeBackendError() says for each answer what to check", () => {
  const cases: [Code, string, RegExp, number][] = [
    [
      Code.Unavailable,
      "connect ECONNREFUSED",
      /^Cannot reach the backend at http:\/\/h: .*; check that it runs/,
      1,
    ],
    [Code.Unauthenticated, "x", /does not know the token; check --token-file/, 1],
    [Code.PermissionDenied, "needs editor", /^needs editor; use a token with a higher role$/, 1],
    [Code.NotFound, "There is no policy x", /^There is no policy x$/, 1],
    [Code.InvalidArgument, "bad", /^bad$/, 2],
    [
      Code.Unknown,
      "unsupported content type text/html",
      /does not answer as a Stakeout backend.*--backend$/,
      1,
    ],
  ];
  for (const [code, message, expected, exitCode] of cases) {
    const error = describeBackendError(new ConnectError(message, code), "http://h");
    assert.match(error.message, expected);
    assert.equal(error.exitCode, exitCode);
  }
});
