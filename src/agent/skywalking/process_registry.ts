import { createHash } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import { type Client, createClient } from "@connectrpc/connect";
import {
  type EBPFProcessProperties,
  EBPFProcessReportListSchema,
  EBPFProcessService,
} from "../../gen/skywalking/v3/ebpf_process_pb.ts";
import type { Entity } from "./entity.ts";
import { toBeat, toEntityMetadata } from "./process_properties.ts";
import type { OapTransport } from "./transport.ts";

const deadlineMs = 10_000;
const mostInOneCall = 500;

/** Tells an OAP which processes there are, and knows the ids that it gave them. */
export class ProcessRegistry {
  readonly #client: Client<typeof EBPFProcessService>;
  readonly #agentId: string;
  /** By what the OAP knows a process by. */
  readonly #ids = new Map<string, string>();

  /** @param agentId New at each start, as the protocol asks. */
  constructor(oap: OapTransport, agentId: string) {
    this.#client = createClient(EBPFProcessService, oap.transport);
    this.#agentId = agentId;
  }

  /** The OAP's id of a process, undefined while it has given none. */
  idOf(entity: EntityKey): string | undefined {
    return this.#ids.get(keyOf(entity));
  }

  /**
   * Tells whole descriptions and takes in the ids. A process that the OAP leaves out of its answer gets none.
   * @throws {ConnectError}
   */
  async report(processes: readonly EBPFProcessProperties[], signal: AbortSignal): Promise<void> {
    for (let from = 0; from < processes.length; from += mostInOneCall) {
      const part = processes.slice(from, from + mostInOneCall);
      const request = create(EBPFProcessReportListSchema, { processes: part, ebpfAgentID: this.#agentId });
      const answer = await this.#client.reportProcesses(request, { signal, timeoutMs: deadlineMs });
      const ids = new Map(answer.processes.map(({ process, processId }) => [process.value?.pid, processId]));
      for (const { metadata: { value } } of part) {
        const id = ids.get(value?.pid);
        if (id !== undefined && id !== "" && value?.entity !== undefined) {
          this.#ids.set(keyOf(value.entity), id);
        }
      }
    }
  }

  /** Says that these still run. @throws {ConnectError} */
  async keepAlive(entities: readonly Entity[], signal: AbortSignal): Promise<void> {
    for (let from = 0; from < entities.length; from += mostInOneCall) {
      const beat = toBeat(entities.slice(from, from + mostInOneCall), this.#agentId);
      await this.#client.keepAlive(beat, { signal, timeoutMs: deadlineMs });
    }
  }

  /** Forgets the ids of all but these, so that names that come and go do not pile up. */
  keepOnly(entities: readonly Entity[]): void {
    const kept = new Set(entities.map((entity) => keyOf({ ...toEntityMetadata(entity) })));
    for (const key of this.#ids.keys()) if (!kept.has(key)) this.#ids.delete(key);
  }
}

/** The names that make an id. */
export interface EntityKey {
  readonly serviceName: string;
  readonly instanceName: string;
  readonly processName: string;
}

function keyOf({ serviceName, instanceName, processName }: EntityKey): string {
  return JSON.stringify([serviceName, instanceName, processName]);
}

/**
 * The id that an OAP makes of a process's names, for when it has not been asked yet: SHA-256 of the process's name and the
 * instance's id, which holds the service's, as OAP's IDManager has it. An OAP that renames services makes others.
 */
export function guessProcessId({ service, instance, processName }: Entity): string {
  const instanceId = `${encode(service)}.1_${encode(instance)}`;
  return createHash("sha256").update(`${processName}_${instanceId}`).digest("hex");
}

function encode(text: string): string {
  return new TextEncoder().encode(text).toBase64();
}
