import { repositoryRoot, runCommand } from "../../scripts/command.ts";

/** A program that looks like a Python, and whose interpreter is broken in the way it is told; compiled here. */
export const hostilePython = `${repositoryRoot}/build/tests/${Deno.uid()}/python_hostile`;
Deno.mkdirSync(hostilePython.slice(0, hostilePython.lastIndexOf("/")), { recursive: true });
await runCommand("gcc", [
  ...["-O1", "-no-pie", "-rdynamic", "-pthread", "-o", hostilePython],
  `${repositoryRoot}/tests/programs/python_hostile.c`,
]);
