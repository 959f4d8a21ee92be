/** One thing that was looked at on this host. */
export interface Check {
  name: string;
  /** `limited`: something does not work; `missing`: the agent cannot run. */
  level: "ok" | "limited" | "missing";
  /** What was found, or what stops working. */
  message: string;
  /** What to do; `""` when all is well. */
  fix: string;
}

/** All is well. */
export function passCheck(name: string, message: string): Check {
  return { name, level: "ok", message, fix: "" };
}
