import type { Config } from "../model/config.ts";
import type { PolicyDocument } from "../model/policy_file.ts";
import type { Lifeline } from "./lifeline.ts";
import type { ConfigFlags } from "./load_config.ts";

/** What every long-running command gets: all settings, resolved from flags, environment, file and defaults. */
export interface ServiceOptions {
  config: Config;
  /** Reads the configuration anew, as at the start; rejects with a CommandError when it is bad. For SIGHUP. */
  reloadConfig: () => Promise<Config>;
}

/** `stakeout up`. */
export interface UpOptions extends ServiceOptions {
  /** Open the URL in a browser when there is a desktop. */
  open: boolean;
  /** What the command line and the environment say of the configuration, for the agent to read it again. */
  flags: ConfigFlags;
}

/** `stakeout server`. */
export interface ServerOptions extends ServiceOptions {
  /** Held by the `up` that started this server, whose end ends it; none when it stands alone. */
  lifeline?: Lifeline;
}

/** `stakeout agent`. */
export interface AgentOptions extends ServiceOptions {
  /** As a server's; it also says which backend to use. */
  lifeline?: Lifeline;
}

/** `stakeout watch`. */
export interface WatchOptions extends ServiceOptions {
  /** Checked, at least one, names unique. */
  policies: PolicyDocument[];
  outputFolder: string;
  /** Watch this long; without end when absent. */
  durationSeconds?: number;
}

/** How a profile is written. */
export type ProfileFormat = "pprof" | "folded" | "speedscope";

/** `stakeout record`. */
export interface RecordOptions extends ServiceOptions {
  /** At least one, no repeats; whether they exist is not checked yet. */
  pids: number[];
  durationSeconds: number;
  outputFile: string;
  format: ProfileFormat;
  kind: "on_cpu" | "off_cpu";
  frequencyHz: number;
  offCpuMinimumNs: number;
  /** Keep the frames of languages' runtimes. */
  runtimeFrames: boolean;
}
