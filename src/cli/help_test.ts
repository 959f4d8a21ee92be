import assert from "node:assert/strict";
import type { Command } from "commander";
import { buildProgram } from "./program.ts";

/** Every visible command that does something itself. */
function listCommands(command: Command): Command[] {
  const children = command.createHelp().visibleCommands(command).filter((child) => child.name() !== "help");
  return children.length === 0 ? [command] : children.flatMap(listCommands);
}

Deno.test("buildProgram() gives every command a description and an example of itself in its help", () => {
  const commands = listCommands(buildProgram(() => {}));
  assert.ok(commands.length >= 20);
  for (const command of commands) {
    const names: string[] = [];
    for (let at: Command | null = command; at !== null; at = at.parent) names.unshift(at.name());
    let help = "";
    command.configureOutput({ writeOut: (text) => help += text });
    command.outputHelp();
    assert.notEqual(command.description(), "", names.join(" "));
    assert.match(help, new RegExp(`\\nExamples?:\\n(.*\\n)*?.*\\b${names.join(" ")}\\b`), names.join(" "));
  }
});
