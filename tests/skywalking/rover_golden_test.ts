/** Wire bytes written by hand from SkyWalking's field numbers, sent to the backend and compared with what it answers. */
import assert from "node:assert/strict";
import { ProfileKind } from "../../src/gen/stakeout/v1/task_pb.ts";
import { PolicyService } from "../../src/gen/stakeout/v1/policy_service_pb.ts";
import { TaskService } from "../../src/gen/stakeout/v1/task_service_pb.ts";
import { makeTestFolder } from "../support/test_folder.ts";
import { bytes, double, message, number, text } from "./hand_bytes.ts";
import { startRoverBackend, tokens } from "./rover_backend.ts";
import { RoverPlayer } from "./rover_player.ts";

const policy = `apiVersion: stakeout/v1
kind: Policy
metadata: { name: slow }
target: { service: shop }
rules: [{ metric: http_avg_response_time, threshold: 250ms, period: 20s, count: 4, uri: { regex: "^/pay" } }]
start: [on_cpu]
`;

function pair(field: number, key: string, value: string) {
  return message(field, text(1, key), text(2, value));
}

async function send(player: RoverPlayer, service: string, method: string, ...parts: number[][][]) {
  const messages = parts.map((fields) => bytes(...fields).toHex());
  const { code, details, reply } = await player.end(service, method, messages, { isRaw: true });
  assert.equal(code, 0, details);
  return Uint8Array.fromHex(reply as string);
}

/** Texts of an answer whose length and serial number differ from run to run. */
function readTexts(answer: Uint8Array): string {
  return new TextDecoder().decode(answer);
}

Deno.test("Rover: the bytes of its calls and of their answers are the protocol's", async () => {
  await using folder = await makeTestFolder("rover");
  await using backend = await startRoverBackend(folder.path);
  await using player = await RoverPlayer.start(backend.grpcPort, tokens.agent);
  const entity = [text(1, "GENERAL"), text(2, "shop"), text(3, "host-1"), text(4, "shopd"), text(5, "blue")];
  // A host's process, with a field that a later version might add at every level.
  const later = text(99, "later");
  const list = [
    message(1, message(1, message(1, ...entity, later), number(2, 77), pair(3, "pid", "77"), later), later),
    ...[text(2, "run-1"), later],
  ];
  const answer = await send(player, "EBPFProcessService", "reportProcesses", list);
  const id = /rover-[0-9a-f]{32}/.exec(readTexts(answer))![0];
  const known = message(1, text(1, id), message(2, number(1, 77), message(2, ...entity, later)));
  assert.deepEqual(answer.toHex(), bytes(known).toHex());
  const beat = [message(1, message(1, ...entity)), text(2, "run-1")];
  assert.deepEqual(await send(player, "EBPFProcessService", "keepAlive", beat), bytes());

  await backend.client(PolicyService).applyPolicies({ source: policy });
  const asked = [message(1, text(1, "shop"), text(2, ""))];
  const policies = await send(player, "ContinuousProfilingService", "queryPolicies", asked);
  const [serial = ""] = /[0-9a-f]{8}-[0-9a-f-]{27}/.exec(readTexts(policies))!;
  const [uuid = ""] = /[0-9a-f]{128}/.exec(readTexts(policies))!;
  const json = `[{"ServiceName":"shop","UUID":"${uuid}","Profiling":{"ON_CPU":{"HTTP_AVG_RESPONSE_TIME":` +
    `{"Threshold":"250","Period":20,"Count":4,"URIRegex":"^/pay"}}}}]`;
  const expected = message(
    ...[1, text(1, "ContinuousProfilingPolicyQuery"), pair(2, "SerialNumber", serial)] as const,
    pair(2, "ServiceWithPolicyJSON", json),
  );
  assert.deepEqual(policies.toHex(), bytes(expected).toHex());
  const same = [message(1, text(1, "shop"), text(2, uuid))];
  assert.deepEqual(await send(player, "ContinuousProfilingService", "queryPolicies", same), bytes());

  const cause = message(5, number(1, 4), message(3, text(1, "^/pay"), double(3, 250), double(4, 612.5)));
  const report = [...entity.slice(0, 4), cause, number(6, 600), message(7)];
  const started = await send(player, "ContinuousProfilingService", "reportProfilingTask", report);
  const task = /TaskId\W+([0-9a-f]{32})/.exec(readTexts(started))![1]!;
  assert.match(readTexts(started), /ContinuousProfilingReportTask/);

  const symbols = [text(3, "leaf"), text(3, "main")];
  const now = Date.now();
  const metadata = message(1, text(1, task), text(2, id), number(3, now), number(4, now + 5_000));
  // Kernel stacks are type 0, which is not written.
  const stacks = [
    message(1, number(2, 3), text(3, "schedule")),
    message(1, number(1, 1), number(2, 4), ...symbols),
  ];
  const datum = [metadata, message(2, ...stacks, number(2, 23))];
  assert.deepEqual(await send(player, "EBPFProfilingService", "collectProfilingData", datum), bytes());
  const tasks = backend.client(TaskService);
  const { profile } = await tasks.getProfile({ taskId: task, kind: ProfileKind.ON_CPU });
  assert.deepEqual(profile?.sampleWeights, [23n]);
  const names = profile.stacks[0]!.frames.map((frame) => profile.strings[profile.frames[frame]!.function]);
  assert.deepEqual(names, ["schedule", "leaf", "main"]);
  const { task: stored } = await tasks.getTask({ id: task });
  assert.deepEqual(
    [stored?.cause?.metric, stored?.cause?.uri, stored?.cause?.variant, stored?.cause?.slots[0]?.value],
    ["http_avg_response_time", "^/pay", "regex", 612.5],
  );
});
