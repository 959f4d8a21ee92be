/**
 * Writes what users need to trust and pass on an executable, beside it: the bill of materials, the notices of others'
 * licences, and the checksums. Called at the end of scripts/build.ts.
 */
import { basename, dirname } from "node:path";
import { version } from "../src/model/version.ts";
import { repositoryRoot } from "./command.ts";
import { describeBuild } from "./executable/build_info.ts";
import { formatBom } from "./supply_chain/cyclonedx.ts";
import { readDebianParts, readLibbpfPart } from "./supply_chain/debian_parts.ts";
import { readLinkedFiles } from "./supply_chain/linked_files.ts";
import { formatNotice } from "./supply_chain/notice.ts";
import { readNpmParts } from "./supply_chain/npm_parts.ts";
import { hashFile, type Part } from "./supply_chain/part.ts";
import { readRuntimePart } from "./supply_chain/runtime_part.ts";

/** What a build put into the executable, beside this project's own files. */
export interface BuildInputs {
  /** Paths, from the repository's root, of all files that were bundled or packed; packages are told by node_modules. */
  readonly modules: readonly string[];
  /** Files of the host that were packed whole or linked in. */
  readonly hostFiles: readonly string[];
  /** What was changed in them, a sentence each. */
  readonly changes: readonly string[];
  /** Version of the base runtime that `deno compile` took; undefined when the pinned Deno was packed. */
  readonly baseRuntime: string | undefined;
}

const inputs = `${repositoryRoot}/build/inputs`;
const licence = "Apache-2.0 AND (GPL-2.0-only OR BSD-2-Clause)";

/**
 * Writes stakeout.cdx.json, NOTICE and SHA256SUMS beside the executable. The same executable and packages give the same bytes.
 *
 * @throws {Error} naming a part whose licence, text or owner cannot be told; what an earlier build left is gone then.
 */
export async function writeSupplyChain(executable: string, build: BuildInputs): Promise<void> {
  const folder = dirname(executable);
  const names = ["stakeout.cdx.json", "NOTICE", "SHA256SUMS"] as const;
  for (const name of names) await Deno.remove(`${folder}/${name}`).catch(() => {});
  const parts = await readParts(build);
  const subject = {
    ...{ name: "stakeout", version, licence, hash: await hashFile(executable) },
    commit: (await describeBuild("deno")).commit,
    builtAt: await readBuildTime(),
  };
  const [bom, notice, sums] = names.map((name) => `${folder}/${name}`) as [string, string, string];
  await Deno.writeTextFile(bom, formatBom(subject, parts));
  await Deno.writeTextFile(notice, await formatNotice("Stakeout", parts, build.changes));
  const lines = await Promise.all(
    [executable, bom, notice].map(async (path) => `${(await hashFile(path)).hex}  ${basename(path)}\n`),
  );
  await Deno.writeTextFile(sums, lines.join(""));
}

async function readParts({ modules, hostFiles, baseRuntime }: BuildInputs): Promise<Part[]> {
  const uiModules = (await Deno.readTextFile(`${inputs}/ui`)).trim().split("\n");
  const linked = await readLinkedFiles(`${inputs}/libbpf.d`);
  return [
    ...await readNpmParts([...modules, ...uiModules]),
    ...await readDebianParts([...hostFiles, ...linked]),
    await readLibbpfPart(),
    await readRuntimePart(baseRuntime),
  ];
}

/** SOURCE_DATE_EPOCH, or the commit's time. */
async function readBuildTime(): Promise<string | undefined> {
  const { stdout } = await new Deno.Command("git", {
    args: ["log", "-1", "--format=%ct"],
    cwd: repositoryRoot,
    stdin: "null",
    stderr: "null",
  }).output().catch(() => ({ stdout: new Uint8Array() }));
  const seconds = Number(Deno.env.get("SOURCE_DATE_EPOCH") || new TextDecoder().decode(stdout).trim());
  return seconds > 0 ? new Date(seconds * 1000).toISOString().replace(".000Z", "Z") : undefined;
}
