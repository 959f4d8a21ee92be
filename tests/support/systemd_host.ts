import assert from "node:assert/strict";
import { repositoryRoot } from "../../scripts/command.ts";
import { findUnifiedHierarchy, removeCgroup } from "./test_cgroup.ts";
import { makeTestFolder } from "./test_folder.ts";
import { waitFor } from "./wait.ts";

/** What a command in the guest came to. */
export interface GuestOutcome {
  readonly code: number;
  /** Standard output and error, one after the other. */
  readonly text: string;
}

/**
 * A real systemd that runs as process 1 of namespaces of its own, over a throw-away copy of this machine's root, with
 * /usr/local/bin/stakeout in it. It has a loopback of its own and sees only its own processes.
 */
export class SystemdHost implements AsyncDisposable {
  readonly #boot: Deno.ChildProcess;
  readonly #pid: number;
  readonly #end: () => Promise<void>;

  private constructor(boot: Deno.ChildProcess, pid: number, end: () => Promise<void>) {
    this.#boot = boot;
    this.#pid = pid;
    this.#end = end;
  }

  /** Boots it: about a second. The program is the executable that was built, or runs from source. */
  static async start(built?: string): Promise<SystemdHost> {
    const folder = await makeTestFolder("systemd");
    // The program from source, as the one file that a built executable is.
    const program = `export STAKEOUT_EXECUTABLE=/usr/local/bin/stakeout
exec /opt/stakeout/scripts/deno run -A --no-prompt --quiet --no-check --config /opt/stakeout/deno.json \\
  /opt/stakeout/main.ts "$@"`;
    await Deno.writeTextFile(`${folder.path}/stakeout`, `#!/bin/bash\n${program}\n`);
    const script = `${repositoryRoot}/tests/support/boot_systemd`;
    const boot = new Deno.Command(script, {
      args: [folder.path, repositoryRoot, built ?? `${folder.path}/stakeout`],
      stdin: "null",
      stderr: "null",
    }).spawn();
    const end = async () => {
      await removeCgroup(`${findUnifiedHierarchy()}/${folder.path.split("/").at(-1)}`);
      await folder[Symbol.asyncDispose]();
    };
    const pid = await waitFor(() => findInit(boot.pid), 20);
    assert.ok(pid !== undefined, "systemd did not start");
    const host = new SystemdHost(boot, pid, end);
    const state = await waitFor(async () => {
      const { text } = await host.run("systemctl is-system-running");
      return /^(running|degraded)$/m.test(text) ? text : undefined;
    }, 20);
    assert.ok(state !== undefined, "systemd is not up");
    return host;
  }

  /** Runs a shell command as the guest's root, in the cgroup and environment of this process. */
  async run(command: string): Promise<GuestOutcome> {
    const enter = [
      "--target",
      `${this.#pid}`,
      "--all",
      "env",
      "-i",
      "PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin",
    ];
    const { code, stdout, stderr } = await new Deno.Command("nsenter", {
      args: [...enter, "bash", "-c", command],
      stdin: "null",
    }).output();
    const decoder = new TextDecoder();
    return { code, text: decoder.decode(stdout) + decoder.decode(stderr) };
  }

  /** Runs a command that has to succeed, and returns what it said. */
  async expect(command: string): Promise<string> {
    const { code, text } = await this.run(command);
    assert.equal(code, 0, `${command}: ${text}`);
    return text;
  }

  /** Where a path of the guest is for this process. */
  path(inside: string): string {
    return `/proc/${this.#pid}/root${inside}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Process 1 of a pid namespace takes all others with it.
    Deno.kill(this.#pid, "SIGKILL");
    await this.#boot.status;
    await this.#end();
  }
}

/** The host's pid of the systemd that the booting script has become the parent of. */
function findInit(parent: number): number | undefined {
  const children = Deno.readTextFileSync(`/proc/${parent}/task/${parent}/children`).split(" ").map(Number);
  return children.find((pid) => pid > 0 && Deno.readTextFileSync(`/proc/${pid}/comm`).trim() === "systemd");
}
