import { CommandError } from "../command_error.ts";
import { printLine } from "../output.ts";

/** Whether systemd manages this machine. */
export function runsSystemd(): boolean {
  try {
    return Deno.statSync("/run/systemd/system").isDirectory;
  } catch {
    return false;
  }
}

/** Runs systemctl, saying so. @throws {CommandError} with what it said when it fails */
export async function runSystemctl(...args: string[]): Promise<void> {
  const command = `systemctl ${args.join(" ")}`;
  printLine(command);
  const { success, stderr } = await new Deno.Command("systemctl", { args, stdin: "null", stdout: "null" })
    .output();
  if (success) return;
  const said = new TextDecoder().decode(stderr).trim().split("\n");
  const unit = args.at(-1) ?? "";
  throw new CommandError(
    `${command} failed: ${said[0]?.replace(/\.$/, "")}; see journalctl -n 20 -u ${unit}`,
    {
      exitCode: 1,
      more: said.slice(1),
    },
  );
}

/** Starts a unit anew. @throws {CommandError} when it does not run four seconds later */
export async function restartUnit(unit: string): Promise<void> {
  await runSystemctl("restart", unit);
  await new Promise((resolve) => setTimeout(resolve, 4000));
  await runSystemctl("is-active", unit);
}
