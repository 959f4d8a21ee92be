/** What was seen of one path. */
export interface PathCounts {
  readonly path: string;
  /** Estimated: each sampled request times how many it stands for. */
  requests: number;
  errors4xx: number;
  errors5xx: number;
  sumNs: number;
  maxNs: number;
}

const reportedPaths = 64;
const keptPaths = 256;

/**
 * Counts requests by path. A client chooses paths, so their number is bounded.
 * Limits: the first 256 different ones are counted by themselves, the rest together under `""`; the 64 with most requests
 * are told.
 */
export class PathTable {
  readonly #paths = new Map<string, PathCounts>();

  /** Counts one request that stands for `weight`. */
  add(path: string, latencyNs: number, status: number, weight: number): void {
    const counts = this.#paths.get(path) ?? this.#open(this.#paths.size < keptPaths ? path : "");
    counts.requests += weight;
    if (status >= 500) counts.errors5xx += weight;
    else if (status >= 400) counts.errors4xx += weight;
    counts.sumNs += latencyNs * weight;
    counts.maxNs = Math.max(counts.maxNs, latencyNs);
  }

  /** Returns the counts since the last call, most requests first, what is left out as one with an empty path at the end. */
  take(): PathCounts[] {
    const other = this.#paths.get("");
    this.#paths.delete("");
    const sorted = [...this.#paths.values()].sort((one, next) => next.requests - one.requests);
    this.#paths.clear();
    const rest = [...sorted.splice(reportedPaths), ...other === undefined ? [] : [other]];
    return rest.length === 0 ? sorted : [...sorted, rest.reduce(addUp, emptyCounts(""))];
  }

  #open(path: string): PathCounts {
    let counts = this.#paths.get(path);
    if (counts === undefined) this.#paths.set(path, counts = emptyCounts(path));
    return counts;
  }
}

function emptyCounts(path: string): PathCounts {
  return { path, requests: 0, errors4xx: 0, errors5xx: 0, sumNs: 0, maxNs: 0 };
}

function addUp(sum: PathCounts, more: PathCounts): PathCounts {
  return {
    path: sum.path,
    requests: sum.requests + more.requests,
    errors4xx: sum.errors4xx + more.errors4xx,
    errors5xx: sum.errors5xx + more.errors5xx,
    sumNs: sum.sumNs + more.sumNs,
    maxNs: Math.max(sum.maxNs, more.maxNs),
  };
}
