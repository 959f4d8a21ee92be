import { parseElf } from "../../../lib/elf/elf.ts";
import { isMappedBuild } from "../../../lib/symbol/mapped_build.ts";
import { moduleKey, openMapped } from "../../../lib/symbol/module_cache.ts";
import { compileUnwindTable } from "../../../lib/unwind/compile_unwind_table.ts";
import { encodeBytes, encodeMessage, MessageDecoder } from "../child/message_codec.ts";
import { packTable } from "./packed_table.ts";
import { type Answer, readRequest, type Request, writeAnswer } from "./protocol.ts";

/**
 * The table child's whole life: compiles the unwind table of one module after the other, as asked on stdin, until that ends.
 * It reads files of hostile processes; whatever goes wrong here ends this process alone.
 */
export async function runTableChild(): Promise<void> {
  // A terminal's Ctrl-C reaches the whole group; it ends when the agent does.
  Deno.addSignalListener("SIGINT", () => {});
  const decoder = new MessageDecoder();
  write(encodeMessage({ type: "ready" }));
  for await (const piece of Deno.stdin.readable) {
    for (const message of decoder.push(piece)) {
      const request = readRequest(message);
      if (request === undefined) return;
      write(encodeMessage({ type: "module", key: moduleKey(request.mapping) }));
      const answer = build(request);
      write(encodeMessage({ type: "module", key: "" }));
      if (answer.table !== undefined) write(encodeBytes(new Uint8Array(answer.table.words.buffer)));
      write(encodeMessage(writeAnswer(answer)));
    }
    if (decoder.broken) return;
  }
}

function build({ pid, mapping, known }: Request): Answer {
  const nothing: Answer = {
    type: "built",
    outline: { segments: [], buildId: "", buildIdOffset: 0 },
    ...{ firstAddress: 0, reason: "", table: undefined },
  };
  const file = openMapped(pid, mapping);
  if (file === undefined) return { ...nothing, reason: "its file cannot be opened" };
  try {
    const elf = parseElf(file);
    if (elf === undefined) return { ...nothing, reason: "no ELF file" };
    const { segments, buildId, buildIdOffset } = elf;
    if (!isMappedBuild(pid, mapping, elf)) return { ...nothing, reason: "its file was replaced" };
    const answer = { ...nothing, outline: { segments, buildId, buildIdOffset } };
    if (known.includes(buildId)) return answer;
    const table = compileUnwindTable(file, elf);
    if ("reason" in table) return { ...answer, reason: table.reason };
    return { ...answer, firstAddress: table.firstAddress, table: packTable(table) };
  } finally {
    file.close();
  }
}

function write(bytes: Uint8Array): void {
  for (let written = 0; written < bytes.length;) written += Deno.stdout.writeSync(bytes.subarray(written));
}
