import assert from "node:assert/strict";

// In a process of its own, because what is given up never comes back.
const program = `
import { dropServerPermissions } from "${new URL("./server_permissions.ts", import.meta.url)}";
dropServerPermissions();
const { startTestBackend, testTokens } = await import("${new URL("./testing.ts", import.meta.url)}");
const { PolicyService } = await import("${new URL(
  "../gen/stakeout/v1/policy_service_pb.ts",
  import.meta.url,
)}");
const stateFolder = await Deno.makeTempDir();
const test = await startTestBackend({ stateFolder, grpcListen: { hostname: "127.0.0.1", port: 0 } });
const source = \`apiVersion: stakeout/v1
kind: Policy
metadata: { name: hot }
target: { service: "*" }
rules: [{ metric: process_cpu, threshold: 80%, count: 5 }]
start: [on_cpu]\`;
const { setVersion } = await test.client(PolicyService, testTokens.editor).applyPolicies({ source });
await test.backend.close();
await Deno.remove(stateFolder, { recursive: true });
const states = ["ffi", "run", "sys", "env"].map((name) => Deno.permissions.querySync({ name }).state);
const open = \`(() => { try { Deno.dlopen("libc.so.6", {}); return "opened"; } catch (error) { return error.name; } })()\`;
const script = "data:text/javascript," + encodeURIComponent("postMessage(" + open + ")");
const worker = new Worker(script, { type: "module" });
const inWorker = await new Promise((resolve) => worker.onmessage = ({ data }) => resolve(data));
worker.terminate();
console.log(JSON.stringify({ setVersion: Number(setVersion), states, ffi: [eval(open), inWorker] }));
`;

Deno.test("dropServerPermissions() leaves a server that does all of its work and cannot open native code, nor can its workers", async () => {
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "-"],
    cwd: new URL("../..", import.meta.url),
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = process.stdin.getWriter();
  await writer.write(new TextEncoder().encode(program));
  await writer.close();
  const { stdout, stderr } = await process.output();
  const text = new TextDecoder().decode(stdout);
  assert.ok(text !== "", new TextDecoder().decode(stderr));
  const { setVersion, states, ffi } = JSON.parse(text);
  assert.equal(setVersion, 1);
  assert.ok(!states.includes("granted"), states.join());
  assert.deepEqual(ffi, ["NotCapable", "NotCapable"]);
});
