import type { ProfileKind } from "../../gen/stakeout/v1/task_pb.ts";
import type { Store } from "../store/store.ts";

/** All chunks of a profile that are stored, in order. */
export async function* readStoredChunks(
  store: Store,
  taskId: string,
  kind: ProfileKind,
): AsyncGenerator<Uint8Array> {
  let from = 0;
  while (true) {
    const chunks = await store.readChunks(taskId, kind, from);
    if (chunks.length === 0) return;
    for (const { number, data } of chunks) {
      yield data;
      from = number + 1;
    }
  }
}
