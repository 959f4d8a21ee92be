/** Where to listen. */
export interface ListenAddress {
  readonly hostname: string;
  /** 0 takes any free one. */
  readonly port: number;
}

/** Whether only this machine can reach an address. */
export function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "::1" || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(hostname);
}

/** `host:port`, with brackets around IPv6. */
export function formatAddress({ hostname, port }: ListenAddress): string {
  return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
}

/** Turns a failure to listen into a sentence with the fix; `flag` is the option that chooses the address. */
export function describeListenError(error: unknown, address: ListenAddress, flag: string): Error {
  const place = formatAddress(address);
  const code = (error as { code?: unknown }).code;
  if (error instanceof Deno.errors.AddrInUse || code === "EADDRINUSE") {
    return new Error(`${place} is in use; choose another with ${flag}`, { cause: error });
  }
  if (error instanceof Deno.errors.AddrNotAvailable || code === "EADDRNOTAVAIL") {
    return new Error(`${place} is not an address of this machine; choose another with ${flag}`, {
      cause: error,
    });
  }
  if (error instanceof Deno.errors.PermissionDenied || code === "EACCES") {
    return new Error(`${place} may not be used by this user; choose a port above 1023 with ${flag}`, {
      cause: error,
    });
  }
  return new Error(`Cannot listen on ${place}: ${error instanceof Error ? error.message : error}`, {
    cause: error,
  });
}
