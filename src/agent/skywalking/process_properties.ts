import { create } from "@bufbuild/protobuf";
import {
  type EBPFProcessEntityMetadata,
  EBPFProcessEntityMetadataSchema,
  type EBPFProcessProperties,
  EBPFProcessPropertiesSchema,
} from "../../gen/skywalking/v3/ebpf_process_pb.ts";
import type { Process } from "../../model/process.ts";
import type { Entity } from "./entity.ts";

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
