import { escapeControl } from "../../lib/escape.ts";
import { formatDuration } from "../model/duration.ts";
import { writeError } from "./output.ts";

/** What a profile that is being taken has so far. */
export interface Progress {
  elapsedSeconds: number;
  /** Absent when it runs without end. */
  totalSeconds?: number;
  samples: number;
  /** What `samples` are, `samples` when not given. */
  unit?: string;
  /** Heaviest first; names are of any origin. */
  top: readonly { name: string; share: number }[];
  /** What runs, for watch: `checkout-latency of 4711`. */
  title?: string;
}

export interface ProgressTerminal {
  /** Whether a line can be written over; otherwise plain lines come at a slower pace. */
  isTerminal: boolean;
  columns: () => number;
  write: (text: string) => void;
}

const plainEverySeconds = 10;

/** One line of progress, written over in place on a terminal and as a plain line every 10 s elsewhere. */
export class ProgressLine {
  readonly #terminal: ProgressTerminal;
  #shown = "";
  #nextPlainSeconds = plainEverySeconds;

  constructor(terminal: ProgressTerminal = standardError) {
    this.#terminal = terminal;
  }

  /** Shows the newest state; call it about once a second. */
  update(progress: Progress): void {
    if (!this.#terminal.isTerminal) {
      if (progress.elapsedSeconds < this.#nextPlainSeconds) return;
      this.#nextPlainSeconds = (Math.floor(progress.elapsedSeconds / plainEverySeconds) + 1) *
        plainEverySeconds;
      this.#terminal.write(formatProgress(progress) + "\n");
      return;
    }
    this.#shown = cutText(formatProgress(progress), this.#terminal.columns() - 1);
    this.#terminal.write(`\r\x1b[2K${this.#shown}`);
  }

  /** Prints a line of its own above the progress. */
  print(line: string): void {
    const redraw = this.#terminal.isTerminal && this.#shown !== "";
    const text = escapeControl(line);
    this.#terminal.write(redraw ? `\r\x1b[2K${text}\n${this.#shown}` : `${text}\n`);
  }

  /** Removes the line; the next update begins a new one. */
  clear(): void {
    if (this.#terminal.isTerminal && this.#shown !== "") this.#terminal.write("\r\x1b[2K");
    this.#shown = "";
    this.#nextPlainSeconds = plainEverySeconds;
  }
}

/** `4s of 10s, 396 samples: hash_block 71 %, write 12 %`. */
export function formatProgress(
  { elapsedSeconds, totalSeconds, samples, unit = "samples", top, title }: Progress,
): string {
  const whole = formatDuration(Math.floor(elapsedSeconds) * 1000);
  const time = totalSeconds === undefined ? whole : `${whole} of ${formatDuration(totalSeconds * 1000)}`;
  const functions = top.slice(0, 3).map(({ name, share }) =>
    `${cutText(escapeControl(name), 40)} ${Math.round(100 * share)} %`
  );
  const head = title === undefined ? "" : `${escapeControl(title)}: `;
  return `${head}${time}, ${samples} ${unit}${functions.length > 0 ? `: ${functions.join(", ")}` : ""}`;
}

/** Cuts in the middle, where long names differ least. */
function cutText(text: string, most: number): string {
  const characters = [...text];
  if (characters.length <= most) return text;
  const kept = Math.max(0, most - 1);
  const head = Math.ceil(kept / 2);
  return characters.slice(0, head).join("") + "…" +
    characters.slice(characters.length - (kept - head)).join("");
}

const standardError: ProgressTerminal = {
  isTerminal: Deno.stderr.isTerminal(),
  columns: () => {
    try {
      // Some terminals have no size.
      return Deno.consoleSize().columns || 80;
    } catch {
      return 80;
    }
  },
  write: writeError,
};
