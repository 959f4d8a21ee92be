import type { Mapping } from "../procfs/maps.ts";

/** A runtime whose generated code and inner frames are known. */
export type LanguageRuntime = "java" | "node";

const nodeFile = /^(node|nodejs|libnode\.so[.\d]*)$/;
const javaFile = /^lib(jvm|java|jli)\.so$/;

/** Which runtime a process runs, told by the files it has mapped; undefined when it is none that is known. */
export function findLanguageRuntime(mappings: readonly Mapping[]): LanguageRuntime | undefined {
  for (const { path } of mappings) {
    const runtime = runtimeOfFile(path);
    if (runtime !== undefined) return runtime;
  }
  return undefined;
}

/** Whose own file this is, by its name. */
export function runtimeOfFile(path: string): LanguageRuntime | undefined {
  const name = path.slice(path.lastIndexOf("/") + 1);
  if (nodeFile.test(name)) return "node";
  return javaFile.test(name) ? "java" : undefined;
}

/** What stands for the module of code that no file has. */
export function generatedModule(runtime: LanguageRuntime | undefined): string {
  return runtime === undefined ? "[jit]" : `[${runtime} jit]`;
}

/** True for memory that a process made executable itself: it is of no file, or of one that never had a name. */
export function isGeneratedCode({ inode, path, executable }: Mapping): boolean {
  if (!executable) return false;
  if (inode === 0) return path === "" || path.startsWith("[anon");
  return path.startsWith("/memfd:") || path === "/dev/zero";
}
