import type { Process } from "./process.ts";

/** Which processes a policy is about: globs, all given must match; `*` crosses `/`, `?` is one character. */
export interface Target {
  readonly service?: string;
  readonly instance?: string;
  /** Over the full path of the executable as the process sees it. */
  readonly exe?: string;
  /** Over the path in the cgroup hierarchy. */
  readonly cgroup?: string;
  /** Over the host's name. */
  readonly host?: string;
  /** By label; a process without the label does not match. */
  readonly labels: Readonly<Record<string, string>>;
}

/**
 * Makes the test of a target. It holds no state and takes time linear in the name's length times the glob's, so a
 * hostile name cannot stall it. A target without any glob matches nothing.
 */
export function compileTarget(target: Target): (process: Process, host: string) => boolean {
  const tests: ((process: Process, host: string) => boolean)[] = [];
  const { service, instance, exe, cgroup, host: hostGlob } = target;
  if (service !== undefined) tests.push((process) => matchGlob(service, process.service));
  if (instance !== undefined) tests.push((process) => matchGlob(instance, process.instance));
  if (exe !== undefined) tests.push((process) => matchGlob(exe, process.exe));
  if (cgroup !== undefined) tests.push((process) => matchGlob(cgroup, process.cgroup));
  if (hostGlob !== undefined) tests.push((_process, host) => matchGlob(hostGlob, host));
  for (const [label, glob] of Object.entries(target.labels)) {
    tests.push((process) => {
      const value = Object.hasOwn(process.labels, label) ? process.labels[label] : undefined;
      return value !== undefined && matchGlob(glob, value);
    });
  }
  return (process, host) => tests.length > 0 && tests.every((test) => test(process, host));
}

/** Whether the whole of `text` matches `glob`; greedy with one point of return, so never exponential. */
export function matchGlob(glob: string, text: string): boolean {
  let globIndex = 0;
  let textIndex = 0;
  let starIndex = -1;
  let starTextIndex = 0;
  while (textIndex < text.length) {
    const wanted = glob[globIndex];
    if (wanted === "*") {
      starIndex = globIndex++;
      starTextIndex = textIndex;
    } else if (wanted !== undefined && (wanted === "?" || wanted === text[textIndex])) {
      globIndex++;
      textIndex++;
    } else if (starIndex >= 0) {
      globIndex = starIndex + 1;
      textIndex = ++starTextIndex;
    } else {
      return false;
    }
  }
  while (glob[globIndex] === "*") globIndex++;
  return globIndex === glob.length;
}
