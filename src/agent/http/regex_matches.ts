import { RE2JS } from "re2js";
import { HttpInterval } from "./http_interval.ts";
import type { HttpSample } from "./http_sample.ts";

const rememberedPaths = 512;

/**
 * Counts the sampled requests whose path a regular expression finds itself in, as `regexp.MatchString` of Go does. Matching
 * takes time linear in the path; answers for paths seen lately are remembered.
 */
export class RegexMatches {
  /** What was counted since it was last reset, scaled up by the samples' weights. */
  readonly interval = new HttpInterval();
  readonly #expression: RE2JS;
  readonly #answers = new Map<string, boolean>();

  /** @throws {Error} when the text is no expression of RE2's. */
  constructor(text: string) {
    this.#expression = RE2JS.compile(text);
  }

  take({ path, latencyNs, status, weight }: HttpSample): void {
    let matches = this.#answers.get(path);
    if (matches === undefined) {
      matches = this.#expression.matcher(path).find();
      if (this.#answers.size >= rememberedPaths) this.#answers.clear();
      this.#answers.set(path, matches);
    }
    if (matches) this.interval.add(latencyNs, status, weight);
  }
}
