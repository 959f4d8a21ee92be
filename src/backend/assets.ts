import { createHash } from "node:crypto";

/** One file of the UI. */
export interface Asset {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly contentType: string;
  readonly etag: string;
}

/** The UI's files by path, such as `/main.js`; `/index.html` is the page for every path without a file. */
export type Assets = ReadonlyMap<string, Asset>;

const contentTypes: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".json": "application/json",
  ".map": "application/json",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".ico": "image/x-icon",
  ".woff2": "font/woff2",
  ".txt": "text/plain; charset=utf-8",
};

/** Makes assets of files, by their paths. */
export function makeAssets(files: ReadonlyMap<string, Uint8Array<ArrayBuffer>>): Assets {
  return new Map([...files].map(([path, bytes]) => [path, makeAsset(path, bytes)]));
}

/** An asset with what browsers need to know of it. */
export function makeAsset(path: string, bytes: Uint8Array<ArrayBuffer>): Asset {
  const ending = /\.[a-z0-9]+$/.exec(path)?.[0] ?? "";
  const hash = createHash("sha256").update(bytes).digest("base64url").slice(0, 22);
  return { bytes, contentType: contentTypes[ending] ?? "application/octet-stream", etag: `"${hash}"` };
}

/** Answers a page's request for a file. */
export function serveAsset(assets: Assets, request: Request, path: string): Response {
  const isFile = path.slice(path.lastIndexOf("/")).includes(".");
  const asset = assets.get(path === "/" || !isFile ? "/index.html" : path);
  if (asset === undefined) {
    const text = isFile ? "Not found\n" : "The UI is not built; run ./scripts/setup\n";
    return new Response(text, { status: 404, headers: { "content-type": "text/plain; charset=utf-8" } });
  }
  const headers = { "content-type": asset.contentType, etag: asset.etag, "cache-control": "no-cache" };
  if (request.headers.get("if-none-match") === asset.etag) {
    return new Response(null, { status: 304, headers });
  }
  return new Response(request.method === "HEAD" ? null : asset.bytes, { headers });
}
