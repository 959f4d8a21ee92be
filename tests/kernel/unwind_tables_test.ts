import assert from "node:assert/strict";
import { createLogger } from "../../lib/log.ts";
import { type Mapping, parseMaps, readMapsText } from "../../lib/procfs/maps.ts";
import { TableBuilder } from "../../src/agent/unwind/table_builder.ts";
import { type StoredModule, TableStore } from "../../src/agent/unwind/table_store.ts";
import { libbpf } from "./harness.ts";
import { withoutLeaks } from "./leak_check.ts";
import { tableChild } from "./unwind_oracle.ts";

const mebibyte = 1024 * 1024;
const logger = createLogger({ format: "logfmt", level: "error" });

/** A file that nobody maps, with this number. */
function fakeMapping(inode: number): Mapping {
  return {
    ...{ start: 0, end: 4096, offset: 0, deviceMajor: 255, deviceMinor: 255, inode },
    ...{ path: `/nowhere/${inode}`, executable: true, deleted: false },
  };
}

/** Adds a table of so many MiB. */
async function addTable(store: TableStore, inode: number, mebibytes: number): Promise<StoredModule> {
  return await store.add(fakeMapping(inode), {
    ...{
      type: "built",
      outline: { segments: [], buildId: "", buildIdOffset: 0 },
      firstAddress: 0,
      reason: "",
    },
    table: { pageCount: 1, rulesAt: 4, words: new Uint32Array(mebibytes * mebibyte / 4) },
  });
}

Deno.test("TableStore frees what no task uses, least recently used first, and never what one uses", () =>
  withoutLeaks(libbpf, async () => {
    const store = new TableStore(libbpf);
    const used = await addTable(store, 1, 6);
    store.retain(used.table!);
    const idle = await addTable(store, 2, 6);
    await addTable(store, 3, 6);
    assert.equal(store.bytes, 18 * mebibyte);
    store.retain(idle.table!);
    store.release(idle.table!);
    // 8 MiB may lie idle: the one that was used last stays.
    assert.equal(store.find(1, fakeMapping(2)), idle);
    assert.equal(store.find(1, fakeMapping(3)), undefined);

    await addTable(store, 4, 14);
    assert.equal(store.find(1, fakeMapping(2)), undefined);
    assert.equal(store.find(1, fakeMapping(1)), used);
    const refused = await addTable(store, 5, 17);
    assert.notEqual(store.find(1, fakeMapping(4)), undefined, "freed for nothing");
    assert.deepEqual([refused.table, refused.overBudget], [undefined, true]);
    assert.match(refused.reason, /no room/);
    assert.equal(store.find(1, fakeMapping(5)), refused);
    store.close();
  }));

Deno.test("TableStore keeps one table of two files with the same build ID", () =>
  withoutLeaks(libbpf, async () => {
    const store = new TableStore(libbpf);
    const outline = { segments: [], buildId: "abcd", buildIdOffset: 1 };
    const answer = { type: "built", outline, firstAddress: 0, reason: "" } as const;
    const table = { pageCount: 1, rulesAt: 4, words: new Uint32Array(1024) };
    const one = await store.add(fakeMapping(1), { ...answer, table });
    assert.deepEqual(store.builds, ["abcd"]);
    const other = await store.add(fakeMapping(2), { ...answer, table: undefined });
    assert.equal(one.table, other.table);
    store.close();
  }));

Deno.test("TableBuilder compiles the tables of a process and leaves alone what a child died of", () =>
  withoutLeaks(libbpf, async () => {
    const store = new TableStore(libbpf);
    const mappings = parseMaps(await readMapsText(Deno.pid)).filter(({ executable, path }) =>
      executable && /\/libc\.so|\/ld-linux/.test(path)
    );
    const log = await Deno.makeTempFile({ prefix: "stakeout-unwind-" });
    const says = (key: string) =>
      `printf '\\\\${(27 + key.length).toString(8)}\\\\0\\\\0\\\\0%s' '{"type":"module","key":"${key}"}'`
        .replaceAll("\\\\", "\\");
    const dying = new TableBuilder({
      command: ["sh", "-c", `echo >>${log}; ${says("255:255:9")}; exit 1`],
      store,
      logger,
    });
    for (let attempt = 0; attempt < 2; attempt++) {
      const module = await dying.build(Deno.pid, fakeMapping(9));
      assert.equal(module.table, undefined);
    }
    assert.equal((await Deno.readTextFile(log)).length, 1, "started again for the same file");
    await Deno.remove(log);
    await dying.close();

    const builder = new TableBuilder({ command: tableChild, store, logger });
    for (const mapping of mappings) {
      const module = await builder.build(Deno.pid, mapping);
      assert.ok(module.table !== undefined && module.table.bytes > 4096, module.reason);
      assert.equal(store.find(Deno.pid, mapping), module);
    }
    assert.match((await builder.build(Deno.pid, fakeMapping(10))).reason, /cannot be opened/);
    await builder.close();
    store.close();
  }));
