import { errno, libc } from "../sys/syscall.ts";
import { BpfError } from "./error.ts";
import type { Libbpf } from "./libbpf.ts";

const PROG_INFO_BYTES = 232;
const BPF_STATS_RUN_TIME = 0;

/** What the kernel knows of a loaded program. */
export interface ProgramStats {
  readonly id: number;
  /** Total of all runs since statistics were enabled; 0 while they never were. */
  readonly runTimeNs: number;
  readonly runCount: number;
  /** Runs skipped because the program was already running on that CPU. */
  readonly recursionMisses: number;
  /** Instructions the verifier had to walk. */
  readonly verifiedInstructions: number;
  readonly translatedBytes: number;
  readonly jitedBytes: number;
}

/**
 * Reads a program's statistics.
 *
 * Source: BPF_OBJ_GET_INFO_BY_FD, `struct bpf_prog_info`: id 4, jited_prog_len 16, xlated_prog_len 20, run_time_ns 192, run_cnt 200,
 * recursion_misses 208, verified_insns 216.
 *
 * @throws {BpfError} when the fd is no program's.
 */
export function readProgramStats(libbpf: Libbpf, programFd: number): ProgramStats {
  const info = new DataView(new ArrayBuffer(PROG_INFO_BYTES));
  const result = libbpf.symbols.bpf_obj_get_info_by_fd(programFd, info, new Uint32Array([PROG_INFO_BYTES]));
  if (result !== 0) throw new BpfError("read program statistics", result);
  return {
    id: info.getUint32(4, true),
    jitedBytes: info.getUint32(16, true),
    translatedBytes: info.getUint32(20, true),
    runTimeNs: Number(info.getBigUint64(192, true)),
    runCount: Number(info.getBigUint64(200, true)),
    recursionMisses: Number(info.getBigUint64(208, true)),
    verifiedInstructions: info.getUint32(216, true),
  };
}

/**
 * Has the kernel time every run of every program on the host, about 20 ns a run, until the returned function is called or
 * this process ends.
 *
 * @throws {BpfError} without CAP_SYS_ADMIN.
 */
export function enableStats(libbpf: Libbpf): () => void {
  const fd = libbpf.symbols.bpf_enable_stats(BPF_STATS_RUN_TIME);
  if (fd < 0) throw new BpfError("enable BPF statistics", errno(), { hint: "needs CAP_SYS_ADMIN" });
  return () => {
    libc().close(fd);
  };
}
