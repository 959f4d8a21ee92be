import type { Logger } from "../../lib/log.ts";
import { NetworkMerger } from "../backend/network/network_merger.ts";
import { ProfileMerger } from "../backend/profile/profile_merger.ts";
import type { NetworkChunk } from "../gen/stakeout/v1/network_pb.ts";
import type { Profile, ProfileChunk } from "../gen/stakeout/v1/profile_pb.ts";
import { type ProfileKind, type Task, TaskState } from "../gen/stakeout/v1/task_pb.ts";
import { listNameNotes } from "./name_notes.ts";
import { toNetworkRecord } from "../backend/export/network_record.ts";
import { type QualityRecord, toQualityRecord } from "./describe_quality.ts";
import { nameKind, toTaskRecord } from "./task_record.ts";
import { encodeProfile, writeWhole } from "./write_profile.ts";

interface OpenTask {
  readonly folder: string;
  /** By kind. */
  readonly mergers: Map<ProfileKind, ProfileMerger>;
  network: NetworkMerger | undefined;
}

/** What task.json tells of the profiles beside it. */
interface Written {
  /** What is missing of names. */
  readonly notes: readonly string[];
  /** How far stacks can be trusted, by kind. */
  readonly stacks: Readonly<Record<string, QualityRecord>>;
}

const keptBytes = 1024 ** 3;

/**
 * Writes each task into a folder of its own: `<UTC time>-<policy>-<pid>/` with task.json from its start on, and
 * profile.pb.gz and profile.folded beside it when it has ended. Where a task has several kinds of stacks, the files of its
 * second kind are called after it: off_cpu.pb.gz. A network profile is network.json.
 *
 * Limits: the folder is kept under 1 GiB; the oldest tasks go first, said in the log.
 */
export class TaskFolders {
  readonly #folder: string;
  readonly #logger: Logger;
  readonly #keptBytes: number;
  readonly #open = new Map<string, OpenTask>();

  constructor(folder: string, logger: Logger, limits: { keptBytes: number } = { keptBytes }) {
    this.#folder = folder;
    this.#logger = logger;
    this.#keptBytes = limits.keptBytes;
  }

  /** Takes a task each time it changes. */
  async putTask(task: Task): Promise<void> {
    const time = new Date(Number(task.startedAtUnixMs)).toISOString().replace(/\.\d+Z$/, "Z").replaceAll(
      ":",
      "",
    );
    const name = `${time}-${task.policy}-${task.pids[0] ?? 0}`;
    const open = this.#open.get(task.id) ??
      { folder: `${this.#folder}/${name}`, mergers: new Map(), network: undefined };
    this.#open.set(task.id, open);
    let written: Written = { notes: [], stacks: {} };
    await Deno.mkdir(open.folder, { recursive: true, mode: 0o700 });
    if (task.state !== TaskState.RUNNING) {
      this.#open.delete(task.id);
      written = await this.#writeProfiles(task, open);
    }
    const text = JSON.stringify({ ...toFileRecord(task), ...written }, null, 2) + "\n";
    await writeWhole(`${open.folder}/task.json`, new TextEncoder().encode(text));
    if (task.state === TaskState.RUNNING) return;
    this.#logger.info("Task written", { folder: open.folder });
    for (const note of written.notes) this.#logger.warn(note, { folder: open.folder });
    await this.#prune(open.folder);
  }

  /** Takes the next chunk of a task's network profile. */
  putNetworkChunk(chunk: NetworkChunk): void {
    const open = this.#open.get(chunk.taskId);
    if (open === undefined) return;
    const taskStartMs = Number(chunk.startUnixMs);
    // What is written are the sums of the whole task.
    const range = {
      taskId: chunk.taskId,
      taskStartMs,
      fromSecond: 0,
      toSecond: 0,
      seriesOf: new Set<number>(),
    };
    open.network ??= new NetworkMerger(range);
    open.network.add(chunk);
  }

