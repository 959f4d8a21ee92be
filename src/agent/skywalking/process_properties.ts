import { create, toBinary } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import {
  type EBPFProcessEntityMetadata,
  EBPFProcessEntityMetadataSchema,
  type EBPFProcessPingPkgList,
  EBPFProcessPingPkgListSchema,
  EBPFProcessPingPkgSchema,
  type EBPFProcessProperties,
  EBPFProcessPropertiesSchema,
} from "../../gen/skywalking/v3/ebpf_process_pb.ts";
import type { Process } from "../../model/process.ts";
import type { Entity } from "./entity.ts";

const pings = new WeakMap<Entity, Uint8Array>();

/** An entity as it goes over the wire. */
export function toEntityMetadata(entity: Entity): EBPFProcessEntityMetadata {
  return create(EBPFProcessEntityMetadataSchema, {
    layer: entity.layer,
    serviceName: entity.service,
    instanceName: entity.instance,
    processName: entity.processName,
    labels: [...entity.labels],
  });
}

/** What says that these processes still run. Each is serialized once, as it is the same each time. */
export function toBeat(entities: readonly Entity[], ebpfAgentID: string): EBPFProcessPingPkgList {
  const beat = create(EBPFProcessPingPkgListSchema, { ebpfAgentID });
  const { number: no } = EBPFProcessPingPkgListSchema.field.processes;
  beat.$unknown = entities.map((entity) => {
    const data = pings.get(entity) ?? serializePing(entity);
    pings.set(entity, data);
    return { no, wireType: WireType.LengthDelimited, data };
  });
  return beat;
}

/** With its length in front, as an unknown field has it. */
function serializePing(entity: Entity): Uint8Array {
  const ping = create(EBPFProcessPingPkgSchema, { entityMetadata: toEntityMetadata(entity) });
  return new BinaryWriter().bytes(toBinary(EBPFProcessPingPkgSchema, ping)).finish();
}

/**
 * The whole description of a process. `command_line` is the executable's path alone: arguments hold passwords, and an OAP
 * shows this to everybody.
 */
export function toProcessProperties(
  process: Process,
  entity: Entity,
  hostAddress: string,
): EBPFProcessProperties {
  const { labels } = process;
  const isPod = labels["k8s.pod.name"] !== undefined;
  const properties = toPairs({
    host_ip: hostAddress,
    ...(isPod ? { container_name: labels["k8s.container.name"], pod_name: labels["k8s.pod.name"] } : {}),
    pid: String(process.pid),
    command_line: process.exe || process.name,
    support_ebpf_profiling: "true",
  });
  const value = { entity: toEntityMetadata(entity), pid: process.pid, properties };
  return create(EBPFProcessPropertiesSchema, {
    metadata: isPod ? { case: "k8sProcess", value } : { case: "hostProcess", value },
  });
}

function toPairs(texts: Readonly<Record<string, string | undefined>>): { key: string; value: string }[] {
  return Object.entries(texts).flatMap(([key, value]) =>
    value === undefined || value === "" ? [] : [{ key, value: value.toWellFormed() }]
  );
}
