import type { CounterCursor } from "./counter_cursor.ts";
import type { HttpInterval } from "./http_interval.ts";
import type { HttpSample } from "./http_sample.ts";
import type { Role } from "./http_places.ts";
import { PathTable } from "./path_table.ts";
import { RegexMatches } from "./regex_matches.ts";
import { SampleHistory } from "./sample_history.ts";

/** Totals of one side of a process since they were last taken. */
export interface RoleTotals {
  requests: number;
  errors4xx: number;
  errors5xx: number;
  sampled: number;
}

/** One side of one process: its counters, its paths, and the expressions its samples are matched with. */
export class HttpRole {
  readonly role: Role;
  readonly cursor: CounterCursor;
  readonly paths = new PathTable();
  readonly regexes = new Map<string, RegexMatches>();
  /** Requests that ended in the second that was read last; undefined when none did. */
  interval: HttpInterval | undefined;
  #history = new SampleHistory(1);
  #looked = 0;
  #lost = 0;
  #totals: RoleTotals = { requests: 0, errors4xx: 0, errors5xx: 0, sampled: 0 };

  constructor(role: Role, cursor: CounterCursor) {
    this.role = role;
    this.cursor = cursor;
  }

  /** Keeps how many requests were looked at for so long. */
  keepHistory(seconds: number): void {
    if (seconds > this.#history.lengthSeconds) this.#history = new SampleHistory(seconds);
  }

  /** Takes one sample; `matched` says whether there is time left to match it with the expressions. */
  takeSample(sample: HttpSample, matched: boolean): void {
    this.paths.add(sample.path, sample.latencyNs, sample.status, sample.weight);
    this.#totals.sampled++;
    if (matched) this.#looked++;
    else this.#lost++;
    if (!matched) return;
    for (const regex of this.regexes.values()) regex.take(sample);
  }

  /** Reads the counters for the slot `second`, after its samples were taken. */
  read(second: number, lostSamples: number): void {
    this.interval = this.cursor.read();
    const { requests = 0, errors4xx = 0, errors5xx = 0 } = this.interval ?? {};
    this.#totals.requests += requests;
    this.#totals.errors4xx += errors4xx;
    this.#totals.errors5xx += errors5xx;
    this.#history.write(second, { requests, looked: this.#looked, lost: this.#lost + lostSamples });
    this.#looked = this.#lost = 0;
  }

  /** Sentence on what an expression was matched with in a period. */
  describeSample(second: number, periodSeconds: number): string {
    const { requests, looked, lost } = this.#history.sum(second, periodSeconds);
    const share = requests === 0 ? 100 : Math.min(100, looked / requests * 100);
    return `The expression was matched with ${looked} of ${requests} requests (${
      Number(share.toFixed(1))
    } %) and the counts scaled up; ${lost} samples were lost`;
  }

  takeTotals(): RoleTotals {
    const totals = this.#totals;
    this.#totals = { requests: 0, errors4xx: 0, errors5xx: 0, sampled: 0 };
    return totals;
  }
}
