import { encodeCString } from "../sys/c_string.ts";
import { libc } from "../sys/syscall.ts";
import { explainRefusal } from "./capability_hint.ts";
import { BpfError, NotSupportedError } from "./error.ts";
import type { Libbpf } from "./libbpf.ts";
import type { BpfProgram } from "./program.ts";

const BPF_TRACE_UPROBE_MULTI = 48;
const BPF_F_UPROBE_MULTI_RETURN = 1;
const BPF_TRACE_FENTRY = 24;
const optionsBytes = 80;

/** One instruction of a file. */
export interface UprobePlace {
  readonly fileOffset: number;
  /** What `bpf_get_attach_cookie` gives the program there. */
  readonly cookie: number;
}

/** Instructions of one file, in whatever process they are executed. */
export interface UprobeTarget {
  /** As the kernel finds it when it is attached: `/proc/self/fd/N` for a file that is held open. */
  readonly path: string;
  readonly places: readonly UprobePlace[];
  /** Hits when the function that begins there returns, in place of when it begins. */
  readonly atReturn: boolean;
  /** The only process that is hit; left out: every one. See {@linkcode missingUprobeFilter}. */
  readonly pid?: number;
}

/** A program on instructions of a file; it holds the file. */
export class UprobeLink {
  readonly fd: number;
  #open = true;

  /** Takes over the link's fd. */
  constructor(fd: number) {
    this.fd = fd;
  }

  /** Takes the program off all of its instructions: about 0.1 s, on a pool thread. A second call does nothing. */
  async close(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    await libc().closeSlowly(this.fd);
  }
}

/** Returns undefined when the kernel can put a program on many instructions by one link. */
export function missingUprobes(libbpf: Libbpf): NotSupportedError | undefined {
  const id = libbpf.symbols.libbpf_find_vmlinux_btf_id(
    encodeCString("bpf_uprobe_multi_link_attach"),
    BPF_TRACE_FENTRY,
  );
  return id > 0 ? undefined : new NotSupportedError("uprobe_multi", "Linux 6.6 with CONFIG_UPROBES", {
    fix: "run Linux 6.6 or newer where encrypted HTTP matters",
  });
}

/**
 * Returns undefined when the kernel leaves other processes than the one that is named alone: they then have no breakpoint at
 * all. Linux 6.6 has the option, but hit one thread only before it was mended; what is looked for is newer than that.
 */
export function missingUprobeFilter(libbpf: Libbpf): NotSupportedError | undefined {
  const id = libbpf.symbols.libbpf_find_vmlinux_btf_id(encodeCString("ri_timer"), BPF_TRACE_FENTRY);
  return id > 0 ? undefined : new NotSupportedError("uprobe_multi of one process", "Linux 6.13", {
    fix: "run Linux 6.13 or newer where other processes use the same library",
  });
}

/**
 * Puts a `SEC("uprobe.multi")` program on instructions of a file. CAP_BPF and CAP_PERFMON are enough.
 *
 * The caller answers for it that each place is the first byte of an instruction: a breakpoint inside of one breaks whoever
 * executes it.
 *
 * `struct bpf_link_create_opts`: sz 0, uprobe_multi.flags 32, cnt 36, path 40, offsets 48, ref_ctr_offsets 56, cookies 64,
 * pid 72.
 *
 * @throws {BpfError} when the kernel refuses.
 */
export async function attachUprobes(program: BpfProgram, target: UprobeTarget): Promise<UprobeLink> {
  const path = encodeCString(target.path);
  const offsets = new BigUint64Array(target.places.map(({ fileOffset }) => BigInt(fileOffset)));
  const cookies = new BigUint64Array(target.places.map(({ cookie }) => BigInt(cookie)));
  const options = new DataView(new ArrayBuffer(optionsBytes));
  options.setBigUint64(0, BigInt(optionsBytes), true);
  const pointed: [number, Uint8Array<ArrayBuffer> | BigUint64Array<ArrayBuffer>][] = [
    [40, path],
    [48, offsets],
    [64, cookies],
  ];
  for (const [at, bytes] of pointed) {
    options.setBigUint64(at, BigInt(Deno.UnsafePointer.value(Deno.UnsafePointer.of(bytes))), true);
  }
  options.setUint32(36, target.places.length, true);
  options.setUint32(72, target.pid ?? 0, true);
  options.setUint32(32, target.atReturn ? BPF_F_UPROBE_MULTI_RETURN : 0, true);
  const { bpf_link_create } = program.libbpf.symbols;
  const result = await bpf_link_create(program.fd, 0, BPF_TRACE_UPROBE_MULTI, options);
  // Until now the kernel may have read what the options point at, so it had to be kept.
  pointed.length = 0;
  if (result < 0) {
    throw new BpfError(`attach ${program.name}`, result, { hint: explainRefusal(result) });
  }
  return new UprobeLink(result);
}
