import assert from "node:assert/strict";

/** One line of `go tool pprof -top`. */
export interface TopLine {
  readonly name: string;
  /** Share of the samples in which it is the leaf. */
  readonly flatPercent: number;
  /** Share of the samples in which it is on the stack. */
  readonly totalPercent: number;
}

/** What Go's own pprof reads from a profile: its functions, widest leaf first. */
export async function readPprofTop(path: string, ...options: string[]): Promise<TopLine[]> {
  const { code, stdout, stderr } = await new Deno.Command("go", {
    args: ["tool", "pprof", "-top", "-nodecount=1000", "-nodefraction=0", ...options, path],
    env: { HOME: "/nonexistent", PPROF_TMPDIR: "/nonexistent", GOCACHE: "/tmp/stakeout-go-cache" },
    stdin: "null",
  }).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  const lines = new TextDecoder().decode(stdout).split("\n");
  const header = lines.findIndex((line) => /^\s+flat\s+flat%/.test(line));
  return lines.slice(header + 1).filter((line) => line !== "").map((line) => {
    const [, flat, , , total, ...name] = line.trim().split(/\s+/);
    return { name: name.join(" "), flatPercent: parseFloat(flat!), totalPercent: parseFloat(total!) };
  });
}

/** Sum of the weights of folded stacks. */
export function sumFolded(text: string): number {
  const lines = text.split("\n").filter((line) => line !== "");
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" ") + 1)), 0);
}
