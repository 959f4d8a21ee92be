import { DemangleModule } from "./demangle_module.ts";

/** Longer names stay as they are: the time to take one apart can grow with its square. */
const maxMangledLength = 1024;
const maxDemangledLength = 1024;
const maxCached = 16_384;
/** Longer results are made by nobody but those who want to waste our time. */
const suspectLength = 32 * 1024;
/** After so many hostile names of 5 to 20 ms each, all names stay as they are. */
const maxSuspects = 32;
const cache = new Map<string, string>();
let module: DemangleModule | undefined;
let suspects = 0;

/**
 * Turns a linker's name of C++ (Itanium) or Rust (legacy and v0) into the source's; any other comes back as it is.
 *
 * Limits: names over 1,024 characters are not taken apart, results are cut at 1,024; 16,384 results are remembered.
 * After 32 names that ran out of memory or grew beyond 32 KiB this program demangles no more.
 */
export function demangle(name: string): string {
  if (!isMangled(name) || name.length > maxMangledLength) return name.slice(0, maxDemangledLength);
  const known = cache.get(name);
  if (known !== undefined) return known;
  const result = suspects < maxSuspects ? takeApart(name) : name;
  if (cache.size >= maxCached) cache.clear();
  cache.set(name, result);
  return result;
}

function takeApart(name: string): string {
  try {
    module ??= new DemangleModule();
    const text = module.demangle(name);
    if (text.length > suspectLength) suspects++;
    return text.slice(0, maxDemangledLength) || name;
  } catch {
    module = undefined;
    suspects++;
    return name;
  }
}

function isMangled(name: string): boolean {
  return name.startsWith("_Z") || name.startsWith("_R") || name.startsWith("__Z");
}
