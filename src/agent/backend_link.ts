import type { Agent } from "./agent.ts";
import type { Pipeline } from "./pipeline.ts";
import type { ReportWire } from "./report_wire.ts";

/** The agent, as far as a backend asks things of it. */
export interface LinkedAgent {
  readonly agent: Agent;
  readonly pipeline: Pipeline;
}

/** An agent's bond with its backend, whichever protocol that speaks. */
export interface BackendLink {
  /** How records go there. */
  readonly wire: ReportWire;
  /** Seconds of metrics in one record. */
  readonly metricsEverySeconds: number;
  /** Lets the agent go on with what an agent before it was told. Once, before `follow`. */
  restore(linked: LinkedAgent): Promise<void>;
  /** Does what the backend asks, until `signal` is aborted; without a backend it only tries. Never rejects. */
  follow(linked: LinkedAgent, signal: AbortSignal): Promise<void>;
  /** Ends the connections. */
  close(): void;
}
