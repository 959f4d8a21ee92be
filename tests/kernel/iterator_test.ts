import assert from "node:assert/strict";
import { BpfIterator } from "../../lib/bpf/iterator.ts";
import { attach } from "../../lib/bpf/link.ts";
import { openObject } from "../../lib/bpf/object.ts";
import { compileTestBpf, libbpf, startTarget } from "./harness.ts";
import { withoutLeaks } from "./leak_check.ts";

Deno.test("BpfIterator.read() returns everything that was written when its buffer has to grow", () =>
  withoutLeaks(libbpf, async () => {
    const object = openObject(libbpf, await compileTestBpf("long_iterator"), { name: "long_iterator" });
    await object.load();
    const link = attach(object.program("write_blocks"));
    // More than 64 threads, of which each has 4 KiB written.
    const script =
      "import threading; b = threading.Barrier(200); [threading.Thread(target=b.wait).start() for _ in range(199)]; print('ready', flush=True); b.wait(9)";
    await using _threads = await startTarget("python3", "-c", script);
    const records = new BpfIterator(link).read();
    const written = new Uint8Array(4096);
    object.map("block").lookup(new Uint8Array(4), written);
    const count = new DataView(written.buffer).getUint32(0, true);
    assert.ok(count > 64, `${count}`);
    assert.equal(records.length, count * 4096);
    for (let block = 0; block < count; block++) {
      assert.equal(new DataView(records.buffer, block * 4096).getUint32(0, true), block);
    }
    await link.close();
    object.close();
  }));
