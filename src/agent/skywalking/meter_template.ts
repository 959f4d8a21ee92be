import { create, toBinary } from "@bufbuild/protobuf";
import { MeterDataCollectionSchema } from "../../gen/skywalking/v3/meter_pb.ts";
import type { Entity } from "./entity.ts";

/** Takes the places of value and time: no other eight and six bytes of a template are like these. */
const someValue = -1.2345678901234567e123;
const someUnixMs = 2 ** 41 + 0x155_5555_5555;
/** A time of six bytes as a varint: 1971 to 2109. */
const [leastUnixMs, mostUnixMs] = [2 ** 35, 2 ** 42 - 1];

/** The bytes of one meter, all but its value and time: they are laid out once, and then only copied and written into. */
export class MeterTemplate {
  /** Meters of one group go into one collection: those of a service instance. */
  readonly group: string;
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #valueAt: number;
  readonly #timeAt: number;

  /** @param uri As the label has it; undefined where the meter has no such label. */
  constructor(meter: string, entity: Entity, uri: string | undefined) {
    const { service, instance, processName, layer } = entity;
    const labels = [{ name: "process_name", value: processName }, { name: "layer", value: layer }];
    if (uri !== undefined) labels.push({ name: "uri", value: uri });
    const data = {
      metric: { case: "singleValue" as const, value: { name: meter, labels, value: someValue } },
      ...{ service, serviceInstance: instance, timestamp: BigInt(someUnixMs) },
    };
    this.group = JSON.stringify([service, instance]);
    this.#bytes = toBinary(
      MeterDataCollectionSchema,
      create(MeterDataCollectionSchema, { meterData: [data] }),
    );
    this.#timeAt = this.#bytes.length - 6;
    const value = new Uint8Array(Float64Array.of(someValue).buffer);
    this.#valueAt = findBytes(this.#bytes, value);
  }

  get bytes(): number {
    return this.#bytes.length;
  }

  /** Writes one point at `at`, as an element of a serialized MeterDataCollection. */
  write(into: DataView<ArrayBuffer>, at: number, value: number, atUnixMs: number): void {
    new Uint8Array(into.buffer).set(this.#bytes, at);
    into.setFloat64(at + this.#valueAt, value, true);
    let left = Math.min(Math.max(atUnixMs, leastUnixMs), mostUnixMs);
    for (let index = 0; index < 6; index++) {
      into.setUint8(at + this.#timeAt + index, left % 128 | (index < 5 ? 0x80 : 0));
      left = Math.floor(left / 128);
    }
  }
}

/** Where a part lies in the whole, which holds it. */
function findBytes(whole: Uint8Array, part: Uint8Array): number {
  for (let at = whole.length - part.length; at > 0; at--) {
    if (part.every((byte, index) => whole[at + index] === byte)) return at;
  }
  throw new RangeError("Cannot find the value in a meter's bytes");
}
