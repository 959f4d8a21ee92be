/**
 * A gRPC server in a process of its own, run by Node: HTTP/2, gRPC and protobuf by stacks that share no code with the agent.
 * It decides nothing: calls go out as lines of JSON (see Question), answers come in as such (see Answer).
 *
 * Not run by Deno: its HTTP/2 server dies of an assertion in nghttp2 when clients end connections abruptly.
 *
 * usage: node grpc_bridge.mjs PROTO_FOLDER PORT SERVICE...
 */
import * as grpc from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import process from "node:process";
import { createInterface } from "node:readline";

/** What the bridge says: first its port, then each call and each message of a stream. */
export interface Question {
  readonly port?: number;
  readonly call: number;
  readonly service: string;
  readonly method: string;
  /** `""` when the call has no such header. */
  readonly authentication: string;
  /** The request, or one message of a stream; absent at a stream's end. */
  readonly message?: unknown;
  readonly isStream: boolean;
}

/** What it is told: one of the reply, a status, or that the stream is to be reset without one. */
export interface Answer {
  readonly call: number;
  readonly reply?: unknown;
  readonly code?: number;
  readonly details?: string;
  readonly reset?: boolean;
}

type Done = grpc.sendUnaryData<unknown>;
type Call = grpc.ServerUnaryCall<unknown, unknown> | grpc.ServerReadableStream<unknown, unknown>;

const [protoFolder = "", port = "0", ...services] = process.argv.slice(2);
const files = [
  ...["ebpf_process", "continuous_profiling", "ebpf_profiling", "meter", "logging", "span_attached_event"],
];
const definitions = loadSync(files.map((file) => `skywalking/v3/${file}.proto`), {
  ...{ includeDirs: [protoFolder], keepCase: true, longs: Number, enums: String },
  ...{ defaults: true, arrays: true, oneofs: true },
});
const waiting = new Map<number, { call: Call; done: Done }>();
let calls = 0;

const server = new grpc.Server({ "grpc.max_receive_message_length": 50 * 1024 * 1024 });
for (const service of services) {
  const definition = definitions[`skywalking.v3.${service}`] as grpc.ServiceDefinition;
  const methods = Object.entries(definition).map(([method, { requestStream }]) => {
    const about = { service, method, isStream: requestStream };
    return [method, requestStream ? takeStream(about) : takeUnary(about)];
  });
  server.addService(definition, Object.fromEntries(methods));
}
server.bindAsync(`127.0.0.1:${port}`, grpc.ServerCredentials.createInsecure(), (error, bound) => {
  if (error !== null) throw error;
  say({ port: bound });
});
createInterface({ input: process.stdin }).on("line", (line) => answer(JSON.parse(line))).on("close", () => {
  process.exit(0);
});

function takeUnary(about: object) {
  return (call: grpc.ServerUnaryCall<unknown, unknown>, done: Done) => {
    say({ ...about, ...begin(call, done), message: call.request });
  };
}

function takeStream(about: object) {
  return (call: grpc.ServerReadableStream<unknown, unknown>, done: Done) => {
    const begun = begin(call, done);
    call.on("data", (message: unknown) => say({ ...about, ...begun, message }));
    call.on("error", () => waiting.delete(begun.call));
    call.on("end", () => say({ ...about, ...begun }));
  };
}

function begin(call: Call, done: Done) {
  const number = ++calls;
  waiting.set(number, { call, done });
  return { call: number, authentication: String(call.metadata.get("authentication")[0] ?? "") };
}

function answer({ call: number, reply, code, details = "", reset }: Answer): void {
  const one = waiting.get(number);
  waiting.delete(number);
  if (one === undefined) return;
  if (reset) resetStream(one.call);
  else if (code !== undefined) one.done({ code, details });
  else one.done(null, reply);
}

/** Sends RST_STREAM with no status before it: grpc-js has no call for what a server does that dies. */
function resetStream(call: Call): void {
  const { stream } = (call as unknown as { call: { stream: { close(code: number): void } } }).call;
  stream.close(2);
}

function say(what: object): void {
  process.stdout.write(`${JSON.stringify(what)}\n`);
}
