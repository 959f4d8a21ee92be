/** What an operator sets for one host: where to listen and report, where state lives, what is kept. */
export interface Config {
  /** Address of UI, Connect and gRPC-Web, `host:port`. */
  readonly listen: string;
  /** Address of gRPC proper; `""` is off. */
  readonly grpcListen: string;
  readonly backend: BackendConfig;
  readonly tls: TlsConfig;
  /** Absolute path of the folder that database, queue, token and lock live in. */
  readonly stateFolder: string;
  readonly logFormat: "logfmt" | "json";
  readonly logLevel: "debug" | "info" | "warn" | "error";
  /** Names for processes, first match wins, before anything the host says of itself. */
  readonly services: readonly ServiceOverride[];
  readonly retention: RetentionConfig;
  /** Names by which browsers reach the server, besides the ones it listens on. */
  readonly hostNames: readonly string[];
  /** Largest size of the agent's queue on disk. */
  readonly spoolBytes: number;
  readonly debuginfod: DebuginfodConfig;
  readonly skywalking: SkyWalkingConfig;
}

/** How an agent behaves whose backend is SkyWalking's OAP; its policies say none of this. */
export interface SkyWalkingConfig {
  /** OAP's layer of the services of this host's processes, and of those of Kubernetes pods. */
  readonly hostLayer: string;
  readonly podLayer: string;
  /** Globs: only services that match one are reported and get policies. */
  readonly services: readonly string[];
  /** Of each task that a policy starts. */
  readonly durationSeconds: number;
  /** From the start of a task to the next of the same target and process. */
  readonly silenceSeconds: number;
  /** Whether policies on HTTP may use TLS probes, as SkyWalking's own agent does; they cost the target time. */
  readonly tls: boolean;
}

/** Whether and where debug files of stripped programs are fetched. */
export interface DebuginfodConfig {
  /** Off unless somebody says so: servers learn which builds run here. */
  readonly enabled: boolean;
  /** `http://` or `https://`; none means those of the environment's DEBUGINFOD_URLS. */
  readonly urls: readonly string[];
  /** Largest size of one file, and of all that are kept. */
  readonly fileBytes: number;
  readonly cacheBytes: number;
}

/** How to reach the backend. */
export interface BackendConfig {
  /**
   * `http://` or `https://` with host and port, `skywalking://` or `skywalkings://` of an OAP; `""` is the local `up`, found
   * by its state folder.
   */
  readonly url: string;
  /** `""` when it is in a file. */
  readonly token: string;
  /** Path; `""` when the token is given or the local one is meant. */
  readonly tokenFile: string;
}

/** Paths of PEM files; `""` where not given. Certificate and key are the server's, or those an agent shows to an OAP. */
export interface TlsConfig {
  readonly certFile: string;
  readonly keyFile: string;
  /** Certificate authority that the agent and the client commands trust besides the system's. */
  readonly caFile: string;
}

/** Gives the processes whose executable matches a service's name. */
export interface ServiceOverride {
  /** Glob over the whole path of the executable; `*` crosses `/`. */
  readonly match: string;
  readonly service: string;
  readonly instance?: string;
  readonly labels?: Readonly<Record<string, string>>;
}

/** How long the backend keeps what. */
export interface RetentionConfig {
  readonly perSecondHours: number;
  readonly minuteDays: number;
  readonly taskDays: number;
  readonly profileBytes: number;
}

type PartKey = "backend" | "tls" | "retention" | "debuginfod" | "skywalking";

/** What a file, the environment or flags may say; what they leave out comes from the next in line. */
export interface ConfigSource extends Partial<Omit<Config, PartKey>> {
  readonly backend?: Partial<BackendConfig>;
  readonly tls?: Partial<TlsConfig>;
  readonly retention?: Partial<RetentionConfig>;
  readonly debuginfod?: Partial<DebuginfodConfig>;
  readonly skywalking?: Partial<SkyWalkingConfig>;
}

/** What holds where nobody says otherwise. The state folder depends on the user, so the caller gives it. */
export function defaultConfig(stateFolder: string): Config {
  return {
    listen: "127.0.0.1:7471",
    grpcListen: "",
    backend: { url: "", token: "", tokenFile: "" },
    tls: { certFile: "", keyFile: "", caFile: "" },
    stateFolder,
    logFormat: "logfmt",
    logLevel: "info",
    services: [],
    retention: { perSecondHours: 24, minuteDays: 30, taskDays: 30, profileBytes: 10 * 1024 ** 3 },
    hostNames: [],
    spoolBytes: 256 * 1024 ** 2,
    debuginfod: { enabled: false, urls: [], fileBytes: 256 * 1024 ** 2, cacheBytes: 1024 ** 3 },
    skywalking: {
      ...{ hostLayer: "GENERAL", podLayer: "K8S_SERVICE", services: ["*"] },
      ...{ durationSeconds: 600, silenceSeconds: 1200, tls: true },
    },
  };
}

/**
 * Lays sources over the defaults, the strongest first: flags, environment, file. A token given in one source also
 * hides a token file of a weaker one, and the other way round, so that the stronger word holds.
 */
export function resolveConfig(defaults: Config, ...strongestFirst: ConfigSource[]): Config {
  let config = defaults;
  for (const source of strongestFirst.toReversed()) {
    const saysToken = source.backend?.token !== undefined || source.backend?.tokenFile !== undefined;
    const weaker = saysToken ? { ...config.backend, token: "", tokenFile: "" } : config.backend;
    config = {
      ...config,
      ...source,
      backend: { ...weaker, ...source.backend },
      tls: { ...config.tls, ...source.tls },
      retention: { ...config.retention, ...source.retention },
      debuginfod: { ...config.debuginfod, ...source.debuginfod },
      skywalking: { ...config.skywalking, ...source.skywalking },
    };
  }
  return config;
}

/** Host and port of `127.0.0.1:7471`, `[::1]:7471` or `:7471` (all addresses); undefined when it is none of them. */
export function parseAddress(text: string): { hostname: string; port: number } | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]{2,45})\]|([A-Za-z0-9.-]{0,253})):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65535) return undefined;
  return { hostname: match[1] ?? (match[2] === "" ? "0.0.0.0" : match[2]!), port };
}
