import { CommandError } from "./command_error.ts";
import type { ProfileFormat } from "./options.ts";

const endings: readonly (readonly [string, ProfileFormat])[] = [
  [".pb.gz", "pprof"],
  [".pprof", "pprof"],
  [".folded", "folded"],
  [".txt", "folded"],
  [".speedscope.json", "speedscope"],
  [".json", "speedscope"],
];

/** The format asked for, or the one that the file's name tells; pprof for standard output. */
export function findProfileFormat(file: string, asked: ProfileFormat | undefined): ProfileFormat {
  if (asked !== undefined) return asked;
  if (file === "-") return "pprof";
  const found = endings.find(([ending]) => file.endsWith(ending))?.[1];
  if (found !== undefined) return found;
  const known = endings.map(([ending]) => ending).join(", ");
  throw new CommandError(`${file}: the name does not tell the format; end it in ${known}, or give --format`, {
    exitCode: 2,
  });
}
