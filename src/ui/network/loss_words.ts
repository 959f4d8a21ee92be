import type { NetworkLoss, NetworkProfile } from "../../gen/stakeout/v1/network_pb.ts";
import { formatCount, showInvisible } from "../format.ts";

/** Counts with what they are about: one of them, and several. */
const words: readonly (readonly [keyof NetworkLoss & string, string, string])[] = [
  ["tlsConnections", "connection is encrypted", "connections are encrypted"],
  ["http2Connections", "connection speaks HTTP/2", "connections speak HTTP/2"],
  ["ioUringConnections", "connection goes through io_uring", "connections go through io_uring"],
  [
    "otherCallConnections",
    "connection uses system calls that are not read",
    "connections use system calls that are not read",
  ],
  ["unreadable", "message could not be read", "messages could not be read"],
  ["pipelined", "request was pipelined and has no path", "requests were pipelined and have no path"],
  ["merged", "peer found no place of its own", "peers found no place of their own"],
  ["mergedPaths", "request found no row for its path", "requests found no row for their paths"],
  ["lostSamples", "sample was lost", "samples were lost"],
  ["lostNames", "DNS answer lost its name", "DNS answers lost their names"],
  [
    "untrackedMessages",
    "message was not counted for lack of memory",
    "messages were not counted for lack of memory",
  ],
  ["lostChildren", "forked child found no place", "forked children found no place"],
  ["droppedRows", "row found no room or made no sense", "rows found no room or made no sense"],
];

/** What was lost in a profile's range: each with its count. */
export function listLosses(profile: NetworkProfile): string[] {
  const { loss, missingChunks, leftOutEdges, leftOutPaths, leftOutNames } = profile;
  const counted = words.flatMap(([name, one, several]) => {
    const count = loss?.[name];
    return typeof count !== "bigint" || count === 0n
      ? []
      : [`${formatCount(count)} ${count === 1n ? one : several}`];
  });
  const leftOut = [
    [leftOutEdges, "of the least busy peers"],
    [leftOutPaths, "of the least used paths"],
    [leftOutNames, "of the least asked names"],
  ] as const;
  return [
    ...missingChunks > 0
      ? [
        `${
          formatCount(missingChunks)
        } five-second pieces of this range never arrived: the agent's queue was full`,
      ]
      : [],
    ...counted,
    ...leftOut.filter(([count]) => count > 0).map(([count, what]) =>
      `${formatCount(count)} ${what} are left out here; the export has all`
    ),
  ];
}

/** What the kernel or the build never tells, in sentences without their last dot. */
export function listLimits({ limits }: NetworkProfile): string[] {
  return limits.map((limit) => showInvisible(limit.replace(/\.$/, "")));
}
