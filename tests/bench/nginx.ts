import type { CertificateFiles } from "../support/certificate.ts";
import { findFreePort } from "../support/free_port.ts";
import { startPinned, waitUntil } from "./machine.ts";

/** What a run of {@linkcode loadNginx} came to. */
export interface NginxLoad {
  readonly requests: number;
  readonly perSecond: number;
}

/** Connections of {@linkcode loadNginx}: as many requests may be in flight when it stops. */
export const loadConnections = 8;

/** Starts nginx as one process on CPU 1, encrypted with a certificate; it answers everything with 200. */
export async function startNginx(folder: string, certificate?: CertificateFiles) {
  const port = findFreePort();
  // Without a master nobody is left behind when it is killed.
  await Deno.writeTextFile(
    `${folder}/nginx.conf`,
    `daemon off; master_process off; pid ${folder}/pid; error_log ${folder}/error.log;
events { worker_connections 512; }
http {
  access_log off; keepalive_requests 100000000;
  server {
    listen 127.0.0.1:${port}${certificate === undefined ? "" : " ssl"};
    ${
      certificate === undefined
        ? ""
        : `ssl_certificate ${certificate.certificate}; ssl_certificate_key ${certificate.key};`
    }
    location / { return 200 "ok"; }
  }
}`,
  );
  const nginx = startPinned(["nginx", "-c", `${folder}/nginx.conf`, "-p", folder], { cpu: 1 });
  await waitUntil(() => listens(port), "nginx listens");
  return {
    pid: nginx.pid,
    url: `${certificate === undefined ? "http" : "https"}://127.0.0.1:${port}/`,
    [Symbol.asyncDispose]: () => nginx[Symbol.asyncDispose](),
  };
}

/** Runs wrk on CPU 0. */
export async function loadNginx(url: string, seconds: number): Promise<NginxLoad> {
  const args = ["-c", "0", "wrk", "-t1", `-c${loadConnections}`, `-d${seconds}s`, url];
  const { stdout } = await new Deno.Command("taskset", { args }).output();
  const requests = Number(/(\d+) requests in/.exec(new TextDecoder().decode(stdout))?.[1]);
  if (!(requests > 0)) throw new Error(`Cannot read what wrk says of ${url}`);
  return { requests, perSecond: requests / seconds };
}

function listens(port: number): boolean {
  const hex = port.toString(16).toUpperCase().padStart(4, "0");
  return new RegExp(`0100007F:${hex} 00000000:0000 0A`).test(Deno.readTextFileSync("/proc/net/tcp"));
}
