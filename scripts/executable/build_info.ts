/** What an executable knows of how it was made: `stakeout version --json` tells it. */
import { repositoryRoot } from "../command.ts";
import type { BuildInfo } from "../../src/model/build_info.ts";

/** Describes a build of this checkout. No time is in it: the same sources give the same bytes. */
export async function describeBuild(runtime: BuildInfo["runtime"]): Promise<BuildInfo> {
  const commit = await git("rev-parse", "HEAD");
  const changed = commit === "" ? "" : await git("status", "--porcelain", "--untracked-files=no");
  return { commit: `${commit || "unknown"}${changed === "" ? "" : "-changed"}`, runtime };
}

async function git(...args: string[]): Promise<string> {
  try {
    const { code, stdout } = await new Deno.Command("git", { args, cwd: repositoryRoot, stdin: "null" })
      .output();
    return code === 0 ? new TextDecoder().decode(stdout).trim() : "";
  } catch {
    return "";
  }
}
