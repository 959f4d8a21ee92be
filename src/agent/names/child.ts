import type { SymbolizedFrame } from "../../../lib/symbol/symbolized_frame.ts";
import { Symbolizer } from "../../../lib/symbol/symbolizer.ts";
import { openInOwnRoot } from "../../../lib/sys/open_in_root.ts";
import type { HelperReport } from "../child/helper_process.ts";
import { findPythons } from "../python/find_pythons.ts";
import { debugFilePath } from "../debuginfod/debug_file_cache.ts";
import { encodeMessage, MessageDecoder } from "../child/message_codec.ts";
import { type Answer, packFrames, parseAddresses, readRequest, type Request } from "./protocol.ts";

/** For the lines of one request, far below its deadline: a look into a module's first unit cannot be interrupted. */
const linesBudgetMs = 1500;

/**
 * The naming child's whole life: answers requests on stdin until it ends, so it never outlives the agent. It reads files
 * of hostile processes; whatever goes wrong here ends this process alone.
 */
export async function runNamingChild(): Promise<void> {
  // A terminal's Ctrl-C reaches the whole group; the agent still needs names for what it has taken.
  Deno.addSignalListener("SIGINT", () => {});
  const decoder = new MessageDecoder();
  let symbolizer = new Symbolizer();
  let named: SymbolizedFrame[][] = [];
  let skip: ReadonlySet<string> = new Set();
  write({ type: "ready" });
  for await (const piece of Deno.stdin.readable) {
    for (const message of decoder.push(piece)) {
      const request = readRequest(message);
      if (request === undefined) return;
      if (request.type === "capture") symbolizer = await capture(request);
      if (request.type === "refresh") await symbolizer.refresh();
      if (request.type === "fetched") symbolizer.retryDebugFiles(request.buildIds);
      if (request.type === "resolve") named = await resolve(symbolizer, request);
      if (request.type === "lines") named = addLines(symbolizer, named);
      if (request.type === "capture") skip = new Set(request.skip);
      if (request.type === "pythons") {
        const found = await findPythons(request.pids, { skip, onModule: announce });
        write({ type: "pythons", found });
        continue;
      }
      const asked = request.type === "resolve" || request.type === "lines";
      write(
        asked
          ? packFrames(named, { wanted: symbolizer.listWanted(), notes: symbolizer.listNotes() })
          : { type: "done" },
      );
    }
    if (decoder.broken) return;
  }
}

async function capture(request: Request & { type: "capture" }): Promise<Symbolizer> {
  const { processes, skip, debugFolder } = request;
  const symbolizer = new Symbolizer({
    skip: new Set(skip),
    openFetched: debugFolder === ""
      ? undefined
      : (buildId) => openInOwnRoot(debugFilePath(debugFolder, buildId)),
    onModule: announce,
  });
  for (const process of processes) await symbolizer.capture(process);
  return symbolizer;
}

/** Says which file is read next. */
function announce(key: string): void {
  write({ type: "module", key });
}

async function resolve(
  symbolizer: Symbolizer,
  { stacks }: Request & { type: "resolve" },
): Promise<SymbolizedFrame[][]> {
  const named = [];
  for (const { pid, kind, addresses } of stacks) {
    named.push(await symbolizer.symbolize(pid, kind, parseAddresses(addresses)));
  }
  return named;
}

function addLines(symbolizer: Symbolizer, named: readonly SymbolizedFrame[][]): SymbolizedFrame[][] {
  const untilMs = performance.now() + linesBudgetMs;
  return named.map((frames) => symbolizer.addLines(frames, untilMs));
}

function write(answer: Answer | HelperReport): void {
  const bytes = encodeMessage(answer);
  for (let written = 0; written < bytes.length;) written += Deno.stdout.writeSync(bytes.subarray(written));
}
