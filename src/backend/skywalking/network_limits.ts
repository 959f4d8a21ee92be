/** What a network profile of SkyWalking's agent cannot tell, a sentence each. */
export const networkLimits: readonly string[] = [
  "SkyWalking's agent took this profile: it tells no paths, DNS, UDP, Unix sockets, accepted or failed connections, and not " +
  "how many are open.",
  "A server's own port is not told, so that its end is not joined with what its clients on other hosts saw.",
  "Who closed a connection first is not told: each close counts as the process's own.",
  "A peer on this host that is no process of the instance is shown as 127.0.0.1, whichever address it has.",
  "What was counted since the agent told last, two seconds mostly, is spread evenly over them.",
  "Requests are told from their first byte to the last of their answer, in whole milliseconds and steps such as 100 to 110 ms.",
  "The longest request and the highest round trip are those of steps and means: single ones may be higher.",
  "Of single requests the method, sizes, thread and parts of the time are not told; their beginning may be seconds off.",
];
