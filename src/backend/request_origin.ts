import { isIPv4, isIPv6 } from "node:net";

/** Names that a request's Host header may have beside loopback names and IP addresses. */
export type HostNames = ReadonlySet<string>;

/** The host and port that a request names; HTTP/2 has them in the URL only. */
export function readHost(request: Request): string {
  return (request.headers.get("host") ?? new URL(request.url).host).toLowerCase();
}

/**
 * Whether a host names this server. A page whose own name was made to point here (DNS rebinding) has another one; an
 * address cannot be made to point anywhere else, so addresses are fine.
 */
export function isKnownHost(host: string, names: HostNames): boolean {
  const name = host.replace(/:\d{1,5}$/, "");
  return name === "localhost" || isIPv4(name) || names.has(name) ||
    (name.startsWith("[") && name.endsWith("]") && isIPv6(name.slice(1, -1)));
}

/** Whether a request with a cookie comes from this server's own pages, or from no page at all. */
export function isOwnOrigin(headers: Headers, host: string, isNavigation: boolean): boolean {
  const origin = headers.get("origin");
  if (origin !== null) {
    try {
      return new URL(origin).host === host;
    } catch {
      return false;
    }
  }
  const site = headers.get("sec-fetch-site");
  // A link elsewhere may open a page; the cookie does not come along then.
  return site === null || site === "same-origin" || site === "none" || isNavigation;
}
