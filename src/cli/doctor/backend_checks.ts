import { type Clock, systemClock } from "../../../lib/clock.ts";
import type { Config } from "../../model/config.ts";
import { findBackendUrl, openBackend } from "../backend_client.ts";
import { type Check, passCheck } from "./check.ts";

const waitMs = 1_500;
const skewLimitSeconds = 5;

/** Whether the backend answers, knows the token, and has about the same time. One line when none is set up. */
export async function checkBackend(config: Config, clock: Clock = systemClock): Promise<Check[]> {
  let url: string;
  try {
    url = await findBackendUrl(config);
  } catch {
    return [passCheck("backend", "none is set up; watch and record need none")];
  }
  try {
    const sent = clock.nowUnixMs();
    const answer = await fetch(`${url}/healthz`, {
      signal: AbortSignal.timeout(waitMs),
      ...(config.tls.caFile === "" ? {} : { client: trust(config.tls.caFile) }),
    });
    await answer.body?.cancel();
    const skew = checkSkew(answer.headers.get("date"), (sent + clock.nowUnixMs()) / 2);
    return [passCheck("backend", url), await checkToken(config), skew];
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const fix = "check that it runs, and --backend; the agent goes on alone meanwhile";
    return [{ name: "backend", level: "limited", message: `${url} does not answer: ${reason}`, fix }];
  }
}

async function checkToken(config: Config): Promise<Check> {
  try {
    const backend = await openBackend(config);
    await backend.policies.listPolicies({ limit: 1 }, { timeoutMs: waitMs });
    return passCheck("backend token", "valid");
  } catch (error) {
    return toCheck("backend token", error);
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

function toCheck(name: string, error: unknown): Check {
  const [message, fix] = (error instanceof Error ? error.message : String(error)).split("; ");
  return { name, level: "limited", message: message!, fix: fix ?? "" };
}

function trust(caFile: string): Deno.HttpClient {
  return Deno.createHttpClient({ caCerts: [Deno.readTextFileSync(caFile)] });
}
