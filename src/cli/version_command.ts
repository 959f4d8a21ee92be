import { createHash } from "node:crypto";
import type { Command } from "commander";
import { version } from "../model/version.ts";
import { builtFilePath, readBuildInfo, readBuiltFile, readBuiltFolder } from "./built_file.ts";
import { printJson, printLine } from "./output.ts";

/** One line: the program's version and what it runs on. */
export function formatVersion(): string {
  return `stakeout ${version} (deno ${Deno.version.deno}, ${Deno.build.os}/${Deno.build.arch})`;
}

/** `stakeout version`. */
export function addVersionCommand(program: Command): void {
  program.command("version")
    .description("print the version")
    .option("--json", "as JSON: also commit, runtime, libbpf and hashes of the BPF objects")
    .addHelpText("after", "\nExample:\n  stakeout version --json")
    .action(async (options: { json?: boolean }) => {
      if (!options.json) return printLine(formatVersion());
      printJson(await describeVersion());
    });
}

async function describeVersion() {
  const { openLibbpf } = await import("../../lib/bpf/libbpf.ts");
  const { symbols } = openLibbpf(readBuiltFile("libbpf.so"), builtFilePath("libbpf.so"));
  const { deno, v8, typescript } = Deno.version;
  return {
    version,
    ...readBuildInfo(),
    ...{
      deno,
      v8,
      typescript,
      libbpf: `${symbols.libbpf_major_version()}.${symbols.libbpf_minor_version()}`,
      os: Deno.build.os,
      arch: Deno.build.arch,
    },
    bpfObjects: Object.fromEntries(
      [...readBuiltFolder("bpf")].map(([name, bytes]) => [
        name.slice(1),
        createHash("sha256").update(bytes).digest("hex"),
      ]),
    ),
  };
}
