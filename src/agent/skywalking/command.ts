import type { Logger } from "../../../lib/log.ts";
import type { Command, Commands } from "../../gen/skywalking/v3/common_pb.ts";

/** Value of an argument; `""` when the command has no such one. */
export function argumentOf({ args }: Command, key: string): string {
  return args.find((argument) => argument.key === key)?.value ?? "";
}

/** The commands of one name; others are ignored with a line in the log. */
export function commandsNamed({ commands }: Commands, name: string, logger: Logger): Command[] {
  const [unknown] = commands.filter(({ command }) => command !== name);
  if (unknown !== undefined) {
    logger.warn("The OAP sends a command that is not known here and is ignored", {
      command: unknown.command.slice(0, 100),
      expected: name,
    });
  }
  return commands.filter(({ command }) => command === name);
}
