import { errno, libc } from "../sys/syscall.ts";
import { BpfError } from "./error.ts";

const PROT_READ = 1;
const PROT_WRITE = 2;
const MAP_SHARED = 1;
const MAP_FAILED = -1n;

/** Memory shared with the kernel. */
export class MappedMemory {
  readonly buffer: ArrayBuffer;
  readonly #bytes: number;
  #pointer: Deno.PointerObject | null;

  /** @throws {BpfError} when the kernel refuses to map it. */
  constructor(fd: number, mapping: { bytes: number; offset?: number; writable?: boolean }) {
    const protection = mapping.writable ? PROT_READ | PROT_WRITE : PROT_READ;
    this.#bytes = mapping.bytes;
    const pointer = libc().mmap(
      null,
      BigInt(mapping.bytes),
      protection,
      MAP_SHARED,
      fd,
      BigInt(mapping.offset ?? 0),
    );
    if (pointer === null || BigInt.asIntN(64, Deno.UnsafePointer.value(pointer)) === MAP_FAILED) {
      throw new BpfError("map kernel memory", errno());
    }
    this.#pointer = pointer;
    this.buffer = Deno.UnsafePointerView.getArrayBuffer(pointer, mapping.bytes);
  }

  /** Ends the mapping. The buffer is detached first: a view kept too long reads nothing instead of faulting. */
  close(): void {
    if (this.#pointer === null) return;
    this.buffer.transfer(0);
    libc().munmap(this.#pointer, BigInt(this.#bytes));
    this.#pointer = null;
  }
}
