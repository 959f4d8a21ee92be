import assert from "node:assert/strict";
import type { TaskRecord } from "../../src/cli/task_record.ts";
import { findFreePort } from "./free_port.ts";
import { type RunningStakeout, runStakeout, startStakeout } from "./stakeout.ts";
import { waitFor } from "./wait.ts";

/** A server and an agent apart, each with a state folder of its own, and the client commands of the server's user. */
export class SplitHost {
  readonly folder: string;
  readonly url: string;
  readonly #port = findFreePort();

  constructor(folder: string) {
    this.folder = folder;
    this.url = `http://127.0.0.1:${this.#port}`;
  }

  /** Starts the server and waits until it serves; the agent's token file is written then. */
  async startServer(): Promise<RunningStakeout> {
    const state = `${this.folder}/server`;
    const server = startStakeout(["server", "--listen", `127.0.0.1:${this.#port}`, "--state", state]);
    await server.waitForLine(/\/login\?token=/);
    const tokens = await Deno.readTextFile(`${state}/tokens`);
    await Deno.writeTextFile(`${this.folder}/agent_token`, /^agent (\S+)/m.exec(tokens)![1]!, {
      mode: 0o600,
    });
    return server;
  }

  /**
   * Starts the agent, under another command if one is given; its temporary folder is `tmp`, which the agent has to
   * leave empty.
   */
  async startAgent(under: readonly string[] = []): Promise<RunningStakeout> {
    await Deno.mkdir(`${this.folder}/tmp`, { recursive: true });
    const reporting = ["--backend", this.url, "--token-file", `${this.folder}/agent_token`];
    return startStakeout(["agent", ...reporting, "--state", `${this.folder}/agent`], {
      env: { TMPDIR: `${this.folder}/tmp` },
      under,
    });
  }

  /** Runs a client command and returns what it prints. */
  async run(...args: string[]): Promise<string> {
    const { code, stdout, errors } = await runStakeout([...args, "--state", `${this.folder}/server`]);
    assert.equal(code, 0, errors.join("\n"));
    return stdout;
  }

  /** Saves a policy. */
  async apply(text: string): Promise<void> {
    await Deno.writeTextFile(`${this.folder}/policy.yaml`, text);
    await this.run("policy", "apply", "-f", `${this.folder}/policy.yaml`);
  }

  /** All tasks that the backend knows. */
  async tasks(): Promise<TaskRecord[]> {
    return JSON.parse(await this.run("task", "list", "--output", "json"));
  }

  /** Waits until the only task there is has come to its end. */
  async waitForFinalTask(seconds: number): Promise<TaskRecord> {
    let tasks: TaskRecord[] = [];
    const task = await waitFor(async () => {
      tasks = await this.tasks();
      return tasks.find(({ state }) => state !== "running");
    }, seconds);
    assert.equal(tasks.length, 1, JSON.stringify(tasks));
    assert.ok(task !== undefined, JSON.stringify(tasks));
    return task;
  }
}
