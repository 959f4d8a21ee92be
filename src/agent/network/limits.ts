const always = [
  "What a connection did before the profile began is not known; which end opened it is told by the port.",
  "A connection attempt that finds no route is not seen.",
  "Of HTTP only version 1 without TLS is read; HTTP/2, TLS and io_uring are counted as connections.",
  "A UDP server's unconnected sockets do not tell whom they receive from; datagrams they send have their address.",
  "DNS is read over UDP on port 53.",
  "Unix sockets and UDP have no end that is told: they count as opened when first used.",
  "Addresses are those each end sees: what is translated on the way (NAT) is not joined.",
  "Up to 256 processes of the instance are told apart, the others are counted as their parents; up to 512 processes of " +
  "this host as clients, and 3,583 edges in all.",
];

const withoutMessages =
  "This kernel has no events of messages (Linux 6.3 has): HTTP, DNS, TLS, UDP and Unix sockets are not told, bytes are TCP's " +
  "own counts, and what workers accept is counted for the process that listens.";

/** What a network profile cannot tell, a sentence each. */
export function listLimits(
  { refusedProcesses, seesMessages }: { refusedProcesses: number; seesMessages: boolean },
): readonly string[] {
  const limits = seesMessages ? always : [withoutMessages, ...always];
  if (refusedProcesses === 0) return limits;
  return [...limits, `${refusedProcesses} processes of the instance find no room and are not covered.`];
}
