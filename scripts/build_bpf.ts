/** Compiles every bpf/*.bpf.c into build/bpf/*.bpf.o: the same bytes wherever the checkout is. */
import { repositoryRoot, runCommand } from "./command.ts";

const source = `${repositoryRoot}/bpf`;
const output = `${repositoryRoot}/build/bpf`;

/** Compiles one program file. -g is for BTF, which stays; the much larger DWARF is stripped. */
export async function compileBpf(cPath: string, objectPath: string): Promise<void> {
  const architecture = Deno.build.arch === "x86_64" ? "x86" : "arm64";
  const includes = ["-I", `${repositoryRoot}/build/include`, "-I", source];
  const reproducible = [`-ffile-prefix-map=${repositoryRoot}=.`, "-fdebug-compilation-dir=."];
  const warnings = ["-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter"];
  await runCommand("clang", [
    ...["-target", "bpf", "-mcpu=v3", "-O2", "-g", `-D__TARGET_ARCH_${architecture}`],
    ...warnings,
    ...reproducible,
    ...includes,
    // asm/types.h, which linux/types.h wants.
    ...["-idirafter", `/usr/include/${Deno.build.arch}-linux-gnu`],
    ...["-c", cPath, "-o", objectPath],
  ]);
  await runCommand("llvm-strip", ["-g", objectPath]);
}

if (import.meta.main) {
  await Deno.mkdir(output, { recursive: true });
  for await (const { name } of Deno.readDir(source)) {
    if (!name.endsWith(".bpf.c")) continue;
    await compileBpf(`${source}/${name}`, `${output}/${name.replace(/\.c$/, ".o")}`);
  }
}
