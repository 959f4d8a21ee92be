import { type Libbpf, openLibbpf } from "../../lib/bpf/libbpf.ts";
import { type BpfObject, openObject } from "../../lib/bpf/object.ts";
import { libc } from "../../lib/sys/syscall.ts";
import { compileBpf } from "../../scripts/build_bpf.ts";
import { repositoryRoot, runCommand } from "../../scripts/command.ts";
import { layouts } from "../../src/gen/records.ts";

/** Every user's own: what another one built cannot be built anew. */
const output = `${repositoryRoot}/build/tests/${Deno.uid()}`;
const sources = `${repositoryRoot}/tests/programs`;

/** libbpf, opened once for all tests of a file. */
export const libbpf: Libbpf = openLibbpf(Deno.readFileSync(`${repositoryRoot}/build/libbpf.so`));
libc();

/** Opens one of the product's objects by name (`"process"`). */
export function openBuilt(name: string): BpfObject {
  return openObject(libbpf, Deno.readFileSync(`${repositoryRoot}/build/bpf/${name}.bpf.o`), {
    name,
    layouts,
  });
}

/** Compiles tests/programs/NAME.bpf.c and returns the object's bytes. */
export async function compileTestBpf(name: string): Promise<Uint8Array<ArrayBuffer>> {
  Deno.mkdirSync(output, { recursive: true });
  const path = `${output}/${name}.bpf.o`;
  await compileBpf(`${sources}/${name}.bpf.c`, path);
  return Deno.readFileSync(path);
}

/** Compiles tests/programs/NAME.c with frame pointers and fixed addresses, without optimization; returns the path. */
export async function compileTarget(name: string): Promise<string> {
  Deno.mkdirSync(output, { recursive: true });
  const path = `${output}/${name}`;
  const options = ["-O0", "-g", "-no-pie", "-fno-omit-frame-pointer", "-fcf-protection=none", "-pthread"];
  await runCommand("gcc", [...options, "-o", path, `${sources}/${name}.c`]);
  return path;
}

/** A target that runs; it is killed when the scope ends. */
export interface Target extends AsyncDisposable {
  readonly pid: number;
}

/** Starts a target and waits until it says `ready`. */
export async function startTarget(path: string, ...args: string[]): Promise<Target> {
  const child = new Deno.Command(path, { args, stdout: "piped", stdin: "null" }).spawn();
  const reader = child.stdout.getReader();
  await reader.read();
  return {
    pid: child.pid,
    async [Symbol.asyncDispose]() {
      try {
        child.kill("SIGKILL");
      } catch {
        // It ended on its own.
      }
      await child.status;
      await reader.cancel();
    },
  };
}

/** Waits so many milliseconds. */
export function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
