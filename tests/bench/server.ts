import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { type Client, createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import {
  type AgentInfo,
  AgentInfoSchema,
  AgentService,
  type RecordSchema,
} from "../../src/gen/stakeout/v1/agent_service_pb.ts";
import { QueryService } from "../../src/gen/stakeout/v1/query_service_pb.ts";
import { sleep, stakeout, startPinned } from "./machine.ts";

/** A backend of its own process, with empty state. */
export interface BenchServer extends AsyncDisposable {
  readonly url: string;
  readonly editorToken: string;
  readonly agentToken: string;
  readonly query: Client<typeof QueryService>;
}

/** Starts `stakeout server` on a free port with its state below `folder`. */
export async function startServer(folder: string, cpu: number): Promise<BenchServer> {
  const port = findPort();
  const state = `${folder}/state`;
  const url = `http://127.0.0.1:${port}`;
  const server = startPinned([...stakeout, "server", "--listen", `127.0.0.1:${port}`, "--state", state], {
    cpu,
  });
  for (let attempt = 0; !await isReady(url); attempt++) {
    if (attempt >= 150) throw new Error("The server does not get ready");
    await sleep(100);
  }
  const tokens = await readTokens(state);
  return {
    url,
    editorToken: tokens.editor,
    agentToken: tokens.agent,
    query: createClient(QueryService, makeTransport(url, tokens.editor)),
    [Symbol.asyncDispose]: () => server.end(),
  };
}

/** A host that reports, as far as the server can tell. */
export class BenchHost {
  readonly info: AgentInfo;
  readonly #client: Client<typeof AgentService>;
  #sequence = 0n;

  constructor(server: { url: string; agentToken: string }, name: string) {
    this.#client = createClient(AgentService, makeTransport(server.url, server.agentToken));
    const digits = Array.from(name, (letter) => letter.charCodeAt(0).toString(16)).join("");
    this.info = create(AgentInfoSchema, {
      agentId: digits.padEnd(32, "0").slice(-32),
      host: name,
      version: "0.0.0",
      kernel: Deno.osRelease(),
      bootId: crypto.randomUUID(),
      cpus: 2,
    });
  }

  /** Sends one batch. @throws {Error} when the server refuses a record of it. */
  async report(...bodies: MessageInitShape<typeof RecordSchema>["body"][]): Promise<void> {
    const records = bodies.map((body) => ({ sequence: ++this.#sequence, body: body! }));
    const { refusals } = await this.#client.report({ agent: this.info, records });
    if (refusals.length > 0) throw new Error(`The server refused a record: ${refusals[0]!.reason}`);
  }
}

function makeTransport(baseUrl: string, token: string) {
  return createConnectTransport({
    baseUrl,
    httpVersion: "1.1",
    interceptors: [(next) => (request) => {
      request.header.set("authorization", `Bearer ${token}`);
      return next(request);
    }],
  });
}

function findPort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

function isReady(url: string): Promise<boolean> {
  return fetch(`${url}/readyz`).then(async (reply) => (await reply.body?.cancel(), reply.ok), () => false);
}

async function readTokens(folder: string): Promise<{ editor: string; agent: string }> {
  for await (const { name, isFile } of Deno.readDir(folder)) {
    if (!isFile || name.includes(".db")) continue;
    const text = await Deno.readTextFile(`${folder}/${name}`);
    const editor = /^editor (\S+)/m.exec(text)?.[1];
    const agent = /^agent (\S+)/m.exec(text)?.[1];
    if (editor !== undefined && agent !== undefined) return { editor, agent };
  }
  throw new Error(`Cannot find the tokens in ${folder}`);
}
