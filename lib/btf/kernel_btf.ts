/** Where the kernel shows its own types. */
export const kernelBtfPath = "/sys/kernel/btf/vmlinux";

const BTF_MAGIC = 0xeb9f;

/** Returns the size of the kernel's types in bytes; undefined when there are none, or they may not be read. */
export function readKernelBtfBytes(): number | undefined {
  try {
    using file = Deno.openSync(kernelBtfPath);
    const magic = new Uint16Array(1);
    const length = file.readSync(new Uint8Array(magic.buffer));
    return length === 2 && magic[0] === BTF_MAGIC ? file.statSync().size : undefined;
  } catch {
    return undefined;
  }
}