  /** Takes the next chunk of a task's profile of stacks. */
  putChunk(chunk: ProfileChunk): void {
    const open = this.#open.get(chunk.taskId);
    if (open === undefined) return;
    const taskStartMs = Number(chunk.startUnixMs);
    let merger = open.mergers.get(chunk.kind);
    if (merger === undefined) {
      merger = new ProfileMerger({
        ...{ taskId: chunk.taskId, kind: chunk.kind, fromSecond: 0, toSecond: 0 },
        taskStartMs,
      });
      open.mergers.set(chunk.kind, merger);
    }
    merger.add(chunk);
  }

  async #writeProfiles(task: Task, { folder, mergers, network }: OpenTask): Promise<Written> {
    if (network !== undefined) {
      const text = JSON.stringify(toNetworkRecord(network.finish()), null, 2) + "\n";
      await writeWhole(`${folder}/network.json`, new TextEncoder().encode(text));
    }
    let name = "profile";
    const notes = new Set<string>();
    const stacks: Record<string, QualityRecord> = {};
    for (const kind of task.kinds) {
      const profile = mergers.get(kind)?.finish();
      if (profile === undefined) continue;
      await this.#writeProfile(task, profile, `${folder}/${name === "" ? nameKind(kind) : name}`);
      const pids = new Map(task.processIds.map((id, at) => [id, task.pids[at] ?? 0]));
      for (const note of listNameNotes(profile, pids)) notes.add(note);
      stacks[nameKind(kind)] = toQualityRecord(profile.quality);
      name = "";
    }
    return { notes: [...notes], stacks };
  }

  async #writeProfile(task: Task, profile: Profile, path: string): Promise<void> {
    const durationSeconds = Math.round(Number(task.endedAtUnixMs - task.startedAtUnixMs) / 1000);
    const title = {
      name: `${task.policy} ${task.pids.join(",")}`,
      frequencyHz: task.frequencyHz,
      durationSeconds,
      runtimeFrames: false,
    };
    await writeWhole(`${path}.pb.gz`, await encodeProfile(profile, "pprof", title));
    await writeWhole(`${path}.folded`, await encodeProfile(profile, "folded", title));
  }

  /** Removes the oldest tasks' folders, never `newest`, until the rest is small enough. */
  async #prune(newest: string): Promise<void> {
    const folders: { path: string; bytes: number }[] = [];
    for await (const { name, isDirectory } of Deno.readDir(this.#folder)) {
      const path = `${this.#folder}/${name}`;
      const isTask = isDirectory && /^\d{4}-\d\d-\d\dT\d{6}Z-[a-z0-9-]+-\d+$/.test(name);
      if (isTask) folders.push({ path, bytes: await folderBytes(path) });
    }
    folders.sort((one, other) => one.path < other.path ? -1 : 1);
    let bytes = folders.reduce((sum, folder) => sum + folder.bytes, 0);
    for (const folder of folders) {
      if (bytes <= this.#keptBytes) return;
      if (folder.path === newest || [...this.#open.values()].some((open) => open.folder === folder.path)) {
        continue;
      }
      await Deno.remove(folder.path, { recursive: true });
      bytes -= folder.bytes;
      this.#logger.warn("A task's files were removed to stay under the limit", { folder: folder.path });
    }
  }
}

async function folderBytes(folder: string): Promise<number> {
  let bytes = 0;
  for await (const { name, isFile } of Deno.readDir(folder)) {
    if (isFile) bytes += (await Deno.stat(`${folder}/${name}`)).size;
  }
  return bytes;
}

/** A task as it stands in task.json: flat where there is one process, which is nearly always. */
function toFileRecord(task: Task) {
  const { id, policy, policyVersion: _version, processes, cause, startedAt, endedAt, state, ...rest } =
    toTaskRecord(task);
  const [first] = processes;
  return {
    ...{ id, policy, metric: cause?.metric ?? null, pid: first?.pid ?? 0 },
    ...{ service: first?.service ?? "", instance: first?.instance ?? "", startedAt, endedAt, state },
    cause: cause === null ? null : { ...cause, period: cause.periodSeconds },
    processes,
    ...rest,
  };
}
