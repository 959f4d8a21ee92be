import { encodeCString } from "../sys/c_string.ts";
import { libc } from "../sys/syscall.ts";
import { BpfError } from "./error.ts";
import type { Libbpf } from "./libbpf.ts";

const BPF_MAP_TYPE_ARRAY = 2;
/** Says that it may have another number of values than the one that an array of maps was made for. */
const BPF_F_INNER_MAP = 0x1000;
const CREATE_OPTS_BYTES = 48;

/**
 * An array that belongs to no object: filled first, then put into an array of maps, so that programs never see half of it.
 * The kernel frees it when neither this nor an array of maps holds it.
 */
export class InnerArray {
  readonly fd: number;
  readonly valueBytes: number;
  readonly #libbpf: Libbpf;
  readonly #key = new Uint32Array(1);
  readonly #keyBytes = new Uint8Array(this.#key.buffer);
  #open = true;

  /**
   * `struct bpf_map_create_opts`: sz 0, map_flags 28.
   *
   * @throws {BpfError} when the kernel refuses.
   */
  constructor(libbpf: Libbpf, name: string, size: { valueBytes: number; values: number }) {
    const options = new DataView(new ArrayBuffer(CREATE_OPTS_BYTES));
    options.setBigUint64(0, BigInt(CREATE_OPTS_BYTES), true);
    options.setUint32(28, BPF_F_INNER_MAP, true);
    this.#libbpf = libbpf;
    this.valueBytes = size.valueBytes;
    const { symbols } = libbpf;
    const cName = encodeCString(name);
    this.fd = symbols.bpf_map_create(BPF_MAP_TYPE_ARRAY, cName, 4, size.valueBytes, size.values, options);
    if (this.fd < 0) throw new BpfError(`make map ${name}`, this.fd);
  }

  /** Sets one value. @throws {BpfError} */
  set(index: number, value: Uint8Array<ArrayBuffer>): void {
    if (value.length !== this.valueBytes) {
      throw new RangeError(`Cannot set value ${index}: it has ${this.valueBytes} bytes, not ${value.length}`);
    }
    this.#key[0] = index;
    const result = this.#libbpf.symbols.bpf_map_update_elem(this.fd, this.#keyBytes, value, 0n);
    if (result !== 0) throw new BpfError(`set value ${index}`, result);
  }

  /** What an array of maps takes as a value. */
  get handle(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(new Uint32Array([this.fd]).buffer);
  }

  close(): void {
    if (this.#open) libc().close(this.fd);
    this.#open = false;
  }
}
