import { repositoryRoot, runCommand } from "../../scripts/command.ts";
import { makeCertificate } from "../support/certificate.ts";
import { findFreePort } from "../support/free_port.ts";
import { startNginx } from "../support/http_servers.ts";
import { waitFor } from "../support/wait.ts";

const postgresBin = "/usr/lib/postgresql/15/bin";

/** A process to look at, busy until the scope ends. */
export interface BusyProgram extends AsyncDisposable {
  readonly pid: number;
}

/** Sorting and printing, nearly all of it in the C library's own code. */
export async function startLibcUser(folder: string): Promise<BusyProgram> {
  const path = `${folder}/unwind_target`;
  const source = `${repositoryRoot}/tests/programs/unwind_target.c`;
  await runCommand("gcc", ["-O2", "-fomit-frame-pointer", "-pthread", "-o", path, source]);
  return start([path, "libc"]);
}

/** A worker of nginx that sends files by TLS to connections of one request each. */
export async function startBusyNginx(folder: string): Promise<BusyProgram> {
  await Deno.chmod(folder, 0o777);
  const certificate = await makeCertificate(folder);
  await Deno.chmod(certificate.key, 0o644);
  const server = await startNginx(folder, 1, { certificate });
  const url = `https://127.0.0.1:${server.port}/file`;
  const load = start(["wrk", "-t1", "-c8", "-d600", "-H", "Connection: close", url]);
  return both(server.pids()[1]!, load, server);
}

/** redis-server with lists, sets and sorted sets. */
export async function startBusyRedis(folder: string): Promise<BusyProgram> {
  const port = `${findFreePort()}`;
  const options = ["--save", "", "--appendonly", "no", "--bind", "127.0.0.1", "--dir", folder];
  const server = start(["redis-server", "--port", port, ...options]);
  await waitFor(() => tryConnect(Number(port)), 10);
  const commands = "lpush,lrange_100,set,zadd,mset";
  const load = start(["redis-benchmark", "-p", port, "-q", "-l", "-n", "100000", "-c", "8", "-t", commands]);
  return both(server.pid, load, server);
}

/** The backend of one connection of pgbench, whose transactions read and write. */
export async function startBusyPostgres(folder: string): Promise<BusyProgram> {
  await Deno.chmod(folder, 0o777);
  const data = `${folder}/data`;
  const port = `${findFreePort()}`;
  const as = (
    ...command: string[]
  ) => ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--clear-groups", ...command];
  const run = ([command, ...args]: string[]) => runCommand(command!, args, { cwd: folder });
  await run(as(`${postgresBin}/initdb`, "-D", data, "-A", "trust"));
  const server = start(as(`${postgresBin}/postgres`, "-D", data, "-p", port, "-k", folder, "-h", ""));
  const connection = ["-h", folder, "-p", port, "postgres"];
  await waitFor(() => Deno.stat(`${folder}/.s.PGSQL.${port}`).then(() => true as const, () => undefined), 20);
  await run(as(`${postgresBin}/pgbench`, "-i", "-s", "2", "-q", ...connection));
  const load = start(as(`${postgresBin}/pgbench`, "-c", "1", "-T", "600", ...connection));
  const backend = await waitFor(() => Promise.resolve(findBackend(server.pid)), 10);
  if (backend === undefined) throw new Error("Cannot find the backend of pgbench's connection");
  return both(backend, load, server);
}

/** The server's child that says in its command line which user it works for. */
function findBackend(parent: number): number | undefined {
  const children = Deno.readTextFileSync(`/proc/${parent}/task/${parent}/children`).trim().split(" ");
  return children.map(Number).find((pid) => {
    try {
      return Deno.readTextFileSync(`/proc/${pid}/cmdline`).startsWith("postgres: postgres postgres");
    } catch {
      return false;
    }
  });
}

function start([command, ...args]: readonly string[]): BusyProgram {
  const child = new Deno.Command(command!, { args, stdin: "null", stdout: "null", stderr: "null" }).spawn();
  return {
    pid: child.pid,
    async [Symbol.asyncDispose]() {
      try {
        // PostgreSQL ends its children then.
        child.kill(command === "setpriv" ? "SIGQUIT" : "SIGKILL");
      } catch {
        // It has ended already.
      }
      await child.status;
    },
  };
}

function both(pid: number, load: AsyncDisposable, server: AsyncDisposable): BusyProgram {
  return {
    pid,
    async [Symbol.asyncDispose]() {
      await load[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
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
