/** A port of the loopback that nobody listens on, for a server that has to come back under the same address. */
export function findFreePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
