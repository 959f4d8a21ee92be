/**
 * Generates the messages of `src/gen` from `proto/` with the pinned buf and protoc-gen-es of `.tools`
 * (`scripts/setup --test` installs them). `--check` generates into a temporary folder, compares, and exits 1
 * when a committed file is stale; it also lints the protos.
 */
import { compareFolders, repositoryRoot, runCommand } from "./command.ts";

const check = Deno.args.includes("--check");
const bin = `${repositoryRoot}/.tools/node_modules/.bin`;
const environment = { PATH: `${bin}:${Deno.env.get("PATH") ?? ""}` };

async function generate(into: string): Promise<void> {
  await runCommand(`${bin}/buf`, ["generate", "--template", "buf.gen.yaml", "--output", into], {
    cwd: `${repositoryRoot}/proto`,
    env: environment,
  });
}

if (check) {
  await runCommand(`${bin}/buf`, ["lint"], { cwd: `${repositoryRoot}/proto`, env: environment });
  const temporary = await Deno.makeTempDir({ prefix: "stakeout-gen-" });
  try {
    await generate(temporary);
    for (const name of ["stakeout", "skywalking"]) {
      await compareFolders(
        `${temporary}/src/gen/${name}`,
        `${repositoryRoot}/src/gen/${name}`,
        "deno task gen",
      );
    }
  } finally {
    await Deno.remove(temporary, { recursive: true });
  }
} else {
  await generate(repositoryRoot);
}
