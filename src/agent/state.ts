import type { Logger } from "../../lib/log.ts";
import { type LockedFile, lockFile } from "../../lib/sys/lock_file.ts";
import { isNotWritable, openPrivateFolder, syncFolder, writeAll } from "./private_folder.ts";

/** What checks a value read from disk; zod's schemas are ones. */
export interface StateSchema<T> {
  safeParse(value: unknown): { success: true; data: T } | { success: false; error: { message: string } };
}

const fileLimitBytes = 16 * 1024 * 1024;
const agentIdPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * What the agent remembers across restarts, besides its queue.
 * Shape: in a folder of mode 0700: `lock`, `agent_id.json`, and one JSON file a name, replaced whole or not at all.
 * Limits: 16 MiB a file. Loss: a file that cannot be read is set aside as NAME.json.corrupt and said in the log.
 */
export class AgentState {
  readonly #folder: string | undefined;
  readonly #lock: LockedFile | undefined;
  readonly #logger: Logger;
  readonly #saving = new Map<string, Promise<boolean>>();
  /** Made once, a UUID; a new one at each start where there is no folder. */
  readonly agentId: string;

  /** Use `open`. */
  constructor(
    folder: string | undefined,
    lock: LockedFile | undefined,
    agentId: string,
    logger: Logger,
  ) {
    this.#folder = folder;
    this.#lock = lock;
    this.agentId = agentId;
    this.#logger = logger;
  }

  /**
   * Opens the state, for this agent alone.
   * @throws {Error} when another agent uses the folder, or it is a link or another user's
   */
  static async open(folder: string | undefined, logger: Logger): Promise<AgentState> {
    if (folder !== undefined) {
      try {
        return await AgentState.#openFolder(folder, logger);
      } catch (error) {
        if (!isNotWritable(error)) throw error;
        logger.warn("The state folder cannot be written to", { folder, error });
      }
    }
    logger.warn("Nothing is remembered across restarts; give the agent a state folder");
    return new AgentState(undefined, undefined, crypto.randomUUID(), logger);
  }

  static async #openFolder(folder: string, logger: Logger): Promise<AgentState> {
    await openPrivateFolder(folder);
    const lock = lockFile(`${folder}/lock`);
    if (lock === undefined) {
      throw new Error(`Another agent uses ${folder}; stop it, or give this one another state folder`);
    }
    try {
      const saved = await readJson(folder, "agent_id", agentIdSchema, logger);
      const agentId = saved ?? crypto.randomUUID();
      if (saved === undefined) await writeJson(folder, "agent_id", agentId);
      return new AgentState(folder, lock, agentId, logger);
    } catch (error) {
      lock.close();
      throw error;
    }
  }

  /** Where a queue lives; `undefined` where it has to be in memory. */
  queueFolder(name: string): string | undefined {
    return this.#folder === undefined ? undefined : `${this.#folder}/${name}`;
  }

  /** What was saved under a name; `undefined` when nothing was, or what is there does not fit the schema. */
  load<T>(name: string, schema: StateSchema<T>): Promise<T | undefined> {
    if (this.#folder === undefined) return Promise.resolve(undefined);
    return readJson(this.#folder, name, schema, this.#logger);
  }

  /** Replaces what is saved under a name; false, and a log line, when the disk does not take it. Never rejects. */
  save(name: string, value: unknown): Promise<boolean> {
    const folder = this.#folder;
    if (folder === undefined) return Promise.resolve(false);
    const saved = (this.#saving.get(name) ?? Promise.resolve(true)).then(async () => {
      try {
        await writeJson(folder, name, value);
        return true;
      } catch (error) {
        this.#logger.error("The agent's state cannot be saved", { name, error });
        return false;
      }
    });
    this.#saving.set(name, saved);
    return saved;
  }

  /** Waits for what is being saved and lets another agent in. */
  async close(): Promise<void> {
    await Promise.all(this.#saving.values());
    this.#lock?.close();
  }
}

const agentIdSchema: StateSchema<string> = {
  safeParse(value) {
    if (typeof value === "string" && agentIdPattern.test(value)) return { success: true, data: value };
    return { success: false, error: { message: "not a UUID" } };
  },
};

async function readJson<T>(
  folder: string,
  name: string,
  schema: StateSchema<T>,
  logger: Logger,
): Promise<T | undefined> {
  const path = `${folder}/${name}.json`;
  let reason: string;
  try {
    const { size } = await Deno.stat(path);
    if (size > fileLimitBytes) throw new RangeError(`${size} bytes are more than ${fileLimitBytes}`);
    const result = schema.safeParse(JSON.parse(await Deno.readTextFile(path)));
    if (result.success) return result.data;
    reason = result.error.message;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    if (isNotWritable(error)) throw error;
    reason = error instanceof Error ? error.message : String(error);
  }
  logger.error("A file of the agent's state is damaged and set aside", { path: `${path}.corrupt`, reason });
  await Deno.rename(path, `${path}.corrupt`);
  return undefined;
}

async function writeJson(folder: string, name: string, value: unknown): Promise<void> {
  const path = `${folder}/${name}.json`;
  const temporary = `${path}.tmp`;
  {
    using file = await Deno.open(temporary, { write: true, create: true, truncate: true, mode: 0o600 });
    await writeAll(file, new TextEncoder().encode(JSON.stringify(value)));
    await file.sync();
  }
  await Deno.rename(temporary, path);
  await syncFolder(folder);
}
