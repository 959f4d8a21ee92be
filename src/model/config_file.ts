import * as z from "zod";
import { normalizeBackendUrl } from "./backend_url.ts";
import { type ConfigSource, parseAddress } from "./config.ts";
import { expandVariables, type Variables } from "./expand_variables.ts";
import { Fault, quoteValue } from "./fault.ts";
import type { Problem } from "./policy_file.ts";
import { formatPath } from "./policy_issue.ts";
import { readYaml } from "./yaml_document.ts";

const path = z.string().min(1);
const days = whole(1, 3650);
const name = z.string().min(1).max(200);
const address = z.string().refine((text) => parseAddress(text) !== undefined, {
  error: "is not an address; write host:port, such as 127.0.0.1:7471",
});

const backendUrl = z.string().refine((text) => normalizeBackendUrl(text) !== undefined, {
  error: "is not a URL; write http://, https:// or skywalking://, host and port",
}).transform((text) => normalizeBackendUrl(text) ?? text);

const layer = z.string().regex(
  /^[A-Z][A-Z0-9_]{0,63}$/,
  "is not a layer; write one of the OAP's, such as GENERAL",
);

const url = z.url({ protocol: /^https?$/, error: "is not a URL; write http:// or https://, host and port" });

/** Keys as in the file. Every object is strict: an unknown key is a fault, not a wish. */
const schema = z.strictObject({
  listen: address,
  grpc_listen: address,
  backend: z.strictObject({
    url: backendUrl,
    token: z.string().min(1),
    token_file: path,
  }).partial(),
  tls: z.strictObject({ cert_file: path, key_file: path, ca_file: path }).partial(),
  state_folder: z.string().startsWith("/", "is not an absolute path; write it from /"),
  log_format: z.enum(["logfmt", "json"]),
  log_level: z.enum(["debug", "info", "warn", "error"]),
  services: z.array(z.strictObject({
    match: z.string().min(1),
    service: name,
    instance: name.optional(),
    labels: z.record(z.string(), z.string()).optional(),
  })).max(1_000),
  retention: z.strictObject({
    per_second_hours: whole(1, 24 * 31),
    minute_days: days,
    task_days: days,
    profile_bytes: whole(16 * 1024 ** 2, 2 ** 50),
  }).partial(),
  host_names: z.array(z.string().min(1).max(253)).max(100),
  spool_bytes: whole(16 * 1024 ** 2, 64 * 1024 ** 3),
  debuginfod: z.strictObject({
    enabled: z.boolean(),
    urls: z.array(url).max(16),
    file_bytes: whole(1024 ** 2, 16 * 1024 ** 3),
    cache_bytes: whole(1024 ** 2, 2 ** 50),
  }).partial(),
  skywalking: z.strictObject({
    host_layer: layer,
    pod_layer: layer,
    services: z.array(name).min(1).max(100),
    duration_seconds: whole(1, 3600),
    silence_seconds: whole(0, 86_400),
    tls: z.boolean(),
  }).partial(),
}).partial();

/**
 * Reads a configuration file; never throws. When there is any problem nothing of it must be used.
 * Shape: one YAML document, all keys optional; `${VAR}` and `${VAR:default}` in its texts are the environment's.
 * Limits: 64 KiB. An empty file sets nothing.
 */
export function parseConfig(
  text: string,
  variables: Variables,
): { source: ConfigSource; problems: Problem[] } {
  const yaml = readYaml(text);
  if (!("value" in yaml)) return { source: {}, problems: [toProblem(yaml.place, "", yaml.fault)] };
  const { value: written, locate } = yaml;
  const problems: Problem[] = [];
  function add(keys: readonly PropertyKey[], atKey: boolean, fault: Fault): void {
    problems.push(toProblem(locate(keys, atKey), formatPath(keys), fault));
  }

  const value = expandTexts(written, [], variables, (keys, missing) => {
    add(
      keys,
      false,
      new Fault(`needs \${${missing}}, which is not set`, `set it, or write \${${missing}:default}`),
    );
  });
  if (problems.length > 0) return { source: {}, problems };
  const parsed = schema.safeParse(value ?? {});
  if (parsed.success) return { source: toSource(parsed.data), problems };
  for (const issue of parsed.error.issues) {
    if (issue.code !== "unrecognized_keys") {
      add(issue.path, false, explain(issue, valueAt(value, issue.path)));
      continue;
    }
    const known = Object.keys(issue.path.length === 0 ? schema.shape : {}).join(", ");
    const fix = known === "" ? "remove it or correct its name" : `known are ${known}`;
    for (const key of issue.keys) add([...issue.path, key], true, new Fault("is not a setting", fix));
  }
  return { source: {}, problems };
}

