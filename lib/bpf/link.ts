import { errno, libc } from "../sys/syscall.ts";
import { explainRefusal } from "./capability_hint.ts";
import { BpfError } from "./error.ts";
import type { Libbpf } from "./libbpf.ts";
import type { BpfMap } from "./map.ts";
import type { BpfProgram } from "./program.ts";

/** A program on its hook. It runs until the link is closed or this process ends, however it ends. */
export class Link {
  readonly libbpf: Libbpf;
  readonly fd: number;
  #pointer: Deno.PointerObject | null;

  constructor(libbpf: Libbpf, pointer: Deno.PointerObject) {
    this.libbpf = libbpf;
    this.#pointer = pointer;
    this.fd = libbpf.symbols.bpf_link__fd(pointer);
  }

  /** Takes the program off its hook; resolved once it no longer runs anywhere. A second call does nothing. */
  async close(): Promise<void> {
    const pointer = this.#pointer;
    this.#pointer = null;
    if (pointer !== null) await this.libbpf.symbols.bpf_link__destroy(pointer);
  }
}

/**
 * Puts a program on the hook its section names (`tp_btf/…`, `raw_tp/…`, `iter/…`).
 *
 * @throws {BpfError} when the kernel refuses.
 */
export function attach(program: BpfProgram): Link {
  const pointer = program.libbpf.symbols.bpf_program__attach(program.pointer);
  if (pointer === null) throwRefusal(program, errno());
  return new Link(program.libbpf, pointer);
}

/**
 * Puts an iterator's program (`iter/task_file`) on one process, by its pid as this process's namespace sees it.
 *
 * `union bpf_iter_link_info`: task.tid 0, task.pid 4.
 *
 * @throws {BpfError} ESRCH when there is no such process.
 */
export function attachToProcess(program: BpfProgram, pid: number): Link {
  return attachIterator(program, new Uint32Array([0, pid, 0, 0]));
}

/**
 * Puts an iterator's program (`iter/bpf_sk_storage_map`) on one map.
 *
 * `union bpf_iter_link_info`: map.map_fd 0.
 *
 * @throws {BpfError} when the kernel refuses.
 */
export function attachToMap(program: BpfProgram, map: BpfMap): Link {
  return attachIterator(program, new Uint32Array([map.fd, 0, 0, 0]));
}

/** `struct bpf_iter_attach_opts`: sz 0, link_info 8, link_info_len 16. */
function attachIterator(program: BpfProgram, target: Uint32Array<ArrayBuffer>): Link {
  const options = new BigUint64Array([
    24n,
    BigInt(Deno.UnsafePointer.value(Deno.UnsafePointer.of(target))),
    BigInt(target.byteLength),
  ]);
  const pointer = program.libbpf.symbols.bpf_program__attach_iter(program.pointer, options);
  if (pointer === null) throwRefusal(program, errno());
  return new Link(program.libbpf, pointer);
}

/**
 * Puts a program on a perf event and enables it. The event's fd is the link's from now on and closed with it; closing
 * stops the event by an inter-processor call first, so that afterwards no run of the program is still under way.
 *
 * @throws {BpfError} when the kernel refuses; the fd is closed then too.
 */
export function attachPerfEvent(program: BpfProgram, perfEventFd: number): Link {
  const pointer = program.libbpf.symbols.bpf_program__attach_perf_event(program.pointer, perfEventFd);
  if (pointer === null) {
    const reason = errno();
    libc().close(perfEventFd);
    throwRefusal(program, reason);
  }
  return new Link(program.libbpf, pointer);
}

function throwRefusal(program: BpfProgram, reason: number): never {
  throw new BpfError(`attach ${program.name}`, reason, { hint: explainRefusal(reason) });
}
