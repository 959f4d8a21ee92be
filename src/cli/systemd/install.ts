import { CommandError } from "../command_error.ts";
import { describeFileError } from "../describe_file_error.ts";
import { readConfigFile } from "../load_config.ts";
import { printLine } from "../output.ts";
import { writeWhole } from "../write_profile.ts";
import { checkExecutable } from "./check_executable.ts";
import { sampleConfig } from "./sample_config.ts";
import { restartUnit, runsSystemd, runSystemctl } from "./systemctl.ts";
import { isUnedited, signUnit } from "./unit_file.ts";
import { agentTokenPath, configPath, type ServiceKind, unitName, writeUnit } from "./units.ts";

/** What `install-service` was asked for. */
export interface InstallOptions {
  readonly kind: ServiceKind;
  /** Absolute path of an image's root, without a slash at its end; `""` is this host. */
  readonly root: string;
  /** As {@linkcode findExecutablePath} gives it. */
  readonly executable: string | undefined;
  /** Replace or remove a unit that somebody edited. */
  readonly force: boolean;
  /** Enable and start it, too. */
  readonly now: boolean;
}

/** The text of the unit file, as it would be written. @throws {CommandError} when there is no executable to name */
export function makeUnitFile({ kind, root, executable }: InstallOptions): string {
  return signUnit(writeUnit(kind, checkExecutable(executable, root, kind)));
}

/** Writes a service's unit and, where there is none, a configuration; says what it did and what is left to do. */
export async function installService(options: InstallOptions): Promise<void> {
  const { kind, root, now } = options;
  const text = makeUnitFile(options);
  checkRights(root);
  const path = unitPath(options);
  const old = await readOld(path);
  refuseEdited(path, old, options);
  const steps = await listSteps(kind, root);
  if (now) {
    requireSystemd();
    const [first, ...more] = steps;
    if (first !== undefined) {
      throw new CommandError(`The service cannot start yet; first: ${first}`, { exitCode: 2, more });
    }
  }
  if (old === text) printLine(`unchanged ${path}`);
  else await write(path, text);
  if (await readOld(root + configPath) === undefined) await write(root + configPath, sampleConfig);

  const unit = unitName(kind);
  if (now) {
    await runSystemctl("daemon-reload");
    await runSystemctl("enable", unit);
    await restartUnit(unit);
  } else {
    const enable = root === "" ? `systemctl enable --now ${unit}` : `systemctl --root=${root} enable ${unit}`;
    printSteps([
      ...steps,
      ...(old === undefined || old === text || root !== "" ? [] : ["systemctl daemon-reload"]),
      enable,
    ]);
  }
  if (kind === "server") printServerHints();
}

/** Stops a service and removes its unit; state, token and configuration stay. */
export async function uninstallService(options: InstallOptions): Promise<void> {
  const { kind, root } = options;
  checkRights(root);
  const path = unitPath(options);
  const old = await readOld(path);
  if (old === undefined) return printLine(`not installed: ${path}`);
  refuseEdited(path, old, options);
  const live = root === "" && runsSystemd();
  if (live) await runSystemctl("disable", "--now", unitName(kind));
  await Deno.remove(path);
  printLine(`removed ${path}`);
  if (live) await runSystemctl("daemon-reload");
  const left = [`${root}${configPath}`, ...["state", "cache"].map((what) => folderOf(kind, what))];
  printLine(`Kept: ${left.join(", ")}`);
}

function folderOf(kind: ServiceKind, what: string): string {
  return `/var/${what === "state" ? "lib" : "cache"}/${unitName(kind)}`;
}

function unitPath({ root, kind }: InstallOptions): string {
  return `${root}/etc/systemd/system/${unitName(kind)}.service`;
}

function checkRights(root: string): void {
  if (root !== "" || Deno.uid() === 0) return;
  throw new CommandError("Only root installs services; run it with sudo, or look at it with --dry-run", {
    exitCode: 2,
  });
}

function requireSystemd(): void {
  if (runsSystemd()) return;
  throw new CommandError("systemd does not run here, so nothing can be started; leave out --now", {
    exitCode: 3,
  });
}

function refuseEdited(path: string, old: string | undefined, { force }: InstallOptions): void {
  if (old === undefined || force || isUnedited(old)) return;
  throw new CommandError(
    `${path} was edited or not written by this program; move your changes to a drop-in (systemctl edit), or --force`,
    { exitCode: 2 },
  );
}

/** What the operator has to do before the service can run, one sentence each. */
async function listSteps(kind: ServiceKind, root: string): Promise<string[]> {
  if (kind === "server") return [];
  const steps: string[] = [];
  try {
    const { backend } = await readConfigFile(root + configPath, true);
    if (backend?.url === undefined) steps.push(`set backend.url in ${root}${configPath}`);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    steps.push(error.message);
  }
  if (await readOld(root + agentTokenPath) === undefined) {
    steps.push(
      `put an agent's token into ${root}${agentTokenPath}, mode 0600; if the server is this host's:\n` +
        `     awk '$1 == "agent" { print $2 }' ${folderOf("server", "state")}/tokens | ` +
        `install -m 600 /dev/stdin ${root}${agentTokenPath}`,
    );
  }
  return steps;
}

function printSteps(steps: readonly string[]): void {
  printLine("Next:");
  for (const [index, step] of steps.entries()) printLine(`  ${index + 1}. ${step}`);
}

function printServerHints(): void {
  const folder = folderOf("server", "state");
  printLine(`Once it runs, the UI is at: echo "$(cat ${folder}/url)/login?token=$(cat ${folder}/token)"`);
  printLine(`and commands find it with: stakeout policy list --state ${folder}`);
}

async function readOld(path: string): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw toCommandError("read", path, error);
  }
}

async function write(path: string, text: string): Promise<void> {
  try {
    await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true, mode: 0o755 });
    await writeWhole(path, new TextEncoder().encode(text));
    // Whatever the umask is: the services' users read these.
    await Deno.chmod(path, 0o644);
  } catch (error) {
    throw toCommandError("write", path, error);
  }
  printLine(`wrote ${path}`);
}

function toCommandError(what: string, path: string, error: unknown): CommandError {
  return new CommandError(`Cannot ${what} ${path}: ${describeFileError(error)}; check --root and rights`, {
    exitCode: 1,
    cause: error,
  });
}
