/**
 * `deno task build`: makes dist/stakeout, one file that needs nothing on a host but a Linux kernel. With `--help` the options.
 */
import { parseArgs } from "node:util";
import { repositoryRoot } from "./command.ts";
import { makeArchive } from "./executable/archive.ts";
import { describeBuild } from "./executable/build_info.ts";
import { bundleProgram } from "./executable/bundle.ts";
import { writeCompiled } from "./executable/compiled.ts";
import { writeSelfExtracting } from "./executable/self_extracting.ts";
import { hashFile, writeSupplyChain } from "./executable/supply_chain.ts";

const usage =
  `usage: deno task build [--runtime=auto|denort|deno] [--compiler=DENO] [--output=FILE] [--verify]

  --runtime=denort   with deno compile; its base runtime is downloaded by Deno, or named by DENORT_BIN
  --runtime=deno     self-extracting: a small launcher with the pinned Deno behind it; needs no download
  --runtime=auto     the first where it works, else the second (the default)
  --compiler=DENO    the Deno to compile with, of the same version as DENORT_BIN (default: the pinned one)
  --output=FILE      where to (default: dist/stakeout)
  --verify           build twice and compare`;

const pinnedDeno = `${repositoryRoot}/.tools/node_modules/@deno/linux-x64-glibc/deno`;
const { runtime, compiler, output, verify } = readOptions();

await Deno.mkdir(output.slice(0, output.lastIndexOf("/")), { recursive: true });
const way = await build(output);
const hash = await hashFile(output);
if (verify) {
  await build(`${output}.again`);
  const again = await hashFile(`${output}.again`);
  await Deno.remove(`${output}.again`);
  if (again !== hash) fail(`two builds differ: ${hash} and ${again}`);
}
await writeSupplyChain(output, (await describeBuild("deno")).commit);
const megabytes = ((await Deno.stat(output)).size / 1e6).toFixed(1);
say(`${output}: ${megabytes} MB, ${way}, sha256 ${hash}${verify ? ", the same when built again" : ""}`);

async function build(target: string): Promise<string> {
  const { start, program } = await bundleProgram();
  // Written beside it and renamed: a program that runs keeps its file.
  const fresh = `${target}.new`;
  if (runtime !== "deno") {
    const deno = compiler ?? pinnedDeno;
    const archive = await makeArchive(program, await describeBuild("denort"));
    const problem = await writeCompiled(fresh, { deno, start, archive });
    if (problem === undefined) {
      await Deno.rename(fresh, target);
      return "by deno compile";
    }
    if (runtime === "denort" || Deno.env.has("DENORT_BIN")) {
      fail(
        `deno compile cannot: ${problem}; give DENORT_BIN a base runtime of the compiling Deno's version, or --runtime=deno`,
      );
    }
    say(`deno compile has no base runtime here (${problem}): taking the self-extracting way`);
  }
  const archive = await makeArchive(program, await describeBuild("deno"));
  await writeSelfExtracting(fresh, { deno: pinnedDeno, start, archive });
  await Deno.rename(fresh, target);
  return "self-extracting";
}

function readOptions() {
  try {
    const { values } = parseArgs({
      args: Deno.args,
      options: {
        runtime: { type: "string", default: "auto" },
        compiler: { type: "string" },
        output: { type: "string", default: `${repositoryRoot}/dist/stakeout` },
        verify: { type: "boolean", default: false },
        help: { type: "boolean", default: false },
      },
    });
    if (values.help) {
      console.log(usage);
      Deno.exit(0);
    }
    const output = values.output.startsWith("/") ? values.output : `${Deno.cwd()}/${values.output}`;
    if (["auto", "denort", "deno"].includes(values.runtime)) return { ...values, output };
    fail(`--runtime is auto, denort or deno, not ${values.runtime}`, 2);
  } catch (error) {
    fail(`${(error as Error).message.split(".")[0]}; see --help`, 2);
  }
}

function say(text: string): void {
  Deno.stderr.writeSync(new TextEncoder().encode(`build: ${text}\n`));
}

function fail(text: string, code = 1): never {
  Deno.stderr.writeSync(new TextEncoder().encode(`error: ${text}\n`));
  Deno.exit(code);
}
