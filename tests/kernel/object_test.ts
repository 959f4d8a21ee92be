import assert from "node:assert/strict";
import { BpfError } from "../../lib/bpf/error.ts";
import { openObject } from "../../lib/bpf/object.ts";
import { RingBuffer } from "../../lib/bpf/ring_buffer.ts";
import { runProgram } from "../../lib/bpf/test_run.ts";
import { repositoryRoot } from "../../scripts/command.ts";
import {
  decodeOnCpuCountersValue,
  decodeProcessEvent,
  decodeSampleKey,
  decodeStackCountersValue,
  decodeThreadEvent,
  layouts,
} from "../../src/gen/records.ts";
import { compileTestBpf, libbpf, openBuilt } from "./harness.ts";
import { withoutLeaks } from "./leak_check.ts";

const fields = await compileTestBpf("fields");
const refused = await compileTestBpf("refused");
const processBytes = Deno.readFileSync(`${repositoryRoot}/build/bpf/process.bpf.o`);

Deno.test("the generated decoders read every field of every record where the C compiler put it", () =>
  withoutLeaks(libbpf, async () => {
    const object = openObject(libbpf, fields, { name: "fields", layouts });
    await object.load();
    const ring = new RingBuffer(object.map("ring"));
    runProgram(object.program("send_all"), new Uint8Array(8));
    const decoded: unknown[] = [];
    ring.drain((view, offset, length) => {
      const isProcess = length === layouts.process_event.size;
      decoded.push(isProcess ? decodeProcessEvent(view, offset) : decodeThreadEvent(view, offset));
    });
    assert.deepEqual(decoded, [
      {
        runTimeNs: 0x1000000000001,
        startBootNs: 0x1000000000002,
        cgroupId: 0xf000000000000003n,
        execId: 0xf000000000000004n,
        pid: 0xf0000005,
        parentPid: 0xf0000006,
        threads: 7,
        unwalkedThreads: 8,
        uid: 9,
        torn: 10,
        tgid: 11,
        name: "fifteen letters",
      },
      { kind: 11, tgid: 12, tid: 13, name: "tést" },
    ]);
    const { count, keys, values } = object.map("counted").readBatch();
    assert.equal(count, 1);
    assert.deepEqual(decodeSampleKey(new DataView(keys.buffer), 0), {
      tgid: 14,
      tid: 15,
      userHash: 0xf000000000000010n,
      kernelHash: 0xf000000000000011n,
    });
    assert.deepEqual(decodeOnCpuCountersValue(new DataView(values.buffer), 0), {
      taken: 18n,
      lostSamples: 19n,
    });
    const stackCounters = new Uint8Array(layouts.stack_counters_value.size);
    object.map("counted_stacks").lookup(new Uint8Array(4), stackCounters);
    assert.deepEqual(decodeStackCountersValue(new DataView(stackCounters.buffer), 0), {
      unsentStacks: 20n,
      unsentThreads: 21n,
      truncated: 22n,
      missingUserStacks: 23n,
    });
    ring.close();
    object.close();
  }));

Deno.test("openObject() refuses an object when a record's layout is not the one this program was built for", () =>
  withoutLeaks(libbpf, async () => {
    const moved = layouts.process_event.layout.replace("pid@32", "pid@40");
    for (const wrong of [{ process_event: { layout: moved } }, {}]) {
      assert.throws(
        () => openObject(libbpf, processBytes, { name: "process", layouts: wrong }),
        /Cannot use process: its process_event has 80 bytes: .*deno task gen/,
      );
    }
    await Promise.resolve();
  }));

Deno.test("openObject() throws a BpfError when the bytes are no BPF object", () =>
  withoutLeaks(libbpf, async () => {
    for (const bytes of [new Uint8Array(0), new Uint8Array(4096), processBytes.slice(0, 3000)]) {
      assert.throws(() => openObject(libbpf, bytes, { name: "junk" }), BpfError);
    }
    await Promise.resolve();
  }));

Deno.test("load() says the verifier's reason in one line and keeps its whole log when a program is refused", () =>
  withoutLeaks(libbpf, async () => {
    const object = openObject(libbpf, refused, { name: "refused" });
    await assert.rejects(object.load(), (error: unknown) => {
      assert.ok(error instanceof BpfError);
      assert.equal(error.operation, "load refused");
      assert.equal(error.errno, "EACCES");
      assert.match(
        error.message,
        /^Cannot load refused: permission denied \(R\d invalid mem access 'scalar'\)$/,
      );
      assert.match(error.verifierLog, /invalid mem access[^]*processed \d+ insns/);
      return true;
    });
    object.close();
  }));

Deno.test("setAutoload() leaves a program out, and program() then says so", () =>
  withoutLeaks(libbpf, async () => {
    const object = openObject(libbpf, refused, { name: "refused" });
    object.setAutoload("wild", false);
    await object.load();
    assert.throws(() => object.program("wild"), /it was not loaded/);
    assert.throws(() => object.program("tame"), /Cannot find program tame in refused/);
    object.close();
  }));

Deno.test("setRodata() sets the variable of that name and refuses unknown names, wrong sizes and late calls", () =>
  withoutLeaks(libbpf, async () => {
    const object = openObject(libbpf, fields, { name: "fields" });
    assert.throws(() => object.setRodata("wide", 1), TypeError);
    assert.throws(() => object.setRodata("narrow", 256), RangeError);
    assert.throws(() => object.setRodata("narrow", new Uint8Array(2)), RangeError);
    object.setRodata("narrow", 200);
    object.setRodata("negative", -150);
    await object.load();
    assert.equal(runProgram(object.program("send_all"), new Uint8Array(8)), 50);
    assert.throws(() => object.setRodata("narrow", 1), /once it is loaded/);
    object.close();
    assert.throws(() => object.map("ring").fd, /after it was closed/);
  }));

Deno.test("a map keeps, gives back and forgets what it is told, and readBatch() reads all of it", () =>
  withoutLeaks(libbpf, async () => {
    const entries = 10007;
    const object = openBuilt("on_cpu");
    object.setMaxEntries("known_stacks", entries);
    await object.load();
    const map = object.map("known_stacks");
    assert.deepEqual([map.keyBytes, map.valueBytes, map.maxEntries], [8, 1, entries]);
    const key = new BigUint64Array(1);
    const keyBytes = new Uint8Array(key.buffer);
    const value = new Uint8Array(1);
    for (let number = 0; number < entries; number++) {
      key[0] = BigInt(number);
      value[0] = number;
      map.update(keyBytes, value);
    }
    for (let reading = 0; reading < 2; reading++) {
      const { count, keys, values } = map.readBatch();
      assert.equal(count, entries);
      const numbers = new BigUint64Array(keys.buffer, 0, count);
      assert.equal(new Set(numbers).size, entries);
      numbers.forEach((number, index) => assert.equal(values[index], Number(number & 255n)));
    }
    key[0] = 4711n;
    assert.equal(map.lookup(keyBytes, value), true);
    assert.equal(value[0], 4711 & 255);
    assert.equal(map.delete(keyBytes), true);
    assert.equal(map.delete(keyBytes), false);
    assert.equal(map.lookup(keyBytes, value), false);
    map.update(keyBytes, value);
    key[0] = 99999n;
    assert.throws(
      () => map.update(keyBytes, value),
      (error: unknown) => (error as BpfError).errno === "E2BIG",
    );
    assert.throws(() => map.lookup(new Uint8Array(4), value), RangeError);
    assert.ok(map.memlockBytes > 9 * entries);
    object.close();
  }));
