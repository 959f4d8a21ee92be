import assert from "node:assert/strict";
import type { DescService } from "@bufbuild/protobuf";
import { type Client, createClient, type Interceptor } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-web";
import { type RunningStakeout, startStakeout } from "../support/stakeout.ts";
import type { Command, Commands } from "./oap_messages.ts";
import type { RoverPlayer } from "./rover_player.ts";

/** Tokens of the backend that tests start. */
export const tokens = {
  editor: "editor-token-0123456789",
  agent: "agent-token-0123456789",
  bound: "bound-token-0123456789",
};

/** A backend in a process of its own. */
export interface RoverBackend extends AsyncDisposable {
  readonly process: RunningStakeout;
  readonly grpcPort: number;
  readonly url: string;
  client<T extends DescService>(service: T): Client<T>;
}

/** Starts one over a state folder, or goes on with what an earlier one left there. */
export async function startRoverBackend(folder: string, grpcPort = 0): Promise<RoverBackend> {
  const tokenFile = `${folder}/tokens`;
  const text = `editor ${tokens.editor}\nagent ${tokens.agent}\nagent ${tokens.bound} rover-10.9.9.9\n`;
  await Deno.writeTextFile(tokenFile, text, { mode: 0o600 });
  const listen = ["--listen", "127.0.0.1:0", "--grpc-listen", `127.0.0.1:${grpcPort}`];
  const process = startStakeout(["server", ...listen, "--state", folder]);
  const line = await process.waitForLine(/msg="The backend serves"/);
  const url = /url=(\S+)/.exec(line)![1]!;
  const authorize: Interceptor = (next) => (request) => {
    request.header.set("authorization", `Bearer ${tokens.editor}`);
    return next(request);
  };
  const transport = createConnectTransport({
    baseUrl: url,
    useBinaryFormat: true,
    interceptors: [authorize],
  });
  return {
    ...{ process, url, grpcPort: Number(/grpcPort=(\d+)/.exec(line)![1]) },
    client: (service) => createClient(service, transport),
    [Symbol.asyncDispose]: () => process[Symbol.asyncDispose](),
  };
}

/** A process as Rover reports it from a Kubernetes node. */
export function podProcess(service: string, pid: number, processName: string, more: { host?: string } = {}) {
  const entity = {
    ...{ layer: "MESH", serviceName: service, instanceName: `${service}-pod`, processName },
    labels: ["mesh-application"],
  };
  const values = {
    ...{
      host_ip: more.host ?? "10.0.0.7",
      container_ip: "172.17.0.3",
      pod_name: `${service}-pod`,
      pid: String(pid),
    },
    ...{ command_line: `/usr/bin/${processName} --port 80`, support_ebpf_profiling: "true" },
  };
  const properties = Object.entries(values).map(([key, value]) => ({ key, value }));
  return { k8sProcess: { entity, pid, properties } };
}

/** Reports processes and gives their ids. */
export async function report(
  player: RoverPlayer,
  ebpfAgentID: string,
  ...processes: ReturnType<typeof podProcess>[]
): Promise<string[]> {
  const answer = await player.call<{ processes: { processId: string; k8sProcess: { pid: number } }[] }>(
    ...["EBPFProcessService", "reportProcesses"] as const,
    { processes, ebpfAgentID },
  );
  assert.deepEqual(
    answer.processes.map(({ k8sProcess: { pid } }) => pid),
    processes.map(({ k8sProcess: { pid } }) => pid),
  );
  return answer.processes.map(({ processId }) => processId);
}

/** Asks for policies by the uuids that are held: what of them changed, undefined when nothing did. */
export async function query(
  player: RoverPlayer,
  held: Readonly<Record<string, string>>,
): Promise<{ ServiceName: string; UUID: string; Profiling?: unknown }[] | undefined> {
  const policies = Object.entries(held).map(([serviceName, uuid]) => ({ serviceName, uuid }));
  const { commands } = await player.call<Commands>("ContinuousProfilingService", "queryPolicies", {
    policies,
  });
  if (commands.length === 0) return undefined;
  assert.deepEqual(commands.map(({ command }) => command), ["ContinuousProfilingPolicyQuery"]);
  return JSON.parse(argument(commands[0]!, "ServiceWithPolicyJSON"));
}

/** Value of a command's argument. */
export function argument({ args }: Command, key: string): string {
  return args.find((one) => one.key === key)?.value ?? "";
}
