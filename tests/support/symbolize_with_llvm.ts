import type { SourceFrame } from "../../lib/symbol/source_frame.ts";

/** What LLVM says of addresses of a file: for each the frames there, innermost first; "" and 0 for what it does not know. */
export async function symbolizeWithLlvm(
  path: string,
  addresses: readonly number[],
): Promise<SourceFrame[][]> {
  const child = new Deno.Command("llvm-symbolizer", {
    args: [`--obj=${path}`, "--output-style=JSON", "--no-demangle", "--inlines"],
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const writer = child.stdin.getWriter();
  const input = addresses.map((address) => `0x${address.toString(16)}\n`).join("");
  void writer.write(new TextEncoder().encode(input)).then(() => writer.close());
  const text = new TextDecoder().decode((await child.output()).stdout);
  return text.trim().split("\n").map((line) => {
    const { Symbol } = JSON.parse(line) as {
      Symbol: { FunctionName: string; FileName: string; Line: number }[];
    };
    return Symbol.map(({ FunctionName, FileName, Line }) => ({
      function: FunctionName,
      file: FileName,
      line: Line,
    }));
  });
}
