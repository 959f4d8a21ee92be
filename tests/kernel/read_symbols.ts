/** Reads the functions of a program with fixed addresses by `nm`; the returned function names an address, `?` where there is none. */
export async function readSymbols(path: string): Promise<(address: bigint) => string> {
  const { stdout } = await new Deno.Command("nm", { args: ["--defined-only", "-S", path] }).output();
  const symbols = new TextDecoder().decode(stdout).split("\n").map((line) => line.split(" "))
    .filter((fields) => fields.length === 4)
    .map(([start, size, , name]) => ({
      name: name!,
      start: BigInt(`0x${start}`),
      end: BigInt(`0x${start}`) + BigInt(`0x${size}`),
    }));
  return (address) => symbols.find(({ start, end }) => address >= start && address < end)?.name ?? "?";
}
