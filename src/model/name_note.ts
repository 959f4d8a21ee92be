/** What people are told of names or frames that are missing: what is so, and what they can do. */
export interface NameNoteWords {
  /** A sentence without its full stop. */
  readonly what: string;
  /** How it goes on after "what; "; "" when there is nothing to do. */
  readonly fix: string;
  /** What to type for it; "" when nothing. */
  readonly command: string;
}

/** What a note says; `pid` is that of its process. Undefined for one that a newer agent knows. */
export function describeNameNote(
  { kind, pid, mapWritten }: { kind: string; pid: number; mapWritten: string },
): NameNoteWords | undefined {
  switch (kind) {
    case "NODE_MAP_MISSING":
      return {
        what: "Names of JavaScript functions are missing",
        fix: "start it with",
        command: "node --perf-basic-prof --interpreted-frames-native-stack",
      };
    case "NODE_INTERPRETED_MISSING":
      return {
        what: "JavaScript functions that V8 interprets have no names, those that it compiled have",
        fix: "start it with",
        command: "node --perf-basic-prof --interpreted-frames-native-stack",
      };
    case "JAVA_MAP_MISSING":
      return {
        what: "Names of Java methods are missing",
        fix: "while the profile runs, once it is warm, let the JVM (17 or newer) write them down with",
        command: `jcmd ${pid} Compiler.perfmap`,
      };
    case "JAVA_MAP_OLD":
      return {
        what: `Some Java methods have no names: the JVM compiled them after it wrote its map (${mapWritten})`,
        fix: "have it write a new one with",
        command: `jcmd ${pid} Compiler.perfmap`,
      };
    case "JAVA_STACKS_CUT":
      return {
        what:
          "Stacks of Java methods end early, and the JVM's command line does not have it keep frame pointers",
        fix: "start it with",
        command: "java -XX:+PreserveFramePointer",
      };
    case "MAP_REFUSED":
      return {
        what: `The perf map of process ${pid} is not used: another user owns it than runs the process`,
        fix: "",
        command: "",
      };
    case "MAP_CUT":
      return {
        what:
          `The perf map of process ${pid} is over 32 MiB or 1,000,000 lines: its newest functions have no names`,
        fix: "",
        command: "",
      };
    default:
      return undefined;
  }
}

/** A note as one line of plain text. */
export function formatNameNote({ what, fix, command }: NameNoteWords): string {
  return fix === "" ? what : `${what}; ${fix} ${command}`;
}
