import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { FarEnd, ReportItem } from "./store.ts";

/** Tasks run an hour at most, and their clocks may differ a little. */
const apartMs = 3_660_000;
const mostRows = 4_096;

/** Both ends of the traffic of network profiles, found by what they have in common. */
export class NetworkEndsTable {
  readonly #put: StatementSync;
  readonly #far: StatementSync;

  constructor(database: DatabaseSync) {
    this.#put = database.prepare(
      `INSERT INTO network_ends (task_id, edge, pair, server, start_ms) VALUES (?1, ?2, ?3, ?4, ?5)
       ON CONFLICT (task_id, edge) DO UPDATE SET pair = ?3, server = ?4 WHERE pair <> ?3`,
    );
    this.#far = database.prepare(
      `SELECT n.edge, n.pair, f.task_id, f.edge AS far_edge, t.agent_id, t.data
       FROM network_ends n
       JOIN network_ends f ON f.pair = n.pair AND f.start_ms BETWEEN n.start_ms - ${apartMs} AND n.start_ms + ${apartMs}
         AND f.server <> n.server AND f.task_id <> n.task_id
       JOIN tasks own ON own.id = n.task_id
       JOIN tasks t ON t.id = f.task_id AND t.started_ms < own.deadline_ms AND t.deadline_ms > own.started_ms
       WHERE n.task_id = ? ORDER BY t.started_ms, f.task_id, f.edge, n.edge LIMIT ${mostRows}`,
    );
  }

  /** Stores the ends that a chunk tells of. */
  put({ taskId, startMs, ends = [] }: ReportItem & { kind: "profile" }): void {
    for (const { edge, pair, isServer } of ends) this.#put.run(taskId, edge, pair, isServer ? 1 : 0, startMs);
  }

  /** The other ends of a task's edges, in tasks that ran at the same time. */
  listFar(taskId: string): FarEnd[] {
    return this.#far.all(taskId).map((row) => ({
      edge: Number(row.edge),
      pair: String(row.pair),
      taskId: String(row.task_id),
      farEdge: Number(row.far_edge),
      agentId: String(row.agent_id),
      task: row.data as Uint8Array,
    }));
  }
}
