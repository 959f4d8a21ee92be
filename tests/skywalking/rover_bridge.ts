/**
 * A gRPC client in a process of its own, run by Node, with a stack that shares no code with the backend. It decides nothing:
 * calls come in as lines of JSON (see RoverCall), what they end with goes out as such (see RoverReply).
 *
 * usage: node rover_bridge.mjs PROTO_FOLDER PORT
 */
import * as grpc from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { Buffer } from "node:buffer";
import process from "node:process";
import { createInterface } from "node:readline";

/** One call; `messages` are a stream's, of others there is one. */
export interface RoverCall {
  readonly call: number;
  readonly service: string;
  readonly method: string;
  /** No header when it is `""`. */
  readonly authentication: string;
  readonly messages: readonly unknown[];
  /** Messages and the reply are hexadecimal digits of their bytes. */
  readonly isRaw: boolean;
  /** The stream is cancelled behind its last message. */
  readonly breaks: boolean;
}

/** What a call ended with; `code` is 0 when it went well. */
export interface RoverReply {
  readonly call: number;
  readonly code: number;
  readonly details: string;
  readonly reply?: unknown;
}

const [protoFolder = "", port = "0"] = process.argv.slice(2);
const files = ["ebpf_process", "continuous_profiling", "ebpf_profiling", "meter", "management", "logging"]
  .concat("span_attached_event", "ebpf_access_log", "event", "tracing");
const definitions = loadSync(files.map((file) => `skywalking/v3/${file}.proto`), {
  ...{ includeDirs: [protoFolder], keepCase: true, longs: Number, enums: String },
  ...{ defaults: true, arrays: true, oneofs: true },
});
const limits = { "grpc.max_receive_message_length": -1, "grpc.max_send_message_length": -1 };
const client = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure(), limits);

createInterface({ input: process.stdin }).on("line", (line) => send(JSON.parse(line))).on("close", () => {
  process.exit(0);
});

function send({ call, service, method, authentication, messages, isRaw, breaks }: RoverCall): void {
  const definition = definitions[`skywalking.v3.${service}`] as grpc.ServiceDefinition;
  const { path, requestSerialize, responseDeserialize, requestStream } = definition[method]!;
  const metadata = new grpc.Metadata();
  if (authentication !== "") metadata.set("Authentication", authentication);
  const serialize = isRaw ? (hex: unknown) => Buffer.from(String(hex), "hex") : requestSerialize;
  const deserialize = isRaw ? (bytes: Buffer) => bytes.toString("hex") : responseDeserialize;
  const options = { deadline: Date.now() + 20_000 };
  function done(error: grpc.ServiceError | null, reply?: unknown): void {
    // grpc-js leaves the message of a status as the protocol encodes it.
    const end = { call, code: error?.code ?? 0, details: decodeURIComponent(error?.details ?? ""), reply };
    process.stdout.write(`${JSON.stringify(end)}\n`);
  }
  if (!requestStream) {
    client.makeUnaryRequest(path, serialize, deserialize, messages[0], metadata, options, done);
    return;
  }
  const stream: grpc.ClientWritableStream<unknown> = client.makeClientStreamRequest(
    path,
    serialize,
    deserialize,
    metadata,
    options,
    done,
  );
  for (const message of messages) stream.write(message);
  // Cancelled once what was written has gone out.
  if (breaks) setTimeout(() => stream.cancel(), 300);
  else stream.end();
}
