import assert from "node:assert/strict";

/** PEM files of a certificate authority and of a server that it vouches for. */
export interface CertificateFiles {
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
}

/** Makes an authority and a server's certificate by OpenSSL: `names` such as `IP:127.0.0.1` and `DNS:localhost`. */
export async function makeCertificate(
  folder: string,
  names: readonly string[] = ["IP:127.0.0.1", "DNS:localhost"],
): Promise<CertificateFiles> {
  const [ca, caKey, certificate, key] = ["ca.crt", "ca.key", "tls.crt", "tls.key"].map((name) =>
    `${folder}/${name}`
  );
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
  await openssl("req", "-x509", ...curve, "-subj", "/CN=test authority", "-keyout", caKey!, "-out", ca!);
  await openssl(
    ...["req", "-x509", ...curve, "-subj", "/CN=test server", "-keyout", key!, "-out", certificate!],
    ...["-CA", ca!, "-CAkey", caKey!, "-addext", `subjectAltName=${names.join(",")}`],
    ...["-addext", "basicConstraints=critical,CA:FALSE"],
  );
  return { ca: ca!, certificate: certificate!, key: key! };
}

async function openssl(...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command("openssl", { args }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
}
