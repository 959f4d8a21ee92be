import { type Config, type ConfigSource, defaultConfig, resolveConfig } from "../model/config.ts";
import { CommandError } from "./command_error.ts";
import { describeFileError } from "./describe_file_error.ts";

/** Flags that set configuration; commander has already put STAKEOUT_* of the environment under them. */
export interface ConfigFlags {
  config?: string;
  /** Instead of a file. */
  configText?: string;
  state?: string;
  logFormat?: Config["logFormat"];
  logLevel?: Config["logLevel"];
  listen?: string;
  grpcListen?: string;
  backend?: string;
  tokenFile?: string;
  tlsCert?: string;
  tlsKey?: string;
  tlsCa?: string;
  debuginfod?: boolean;
}

/** The state folder of who wants none: state ends with the program. */
export const memoryState = ":memory:";

/** Where this user's configuration and state lie. */
export interface StandardPaths {
  configFile: string;
  stateFolder: string;
}

/** /etc and /var/lib for root, the XDG folders for anybody else. */
export function findStandardPaths(
  uid: number | null,
  variable: (name: string) => string | undefined,
): StandardPaths {
  if (uid === 0) return { configFile: "/etc/stakeout/stakeout.yaml", stateFolder: "/var/lib/stakeout" };
  const home = variable("HOME") ?? "/";
  return {
    configFile: `${variable("XDG_CONFIG_HOME") || `${home}/.config`}/stakeout/stakeout.yaml`,
    stateFolder: `${variable("XDG_STATE_HOME") || `${home}/.local/state`}/stakeout`,
  };
}

/**
 * Resolves the configuration from flags, environment, file and defaults.
 * @throws {CommandError} with one line a fault, exit code 2.
 */
export async function loadConfig(flags: ConfigFlags): Promise<Config> {
  const paths = findStandardPaths(Deno.uid(), readVariable);
  const file = flags.configText !== undefined
    ? await parseConfigText(flags.configText, "--config-text")
    : flags.config !== undefined
    ? await readConfigFile(flags.config, false)
    : await readConfigFile(paths.configFile, true);
  const token = readVariable("STAKEOUT_TOKEN");
  const environment: ConfigSource = token ? { backend: { token } } : {};
  const config = addDebuginfodUrls(
    resolveConfig(defaultConfig(paths.stateFolder), toSource(flags), environment, file),
  );
  return config.stateFolder.startsWith("/") || config.stateFolder === memoryState
    ? config
    : { ...config, stateFolder: `${Deno.cwd()}/${config.stateFolder}` };
}

/**
 * Takes the servers that the environment names, as other tools do, when fetching is on and the configuration names none.
 * @throws {CommandError} when there are none then
 */
function addDebuginfodUrls(config: Config): Config {
  const { enabled, urls } = config.debuginfod;
  if (!enabled || urls.length > 0) return config;
  const named = (readVariable("DEBUGINFOD_URLS") ?? "").split(/\s+/).filter((url) =>
    /^https?:\/\/./.test(url)
  );
  if (named.length > 0) return { ...config, debuginfod: { ...config.debuginfod, urls: named } };
  throw new CommandError("debuginfod is on but no server is given; set debuginfod.urls or DEBUGINFOD_URLS", {
    exitCode: 2,
  });
}

/** Reads and checks one file; a missing one sets nothing when that is allowed. */
export async function readConfigFile(path: string, mayBeMissing: boolean): Promise<ConfigSource> {
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (error) {
    if (mayBeMissing && error instanceof Deno.errors.NotFound) return {};
    const reason = describeFileError(error);
    throw new CommandError(`Cannot read ${path}: ${reason}; check --config`, { exitCode: 2, cause: error });
  }
  return await parseConfigText(text, path);
}

async function parseConfigText(text: string, name: string): Promise<ConfigSource> {
  // Only with a file at hand: YAML and schemas take a tenth of a second to load.
  const [{ parseConfig }, { formatProblem }] = await Promise.all([
    import("../model/config_file.ts"),
    import("../model/policy_file.ts"),
  ]);
  const { source, problems } = parseConfig(text, readVariable);
  const [first, ...more] = problems.map((problem) => formatProblem(name, problem));
  if (first !== undefined) throw new CommandError(first, { exitCode: 2, more });
  return source;
}

function toSource(flags: ConfigFlags): ConfigSource {
  const source = {
    listen: flags.listen,
    grpcListen: flags.grpcListen,
    stateFolder: flags.state,
    logFormat: flags.logFormat,
    logLevel: flags.logLevel,
    backend: withoutUndefined({ url: flags.backend, tokenFile: flags.tokenFile }),
    debuginfod: withoutUndefined({ enabled: flags.debuginfod }),
    tls: withoutUndefined({ certFile: flags.tlsCert, keyFile: flags.tlsKey, caFile: flags.tlsCa }),
  };
  return withoutUndefined(source) as ConfigSource;
}

function withoutUndefined<T extends object>(value: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, part]) => part !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}

function readVariable(name: string): string | undefined {
  return Deno.env.get(name);
}
