import type { Logger } from "../../lib/log.ts";
import type { Pipeline } from "../agent/pipeline.ts";
import type { Config } from "../model/config.ts";
import type { ServiceOptions } from "./options.ts";

/**
 * Returns what reads the configuration anew. A bad one is said and changes nothing; settings that are read only at the
 * start are named, for the rest `apply` is called.
 */
function makeReload(
  options: ServiceOptions,
  logger: Logger,
  live: { readonly keys: readonly (keyof Config)[]; apply(config: Config): void },
): () => Promise<void> {
  let config = options.config;
  return async () => {
    try {
      const next = await options.reloadConfig();
      const changed = (Object.keys(next) as (keyof Config)[]).filter((key) =>
        JSON.stringify(next[key]) !== JSON.stringify(config[key])
      );
      const late = changed.filter((key) => !live.keys.includes(key));
      config = next;
      live.apply(next);
      logger.info("The configuration was read anew", { changed: changed.join(",") || "nothing" });
      if (late.length > 0) logger.warn("Some settings need a restart", { settings: late.join(",") });
    } catch (error) {
      logger.error("The configuration is bad, the old one stays", { reason: (error as Error).message });
    }
  };
}

/** Returns what lets an agent name its processes anew when the overrides of service names change. */
export function agentReload(
  options: ServiceOptions,
  logger: Logger,
  pipeline: Pipeline,
): () => Promise<void> {
  return makeReload(options, logger, {
    keys: ["services"],
    apply: ({ services }) => pipeline.discovery.setOverrides(services),
  });
}

/** Calls back on SIGHUP until it is disposed. On a terminal SIGHUP means that it was closed, and ends the program as ever. */
export function onHangup(reload: () => void): Disposable {
  if (Deno.stdin.isTerminal()) return { [Symbol.dispose]() {} };
  Deno.addSignalListener("SIGHUP", reload);
  return { [Symbol.dispose]: () => Deno.removeSignalListener("SIGHUP", reload) };
}
