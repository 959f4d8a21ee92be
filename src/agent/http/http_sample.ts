import { originForm } from "../../../lib/http1/origin_form.ts";
import { layouts } from "../../gen/records.ts";

/** One sampled request. */
export interface HttpSample {
  /** Of the process, in the kernel's maps. */
  readonly number: number;
  /** 0 server, 1 client. */
  readonly role: number;
  readonly status: number;
  readonly latencyNs: number;
  /** How many requests it stands for. */
  readonly weight: number;
  /** Target of the request line without its query, and without a host; ends with … when it was cut. Attacker's input. */
  readonly path: string;
}

const { offsets } = layouts.http_sample_event;
const space = 0x20;
const questionMark = 0x3f;
const decoder = new TextDecoder();
const hash = 0x23;

/** Decodes a struct http_sample_event of the ring. */
export function readSample(view: DataView<ArrayBuffer>, at: number): HttpSample {
  const uriBytes = view.getUint8(at + offsets.uri_bytes);
  const uri = new Uint8Array(view.buffer, view.byteOffset + at + offsets.uri, uriBytes);
  let end = 0;
  while (end < uriBytes && !endsPath(uri[end]!)) end++;
  return {
    number: view.getUint32(at + offsets.number, true),
    role: view.getUint8(at + offsets.role),
    status: view.getUint16(at + offsets.status, true),
    latencyNs: Number(view.getBigUint64(at + offsets.latency_ns, true)),
    weight: 2 ** view.getUint32(at + offsets.shift, true),
    path: originForm(decoder.decode(uri.subarray(0, end))) + (end === uriBytes ? "…" : ""),
  };
}

function endsPath(byte: number): boolean {
  return byte <= space || byte === questionMark || byte === hash;
}