/** Whole numbers, also as text, because what comes out of `${VAR}` is text. */
function whole(least: number, most: number) {
  return z.preprocess(
    (value) => typeof value === "string" && /^\d{1,16}$/.test(value) ? Number(value) : value,
    z.int().min(least).max(most),
  );
}

function expandTexts(
  value: unknown,
  keys: readonly PropertyKey[],
  variables: Variables,
  onMissing: (keys: readonly PropertyKey[], name: string) => void,
): unknown {
  if (typeof value === "string") {
    const { text, missing } = expandVariables(value, variables);
    if (missing !== undefined) onMissing(keys, missing);
    return text;
  }
  if (Array.isArray(value)) {
    return value.map((part, index) => expandTexts(part, [...keys, index], variables, onMissing));
  }
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map((
      [key, part],
    ) => [key, expandTexts(part, [...keys, key], variables, onMissing)]),
  );
}

function explain(issue: z.core.$ZodIssue, value: unknown): Fault {
  const [what, fix] = issue.message.split("; ");
  if (value === undefined) return new Fault("is missing", "add it");
  if (fix !== undefined) return new Fault(what!, fix);
  switch (issue.code) {
    case "invalid_type":
      return new Fault(`is ${quoteValue(value)}`, `write ${typeNames[issue.expected] ?? "another value"}`);
    case "invalid_value":
      return new Fault(`is ${quoteValue(value)}`, `write ${issue.values.join(" or ")}`);
    case "too_small":
      return new Fault("is too small", `the least is ${issue.minimum}`);
    case "too_big":
      return new Fault("is too large", `the most is ${issue.maximum}`);
    default:
      return new Fault(`is ${quoteValue(value)}`, "correct it");
  }
}

const typeNames: Readonly<Record<string, string>> = {
  string: "text",
  int: "a whole number",
  number: "a number",
  array: "a list",
  boolean: "true or false",
  object: "a map of settings",
  record: "a map of texts",
};

function valueAt(value: unknown, keys: readonly PropertyKey[]): unknown {
  let part = value;
  for (const key of keys) part = (part as Record<PropertyKey, unknown> | null | undefined)?.[key];
  return part;
}

function toProblem(place: { line: number; column: number }, at: string, fault: Fault): Problem {
  const message = at === "" && !/^[A-Z]/.test(fault.what)
    ? `The file ${fault.what}`
    : `${at} ${fault.what}`.trim();
  return { ...place, path: at, message, fix: fault.fix };
}

function toSource(file: z.infer<typeof schema>): ConfigSource {
  const { backend, tls, retention, debuginfod, skywalking } = file;
  return defined({
    listen: file.listen,
    grpcListen: file.grpc_listen,
    backend: backend && defined({ url: backend.url, token: backend.token, tokenFile: backend.token_file }),
    tls: tls && defined({ certFile: tls.cert_file, keyFile: tls.key_file, caFile: tls.ca_file }),
    stateFolder: file.state_folder,
    logFormat: file.log_format,
    logLevel: file.log_level,
    services: file.services?.map((entry) => defined(entry)),
    retention: retention && defined({
      perSecondHours: retention.per_second_hours,
      minuteDays: retention.minute_days,
      taskDays: retention.task_days,
      profileBytes: retention.profile_bytes,
    }),
    hostNames: file.host_names,
    spoolBytes: file.spool_bytes,
    debuginfod: debuginfod && defined({
      enabled: debuginfod.enabled,
      urls: debuginfod.urls,
      fileBytes: debuginfod.file_bytes,
      cacheBytes: debuginfod.cache_bytes,
    }),
    skywalking: skywalking && defined({
      hostLayer: skywalking.host_layer,
      podLayer: skywalking.pod_layer,
      services: skywalking.services,
      durationSeconds: skywalking.duration_seconds,
      silenceSeconds: skywalking.silence_seconds,
      tls: skywalking.tls,
    }),
  });
}

type Defined<T> =
  & { [K in keyof T as undefined extends T[K] ? never : K]: T[K] }
  & { [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined> };

/** Without the keys whose value is undefined. */
function defined<T extends object>(value: T): Defined<T> {
  return Object.fromEntries(Object.entries(value).filter(([, part]) => part !== undefined)) as Defined<T>;
}
