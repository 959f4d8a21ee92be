/** A pod, as far as its processes get names from it. */
export interface Pod {
  /** In the API. */
  readonly uid: string;
  /** In the path of its cgroup: another one for a pod that the node's own files describe. */
  readonly cgroupUid: string;
  readonly name: string;
  readonly namespace: string;
  /** What made the pod, in the end: `Deployment`, `StatefulSet`, `DaemonSet`, `CronJob`, …; `Pod` for one on its own. */
  readonly workloadKind: string;
  readonly workload: string;
  /** By container id, 64 hex digits; those that have started. */
  readonly containerNames: ReadonlyMap<string, string>;
  /** Those that Kubernetes recommends, `app.kubernetes.io/…`. */
  readonly labels: Readonly<Record<string, string>>;
}

type Json = Readonly<Record<string, unknown>>;

const longestText = 255;
const mostContainers = 100;
const mostLabels = 16;
const labelPrefix = "app.kubernetes.io/";
/** Minutes since 1970 when Kubernetes began to name jobs so, in 2021; a date written in digits is less. */
const firstScheduleMinute = 26_800_000;

/**
 * Takes what names a process from a pod's description; undefined when it has no uid or name.
 *
 * Source: v1 Pod of the Kubernetes API as JSON.
 * Limits: 100 containers, 16 labels, texts of 255 characters; what is beyond is left out or cut.
 */
export function readPod(value: unknown): Pod | undefined {
  const pod = asObject(value);
  const metadata = asObject(pod["metadata"]);
  const uid = readText(metadata, "uid");
  const name = readText(metadata, "name");
  if (uid === "" || name === "") return undefined;
  const annotations = asObject(metadata["annotations"]);
  const mirrors = readText(annotations, "kubernetes.io/config.mirror") !== "";
  return {
    uid,
    cgroupUid: (mirrors && readText(annotations, "kubernetes.io/config.hash")) || uid,
    name,
    namespace: readText(metadata, "namespace"),
    ...readWorkload(name, metadata, readText(asObject(pod["spec"]), "nodeName")),
    containerNames: readContainerNames(asObject(pod["status"])),
    labels: Object.fromEntries(
      Object.keys(asObject(metadata["labels"])).filter((label) => label.startsWith(labelPrefix))
        .slice(0, mostLabels).map((label) => [label, readText(asObject(metadata["labels"]), label)]),
    ),
  };
}

function readWorkload(
  name: string,
  metadata: Json,
  node: string,
): { workloadKind: string; workload: string } {
  const owner = asList(metadata["ownerReferences"]).map(asObject).find((each) => each["controller"] === true);
  const workloadKind = readText(owner ?? {}, "kind");
  const workload = readText(owner ?? {}, "name");
  if (workload === "") return { workloadKind: "Pod", workload: name };
  switch (workloadKind) {
    case "ReplicaSet": {
      const labels = asObject(metadata["labels"]);
      const suffix = `-${readText(labels, "pod-template-hash")}`;
      return suffix !== "-" && workload.endsWith(suffix)
        ? { workloadKind: "Deployment", workload: workload.slice(0, -suffix.length) }
        : { workloadKind, workload };
    }
    case "Job": {
      const [, cronJob, minute] = /^(.+)-(\d{8})$/.exec(workload) ?? [];
      return cronJob !== undefined && Number(minute) >= firstScheduleMinute
        ? { workloadKind: "CronJob", workload: cronJob }
        : { workloadKind, workload };
    }
    case "Node": // A pod of the node's own files is called after both.
      return {
        workloadKind: "Pod",
        workload: name.endsWith(`-${node}`) ? name.slice(0, -node.length - 1) : name,
      };
    default:
      return { workloadKind, workload };
  }
}

function readContainerNames(status: Json): Map<string, string> {
  const names = new Map<string, string>();
  for (const list of ["containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"]) {
    for (const container of asList(status[list]).map(asObject)) {
      const id = /^[a-z0-9.+-]+:\/\/([0-9a-f]{64})$/.exec(readText(container, "containerID"))?.[1];
      if (id !== undefined && names.size < mostContainers) names.set(id, readText(container, "name"));
    }
  }
  return names;
}

function asObject(value: unknown): Json {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value as Json : {};
}

function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function readText(object: Json, key: string): string {
  const value = Object.hasOwn(object, key) ? object[key] : undefined;
  return typeof value === "string" ? value.slice(0, longestText) : "";
}
