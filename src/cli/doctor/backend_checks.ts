import { Code, ConnectError } from "@connectrpc/connect";
import { type Clock, systemClock } from "../../../lib/clock.ts";
import { describeFetchError } from "../../agent/transport.ts";
import { isOapUrl } from "../../model/backend_url.ts";
import type { Config } from "../../model/config.ts";
import { findBackendUrl, openBackend, readOapToken } from "../backend_client.ts";
import { CommandError } from "../command_error.ts";
import { type Check, passCheck } from "./check.ts";

/** For both questions together: doctor as a whole is to answer within two seconds. */
const waitMs = 1_200;
const skewLimitSeconds = 5;

/** Whether the backend answers, knows the token, and has about the same time. One line when none is set up. */
export async function checkBackend(config: Config, clock: Clock = systemClock): Promise<Check[]> {
  let url: string;
  try {
    url = await findBackendUrl(config);
  } catch {
    return [passCheck("backend", "none is set up; watch and record need none")];
  }
  if (isOapUrl(url)) return [await checkOap(url, config)];
  const token = checkToken(config);
  try {
    const sent = clock.nowUnixMs();
    const answer = await fetch(`${url}/healthz`, {
      signal: AbortSignal.timeout(waitMs),
      redirect: "manual",
      ...(config.tls.caFile === "" ? {} : { client: trust(config.tls.caFile) }),
    });
    await answer.body?.cancel();
    const skew = checkSkew(answer.headers.get("date"), (sent + clock.nowUnixMs()) / 2);
    return [passCheck("backend", url), await token, skew];
  } catch (error) {
    const late = error instanceof DOMException && error.name === "TimeoutError";
    const reason = late ? `nothing within ${waitMs / 1000} s` : describeFetchError(error);
    const fix = "check that it runs, and --backend; the agent goes on alone meanwhile";
    return [{ name: "backend", level: "limited", message: `${url} does not answer: ${reason}`, fix }];
  }
}

/** Whether an OAP answers what an agent asks it, and takes the token. */
async function checkOap(url: string, config: Config): Promise<Check> {
  const { caFile, certFile, keyFile } = config.tls;
  // Only with an OAP: node's HTTP/2 and the messages take a while to load.
  const [{ askOap }, token] = await Promise.all([
    import("../../agent/skywalking/ask_oap.ts"),
    readOapToken(config),
  ]);
  const reason = await askOap({ url, token, caFile, certFile, keyFile }, waitMs);
  if (reason === undefined) return passCheck("backend", `${url}, an OAP`);
  const [message, fix] = reason.split("; ");
  return {
    name: "backend",
    level: "limited",
    message: message!,
    fix: fix ?? "the agent goes on alone meanwhile",
  };
}

/** An agent's token may not list policies, but the backend then says that it knows it. */
async function checkToken(config: Config): Promise<Check> {
  const name = "backend token";
  try {
    const backend = await openBackend(config);
    await backend.policies.listPolicies({ limit: 1 }, { timeoutMs: waitMs });
    return passCheck(name, "valid");
  } catch (error) {
    // Connect wraps whatever an interceptor throws, and ours throws what is to be said.
    const fault = error instanceof ConnectError && error.cause instanceof CommandError ? error.cause : error;
    const { code } = ConnectError.from(fault instanceof CommandError ? fault.cause : fault);
    if (code === Code.PermissionDenied) return passCheck(name, "valid, an agent's");
    if (code === Code.DeadlineExceeded) {
      const message = `cannot be told: no answer within ${waitMs / 1000} s`;
      return { name, level: "limited", message, fix: "see the backend's log" };
    }
    const [message, fix] = (fault instanceof Error ? fault.message : String(fault)).split("; ");
    return { name, level: "limited", message: message!, fix: fix ?? "" };
  }
}

/** The Date header has whole seconds, so differences below the limit say nothing. */
export function checkSkew(date: string | null, nowUnixMs: number): Check {
  const name = "backend clock";
  const theirs = Date.parse(date ?? "");
  if (Number.isNaN(theirs)) return passCheck(name, "not told");
  const seconds = Math.round((nowUnixMs - theirs) / 1000);
  if (Math.abs(seconds) < skewLimitSeconds) return passCheck(name, "within seconds of this host's");
  return {
    name,
    level: "limited",
    message: `this host's is ${Math.abs(seconds)} s ${
      seconds > 0 ? "ahead" : "behind"
    }: charts and tasks shift by that`,
    fix: "synchronize both with NTP",
  };
}

function trust(caFile: string): Deno.HttpClient {
  return Deno.createHttpClient({ caCerts: [Deno.readTextFileSync(caFile)] });
}
