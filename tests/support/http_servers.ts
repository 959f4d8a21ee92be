import { repositoryRoot, runCommand } from "../../scripts/command.ts";
import { listTree } from "./bpf_objects.ts";
import type { CertificateFiles } from "./certificate.ts";
import { findFreePort } from "./free_port.ts";
import { waitFor } from "./wait.ts";

const programs = `${repositoryRoot}/tests/programs`;

/** A real server that runs on loopback; it is killed when the scope ends, with what it started. */
export interface HttpServer extends AsyncDisposable {
  readonly pid: number;
  readonly port: number;
  /** Its processes now. */
  pids(): number[];
}

/**
 * Starts Debian's nginx: /status/404 and /status/503 answer with that, /file is 300 KB by sendfile, /slow takes 250 ms from
 * its second request on a connection on, all else is 200.
 * `folder` is writable by all; `program` may be a copy, to tell it from others. With a certificate it speaks TLS, and
 * HTTP/2 when asked. /app/ is what a server on another port answers, if one is given.
 */
export async function startNginx(
  folder: string,
  workers = 1,
  { program = "nginx", certificate, http2 = false, upstreamPort }: {
    program?: string;
    certificate?: CertificateFiles;
    http2?: boolean;
    upstreamPort?: number;
  } = {},
): Promise<HttpServer> {
  const port = findFreePort();
  await Deno.writeTextFile(`${folder}/file`, "x".repeat(300_000));
  await Deno.writeTextFile(
    `${folder}/nginx.conf`,
    `daemon off; worker_processes ${workers}; pid ${folder}/pid; error_log ${folder}/error.log;
events { worker_connections 8192; }
http {
  access_log off; sendfile on; client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy;
  large_client_header_buffers 4 8k; keepalive_requests 1000000;
  ${upstreamPort === undefined ? "" : `upstream app { server 127.0.0.1:${upstreamPort}; keepalive 4; }`}
  limit_req_zone $connection zone=slow:1m rate=4r/s; limit_req_log_level info;
  server {
    listen 127.0.0.1:${port}${certificate === undefined ? "" : ` ssl${http2 ? " http2" : ""}`};
    ${
      certificate === undefined
        ? ""
        : `ssl_certificate ${certificate.certificate}; ssl_certificate_key ${certificate.key};`
    }
    location = /status/404 { return 404; }
    location = /status/503 { return 503; }
    location = /file { root ${folder}; }
    location = /slow { limit_req zone=slow burst=8; alias ${folder}/nginx.conf; }
    ${
      upstreamPort === undefined
        ? ""
        : 'location /app/ { proxy_pass http://app/; proxy_http_version 1.1; proxy_set_header Connection ""; }'
    }
    location / { return 200 "ok"; }
  }
}`,
  );
  const server = await start(port, program, ["-c", `${folder}/nginx.conf`, "-p", folder], false);
  // It listens before it has any worker.
  if (await waitFor(() => server.pids().length > workers || undefined, 10) === undefined) {
    throw new Error(`${program} has no workers`);
  }
  return server;
}

/**
 * Starts tests/programs/http_raw.py on a TCP port, under a pid of one's choice if one is given: it is then the last of `pids`.
 * When `loaded` it has the library for TLS from the start.
 */
export async function startPython(
  kind: "thread" | "fork" | "prefork",
  family: "tcp4" | "tcp6" | "unix" = "tcp4",
  path = "",
  { certificate, pid, loaded = false }: { certificate?: CertificateFiles; pid?: number; loaded?: boolean } =
    {},
): Promise<HttpServer> {
  const port = findFreePort();
  const under = pid === undefined ? [] : [`${programs}/with_pid.py`, `${pid}`, "python3"];
  const args = [...under, `${programs}/http_raw.py`, kind, family, family === "unix" ? path : `${port}`];
  if (certificate !== undefined) args.push(certificate.certificate, certificate.key);
  return loaded
    ? await start(port, "env", ["LOADED=1", "python3", ...args])
    : await start(port, "python3", args);
}

const nodeServer = `const [, port, cert, key] = process.argv;
const read = (path) => path && require("node:fs").readFileSync(path);
const http = require(cert === undefined ? "node:http" : "node:https");
http.createServer({ cert: read(cert), key: read(key) }, (request, response) => {
  const status = /^\\/status\\/(\\d+)/.exec(request.url);
  request.resume().on("end", () => {
    response.writeHead(status === null ? 200 : Number(status[1])).end("ok");
  });
}).listen(Number(port), "127.0.0.1", () => console.log("ready"))`;

/** Starts a server of Node's: /status/N answers with that status, all else with 200. With a certificate it speaks TLS. */
export async function startNode(certificate?: CertificateFiles): Promise<HttpServer> {
  const port = findFreePort();
  const files = certificate === undefined ? [] : [certificate.certificate, certificate.key];
  return await start(port, "node", ["-e", nodeServer, `${port}`, ...files]);
}

/** Builds tests/programs/http_server.go; returns the path. */
export async function buildGo(folder: string): Promise<string> {
  const path = `${folder}/http_server`;
  await runCommand("go", ["build", "-o", path, `${programs}/http_server.go`]);
  return path;
}

/** Starts what {@linkcode buildGo} built. */
export async function startGo(path: string, certificate?: CertificateFiles): Promise<HttpServer> {
  const port = findFreePort();
  const files = certificate === undefined ? [] : [certificate.certificate, certificate.key];
  return await start(port, path, ["serve", `${port}`, ...files]);
}

async function start(
  port: number,
  command: string,
  args: readonly string[],
  says = true,
): Promise<HttpServer> {
  const child = new Deno.Command(command, {
    args: [...args],
    stdin: "null",
    stdout: says ? "piped" : "null",
    stderr: says ? "inherit" : "null",
  }).spawn();
  const reader = says ? child.stdout.getReader() : undefined;
  if (reader !== undefined) await reader.read();
  else if (await waitFor(() => tryConnect(port), 10) === undefined) {
    throw new Error(`${command} does not listen`);
  }
  return {
    pid: child.pid,
    port,
    pids: () => listTree(child.pid),
    async [Symbol.asyncDispose]() {
      // The first one first: it would start others in place of those that end.
      for (const pid of listTree(child.pid)) {
        try {
          Deno.kill(pid, "SIGKILL");
        } catch {
          // It has ended.
        }
      }
      await child.status;
      await reader?.cancel();
    },
  };
}

async function tryConnect(port: number): Promise<true | undefined> {
  try {
    (await Deno.connect({ port })).close();
    return true;
  } catch {
    return undefined;
  }
}
