/**
 * What the executable starts with, in its main thread and in each worker. The files of this folder stand in for those of
 * the same name in `src` and `lib` when scripts/executable/bundle.ts makes one program of it all.
 */
switch (workerName()) {
  case "store":
    void import("../backend/store/worker.ts");
    break;
  case "profiles":
    void import("../backend/profile/profile_worker.ts");
    break;
  default:
    void import("../../main.ts");
}

/** The worker's name, "" in the main thread. */
function workerName(): string {
  return "WorkerGlobalScope" in globalThis ? (globalThis as unknown as { name: string }).name : "";
}
