import type { UprobePlace } from "../../../lib/bpf/uprobe.ts";
import type { ByteSource } from "../../../lib/bytes/byte_source.ts";
import { type Elf, parseElf, toFileOffset } from "../../../lib/elf/elf.ts";
import { findFunctions, type FunctionPlace } from "../../../lib/elf/find_functions.ts";
import { callTargets, cheapPlace, readFunction } from "./call_targets.ts";

/** Numbers of enum tls_function. */
export const tlsFunctions = { read: 1, readEx: 2, write: 3, end: 4 } as const;

/** Where the plaintext of a library can be read. */
export interface TlsPlaces {
  readonly enter: readonly UprobePlace[];
  readonly atReturn: readonly UprobePlace[];
  /** Whether a place has to be single-stepped: 11 µs a call in place of 0.6. */
  readonly slow: boolean;
}

type Found = ReadonlyMap<string, FunctionPlace>;

const needed = ["SSL_read", "SSL_read_ex", "SSL_write", "SSL_write_ex", "SSL_free", "SSL_clear"];
/** Only OpenSSL from 1.1.1 on has it, neither BoringSSL nor LibreSSL, whose other functions bear the same names. */
const openSslOnly = "SSL_stateless";
/** OpenSSL 3.3 and newer: SSL_write_ex does no more than jump to it. */
const writeEx2 = "SSL_write_ex2";

/**
 * Finds where to probe OpenSSL 1.1.1 or 3 in a file: a library or a program it is linked into, x86_64. A text says why a
 * file with such functions is not probed; undefined when it has none.
 *
 * A function that begins with an instruction the kernel emulates is probed itself. Debian's begin with `sub`, but hand over
 * to one internal function each, for reading and for writing, with the same arguments, which begins with `push`: the only
 * such function that both SSL_read and SSL_read_ex call.
 */
export async function findTlsPlaces(source: ByteSource): Promise<TlsPlaces | string | undefined> {
  const elf = parseElf(source);
  if (elf === undefined) return undefined;
  const found = await findFunctions(source, elf, [...needed, openSslOnly, writeEx2]);
  if (!found.has("SSL_read") && !found.has("SSL_write")) return undefined;
  if (!found.has(openSslOnly) || needed.some((name) => !found.has(name))) {
    return "its TLS library has OpenSSL's function names but is none from 1.1.1 on (BoringSSL, LibreSSL, or an old one)";
  }
  const read = placesOf({ source, elf, found }, "SSL_read", tlsFunctions.read, tlsFunctions.readEx);
  const write = placesOf({ source, elf, found }, "SSL_write", tlsFunctions.write, tlsFunctions.write);
  const ends = ["SSL_free", "SSL_clear"].map((name) => symbolPlace(elf, found, name, tlsFunctions.end));
  if (read === undefined || write === undefined || ends.some((place) => place === undefined)) {
    return "its OpenSSL is damaged: functions lie outside of its code";
  }
  const atReturn = [...read.places, ...write.places];
  return {
    enter: [...atReturn, ...ends.filter((place) => place !== undefined)],
    atReturn,
    slow: read.slow || write.slow,
  };
}

/** Places of a function and of its variant that is named so with `_ex`. */
function placesOf(
  { source, elf, found }: { source: ByteSource; elf: Elf; found: Found },
  name: string,
  cookie: number,
  cookieEx: number,
): { places: UprobePlace[]; slow: boolean } | undefined {
  const functions = [found.get(name)!, found.get(`${name}_ex`)!];
  const cheap = functions.map(({ address }) => cheapPlace(source, elf, address));
  if (cheap[0] !== undefined && cheap[1] !== undefined) {
    return {
      places: [{ fileOffset: cheap[0], cookie }, { fileOffset: cheap[1], cookie: cookieEx }],
      slow: false,
    };
  }
  const inner = innerPlace({ source, elf, found }, functions);
  if (inner !== undefined) return { places: [{ fileOffset: inner, cookie: cookieEx }], slow: false };
  const places = [symbolPlace(elf, found, name, cookie), symbolPlace(elf, found, `${name}_ex`, cookieEx)]
    .filter((place) => place !== undefined);
  return places.length === 2 ? { places, slow: true } : undefined;
}

/** The one function with a cheap place that all of these call. */
function innerPlace(
  { source, elf, found }: { source: ByteSource; elf: Elf; found: Found },
  functions: readonly FunctionPlace[],
): number | undefined {
  const known = new Set([...found.values()].map(({ address }) => address));
  const next = found.get(writeEx2);
  const [first, second] = functions.map((place) => {
    const targets = callTargets(readFunction(source, elf, place), place.address);
    if (next !== undefined && targets.has(next.address)) {
      for (const target of callTargets(readFunction(source, elf, next), next.address)) targets.add(target);
    }
    return targets;
  });
  const places = [...first!.intersection(second!)].filter((target) => !known.has(target))
    .map((target) => cheapPlace(source, elf, target)).filter((place) => place !== undefined);
  return places.length === 1 ? places[0] : undefined;
}

function symbolPlace(elf: Elf, found: Found, name: string, cookie: number): UprobePlace | undefined {
  const place = found.get(name)!;
  const fileOffset = toFileOffset(elf, place.address);
  return fileOffset === undefined ? undefined : { fileOffset, cookie };
}
