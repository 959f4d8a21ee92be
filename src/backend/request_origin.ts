/** Names that a request's Host header may have beside loopback names and IP addresses. */
export type HostNames = ReadonlySet<string>;

/**
 * Whether the Host header names this server. A page whose own name was made to point here (DNS rebinding) has
 * another one; an address cannot be made to point anywhere else, so addresses are fine.
 */
export function isKnownHost(host: string | null, names: HostNames): boolean {
  if (host === null) return false;
  const name = host.replace(/:\d{1,5}$/, "").toLowerCase();
  return name === "localhost" || /^\d{1,3}(\.\d{1,3}){3}$/.test(name) || /^\[[0-9a-f:.]+\]$/.test(name) ||
    names.has(name);
}

/** Whether a request with a cookie comes from this server's own pages, or from no page at all. */
export function isOwnOrigin(headers: Headers, isNavigation: boolean): boolean {
  const origin = headers.get("origin");
  if (origin !== null) {
    try {
      return new URL(origin).host === headers.get("host")?.toLowerCase();
    } catch {
      return false;
    }
  }
  const site = headers.get("sec-fetch-site");
  // A link elsewhere may open a page; the cookie does not come along then.
  return site === null || site === "same-origin" || site === "none" || isNavigation;
}
