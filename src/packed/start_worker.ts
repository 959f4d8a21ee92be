import { readBuiltFile } from "./built_file.ts";

/**
 * Starts one of the backend's workers: the same program as src/packed/start.ts starts, which goes by the worker's name. It
 * is handed over whole: a server that has given up its rights can read no file of the executable any more.
 */
export function startWorker(name: "store" | "profiles"): Worker {
  const program = JSON.stringify(new TextDecoder().decode(readBuiltFile("program.js")));
  const script =
    `import process from "node:process"; new Function("require", ${program})(process.getBuiltinModule);`;
  // Not a blob's URL, which an executable of `deno compile` does not find.
  const url = `data:text/javascript;base64,${new TextEncoder().encode(script).toBase64()}`;
  return new Worker(url, { type: "module", name });
}
