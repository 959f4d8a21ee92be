import assert from "node:assert/strict";
import {
  findVariables,
  parseCgroupPath,
  parseStat,
  readCgroupPath,
  readEnvironmentVariables,
  readExe,
  readStat,
  readStatus,
} from "./process.ts";

Deno.test("readers tell of a real process and nothing of it once it is gone", async () => {
  const sleep = new Deno.Command("sleep", {
    args: ["60"],
    env: { OTEL_SERVICE_NAME: "checkout", SECRET: "hunter2" },
  }).spawn();
  const { pid } = sleep;
  while (!readExe(pid)?.path.endsWith("sleep")) await new Promise((resolve) => setTimeout(resolve, 2));

  assert.deepEqual(
    readEnvironmentVariables(pid, ["OTEL_SERVICE_NAME", "SW_AGENT_NAME"]),
    new Map([["OTEL_SERVICE_NAME", "checkout"]]),
  );
  assert.match(readCgroupPath(pid), /^\//);
  const stat = readStat(pid);
  assert.equal(stat?.parentPid, Deno.pid);
  assert.equal(stat?.kernelThread, false);
  const uptimeTicks = Deno.osUptime() * 100;
  assert.ok(
    Math.abs(uptimeTicks - (stat?.startTicks ?? 0)) < 3000,
    `started at ${stat?.startTicks} of ${uptimeTicks}`,
  );
  assert.deepEqual(readStatus(pid), { uid: Deno.uid() ?? 0, namespacePid: pid });

  sleep.kill("SIGKILL");
  await sleep.status;
  assert.equal(readExe(pid), undefined);
  assert.equal(readStat(pid), undefined);
  assert.equal(readStatus(pid), undefined);
  assert.equal(readCgroupPath(pid), "");
  assert.equal(readEnvironmentVariables(pid, ["SECRET"]).size, 0);
});

Deno.test("readExe() strips and tells the mark of a deleted file", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/a (deleted) name`;
  await Deno.copyFile("/bin/sleep", path);
  const child = new Deno.Command(path, { args: ["60"] }).spawn();
  while (readExe(child.pid)?.path !== path) await new Promise((resolve) => setTimeout(resolve, 2));
  assert.deepEqual(readExe(child.pid), { path, deleted: false });
  await Deno.remove(folder, { recursive: true });
  assert.deepEqual(readExe(child.pid), { path, deleted: true });
  child.kill("SIGKILL");
  await child.status;
});

Deno.test("findVariables() takes the first whole setting of exactly the asked names", () => {
  const environment = encode("XA=1\0A=first\0A=second\0AB=2\0EMPTY=\0=odd\0no sign\0LAST=cut");
  assert.deepEqual(
    findVariables(environment, ["A", "EMPTY", "LAST", "B"]),
    new Map([["A", "first"], ["EMPTY", ""]]),
  );
});

Deno.test("findVariables() leaves out a value over 1,024 bytes", () => {
  const environment = encode(`A=${"x".repeat(1025)}\0B=${"y".repeat(1024)}\0`);
  assert.deepEqual([...findVariables(environment, ["A", "B"]).keys()], ["B"]);
});

Deno.test("parseCgroupPath() prefers v2, then systemd's hierarchy, then any that is not the root", () => {
  assert.equal(parseCgroupPath("9:name=systemd:/b\n4:memory:/c\n0::/a\n"), "/a");
  assert.equal(parseCgroupPath("4:memory:/c\n9:name=systemd:/b\n0::/\n"), "/b");
  assert.equal(parseCgroupPath("9:name=systemd:/\n1:cpu:/\n4:memory:/c:d\n0::/\n"), "/c:d");
  assert.equal(parseCgroupPath("9:name=systemd:/\n0::/\n"), "/");
  assert.equal(parseCgroupPath("rubbish\n"), "");
});

Deno.test("parseCgroupPath() leaves out the way up from this program's cgroup namespace", () => {
  assert.equal(parseCgroupPath("0::/../../kubepods-pod1.slice/a.scope\n"), "/kubepods-pod1.slice/a.scope");
  assert.equal(parseCgroupPath("0::/../a.scope\n"), "/a.scope");
  assert.equal(parseCgroupPath("0::/..\n"), "/");
  assert.equal(parseCgroupPath("9:name=systemd:/../b.service\n0::/../..\n"), "/b.service");
  assert.equal(parseCgroupPath("0::/..a/b\n"), "/..a/b");
});

Deno.test("parseStat() reads past a name that looks like the fields after it", () => {
  const fields = "R 7 1 1 0 -1 2097152 0 0 0 0 0 0 0 0 20 0 1 0 12345 0 0";
  const expected = { state: "R", parentPid: 7, kernelThread: true, startTicks: 12345 };
  assert.deepEqual(parseStat(`42 (a) S 1 (b\n) ${fields}`), expected);
  assert.equal(parseStat("42 (cut"), undefined);
  assert.equal(parseStat(""), undefined);
});

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
