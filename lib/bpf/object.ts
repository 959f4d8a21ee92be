import { findVariable, layoutText, recordLayouts } from "../btf/layout.ts";
import { type BtfTypes, parseBtf } from "../btf/parse.ts";
import { encodeCString } from "../sys/c_string.ts";
import { errno } from "../sys/syscall.ts";
import { explainRefusal } from "./capability_hint.ts";
import { BpfError } from "./error.ts";
import { FeatureProbe } from "./feature.ts";
import type { Libbpf } from "./libbpf.ts";
import { BpfMap } from "./map.ts";
import type { BpfProgram } from "./program.ts";

const OPEN_OPTS_BYTES = 80;
/** Only the pages that are written cost memory. */
const VERIFIER_LOG_BYTES = 8 * 1024 * 1024;
/** Structs that cross into TypeScript. */
const RECORD_NAME = /_(event|key|value)$/;

/** What an object is opened with. */
export interface ObjectOptions {
  /** For messages, and as a prefix of the global sections' maps in bpftool. */
  readonly name: string;
  /** Each record this program was built for, as {@linkcode layoutText} says it; an object with a record that differs is refused. */
  readonly layouts?: Readonly<Record<string, { readonly layout: string }>>;
}

/**
 * Opens a compiled BPF object. Nothing is in the kernel until it is loaded.
 *
 * @throws {BpfError} when it is no BPF object.
 * @throws {TypeError} when a record's layout is not the one this program was built for.
 */
export function openObject(
  libbpf: Libbpf,
  bytes: Uint8Array<ArrayBuffer>,
  options: ObjectOptions,
): BpfObject {
  return new BpfObject(libbpf, bytes, options);
}

/** Programs and maps of one compiled file: open, configure, load, use, close. */
export class BpfObject {
  readonly name: string;
  /** The object's own types. */
  readonly types: BtfTypes;
  readonly #libbpf: Libbpf;
  readonly #programs = new Map<string, Deno.PointerObject>();
  readonly #maps = new Map<string, Deno.PointerObject>();
  readonly #openMaps = new Map<string, BpfMap>();
  readonly #verifierLog = new Uint8Array(VERIFIER_LOG_BYTES);
  #pointer: Deno.PointerObject | null;
  #loading: Promise<number> | undefined;
  #loaded = false;

