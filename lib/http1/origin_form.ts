/** A request's target as servers get it: of a whole URL, as proxies get, the path alone, for a password may stand before the host. */
export function originForm(target: string): string {
  return target.replace(/^https?:\/\/[^/]*/i, "");
}
