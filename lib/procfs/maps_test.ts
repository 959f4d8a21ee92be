import assert from "node:assert/strict";
import { keepExecutable, parseMaps, readMapsText } from "./maps.ts";

const text = `55d0c0a00000-55d0c0a01000 r--p 00000000 fe:00 131 /usr/bin/a program
55d0c0a01000-55d0c0a02000 r-xp 00001000 fe:00 131                        /usr/bin/a program
7f0000000000-7f0000001000 rwxp 00000000 00:00 0
7f0000002000-7f0000003000 r-xs 00000000 00:2a 99 /tmp/x\\012y (deleted)
7ffd00000000-7ffd00002000 r-xp 00000000 00:00 0                          [vdso]
ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]
`;

Deno.test("parseMaps() reads every field and leaves out what user code cannot reach", () => {
  const mappings = parseMaps(text);
  assert.equal(mappings.length, 5);
  assert.deepEqual(mappings[1], {
    start: 0x55d0c0a01000,
    end: 0x55d0c0a02000,
    offset: 0x1000,
    deviceMajor: 0xfe,
    deviceMinor: 0,
    inode: 131,
    path: "/usr/bin/a program",
    executable: true,
    deleted: false,
  });
  assert.equal(mappings[0]!.executable, false);
  assert.deepEqual([mappings[2]!.path, mappings[2]!.inode], ["", 0]);
  assert.deepEqual([mappings[3]!.path, mappings[3]!.deleted], ["/tmp/x\ny", true]);
  assert.equal(mappings[4]!.path, "[vdso]");
});

Deno.test("parseMaps() leaves out lines that are broken, backwards or overlap", () => {
  const good = "1000-2000 r-xp 0 0:0 5 /a";
  const lines = ["", "x", "2000-1000 r-xp 0 0:0 5 /a", good, "1800-2800 r-xp 0 0:0 6 /b", "1-2 r-xp 0 0:0"];
  assert.deepEqual(parseMaps(lines.join("\n")).map(({ path }) => path), ["/a"]);
});

Deno.test("keepExecutable() keeps whole lines of executable mappings", () => {
  assert.deepEqual(parseMaps(keepExecutable(text)), parseMaps(text).filter(({ executable }) => executable));
});

Deno.test("readMapsText() sees this program's executable, and nothing of a process that is none", async () => {
  const exe = Deno.readLinkSync("/proc/self/exe");
  assert.ok(
    parseMaps(await readMapsText(Deno.pid)).some(({ path, executable }) => executable && path === exe),
  );
  assert.equal(await readMapsText(2 ** 30), "");
});
