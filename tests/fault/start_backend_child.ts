import { type DescService } from "@bufbuild/protobuf";
import { type Client, createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-web";

/** A server in a process of its own. */
export interface BackendChild {
  readonly process: Deno.ChildProcess;
  readonly url: string;
  client<T extends DescService>(service: T, token: string): Client<T>;
}

/** Starts one and waits until it listens. */
export async function startBackendChild(stateFolder: string): Promise<BackendChild> {
  const script = new URL("./backend_child.ts", import.meta.url).pathname;
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", script, stateFolder],
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const reader = process.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const { value } = await reader.read();
  await reader.cancel();
  if (value === undefined) throw new Error("Server ended before it listened");
  const url = value.trim();
  return {
    process,
    url,
    client(service, token) {
      return createClient(
        service,
        createConnectTransport({
          baseUrl: url,
          useBinaryFormat: true,
          interceptors: [(next) => (request) => {
            request.header.set("authorization", `Bearer ${token}`);
            return next(request);
          }],
        }),
      );
    },
  };
}
