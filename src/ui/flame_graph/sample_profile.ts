import { create } from "@bufbuild/protobuf";
import { FrameKind, type Profile, ProfileSchema } from "../../gen/stakeout/v1/profile_pb.ts";

/** A profile for tests. `stacks` are written root first, as people read them: path, weight, index of the thread. */
export function profileOf(stacks: readonly (readonly [string, number, number?])[]): Profile {
  const strings = [""];
  const index = (text: string) => {
    const at = strings.indexOf(text);
    return at >= 0 ? at : strings.push(text) - 1;
  };
  const module = index("/usr/bin/demo");
  const names = [...new Set(stacks.flatMap(([path]) => path.split(";")))];
  return create(ProfileSchema, {
    frames: names.map((name) => ({ kind: FrameKind.USER, function: index(name), module, address: 1n })),
    stacks: stacks.map(([path]) => ({
      frames: path.split(";").reverse().map((name) => names.indexOf(name)),
    })),
    strings,
    threads: [{ tid: 1, name: "one" }, { tid: 2, name: "two" }],
    sampleStacks: stacks.map((_, at) => at),
    sampleThreads: stacks.map(([, , thread]) => thread ?? 0),
    sampleWeights: stacks.map(([, weight]) => BigInt(weight)),
  });
}

/** Thirteen samples of two threads, with one recursion: main;a;b, main;a, main;c, main;a;b;a. */
export const sampleProfile: Profile = profileOf([
  ["main;a;b", 3],
  ["main;a", 2],
  ["main;c", 7, 1],
  ["main;a;b;a", 1],
]);
