import type { CgroupFacts } from "../container.ts";
import type { PodName } from "../service_name.ts";
import type { Pod } from "./pod.ts";

const mostPods = 2_000;

/**
 * The pods of this node, by what a process's cgroup tells.
 *
 * Limits: 2,000 pods; what is beyond stays without a name.
 */
export class PodDirectory {
  readonly #limit: number;
  /** By the uid of the API. */
  readonly #pods = new Map<string, { pod: Pod; round: number }>();
  readonly #byCgroupUid = new Map<string, Pod>();
  readonly #byContainerId = new Map<string, Pod>();
  #round = 0;

  constructor(limit = mostPods) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#pods.size;
  }

  /** Who a process of this cgroup belongs to. */
  find({ podUid, containerId }: CgroupFacts): PodName | undefined {
    const pod = this.#byCgroupUid.get(podUid) ?? this.#byContainerId.get(containerId);
    if (pod === undefined) return undefined;
    return { ...pod, containerName: pod.containerNames.get(containerId) ?? "" };
  }

  /** Takes a pod in. True when that changes anything; "full" when there is no room. */
  put(pod: Pod): boolean | "full" {
    const old = this.#pods.get(pod.uid)?.pod;
    if (old === undefined && this.#pods.size >= this.#limit) return "full";
    this.#pods.set(pod.uid, { pod, round: this.#round });
    if (old !== undefined && describe(old) === describe(pod)) return false;
    if (old !== undefined) this.#unlink(old);
    this.#byCgroupUid.set(pod.cgroupUid, pod);
    for (const id of pod.containerNames.keys()) this.#byContainerId.set(id, pod);
    return true;
  }

  /** Forgets a pod. Its processes, if any are left, keep their names. */
  delete(uid: string): void {
    const entry = this.#pods.get(uid);
    if (entry === undefined) return;
    this.#pods.delete(uid);
    this.#unlink(entry.pod);
  }

  /** From here on all pods are told anew. */
  startRound(): void {
    this.#round++;
  }

  /** All pods of this round were told: those that were not are gone. */
  endRound(): void {
    for (const [uid, { round }] of this.#pods) if (round !== this.#round) this.delete(uid);
  }

  #unlink(pod: Pod): void {
    if (this.#byCgroupUid.get(pod.cgroupUid)?.uid === pod.uid) this.#byCgroupUid.delete(pod.cgroupUid);
    for (const id of pod.containerNames.keys()) {
      if (this.#byContainerId.get(id)?.uid === pod.uid) this.#byContainerId.delete(id);
    }
  }
}

function describe(pod: Pod): string {
  return JSON.stringify({ ...pod, containerNames: [...pod.containerNames] });
}
