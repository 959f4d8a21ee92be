/** What one thread may do. */
export interface ThreadRights {
  readonly tid: number;
  /** Real, effective, saved and file system's, where they are all the same; else all four. */
  readonly uid: string;
  readonly effective: bigint;
  readonly permitted: bigint;
  readonly bounding: bigint;
  readonly noNewPrivileges: boolean;
}

/** What an agent cannot do without, as setpriv names them. */
export const fourCapabilities = ["bpf", "perfmon", "sys_ptrace", "dac_read_search"];
/** The same by their bits. */
export const fourCapabilitiesMask = maskOf(2, 19, 38, 39);
/** And CAP_SYSLOG, which shows kernel addresses. */
export const agentCapabilities = fourCapabilitiesMask | maskOf(34);

/** Reads the rights of every thread of a process, since the kernel gives them to threads. */
export function readThreadRights(pid: number): ThreadRights[] {
  return [...Deno.readDirSync(`/proc/${pid}/task`)].map(({ name }) => {
    const status = Deno.readTextFileSync(`/proc/${pid}/task/${name}/status`);
    const field = (key: string) => new RegExp(`^${key}:\\s+(.*)$`, "m").exec(status)![1]!;
    return {
      tid: Number(name),
      uid: [...new Set(field("Uid").split("\t"))].join(" "),
      effective: BigInt(`0x${field("CapEff")}`),
      permitted: BigInt(`0x${field("CapPrm")}`),
      bounding: BigInt(`0x${field("CapBnd")}`),
      noNewPrivileges: field("NoNewPrivs") === "1",
    };
  });
}

function maskOf(...bits: number[]): bigint {
  return bits.reduce((mask, bit) => mask | 1n << BigInt(bit), 0n);
}

/** The user and group that have no rights on any Linux. */
export const nobody = 65534;

/**
 * The command that runs another as nobody with these capabilities (`"bpf"`) alone, the way systemd gives them. Who is not
 * root cannot change the user or limit what may be gained later, and keeps both.
 */
export function nobodyWith(capabilities: readonly string[]): string[] {
  const list = ["-all", ...capabilities.map((name) => `+${name}`)].join(",");
  const user = [`--reuid=${nobody}`, `--regid=${nobody}`, "--clear-groups", `--bounding-set=${list}`];
  return [
    ...["setpriv", `--inh-caps=${list}`, `--ambient-caps=${list}`, "--no-new-privs"],
    ...(Deno.uid() === 0 ? user : []),
  ];
}
