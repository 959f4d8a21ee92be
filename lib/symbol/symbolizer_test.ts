import assert from "node:assert/strict";
import { buildProgram, readOutput, startProgram } from "../../tests/programs/names_build.ts";
import { parseMaps, readMapsText } from "../procfs/maps.ts";
import { readStat } from "../procfs/process.ts";
import { Symbolizer } from "./symbolizer.ts";

async function capture(symbolizer: Symbolizer, pid: number): Promise<void> {
  await symbolizer.capture({ pid, startTicks: readStat(pid)!.startTicks, maps: await readMapsText(pid) });
}

/** What names_target.c printed. */
function readAddresses(text: string): Map<string, bigint> {
  return new Map(
    [...text.matchAll(/^(\w+) (0x[0-9a-f]+)$/gm)].map(([, name, address]) => [name!, BigInt(address!)]),
  );
}

Deno.test("Symbolizer names a process's functions as it does itself, also after its file and it are gone", async () => {
  const folder = await Deno.makeTempDir({ prefix: "stakeout-symbolizer-" });
  const path = `${folder}/target`;
  const symbolizer = new Symbolizer();
  try {
    await buildProgram("names_target.c", path, ["-O0"]);
    const nm = await readOutput("nm", [path]);
    const target = await startProgram(path, [], "end 25\n");
    const addresses = readAddresses(target.text);
    async function nameOf(address: bigint) {
      return (await symbolizer.symbolize(target.pid, "user", BigUint64Array.of(address)))[0]!;
    }
    async function check(): Promise<void> {
      for (const name of ["main", "hidden_leaf", "visible_outer"]) {
        const frame = await nameOf(addresses.get(name)! + 2n);
        const address = BigInt("0x" + new RegExp(`^([0-9a-f]+) . ${name}$`, "m").exec(nm)![1]!) + 2n;
        assert.deepEqual(frame, { kind: "user", function: name, module: path, address });
      }
    }
    try {
      await capture(symbolizer, target.pid);
      await check();
      assert.match((await nameOf(addresses.get("malloc")!)).function, /malloc/);
      assert.equal((await nameOf(addresses.get("jit")!)).function, "");
      assert.deepEqual(await nameOf(1n), { kind: "user", function: "", module: "", address: 1n });
      await buildProgram("names_pause.c", path, ["-static"]);
      await symbolizer.refresh();
      await check();
    } finally {
      await target[Symbol.asyncDispose]();
    }
    await symbolizer.refresh();
    await check();
  } finally {
    symbolizer.close();
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("Symbolizer gives no name of a new file when the mapped one was replaced before it looked", async () => {
  const folder = await Deno.makeTempDir({ prefix: "stakeout-symbolizer-" });
  const symbolizer = new Symbolizer();
  try {
    await buildProgram("names_target.c", `${folder}/target`, ["-O0"]);
    await using target = await startProgram(`${folder}/target`, [], "end 25\n");
    await Deno.copyFile("/bin/bash", `${folder}/new`);
    await Deno.rename(`${folder}/new`, `${folder}/target`);
    await capture(symbolizer, target.pid);
    const address = readAddresses(target.text).get("hidden_leaf")! + 1n;
    const frame = (await symbolizer.symbolize(target.pid, "user", BigUint64Array.of(address)))[0]!;
    assert.deepEqual([frame.function, frame.module], ["hidden_leaf", `${folder}/target`]);
  } finally {
    symbolizer.close();
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("Symbolizer looks return addresses up one byte before, and reports them as they were", async () => {
  const folder = await Deno.makeTempDir({ prefix: "stakeout-symbolizer-" });
  const symbolizer = new Symbolizer();
  try {
    await buildProgram("names_target.c", `${folder}/target`, ["-O0"]);
    await using target = await startProgram(`${folder}/target`, [], "end 25\n");
    await capture(symbolizer, target.pid);
    // hidden_leaf ends where visible_outer begins.
    const border = readAddresses(target.text).get("visible_outer")!;
    const [leaf, caller] = await symbolizer.symbolize(target.pid, "user", BigUint64Array.of(border, border));
    assert.deepEqual([leaf!.function, caller!.function], ["visible_outer", "hidden_leaf"]);
    assert.equal(leaf!.address, caller!.address);
  } finally {
    symbolizer.close();
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("Symbolizer takes JIT names from the target's perf map only when the target's user owns it", async () => {
  const folder = await Deno.makeTempDir({ prefix: "stakeout-symbolizer-" });
  const symbolizer = new Symbolizer();
  await buildProgram("names_target.c", `${folder}/target`, ["-O0"]);
  await using target = await startProgram(`${folder}/target`, [], "end 25\n");
  const mapPath = `/tmp/perf-${target.pid}.map`;
  const address = readAddresses(target.text).get("jit")!;
  async function nameOf(at: bigint) {
    await symbolizer.refresh();
    return (await symbolizer.symbolize(target.pid, "user", BigUint64Array.of(at)))[0]!;
  }
  try {
    await capture(symbolizer, target.pid);
    const unknown = { kind: "jit", function: "", module: "[jit]", address };
    assert.deepEqual(await nameOf(address), unknown);
    await Deno.symlink("/etc/passwd", mapPath);
    assert.equal((await nameOf(address)).function, "");
    await Deno.remove(mapPath);
    await Deno.writeTextFile(mapPath, `${address.toString(16)} 10 first\n`);
    assert.deepEqual(await nameOf(address + 1n), {
      kind: "jit",
      function: "first",
      module: "[jit]",
      address: address + 1n,
    });
    await Deno.writeTextFile(mapPath, `${(address + 32n).toString(16)} 10 _ZN3foo3barEv\n`, { append: true });
    assert.equal((await nameOf(address + 33n)).function, "foo::bar()");
    // A JVM writes the same file anew each time that it is asked.
    await Deno.writeTextFile(
      mapPath,
      `${address.toString(16)} 10 second, of a longer name than before, and more\n`.repeat(3),
    );
    assert.match((await nameOf(address)).function, /^second/);
    assert.equal((await nameOf(address + 33n)).function, "");
    await Deno.writeTextFile(mapPath, `${address.toString(16)} 10 first\n`);
    if (Deno.uid() === 0) {
      await Deno.remove(mapPath);
      await Deno.writeTextFile(mapPath, `${address.toString(16)} 10 forged\n`);
      await Deno.chown(mapPath, 65534, 65534);
      assert.equal((await nameOf(address)).function, "first");
    }
  } finally {
    symbolizer.close();
    await Deno.remove(mapPath).catch(() => {});
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("Symbolizer leaves no file open when it is closed", async () => {
  // Pipes are left out: the runtime closes those of children that ended before when it likes.
  function listFiles(): string[] {
    return [...Deno.readDirSync("/proc/self/fd")].flatMap(({ name }) => {
      try {
        return [Deno.readLinkSync(`/proc/self/fd/${name}`)];
      } catch {
        return []; // the folder itself, which is closed by now
      }
    }).filter((path) => path.startsWith("/") && !path.startsWith("/proc/")).sort();
  }
  const before = listFiles();
  const symbolizer = new Symbolizer();
  await capture(symbolizer, Deno.pid);
  assert.ok(listFiles().length > before.length);
  symbolizer.close();
  assert.deepEqual(listFiles(), before);
});

Deno.test("Symbolizer opens files where the target sees them when it has its own mounts", async () => {
  const folder = await Deno.makeTempDir({ prefix: "stakeout-symbolizer-" });
  const symbolizer = new Symbolizer();
  try {
    await buildProgram("names_target.c", `${folder}/built`, ["-O0", "-static"]);
    await Deno.mkdir(`${folder}/private`);
    const script =
      'mount -t tmpfs none "$0/private" && cp "$0/built" "$0/private/target" && exec "$0/private/target"';
    const args = ["--user", "--map-root-user", "--mount", "sh", "-c", script, folder];
    await using target = await startProgram("unshare", args, "end 25\n");
    await assert.rejects(Deno.stat(`${folder}/private/target`));
    await capture(symbolizer, target.pid);
    const address = readAddresses(target.text).get("hidden_leaf")! + 1n;
    const frame = (await symbolizer.symbolize(target.pid, "user", BigUint64Array.of(address)))[0]!;
    assert.deepEqual([frame.function, frame.module], ["hidden_leaf", `${folder}/private/target`]);
  } finally {
    symbolizer.close();
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("Symbolizer tells which module it reads, and leaves alone those it is told to skip", async () => {
  const stat = await Deno.stat(Deno.execPath());
  const keys: string[] = [];
  const symbolizer = new Symbolizer({ onModule: (key) => keys.push(key) });
  const text = await readMapsText(Deno.pid);
  const mapping = parseMaps(text).find(({ inode, executable }) => executable && inode === stat.ino)!;
  const addresses = BigUint64Array.of(BigInt(mapping.start + 64));
  await capture(symbolizer, Deno.pid);
  await symbolizer.symbolize(Deno.pid, "user", addresses);
  symbolizer.close();
  const key = `${mapping.deviceMajor}:${mapping.deviceMinor}:${mapping.inode}`;
  const buildId = /Build ID: ([0-9a-f]+)/.exec(await readOutput("readelf", ["-n", Deno.execPath()]))![1]!;
  assert.deepEqual(keys, [key, buildId, ""]);
  for (const [skipped, address] of [[key, mapping.offset + 64], [buildId, mapping.start + 64]] as const) {
    const told: string[] = [];
    const skipping = new Symbolizer({ skip: new Set([skipped]), onModule: (key) => told.push(key) });
    await capture(skipping, Deno.pid);
    const [frame] = await skipping.symbolize(Deno.pid, "user", addresses);
    assert.equal(frame!.function, "");
    if (skipped === key) assert.equal(frame!.address, BigInt(address));
    assert.ok(!told.includes(buildId));
    skipping.close();
  }
});

Deno.test("Symbolizer names code of the vdso as nm does", async () => {
  const folder = await Deno.makeTempDir({ prefix: "stakeout-symbolizer-" });
  const symbolizer = new Symbolizer();
  try {
    await buildProgram("names_target.c", `${folder}/target`, ["-O0"]);
    await using target = await startProgram(`${folder}/target`, [], "end 25\n");
    await capture(symbolizer, target.pid);
    const vdso = parseMaps(await readMapsText(target.pid)).find(({ path }) => path === "[vdso]")!;
    const memory = await Deno.open(`/proc/${target.pid}/mem`);
    await memory.seek(vdso.start, Deno.SeekMode.Start);
    const image = new Uint8Array(vdso.end - vdso.start);
    await memory.read(image);
    memory.close();
    await Deno.writeFile(`${folder}/vdso`, image);
    const nm = await readOutput("nm", ["-D", "--defined-only", `${folder}/vdso`]);
    const functions = [...nm.matchAll(/^([0-9a-f]+) [TW] (__vdso_\w+?)(?:@.*)?$/gm)];
    assert.ok(functions.length >= 3);
    for (const [, start, name] of functions) {
      const address = BigInt(vdso.start) + BigInt(`0x${start}`);
      const frames = await symbolizer.symbolize(target.pid, "user", BigUint64Array.of(address));
      assert.deepEqual(frames, [{
        kind: "user",
        function: name,
        module: "[vdso]",
        address: BigInt(`0x${start}`),
      }]);
    }
  } finally {
    symbolizer.close();
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("addLines() adds places of the source, unless that module's lines are skipped or time is up", async () => {
  const folder = await Deno.makeTempDir({ prefix: "stakeout-symbolizer-" });
  const keys: string[] = [];
  try {
    await buildProgram("names_target.c", `${folder}/target`, ["-O1", "-g"]);
    await using target = await startProgram(`${folder}/target`, [], "end 25\n");
    const address = readAddresses(target.text).get("hidden_leaf")!;
    async function lineOf(skip: string[], untilMs: number): Promise<string> {
      const symbolizer = new Symbolizer({ skip: new Set(skip), onModule: (key) => keys.push(key) });
      await capture(symbolizer, target.pid);
      const named = await symbolizer.symbolize(target.pid, "user", BigUint64Array.of(address));
      const [frame] = symbolizer.addLines(named, untilMs);
      symbolizer.close();
      assert.equal(frame!.function, "hidden_leaf");
      return frame!.source === undefined ? "" : `${frame!.source.file}:${frame!.source.line}`;
    }
    const place = await readOutput("addr2line", [
      ...["-e", `${folder}/target`],
      /^([0-9a-f]+) t hidden_leaf$/m.exec(await readOutput("nm", [`${folder}/target`]))![1]!,
    ]);
    assert.equal(await lineOf([], Infinity), place.trim());
    assert.equal(await lineOf([], 0), "");
    const key = keys.find((key) => key.startsWith("lines "))!;
    assert.equal(await lineOf([key], Infinity), "");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