  /** Use {@linkcode openObject}. */
  constructor(libbpf: Libbpf, bytes: Uint8Array<ArrayBuffer>, options: ObjectOptions) {
    this.#libbpf = libbpf;
    this.name = options.name;
    const name = encodeCString(options.name);
    const pointer = libbpf.symbols.bpf_object__open_mem(
      bytes,
      BigInt(bytes.length),
      openOptions(name, this.#verifierLog),
    );
    if (pointer === null) throw new BpfError(`open ${options.name}`, errno());
    this.#pointer = pointer;
    const { symbols } = libbpf;
    for (const program of walk(pointer, symbols.bpf_object__next_program)) {
      this.#programs.set(readCString(symbols.bpf_program__name(program)), program);
    }
    for (const map of walk(pointer, symbols.bpf_object__next_map)) {
      this.#maps.set(readCString(symbols.bpf_map__name(map)), map);
    }
    this.types = readTypes(libbpf, pointer);
    try {
      checkLayouts(this.types, options);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Says whether a program is to be loaded; all are unless told. Before load only. */
  setAutoload(program: string, on: boolean): void {
    this.#configure(
      `set autoload of ${program}`,
      this.#libbpf.symbols.bpf_program__set_autoload(this.#find(this.#programs, "program", program), on),
    );
  }

  /** Says whether a map is to be made; all are unless told. Programs that use one that is not cannot be loaded. Before load only. */
  setAutocreate(map: string, on: boolean): void {
    this.#configure(
      `set autocreate of ${map}`,
      this.#libbpf.symbols.bpf_map__set_autocreate(this.#find(this.#maps, "map", map), on),
    );
  }

  /**
   * Sets a `const volatile` variable. Before load only: the verifier then takes it for a constant.
   *
   * @throws {TypeError} when the object has no such variable.
   * @throws {RangeError} when the value does not have the variable's size.
   */
  setRodata(variable: string, value: number | bigint | Uint8Array): void {
    this.#requireNotLoaded();
    const place = findVariable(this.types, variable, ".rodata");
    if (place === undefined) throw new TypeError(`Cannot set ${variable}: ${this.name} has no such variable`);
    const section = [...this.#maps.keys()].find((name) => name.endsWith(place.section));
    const map = this.#find(this.#maps, "section", section ?? place.section);
    const sectionBytes = new BigUint64Array(1);
    const memory = this.#libbpf.symbols.bpf_map__initial_value(map, sectionBytes);
    if (memory === null) throw new TypeError(`Cannot set ${variable}: its section holds nothing`);
    const bytes = typeof value === "object" ? value : encodeInteger(variable, value, place.sizeBytes);
    if (bytes.length !== place.sizeBytes) {
      throw new RangeError(`Cannot set ${variable}: it has ${place.sizeBytes} bytes, not ${bytes.length}`);
    }
    const all = new Uint8Array(Deno.UnsafePointerView.getArrayBuffer(memory, Number(sectionBytes[0])));
    all.set(bytes, place.offsetBytes);
  }

  /** Sets how many entries a map has room for (a ring buffer: bytes, a power of two). Before load only. */
  setMaxEntries(map: string, entries: number): void {
    this.#configure(
      `set the size of ${map}`,
      this.#libbpf.symbols.bpf_map__set_max_entries(this.#find(this.#maps, "map", map), entries),
    );
  }

  /**
   * Makes the maps and has the kernel verify the programs, on a pool thread. Once only.
   *
   * @throws {NotSupportedError} when the kernel refuses and this host lacks a feature that says why.
   * @throws {BpfError} when it refuses otherwise, with the verifier's log.
   */
  async load(): Promise<void> {
    this.#requireNotLoaded();
    this.#loading = this.#libbpf.symbols.bpf_object__load(this.#requireOpen());
    const result = await this.#loading;
    this.#loading = undefined;
    if (result !== 0) {
      const log = new TextDecoder().decode(this.#verifierLog.subarray(0, this.#verifierLog.indexOf(0)));
      const hint = log === "" ? explainRefusal(result) : "";
      throw new FeatureProbe(this.#libbpf).firstMissing() ??
        new BpfError(`load ${this.name}`, result, { verifierLog: log, hint });
    }
    this.#loaded = true;
  }

  /** Returns a map. After load only. @throws {TypeError} when there is none of that name. */
  map(name: string): BpfMap {
    this.#requireLoaded();
    let map = this.#openMaps.get(name);
    if (map === undefined) {
      map = new BpfMap(this.#libbpf, name, this.#find(this.#maps, "map", name));
      this.#openMaps.set(name, map);
    }
    return map;
  }

  /** Returns all maps, those of the global sections too. After load only. */
  maps(): BpfMap[] {
    return [...this.#maps.keys()].map((name) => this.map(name));
  }

  /**
   * Returns the live memory of a global variable that is 0 at first. After load only; ends with the object.
   *
   * @throws {TypeError} when the object has no such variable.
   */
  variable(name: string): Uint8Array<ArrayBuffer> {
    this.#requireLoaded();
    const place = findVariable(this.types, name, ".bss");
    if (place === undefined) throw new TypeError(`Cannot find variable ${name} in ${this.name}`);
    const section = [...this.#maps.keys()].find((map) => map.endsWith(place.section)) ?? place.section;
    return this.map(section).memory().subarray(place.offsetBytes, place.offsetBytes + place.sizeBytes);
  }

  /** Returns a program. After load only. @throws {TypeError} when there is none of that name, or it was not to be loaded. */
  program(name: string): BpfProgram {
    this.#requireLoaded();
    const pointer = this.#find(this.#programs, "program", name);
    const fd = this.#libbpf.symbols.bpf_program__fd(pointer);
    if (fd < 0) throw new TypeError(`Cannot use program ${name}: it was not loaded`);
    return { libbpf: this.#libbpf, name, fd, pointer };
  }

  /**
   * Closes maps and programs. Close links and ring buffers first: what is still attached stays until its link is closed.
   *
   * @throws {TypeError} while it is being loaded.
   */
  close(): void {
    if (this.#loading !== undefined) {
      throw new TypeError(`Cannot close ${this.name} while it is being loaded`);
    }
    if (this.#pointer === null) return;
    for (const map of this.#openMaps.values()) map.close();
    this.#libbpf.symbols.bpf_object__close(this.#pointer);
    this.#pointer = null;
  }

  #configure(operation: string, result: number): void {
    this.#requireNotLoaded();
    if (result !== 0) throw new BpfError(operation, result);
  }

  #find(table: Map<string, Deno.PointerObject>, what: string, name: string): Deno.PointerObject {
    this.#requireOpen();
    const pointer = table.get(name);
    if (pointer === undefined) throw new TypeError(`Cannot find ${what} ${name} in ${this.name}`);
    return pointer;
  }

  #requireOpen(): Deno.PointerObject {
    if (this.#pointer === null) throw new TypeError(`Cannot use ${this.name} after it was closed`);
    return this.#pointer;
  }

  #requireLoaded(): void {
    if (!this.#loaded) throw new TypeError(`Cannot use ${this.name} before it is loaded`);
  }

  #requireNotLoaded(): void {
    if (this.#loaded || this.#loading !== undefined) {
      throw new TypeError(`Cannot configure ${this.name} once it is loaded`);
    }
  }
}

/**
 * `struct bpf_object_open_opts`: sz 0, object_name 8, kernel_log_buf 56, kernel_log_size 64, kernel_log_level 72. With level 0
 * libbpf asks for a log only when a program was refused, by loading it a second time.
 *
 * libbpf copies the name; the log buffer must live as long as the object.
 */
function openOptions(
  name: Uint8Array<ArrayBuffer>,
  log: Uint8Array<ArrayBuffer>,
): BigUint64Array<ArrayBuffer> {
  const options = new BigUint64Array(OPEN_OPTS_BYTES / 8);
  options[0] = BigInt(OPEN_OPTS_BYTES);
  options[1] = BigInt(Deno.UnsafePointer.value(Deno.UnsafePointer.of(name)));
  options[7] = BigInt(Deno.UnsafePointer.value(Deno.UnsafePointer.of(log)));
  options[8] = BigInt(log.length);
  return options;
}

function* walk(
  object: Deno.PointerObject,
  next: (object: Deno.PointerValue, previous: Deno.PointerValue) => Deno.PointerValue,
): Generator<Deno.PointerObject> {
  for (let item = next(object, null); item !== null; item = next(object, item)) yield item;
}

function readTypes(libbpf: Libbpf, object: Deno.PointerObject): BtfTypes {
  const btf = libbpf.symbols.bpf_object__btf(object);
  if (btf === null) return parseBtf(new Uint8Array());
  const size = new Uint32Array(1);
  const raw = libbpf.symbols.btf__raw_data(btf, size);
  if (raw === null) return parseBtf(new Uint8Array());
  return parseBtf(new Uint8Array(Deno.UnsafePointerView.getArrayBuffer(raw, size[0]!)));
}

function checkLayouts(types: BtfTypes, options: ObjectOptions): void {
  if (options.layouts === undefined) return;
  for (const layout of recordLayouts(types, RECORD_NAME)) {
    const expected = options.layouts[layout.name]?.layout;
    const found = layoutText(layout);
    if (found === expected) continue;
    throw new TypeError(
      `Cannot use ${options.name}: its ${layout.name} has ${found}, this program was built for ` +
        `${expected ?? "none of that name"}: build both anew with deno task gen`,
    );
  }
}

function encodeInteger(variable: string, value: number | bigint, sizeBytes: number): Uint8Array {
  if (![1, 2, 4, 8].includes(sizeBytes)) {
    throw new RangeError(`Cannot set ${variable}: it has ${sizeBytes} bytes, an integer has 1, 2, 4 or 8`);
  }
  const integer = BigInt(value);
  const bits = 8 * sizeBytes;
  if (BigInt.asUintN(bits, integer) !== integer && BigInt.asIntN(bits, integer) !== integer) {
    throw new RangeError(`Cannot set ${variable}: ${integer} does not fit ${bits} bits`);
  }
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt.asUintN(64, integer), true);
  return bytes.subarray(0, sizeBytes);
}

function readCString(pointer: Deno.PointerValue): string {
  return pointer === null ? "" : Deno.UnsafePointerView.getCString(pointer);
}
