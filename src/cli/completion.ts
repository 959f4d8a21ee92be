import type { Command } from "commander";

/** A command as the shells' scripts need it. */
interface Entry {
  /** Names from the program down: `["policy", "apply"]`. */
  path: string[];
  words: { name: string; description: string }[];
}

export type Shell = "bash" | "zsh" | "fish";

/** Script that completes commands and options of the whole tree, for one shell. */
export function writeCompletion(program: Command, shell: Shell): string {
  const entries = listEntries(program, []);
  const name = program.name();
  if (shell === "fish") return writeFish(name, entries);
  return writeBash(name, entries, shell === "zsh");
}

function listEntries(command: Command, path: string[]): Entry[] {
  const help = command.createHelp();
  const children = help.visibleCommands(command).filter((child) => child.name() !== "help");
  const options = [
    ...help.visibleOptions(command),
    ...path.length === 0 ? [] : help.visibleGlobalOptions(command),
  ];
  const words = [
    ...children.map((child) => ({ name: child.name(), description: child.description() })),
    ...options.filter(({ long }) => long).map(({ long, description }) => ({ name: long!, description })),
  ];
  return [{ path, words }, ...children.flatMap((child) => listEntries(child, [...path, child.name()]))];
}

/** zsh runs the same function through its bash emulation. */
function writeBash(name: string, entries: Entry[], zsh: boolean): string {
  const cases = entries.map(({ path, words }) =>
    `    '${path.join(" ")}') words='${words.map((word) => word.name).join(" ")}' ;;`
  );
  const paths = entries.filter(({ path }) => path.length > 0).map(({ path }) => path.join(" "));
  return `${
    zsh ? `#compdef ${name}\nautoload -U +X bashcompinit && bashcompinit\n` : ""
  }# ${name} completion ${zsh ? "zsh" : "bash"}
_${name}() {
  local current=\${COMP_WORDS[COMP_CWORD]} path='' words='' word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "\${path:+$path }$word" in
      ${paths.map((path) => `'${path}'`).join("|")}) path="\${path:+$path }$word" ;;
    esac
  done
  case $path in
${cases.join("\n")}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  [[ $current == -* || \${#COMPREPLY[@]} -gt 0 ]] || COMPREPLY=($(compgen -f -- "$current"))
}
complete -o filenames -F _${name} ${name}
`;
}

function writeFish(name: string, entries: Entry[]): string {
  const lines = [`# ${name} completion fish`];
  for (const { path, words } of entries) {
    const siblings = entries.filter((entry) => entry.path.length === path.length + 1)
      .filter((entry) => path.every((part, at) => entry.path[at] === part)).map((entry) => entry.path.at(-1));
    const inside = path.map((part) => `__fish_seen_subcommand_from ${part}`);
    const outside = siblings.length > 0 ? [`not __fish_seen_subcommand_from ${siblings.join(" ")}`] : [];
    const condition = [...inside, ...outside].join("; and ") || "true";
    for (const word of words) {
      const flag = word.name.startsWith("--") ? `-l ${word.name.slice(2)}` : `-a ${word.name}`;
      const description = word.description.replace(/[\\']/g, "\\$&");
      lines.push(`complete -c ${name} -n '${condition}' ${flag} -d '${description}'`);
    }
  }
  return lines.join("\n") + "\n";
}
