import type { BpfMap } from "../../../lib/bpf/map.ts";
import { layouts } from "../../gen/records.ts";
import type { PendingRequest } from "../http/pending_requests.ts";

const key = layouts.tls_session_key;
const session = layouts.http_connection_value;
const matches = 8;

/** One request in flight on a TLS session. */
export interface PendingSession {
  /** Of the process, in the kernel's maps. */
  readonly number: number;
  readonly request: PendingRequest;
}

/**
 * Reads the requests in flight on TLS sessions of these processes, by their ids in the host's pid namespace. A session that a
 * process keeps after its connection ended is in flight until it frees it.
 *
 * Source: the map `tls_sessions`, 0.2 µs a session.
 *
 * @param generation Of the URI filters: what was matched with others has no counters.
 */
export function readPendingSessions(
  sessions: BpfMap,
  tgids: ReadonlySet<number>,
  generation: number,
): PendingSession[] {
  const { count, keys, values } = sessions.readBatch();
  const keyView = new DataView(keys.buffer, keys.byteOffset, keys.byteLength);
  const view = new DataView(values.buffer, values.byteOffset, values.byteLength);
  const found: PendingSession[] = [];
  for (let index = 0; index < count; index++) {
    const at = index * session.size;
    if (view.getUint8(at + session.offsets.pending) === 0) continue;
    if (!tgids.has(keyView.getUint32(index * key.size + key.offsets.tgid, true))) continue;
    const current = view.getUint16(at + session.offsets.generation, true) === (generation & 0xffff);
    const counters: number[] = [];
    for (let match = 0; current && match < matches; match++) {
      const counter = view.getUint16(at + session.offsets.counters + 2 * match, true);
      if (counter !== 0) counters.push(counter);
    }
    found.push({
      number: view.getUint32(at + session.offsets.number, true),
      request: {
        startBootNs: Number(view.getBigUint64(at + session.offsets.start_boot_ns, true)),
        role: view.getUint8(at + session.offsets.role) - 1,
        counters,
      },
    });
  }
  return found;
}
