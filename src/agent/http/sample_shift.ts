/** Requests of all processes that are looked at in a second. */
export const samplesPerSecond = 1024;

/** Of how many requests one is looked at, as a power of two, so that of so many about `budget` are. */
export function sampleShift(requests: number, budget: number): number {
  return Math.min(20, Math.max(0, Math.ceil(Math.log2(Math.max(1, requests) / budget))));
}
