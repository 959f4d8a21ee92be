import type { Libbpf } from "./libbpf.ts";

/** A program of a loaded object; lives as long as the object. */
export interface BpfProgram {
  readonly libbpf: Libbpf;
  readonly name: string;
  readonly fd: number;
  /** libbpf's `struct bpf_program *`. */
  readonly pointer: Deno.PointerObject;
}
