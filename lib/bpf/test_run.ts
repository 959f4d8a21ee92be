import { BpfError } from "./error.ts";
import type { BpfProgram } from "./program.ts";

const TEST_RUN_OPTS_BYTES = 80;

/**
 * Runs a `SEC("syscall")` program once, here and now.
 *
 * @param context What the program gets as its context.
 * @returns what the program returned.
 * @throws {BpfError} when the kernel refuses.
 *
 * Source: `struct bpf_test_run_opts`: sz 0, ctx_in 32, ctx_size_in 48, retval 56.
 */
export function runProgram(program: BpfProgram, context: Uint8Array<ArrayBuffer>): number {
  const options = new DataView(new ArrayBuffer(TEST_RUN_OPTS_BYTES));
  options.setBigUint64(0, BigInt(TEST_RUN_OPTS_BYTES), true);
  options.setBigUint64(32, BigInt(Deno.UnsafePointer.value(Deno.UnsafePointer.of(context))), true);
  options.setUint32(48, context.length, true);
  const result = program.libbpf.symbols.bpf_prog_test_run_opts(program.fd, options);
  if (result !== 0) throw new BpfError(`run ${program.name}`, result);
  return options.getUint32(56, true);
}
