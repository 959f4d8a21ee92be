import { readSmallFile } from "../../lib/procfs/small_file.ts";
import type { ContainerName } from "./service_name.ts";

const buffer = new Uint8Array(256 * 1024);
const encoder = new TextEncoder();
const decoder = new TextDecoder();
/** Docker writes a container's name with a slash before it. A label may look the same, but stands further up. */
const namePrefix = encoder.encode('"Name":"/');
const composePrefix = encoder.encode('"com.docker.compose.service":"');
const namePattern = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,254}$/;
const quote = 0x22;

/**
 * Reads what Docker calls a container, without asking Docker; undefined when it is not Docker's.
 *
 * Source: /var/lib/docker/containers/ID/config.v2.json, which root or CAP_DAC_READ_SEARCH may read. It holds secrets
 * (the container's environment), so it is searched as bytes: nothing but the two names is ever made a text, and what was
 * read is wiped. Within a JSON text a quote has a backslash before it, so no value can look like one of the names.
 * Limits: the first 256 KiB.
 */
export function readDockerName(
  containerId: string,
  folder = "/var/lib/docker/containers",
): ContainerName | undefined {
  if (containerId === "") return undefined;
  const length = readSmallFile(`${folder}/${containerId}/config.v2.json`, buffer);
  if (length === undefined) return undefined;
  const file = buffer.subarray(0, length);
  const name = findName(file, namePrefix);
  const composeService = findName(file, composePrefix);
  file.fill(0);
  return name === "" ? undefined : { name, composeService };
}

/** The last one that follows on `prefix`, which begins with a quote. */
function findName(file: Uint8Array, prefix: Uint8Array): string {
  for (let at = file.lastIndexOf(quote); at >= 0; at = at === 0 ? -1 : file.lastIndexOf(quote, at - 1)) {
    if (!prefix.every((byte, index) => file[at + index] === byte)) continue;
    const start = at + prefix.length;
    const end = file.indexOf(quote, start);
    const name = end < 0 || end - start > 255 ? "" : decoder.decode(file.subarray(start, end));
    return namePattern.test(name) ? name : "";
  }
  return "";
}
