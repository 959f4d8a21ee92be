import { fromBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { ProfileKind, TaskSchema } from "../gen/stakeout/v1/task_pb.ts";
import type { NetworkReader } from "./network/network_reader.ts";
import { type ExportFormat, exportFormats, stackFormats } from "./profile/profile_protocol.ts";
import type { ProfileReader } from "./profile/profile_reader.ts";
import type { Store } from "./store/store.ts";

const kinds: Readonly<Record<string, ProfileKind>> = {
  on_cpu: ProfileKind.ON_CPU,
  off_cpu: ProfileKind.OFF_CPU,
  network: ProfileKind.NETWORK,
};
const files: Readonly<Record<ExportFormat, { ending: string; contentType: string }>> = {
  pprof: { ending: "pb.gz", contentType: "application/octet-stream" },
  folded: { ending: "folded", contentType: "text/plain; charset=utf-8" },
  speedscope: { ending: "speedscope.json", contentType: "application/json" },
  json: { ending: "network.json", contentType: "application/json" },
};

/** Path of an export: `/api/v1/tasks/ID/profile`. */
export const exportPattern = /^\/api\/v1\/tasks\/([0-9a-f]{32})\/profile$/;

/**
 * Answers a download: `?kind=on_cpu&format=pprof&from=0&to=60&runtime=true`, all optional; seconds since the task's start;
 * without the last one frames of languages' runtimes are left out. A network profile is JSON.
 *
 * @throws {ConnectError} For the caller.
 */
export async function exportProfile(
  taskId: string,
  query: URLSearchParams,
  { store, profiles, networks }: { store: Store; profiles: ProfileReader; networks: NetworkReader },
): Promise<Response> {
  const asked = readFormat(query.get("format"));
  const stored = await store.getTask(taskId);
  if (stored === undefined) {
    throw new ConnectError("No such task; it may be older than what is kept", Code.NotFound);
  }
  const kind = readKind(query.get("kind"), stored.kinds);
  const fromSecond = readSecond(query.get("from"));
  const toSecond = readSecond(query.get("to"));
  const task = fromBinary(TaskSchema, stored.data);
  const format = fitFormat(asked, kind);
  const runtimeFrames = query.get("runtime") === "true";
  const bytes = format === "json"
    ? await networks.exportProfile(task, { fromSecond, toSecond })
    : await profiles.exportProfile(task, { kind, fromSecond, toSecond }, { format, runtimeFrames });
  const { ending, contentType } = files[format];
  const name = `${task.policy || "profile"}-${taskId.slice(0, 8)}.${ending}`.replaceAll(
    /[^A-Za-z0-9._-]/g,
    "_",
  );
  return new Response(bytes, {
    headers: {
      "content-type": contentType,
      "content-disposition": `attachment; filename="${name}"`,
      "cache-control": "no-store",
    },
  });
}

/** The format asked for; undefined when none was. */
function readFormat(text: string | null): ExportFormat | undefined {
  const format = exportFormats.find((known) => known === text);
  if (format !== undefined || text === null) return format;
  throw new ConnectError(`Unknown format; use ${exportFormats.join(", ")}`, Code.InvalidArgument);
}

/** A network profile is JSON, others are what has stacks. */
function fitFormat(format: ExportFormat | undefined, kind: ProfileKind): ExportFormat {
  const isNetwork = kind === ProfileKind.NETWORK;
  if (format === undefined) return isNetwork ? "json" : "pprof";
  if ((format === "json") === isNetwork) return format;
  const wanted = isNetwork ? "json" : stackFormats.join(", ");
  throw new ConnectError(`Not a format of this kind of profile; use ${wanted}`, Code.InvalidArgument);
}

/** The kind asked for, else the first that the task has. */
function readKind(text: string | null, taken: readonly number[]): ProfileKind {
  const kind = text === null ? taken[0] : kinds[text];
  if (text !== null && kind === undefined) {
    throw new ConnectError(`Unknown kind; use ${Object.keys(kinds).join(", ")}`, Code.InvalidArgument);
  }
  if (kind !== undefined && taken.includes(kind)) return kind;
  throw new ConnectError("The task has no such profile; ask for one of its kinds", Code.NotFound);
}

function readSecond(text: string | null): number {
  const second = Number(text ?? "0");
  if (Number.isInteger(second) && second >= 0 && second <= 86_400) return second;
  throw new ConnectError("Range is not whole seconds since the task's start", Code.InvalidArgument);
}
