import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { runStakeout } from "../support/stakeout.ts";
import { testAsRoot } from "../support/test_as_root.ts";
import { makeTestFolder } from "../support/test_folder.ts";
import { startUp, upArguments } from "../support/up.ts";

/** Runs `up` where it cannot start, and returns its only line. */
async function refusal(args: string[]): Promise<string> {
  const { code, stdout, errors } = await runStakeout(args);
  const said = errors.filter((line) => !/level=(info|warn) /.test(line));
  assert.equal(code, 1, errors.join("\n"));
  assert.equal(stdout, "");
  assert.equal(said.length, 1, said.join("\n"));
  assert.match(said[0]!, /^error: .+; .+$/);
  return said[0]!;
}

testAsRoot(
  "up says in one line why it cannot start, and leaves what runs alone, when port or state are taken",
  async () => {
    await using folder = await makeTestFolder("up");
    const state = `${folder.path}/state`;
    const { up } = await startUp(state);
    await using _up = up;
    const url = (await Deno.readTextFile(`${state}/url`)).trim();
    assert.match(await refusal(upArguments(`${folder.path}/other`, new URL(url).host)), /is in use/);
    assert.match(await refusal(upArguments(state)), /\/server\/stakeout\.db: .*; stop the other server/);
    const agent = ["agent", "--backend", url, "--token-file", `${folder.path}/state/token`, "--state", state];
    assert.match(await refusal(agent), /^error: Another agent uses .*\/agent; stop it/);
    assert.equal(await fetch(`${url}/readyz`).then((reply) => reply.text().then(() => reply.status)), 200);
    assert.equal((await Deno.readTextFile(`${state}/url`)).trim(), url);
  },
);

testAsRoot(
  "up says in one line what is wrong with its database, and touches it not, when it is corrupt or newer",
  async () => {
    await using folder = await makeTestFolder("up");
    const state = `${folder.path}/state`;
    const { up } = await startUp(state);
    await using _up = up;
    up.kill("SIGTERM");
    assert.equal(await up.ended(5), 0);
    const path = `${state}/server/stakeout.db`;
    const healthy = await Deno.readFile(path);

    const database = new DatabaseSync(path);
    database.exec("PRAGMA user_version = 9999");
    database.close();
    const newer = await Deno.readFile(path);
    assert.match(await refusal(upArguments(state)), /stakeout\.db: .*newer version.*9999.*; /);
    assert.deepEqual(await Deno.readFile(path), newer);

    await Deno.writeFile(path, crypto.getRandomValues(new Uint8Array(4099)));
    assert.match(await refusal(upArguments(state)), /stakeout\.db: .*not a database.*; /);
    // Everything but the first page, which holds the schema's beginning.
    await Deno.writeFile(path, healthy.fill(0xa5, 4096));
    assert.match(await refusal(upArguments(state)), /stakeout\.db: .+; /);
  },
);

testAsRoot(
  "up goes on with a fresh queue and state, and says what it set aside, when the agent's files are corrupt",
  async () => {
    await using folder = await makeTestFolder("up");
    const state = `${folder.path}/state`;
    const { up } = await startUp(state);
    await using _up = up;
    await up.waitForLine(/msg="Reports reach the backend"/);
    up.kill("SIGKILL");
    await up.ended();
    const junk = crypto.getRandomValues(new Uint8Array(997));
    for (const entry of Deno.readDirSync(`${state}/agent/queue`)) {
      await Deno.writeFile(`${state}/agent/queue/${entry.name}`, junk);
    }
    for (const name of ["agent_id", "policies", "silence", "running_tasks"]) {
      await Deno.writeFile(`${state}/agent/${name}.json`, junk);
    }
    const { up: healed } = await startUp(state);
    await using _healed = healed;
    await healed.waitForLine(/msg="Reports reach the backend"/);
    await healed.waitForLine(/damaged|corrupt/);
    healed.kill("SIGINT");
    assert.equal(await healed.ended(5), 0);
    assert.deepEqual(healed.lines.filter((line) => /^\s+at |\.ts:\d+/.test(line)), []);
  },
);

testAsRoot("up says in one line that the disk is full when it cannot make its state", async () => {
  await using folder = await makeTestFolder("up");
  const state = `${folder.path}/state`;
  await Deno.mkdir(state);
  const mounted = await new Deno.Command("mount", {
    args: ["-t", "tmpfs", "-o", "size=128k,mode=755", "tmpfs", state],
  })
    .output();
  assert.ok(mounted.success, new TextDecoder().decode(mounted.stderr));
  try {
    await Deno.writeFile(`${state}/ballast`, new Uint8Array(64 * 1024));
    assert.match(await refusal(upArguments(state)), /full|no space/i);
  } finally {
    assert.ok((await new Deno.Command("umount", { args: [state] }).output()).success);
  }
});

testAsRoot(
  "up writes through no link that its server's user may have laid when it starts again",
  async () => {
    await using folder = await makeTestFolder("up");
    const state = `${folder.path}/state`;
    const first = (await startUp(state)).up;
    await using _first = first;
    first.kill("SIGTERM");
    assert.equal(await first.ended(5), 0);
    const victim = `${folder.path}/victim`;
    await Deno.writeTextFile(victim, "precious", { mode: 0o600 });
    for (const name of ["config.yaml", "config.yaml.part", "server.yaml", "server.yaml.part", "agent"]) {
      await Deno.symlink(victim, `${state}/server/${name}`);
    }
    const second = (await startUp(state)).up;
    await using _second = second;
    second.kill("SIGTERM");
    assert.equal(await second.ended(5), 0);
    assert.equal(await Deno.readTextFile(victim), "precious");
    assert.equal((await Deno.stat(victim)).uid, 0);
  },
);
