import { runCommand } from "../../scripts/command.ts";

/** A network namespace of a test's own; it is gone when the scope ends. */
export interface NetworkNamespace extends AsyncDisposable {
  readonly name: string;
  /** What a command is begun with to run in it. */
  readonly within: readonly string[];
}

let made = 0;

/** Makes one whose loopback is up. */
export async function makeNetworkNamespace(): Promise<NetworkNamespace> {
  const name = `stakeout-${Deno.pid}-${made++}`;
  await runCommand("ip", ["netns", "add", name]);
  await runCommand("ip", ["-n", name, "link", "set", "lo", "up"]);
  return {
    name,
    within: ["ip", "netns", "exec", name],
    [Symbol.asyncDispose]: () => runCommand("ip", ["netns", "delete", name]),
  };
}

/** Two network namespaces and a link between them. */
export interface SlowLink extends AsyncDisposable {
  readonly left: NetworkNamespace;
  readonly right: NetworkNamespace;
}

/** Addresses of the two ends of a {@linkcode SlowLink}. */
export const linkAddresses = { left: "10.213.0.1", right: "10.213.0.2" } as const;

/**
 * Makes a link that delays packets and loses some: kernels as small as those of test machines have no sch_netem.
 *
 * @param program Path of the compiled tests/programs/slow_link.c.
 */
export async function makeSlowLink(
  program: string,
  { delayMs, loseOneIn }: { delayMs: number; loseOneIn: number },
): Promise<SlowLink> {
  const left = await makeNetworkNamespace();
  const right = await makeNetworkNamespace();
  const args = [left.name, right.name, `${Math.round(delayMs * 1000)}`, `${loseOneIn}`];
  const child = new Deno.Command(program, { args, stdin: "null", stdout: "piped" }).spawn();
  const reader = child.stdout.getReader();
  await reader.read();
  for (const [end, address] of [[left, linkAddresses.left], [right, linkAddresses.right]] as const) {
    await runCommand("ip", ["-n", end.name, "address", "add", `${address}/24`, "dev", "tun0"]);
    await runCommand("ip", ["-n", end.name, "link", "set", "tun0", "up"]);
  }
  return {
    left,
    right,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.status;
      await reader.cancel();
      await left[Symbol.asyncDispose]();
      await right[Symbol.asyncDispose]();
    },
  };
}

/** What `ss -ti` says of the established connections to a port in a namespace. */
export async function readSocketStatistics(
  { within }: NetworkNamespace,
  port: number,
): Promise<{ rttMs: number; retransmits: number }[]> {
  const [command, ...args] = [...within, "ss", "-tiHnO", "state", "established", `dport = :${port}`];
  const { stdout } = await new Deno.Command(command!, { args }).output();
  return new TextDecoder().decode(stdout).split("\n").filter((line) => line !== "").map((line) => ({
    rttMs: Number(/ rtt:([\d.]+)\//.exec(line)?.[1]),
    retransmits: Number(/ retrans:\d+\/(\d+)/.exec(line)?.[1] ?? 0),
  }));
}
