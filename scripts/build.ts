/**
 * `deno task build`: makes dist/stakeout, one file that needs nothing on a host but a Linux kernel, and beside it what users need
 * to pass it on (scripts/sbom.ts). With `--help` the options.
 */
import { parseArgs } from "node:util";
import { repositoryRoot } from "./command.ts";
import { demangler, makeArchive } from "./executable/archive.ts";
import { describeBuild } from "./executable/build_info.ts";
import { bundleProgram } from "./executable/bundle.ts";
import { writeCompiled } from "./executable/compiled.ts";
import { loaderChange, writeSelfExtracting } from "./executable/self_extracting.ts";
import { type BuildInputs, writeSupplyChain } from "./sbom.ts";
import { hashFile } from "./supply_chain/part.ts";

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
const { way, inputs } = await build(output);
const hash = (await hashFile(output)).hex;
if (verify) {
  await build(`${output}.again`);
  const again = (await hashFile(`${output}.again`)).hex;
  await Deno.remove(`${output}.again`);
  if (again !== hash) fail(`two builds differ: ${hash} and ${again}`);
}
await writeSupplyChain(output, inputs).catch((error) =>
  fail(`${output} is built, but what goes with it cannot be written: ${error.message}`)
);
const megabytes = ((await Deno.stat(output)).size / 1e6).toFixed(1);
say(`${output}: ${megabytes} MB, ${way}, sha256 ${hash}${verify ? ", the same when built again" : ""}`);

async function build(target: string): Promise<{ way: string; inputs: BuildInputs }> {
  const { start, program, modules: bundled } = await bundleProgram();
  const modules = [...bundled, demangler];
  // Written beside it and renamed: a program that runs keeps its file.
  const fresh = `${target}.new`;
  if (runtime !== "deno") {
    const deno = compiler ?? pinnedDeno;
    const archive = await makeArchive(program, await describeBuild("denort"));
    const problem = await writeCompiled(fresh, { deno, start, archive });
    if (problem === undefined) {
      await Deno.rename(fresh, target);
      const baseRuntime = await readRuntimeVersion(target);
      return { way: "by deno compile", inputs: { modules, hostFiles: [], changes: [], baseRuntime } };
    }
    if (runtime === "denort" || Deno.env.has("DENORT_BIN")) {
      fail(
        `deno compile cannot: ${problem}; give DENORT_BIN a base runtime of the compiling Deno's version, or --runtime=deno`,
      );
    }
    say(`deno compile has no base runtime here (${problem}): taking the self-extracting way`);
  }
  const archive = await makeArchive(program, await describeBuild("deno"));
  const hostFiles = await writeSelfExtracting(fresh, { deno: pinnedDeno, start, archive });
  await Deno.rename(fresh, target);
  const inputs = { modules, hostFiles, changes: [loaderChange], baseRuntime: undefined };
  return { way: "self-extracting", inputs };
}

/** The base runtime may be another release than the Deno that compiled: the executable itself knows. */
async function readRuntimeVersion(executable: string): Promise<string> {
  const { stdout } = await new Deno.Command(executable, { args: ["version", "--json"], stdin: "null" })
    .output();
  return JSON.parse(new TextDecoder().decode(stdout)).deno;
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
