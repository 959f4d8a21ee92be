/**
 * `deno task dev`: runs `stakeout up` with a demo workload and policy, and starts it anew when a source file changes.
 * State lives in build/dev, so that tasks stay from run to run.
 */
import { repositoryRoot, runCommand } from "./command.ts";

const stateFolder = `${repositoryRoot}/build/dev`;
const listen = Deno.args[0] ?? "127.0.0.1:7471";
const workload = `${stateFolder}/checkout-demo`;
const watched = ["main.ts", "lib", "src", "bpf", "proto"].map((path) => `${repositoryRoot}/${path}`);

await Deno.mkdir(stateFolder, { recursive: true, mode: 0o711 });
await runCommand("gcc", [
  ...["-O0", "-g", "-fno-omit-frame-pointer", "-pthread", "-o", workload],
  `${repositoryRoot}/tests/programs/demo_checkout.c`,
]);
const demo = new Deno.Command(workload, { stdin: "null", stdout: "null" }).spawn();
let up = await startUp();
for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, () => void stop());

await applyDemoPolicy();
say("the demo idles, then burns CPU: a task trips within a minute and a half; open the URL above");
for await (const change of debounce(Deno.watchFs(watched), 300)) {
  say(`${change} changed: rebuilding`);
  const setup = await new Deno.Command(`${repositoryRoot}/scripts/setup`).spawn().status;
  if (!setup.success) continue;
  await end(up);
  up = await startUp();
}

function say(text: string): void {
  Deno.stderr.writeSync(new TextEncoder().encode(`dev: ${text}\n`));
}

/** Starts `up` and resolves when it serves, or cannot. */
async function startUp(): Promise<Deno.ChildProcess> {
  const child = new Deno.Command(`${repositoryRoot}/scripts/stakeout`, {
    args: ["up", "--listen", listen, "--state", stateFolder],
    stdin: "null",
  }).spawn();
  let ended = false;
  void child.status.then(() => ended = true);
  for (let attempt = 0; attempt < 150 && !ended; attempt++) {
    const ready = await fetch(`http://${listen}/readyz`).then(
      async (reply) => (await reply.body?.cancel(), reply.ok),
      () => false,
    );
    if (ready) return child;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  say("stakeout up does not serve, see its lines above; the next change starts it anew");
  return child;
}

async function applyDemoPolicy(): Promise<void> {
  await runCommand(`${repositoryRoot}/scripts/stakeout`, [
    ...["policy", "apply", "--state", stateFolder],
    ...["-f", `${repositoryRoot}/tests/programs/demo_policy.yaml`],
  ]);
}

async function end(child: Deno.ChildProcess): Promise<void> {
  try {
    child.kill("SIGTERM");
  } catch {
    // It has ended already.
  }
  await child.status;
}

async function stop(): Promise<never> {
  for (const child of [up, demo]) await end(child);
  Deno.exit(0);
}

/** Yields one changed path for each burst of changes, those that came while the last one was dealt with included. */
async function* debounce(events: Deno.FsWatcher, quietMs: number): AsyncGenerator<string> {
  let changed: string | undefined;
  let wake = Promise.withResolvers<void>();
  void collect();
  while (true) {
    await wake.promise;
    await new Promise((resolve) => setTimeout(resolve, quietMs));
    wake = Promise.withResolvers<void>();
    const path = changed;
    changed = undefined;
    if (path !== undefined) yield path.slice(repositoryRoot.length + 1);
  }

  async function collect(): Promise<void> {
    for await (const event of events) {
      const path = event.paths.find((one) => !/\/gen\/|_test\.tsx?$|~$|\.swp$/.test(one));
      if (event.kind === "access" || path === undefined) continue;
      changed = path;
      wake.resolve();
    }
  }
}
