import assert from "node:assert/strict";
import { buildProgram, type RunningProgram, startProgram } from "../../tests/programs/names_build.ts";
import { type ExpectedFile, openExecutable, openInOwnRoot, openInRoot } from "./open_in_root.ts";
import type { OpenedFile } from "./opened_file.ts";

/** A process whose root directory is `folder`, which an attacker may fill as he likes. */
async function startJailed(folder: string): Promise<RunningProgram> {
  await buildProgram("names_pause.c", `${folder}/pause`, ["-static", "-O0"]);
  return await startProgram(
    "unshare",
    ["--user", "--map-root-user", `--root=${folder}`, "/pause"],
    "ready\n",
  );
}

function readText(file: OpenedFile | undefined): string | undefined {
  if (file === undefined) return undefined;
  const text = new TextDecoder().decode(file.readAt(0, 64));
  file.close();
  return text;
}

function identify(path: string): ExpectedFile {
  const { ino, dev } = Deno.statSync(path);
  return {
    inode: ino!,
    deviceMajor: (dev >> 8) & 0xfff,
    deviceMinor: (dev & 0xff) | ((dev >> 12) & 0xfff00),
  };
}

Deno.test("openInRoot() opens nothing outside of a hostile root, and only regular files in it", async () => {
  const folder = await Deno.makeTempDir({ prefix: "stakeout-root-" });
  await Deno.mkdir(`${folder}/etc`);
  await Deno.writeTextFile(`${folder}/etc/passwd`, "inside");
  await Deno.writeTextFile(`${folder}/empty`, "");
  await Deno.symlink("/etc/passwd", `${folder}/absolute`);
  await Deno.symlink("../../../../../../etc/passwd", `${folder}/relative`);
  await Deno.symlink("/proc/self/root/etc/passwd", `${folder}/magic`);
  await Deno.symlink("loop", `${folder}/loop`);
  await new Deno.Command("mkfifo", { args: [`${folder}/fifo`] }).output();
  const socket = Deno.listen({ transport: "unix", path: `${folder}/socket` });
  try {
    await using jailed = await startJailed(folder);
    const { pid } = jailed;
    for (const path of ["/etc/passwd", "/absolute", "/relative", "/../../etc/passwd", "etc/passwd"]) {
      assert.equal(readText(openInRoot(pid, path)), "inside", path);
    }
    for (
      const path of [
        "/magic",
        "/loop",
        "/fifo",
        "/socket",
        "/etc",
        "/empty",
        "/none",
        "",
        "a\0b",
        "/" + "x".repeat(5000),
      ]
    ) {
      const start = performance.now();
      assert.equal(openInRoot(pid, path), undefined, path);
      assert.ok(performance.now() - start < 100, path);
    }
    const expected = identify(`${folder}/etc/passwd`);
    assert.equal(readText(openInRoot(pid, "/etc/passwd", expected)), "inside");
    await Deno.writeTextFile(`${folder}/etc/other`, "swapped");
    await Deno.rename(`${folder}/etc/other`, `${folder}/etc/passwd`);
    assert.equal(openInRoot(pid, "/etc/passwd", expected), undefined);
    await Deno.remove(`${folder}/pause`);
    assert.equal(readText(openExecutable(pid))?.slice(1, 4), "ELF");
    assert.equal(openExecutable(pid, expected), undefined);
  } finally {
    socket.close();
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("openInOwnRoot() refuses devices and files of the kernel", () => {
  for (const path of ["/dev/null", "/dev/zero", "/proc/self/maps", "/proc/self/exe", "/dev/stdin"]) {
    assert.equal(openInOwnRoot(path), undefined, path);
  }
});

Deno.test("openInOwnRoot() leaves no descriptor open when it refuses or its file is closed", () => {
  function countFds(): number {
    return [...Deno.readDirSync("/proc/self/fd")].length;
  }
  const rounds = 200;
  const before = countFds();
  for (let round = 0; round < rounds; round++) {
    openInOwnRoot("/dev/null");
    openInOwnRoot("/nowhere");
    openInOwnRoot("/bin/true", { inode: 1, deviceMajor: 1, deviceMinor: 1 });
    openInOwnRoot("/bin/true")?.close();
    openInRoot(2 ** 30, "/bin/true");
  }
  // Tests of other files run in this process at the same time, and have some of their own.
  assert.ok(countFds() - before < rounds, `${before} before, ${countFds()} after`);
});

Deno.test("readAt() ends at the end of the file and gives nothing after close()", () => {
  const file = openInOwnRoot("/bin/true")!;
  assert.equal(file.sizeBytes, Deno.statSync("/bin/true").size);
  assert.equal(file.readAt(file.sizeBytes - 3, 10).length, 3);
  assert.equal(file.readAt(file.sizeBytes + 1, 10).length, 0);
  assert.equal(file.readAt(0, -1).length, 0);
  file.close();
  assert.equal(file.readAt(0, 4).length, 0);
  file.close();
});
