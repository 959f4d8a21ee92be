const headers: readonly (readonly [string, string])[] = [
  [
    "content-security-policy",
    "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
  ],
  ["x-content-type-options", "nosniff"],
  ["x-frame-options", "DENY"],
  ["referrer-policy", "same-origin"],
  ["cross-origin-opener-policy", "same-origin"],
  ["cross-origin-resource-policy", "same-origin"],
];

/** Sets what keeps a browser from running, framing or sending anything of ours elsewhere. */
export function addSecurityHeaders(response: Response): Response {
  for (const [name, value] of headers) response.headers.set(name, value);
  return response;
}
