import type { Logger } from "../../lib/log.ts";
import { findKubernetes } from "../agent/kubernetes/api.ts";
import type { Pod } from "../agent/kubernetes/pod.ts";
import { PodDirectory } from "../agent/kubernetes/pod_directory.ts";
import { PodWatch } from "../agent/kubernetes/pod_watch.ts";
import type { NamingOptions } from "../agent/service_name.ts";

/** The pods of this node, where it is one. */
export interface WatchedPods {
  readonly findPod: NonNullable<NamingOptions["findPod"]>;
  /** What does not work with them, one sentence each. */
  problems(): string[];
  /** Begins to watch. */
  run(onPod: (pod: Pod) => void): void;
  close(): Promise<void>;
}

/** Makes the watch over this node's pods: one that knows none outside of Kubernetes. */
export function watchPods(logger: Logger): WatchedPods {
  const place = findKubernetes((name) => Deno.env.get(name));
  const pods = new PodDirectory();
  const abort = new AbortController();
  let watch: PodWatch | undefined;
  let running = Promise.resolve();
  return {
    findPod: (cgroup) => pods.find(cgroup),
    problems() {
      const problem = typeof place === "string" ? place : watch?.problem ?? "";
      return problem === "" ? [] : [`Pods have no names from the Kubernetes API: ${problem}`];
    },
    run(onPod) {
      if (typeof place === "string") {
        logger.warn("Pods have no names from the Kubernetes API", { reason: place });
      }
      if (typeof place !== "object") return;
      watch = new PodWatch({ place, pods, logger, onPod });
      running = watch.run(abort.signal);
    },
    async close() {
      abort.abort();
      await running;
    },
  };
}
