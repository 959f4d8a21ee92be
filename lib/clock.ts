/** Wall time. Everything that needs it takes a Clock, so that a test can hold it still. */
export interface Clock {
  /** Milliseconds since 1970-01-01 UTC. May jump either way when the machine's time is set. */
  nowUnixMs(): number;
}

/** The machine's clock, and the only reader of it. */
export const systemClock: Clock = {
  nowUnixMs: () => Date.now(),
};
