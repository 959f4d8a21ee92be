const defaultOapPort = 11_800;
const oapPattern = /^(skywalkings?):\/\/(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?\/?$/i;

/**
 * A backend's URL as it is kept: `http://` or `https://` of a Stakeout backend, `skywalking://` or, with TLS,
 * `skywalkings://` of an OAP, whose port is 11800 when it is left out. Without a trailing slash; undefined when it is none.
 */
export function normalizeBackendUrl(text: string): string | undefined {
  const oap = oapPattern.exec(text);
  if (oap !== null) {
    const port = Number(oap[3] ?? defaultOapPort);
    return port < 1 || port > 65_535 ? undefined : `${oap[1]!.toLowerCase()}://${oap[2]}:${port}`;
  }
  const url = URL.parse(text);
  const isPlain = url !== null && url.username === "" && url.search === "";
  return isPlain && ["http:", "https:"].includes(url.protocol) ? url.href.replace(/\/+$/, "") : undefined;
}

/** Whether the URL is of SkyWalking's OAP. */
export function isOapUrl(url: string): boolean {
  return url.startsWith("skywalking:") || url.startsWith("skywalkings:");
}

/** Where a kept URL of an OAP leads to. @throws {TypeError} when it is none */
export function oapAddress(url: string): { hostname: string; port: number; tls: boolean } {
  const oap = oapPattern.exec(url);
  if (oap === null) throw new TypeError(`Cannot read ${url} as an address of an OAP`);
  return {
    hostname: oap[2]!.replace(/^\[(.*)\]$/, "$1"),
    port: Number(oap[3] ?? defaultOapPort),
    tls: oap[1] === "skywalkings",
  };
}
