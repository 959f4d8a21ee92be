import assert from "node:assert/strict";
import { repositoryRoot, runCommand } from "../../scripts/command.ts";
import { startStakeout } from "../support/stakeout.ts";
import { listHeldObjects } from "../support/bpf_objects.ts";
import { testAsRoot } from "../support/test_as_root.ts";
import { makeTestFolder } from "../support/test_folder.ts";
import { waitFor } from "../support/wait.ts";

const requests = 23;
const queryMs = 50;
const asPostgres = ["--reuid=postgres", "--regid=postgres", "--clear-groups"];

interface RunningServer extends AsyncDisposable {
  readonly pid: number;
  readonly port: number;
}

/** Debian's PostgreSQL on a socket in the folder alone. */
async function startPostgres(folder: string): Promise<AsyncDisposable> {
  const [binaries] = [...Deno.readDirSync("/usr/lib/postgresql")].map(({ name }) =>
    `/usr/lib/postgresql/${name}/bin`
  );
  const data = `${folder}/data`;
  await runCommand("install", ["-d", "-o", "postgres", "-m", "700", data]);
  await runCommand("chmod", ["777", folder]);
  const initdb = [...asPostgres, `${binaries}/initdb`, "-D", data, "-A", "trust", "-N"];
  const { code, stderr } = await new Deno.Command("setpriv", { args: initdb }).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  const child = new Deno.Command("setpriv", {
    args: [...asPostgres, `${binaries}/postgres`, "-D", data, "-k", folder, "-h", "", "-F"],
    ...{ stdin: "null", stdout: "null", stderr: "null" },
  }).spawn();
  const isReady: Deno.CommandOptions = { args: ["-h", folder, "-q"], stdout: "null" };
  const isUp = await waitFor(
    () => new Deno.Command(`${binaries}/pg_isready`, isReady).outputSync().success || undefined,
    20,
  );
  assert.ok(isUp, "PostgreSQL does not start");
  return {
    async [Symbol.asyncDispose]() {
      child.kill("SIGQUIT");
      await child.status;
    },
  };
}

async function startServer(command: string, program: string, folder: string): Promise<RunningServer> {
  const args = [`${repositoryRoot}/tests/programs/${program}`, folder];
  const child = new Deno.Command(command, { args, stdin: "null", stdout: "piped" }).spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const { value = "" } = await reader.read();
  return {
    ...{ pid: child.pid, port: Number(value) },
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.status;
      await reader.cancel();
    },
  };
}

async function askOneByOne(port: number): Promise<void> {
  for (let request = 0; request < requests; request++) {
    const response = await fetch(`http://127.0.0.1:${port}/`);
    await response.body?.cancel();
    assert.equal(response.status, 200);
  }
}

/** Waits and milliseconds of one server's samples of one reason, from `go tool pprof -raw`. */
async function sumReason(file: string, pid: number, reason: string): Promise<{ waits: number; ms: number }> {
  const { stdout } = await new Deno.Command("go", {
    args: ["tool", "pprof", "-raw", file],
    env: { HOME: "/nonexistent", GOCACHE: "/tmp/stakeout-go-cache" },
  }).output();
  const sample = /^ +(\d+) +(\d+) +(\d+): [\d ]*\n +(.*)$/gm;
  let waits = 0;
  let ms = 0;
  for (const [, blockedNs, count, runQueueNs, labels] of new TextDecoder().decode(stdout).matchAll(sample)) {
    if (!labels!.includes(`reason:[${reason}]`) || !labels!.includes(`(${pid})]`)) continue;
    waits += Number(count);
    ms += (Number(blockedNs) + Number(runQueueNs)) / 1e6;
  }
  return { waits, ms };
}

testAsRoot("record --off-cpu tells that a Python and a Node server wait for their database", async () => {
  await using folder = await makeTestFolder("off_cpu_servers");
  await using _postgres = await startPostgres(folder.path);
  await using python = await startServer("/usr/bin/python3", "orders_server.py", folder.path);
  await using node = await startServer("node", "orders_server.js", folder.path);
  const file = `${folder.path}/waits.pb.gz`;
  const pids = [python, node].flatMap(({ pid }) => ["--pid", String(pid)]);
  await using record = startStakeout(["record", ...pids, "--off-cpu", "--for", "60s", "-o", file]);
  assert.ok(await waitFor(() => listHeldObjects(record.pid).links.length >= 2 || undefined, 30));
  await Promise.all([askOneByOne(python.port), askOneByOne(node.port)]);
  record.kill("SIGINT");
  assert.equal(await record.ended(30), 0);
  const line = await record.waitForLine(/^wrote /);
  assert.match(line, /: (\d+) waits taken, \1 stored, 0 lost/);
  // libpq polls for each answer, the server for each request; Node's loop waits for both in one place.
  for (const { pid } of [python, node]) {
    const { waits, ms } = await sumReason(file, pid, "poll");
    assert.ok(waits >= requests, `${waits} waits of ${pid}`);
    assert.ok(ms >= requests * queryMs, `${ms} ms of ${pid}`);
  }
});
