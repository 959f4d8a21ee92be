/** What the path of a cgroup tells of who runs in it. */
export interface CgroupFacts {
  /** 64 hex digits, or "" outside a container. */
  readonly containerId: string;
  /** Name of a container whose manager has names instead of ids (LXC), or "". */
  readonly containerName: string;
  /** Of a Kubernetes pod, with dashes, or "". */
  readonly podUid: string;
  /** Service unit of systemd without ".service", or "" in a container or outside of any. */
  readonly systemdUnit: string;
}

const podPattern =
  /(?:^|[/-])pod([0-9a-f]{8}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{12}|[0-9a-f]{32})(?:\.slice)?(?:[/:]|$)/;
/** A segment that is an id, with a runtime's name before it (`cri-containerd-`, `docker-`, `libpod-`) and `.scope` after it. */
const containerPattern = /(?:^|\/)(?:[a-z][a-z0-9._:-]*[-:])?([0-9a-f]{64})(?:\.scope)?(?=\/|$)/g;
const lxcPattern = /\/lxc\.payload\.([^/]+)/;

/**
 * Reads the container, pod and unit out of a cgroup's path, whichever of the usual runtimes and drivers made it.
 *
 * Limits: from inside a cgroup namespace of its own the path begins late (see `parseCgroupPath`): what stands at its end,
 * which is what is read here, is whole all the same. A process in this program's very cgroup has "/", which tells nothing.
 */
export function readCgroupFacts(path: string): CgroupFacts {
  const containerId = path.matchAll(containerPattern).toArray().at(-1)?.[1] ?? "";
  const containerName = lxcPattern.exec(path)?.[1] ?? "";
  const podUid = podPattern.exec(path)?.[1]?.replaceAll("_", "-") ?? "";
  const contained = containerId !== "" || containerName !== "" || podUid !== "";
  return { containerId, containerName, podUid, systemdUnit: contained ? "" : findUnit(path) };
}

/** The innermost service; `user@1000.service` only manages the units of a user. */
function findUnit(path: string): string {
  const unit = path.split("/").findLast((segment) => segment.endsWith(".service")) ?? "";
  if (/^user@\d+\.service$/.test(unit)) return "";
  return unit.slice(0, -".service".length).replace(
    /\\x([2-7][0-9a-f])/g,
    (_all, hex: string) => String.fromCharCode(parseInt(hex, 16)),
  );
}
