import assert from "node:assert/strict";
import { repositoryRoot } from "../../scripts/command.ts";
import { checkSignatures } from "../../tests/support/check_signatures.ts";
import { libbpfSignatures } from "./symbols.ts";

const headers = ["stddef.h", "bpf/libbpf.h", "bpf/bpf.h"];
/** Setup keeps neither btf.h nor these two, which libbpf.h includes. */
const missing = `extern "C" const void *btf__raw_data(const struct btf *btf, __u32 *size);`;
const version = "#define LIBBPF_MAJOR_VERSION 1\n#define LIBBPF_MINOR_VERSION 5\n";
/** Every number of libbpf's and the kernel's headers that lib/bpf repeats. */
const constants = `
#define AT(type, field, offset) static_assert(offsetof(struct type, field) == offset, #type "." #field)
AT(bpf_object_open_opts, sz, 0);
AT(bpf_object_open_opts, object_name, 8);
AT(bpf_object_open_opts, kernel_log_buf, 56);
AT(bpf_object_open_opts, kernel_log_size, 64);
AT(bpf_object_open_opts, kernel_log_level, 72);
AT(bpf_test_run_opts, ctx_in, 32);
AT(bpf_test_run_opts, ctx_size_in, 48);
AT(bpf_test_run_opts, retval, 56);
AT(bpf_prog_info, id, 4);
AT(bpf_prog_info, jited_prog_len, 16);
AT(bpf_prog_info, xlated_prog_len, 20);
AT(bpf_prog_info, run_time_ns, 192);
AT(bpf_prog_info, run_cnt, 200);
AT(bpf_prog_info, recursion_misses, 208);
AT(bpf_prog_info, verified_insns, 216);
static_assert(BPF_MAP_TYPE_RINGBUF == 27 && BPF_PROG_TYPE_PERF_EVENT == 7, "types");
static_assert(BPF_MAP_TYPE_PERCPU_HASH == 5 && BPF_MAP_TYPE_PERCPU_ARRAY == 6, "per-CPU maps");
static_assert(BPF_MAP_TYPE_LRU_PERCPU_HASH == 10 && BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE == 21, "per-CPU maps");
static_assert(BPF_TRACE_RAW_TP == 23 && BPF_TRACE_ITER == 28 && BPF_STATS_RUN_TIME == 0, "attach types");
static_assert(BPF_FUNC_loop == 181 && BPF_FUNC_get_ns_current_pid_tgid == 120, "helpers");
`;

Deno.test("libbpfSignatures agrees with libbpf's own headers in every parameter, result, offset and constant", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/libbpf_version.h`, version);
    await Deno.writeTextFile(`${folder}/libbpf_legacy.h`, "");
    const complaints = await checkSignatures(headers, libbpfSignatures, {
      includePaths: [`${repositoryRoot}/build/include`, folder],
      declarations: missing + constants,
    });
    assert.equal(complaints, "");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("checkSignatures() finds a wrong width, sign, pointer and number of parameters", async () => {
  const wrong = {
    lseek: { parameters: ["i32", "i32", "i32"], result: "i64" },
    read: { parameters: ["i32", "u64", "usize"], result: "i64" },
    write: { parameters: ["i32", "buffer", "usize"], result: "u64" },
    close: { parameters: [], result: "i32" },
  };
  const complaints = await checkSignatures(["unistd.h"], wrong);
  for (
    const place of ["lseek: parameter 1", "read: parameter 1", "write: result", "close: number of parameters"]
  ) {
    assert.ok(complaints.includes(place), complaints);
  }
  assert.equal(complaints.match(/error:/g)?.length, 4);
});
