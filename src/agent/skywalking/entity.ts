import type { SkyWalkingConfig } from "../../model/config.ts";
import type { Process } from "../../model/process.ts";
import { matchGlob, type Target } from "../../model/target.ts";

/** What an OAP knows a process by: another with the same four names is the same to it. */
export interface Entity {
  readonly layer: string;
  readonly service: string;
  readonly instance: string;
  readonly processName: string;
  readonly labels: readonly string[];
}

interface Named {
  readonly process: Process;
  readonly entity: Entity;
  readonly group: string;
  readonly number: number;
}

/** An OAP cuts names of services and instances at this length by itself, and would then not find their policies. */
const longestName = 70;
const longestProcessName = 128;
const workloadLabels = ["deployment", "statefulset", "daemonset", "cronjob", "job", "replicaset"].map((
  kind,
) => `k8s.${kind}.name`);

/**
 * Gives processes the names that an OAP knows them by.
 *
 * Service and instance are ours; a service that is called after its Kubernetes workload gets `.NAMESPACE` behind it, as
 * SkyWalking's own agent names it. The process's name is its executable's; of several with the same one in an instance the
 * second is `NAME-2` and so on, because to an OAP they would be one. A number is free again when its process has gone, so
 * that workers that come and go do not leave new names behind for ever.
 */
export class EntityBook {
  readonly #config: Pick<SkyWalkingConfig, "hostLayer" | "podLayer" | "services">;
  readonly #named = new Map<string, Named>();
  readonly #numbers = new Map<string, Set<number>>();

  constructor(config: Pick<SkyWalkingConfig, "hostLayer" | "podLayer" | "services">) {
    this.#config = config;
  }

  /** Names a process; undefined when its service is none of those to report. */
  nameOf(process: Process): Entity | undefined {
    const known = this.#named.get(process.id);
    if (known?.process === process) return known.entity;
    const service = serviceOf(process);
    if (!this.#config.services.some((glob) => matchGlob(glob, service))) {
      this.forget(process.id);
      return undefined;
    }
    const instance = cut(process.instance, longestName);
    const base = cut(baseName(process.exe) || process.name, longestProcessName);
    const group = JSON.stringify([service, instance, base]);
    const isPod = process.labels["k8s.pod.name"] !== undefined;
    let number = known?.number;
    if (number === undefined || known?.group !== group) {
      this.forget(process.id);
      number = this.#takeNumber(group);
    }
    const entity = {
      layer: isPod ? this.#config.podLayer : this.#config.hostLayer,
      ...{ service, instance, processName: number === 1 ? base : `${base}-${number}` },
      labels: isPod ? ["k8s-service"] : [],
    };
    this.#named.set(process.id, { process, entity, group, number });
    return entity;
  }

  /** Frees the name of a process that has gone; one without a name is ignored. */
  forget(processId: string): void {
    const named = this.#named.get(processId);
    if (named === undefined) return;
    this.#named.delete(processId);
    const taken = this.#numbers.get(named.group);
    taken?.delete(named.number);
    if (taken?.size === 0) this.#numbers.delete(named.group);
  }

  /** Ids of the processes that have a name. */
  processIds(): Iterable<string> {
    return this.#named.keys();
  }

  #takeNumber(group: string): number {
    const taken = this.#numbers.get(group) ?? new Set();
    this.#numbers.set(group, taken);
    let number = 1;
    while (taken.has(number)) number++;
    taken.add(number);
    return number;
  }
}

/**
 * What a policy for the service of this process is to match: the process's own words, out of which the OAP's name of the
 * service was made. Undefined when those cannot be a target.
 */
export function targetOf(process: Process): Target | undefined {
  const { service, labels } = process;
  // A target is a glob, and nothing escapes these.
  if (service === "" || /[*?]/.test(service)) return undefined;
  const namespace = namespaceOf(process);
  if (/[*?]/.test(namespace ?? "")) return undefined;
  return {
    service,
    labels: namespace === undefined ? {} : { "k8s.namespace.name": labels["k8s.namespace.name"]! },
  };
}

function serviceOf(process: Process): string {
  const namespace = namespaceOf(process);
  return cut(namespace === undefined ? process.service : `${process.service}.${namespace}`, longestName);
}

/** Of a service that is called after its workload: other namespaces may have one of the same name. */
function namespaceOf({ service, labels }: Process): string | undefined {
  return workloadLabels.some((label) => labels[label] === service) ? labels["k8s.namespace.name"] : undefined;
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

function cut(text: string, length: number): string {
  return text.toWellFormed().slice(0, length);
}
