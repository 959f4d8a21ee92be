import assert from "node:assert/strict";
import { Poller } from "../../lib/bpf/poller.ts";
import { openObject } from "../../lib/bpf/object.ts";
import { RingBuffer } from "../../lib/bpf/ring_buffer.ts";
import { runProgram } from "../../lib/bpf/test_run.ts";
import { compileTestBpf, libbpf, sleep } from "./harness.ts";
import { withoutLeaks } from "./leak_check.ts";

const bytes = await compileTestBpf("ring");

/** A loaded ring, what fills it, and what it lost, read from the program's own globals. */
async function openRing(ringBytes: number) {
  const object = openObject(libbpf, bytes, { name: "ring" });
  object.setMaxEntries("ring", ringBytes);
  await object.load();
  const ring = new RingBuffer(object.map("ring"));
  const globals = new BigUint64Array(object.map("ring.bss").memory().buffer, 0, 2);
  return {
    object,
    ring,
    fill: (records: number, wake = 0) =>
      runProgram(object.program("fill"), new Uint8Array(new Uint32Array([records, wake]).buffer)),
    discard: () => runProgram(object.program("discard"), new Uint8Array(8)),
    counts: () => [Number(globals[0]), Number(globals[1])],
    close() {
      ring.close();
      object.close();
    },
  };
}

Deno.test("drain() hands over every record once and in order when a prime number of them wraps the ring many times", () =>
  withoutLeaks(libbpf, async () => {
    const { ring, fill, counts, close } = await openRing(4096);
    const rounds = 997;
    let next = 0;
    for (let round = 0; round < rounds; round++) {
      fill(23);
      const count = ring.drain((view, offset, length) => {
        assert.equal(length, 8 + (next & 31));
        assert.equal(view.getUint32(offset, true), next);
        if (length >= 24) assert.equal(view.getUint32(offset + 16, true), 3 * next);
        next++;
      });
      assert.equal(count, 23);
    }
    assert.deepEqual(counts(), [23 * rounds, 0]);
    assert.equal(next, 23 * rounds);
    close();
  }));

Deno.test("drain() and the lost counter together give all records when the ring overflows", () =>
  withoutLeaks(libbpf, async () => {
    const { ring, fill, counts, close } = await openRing(4096);
    let received = 0;
    let last = -1;
    for (let round = 0; round < 11; round++) {
      fill(1009);
      received += ring.drain((view, offset) => {
        const number = view.getUint32(offset, true);
        assert.ok(number > last);
        last = number;
      });
    }
    const [produced, lost] = counts();
    assert.equal(produced, 11 * 1009);
    assert.ok(lost! > 0);
    assert.equal(received + lost!, produced);
    close();
  }));

Deno.test("drain() stops at maxRecords and goes on from there when called again", () =>
  withoutLeaks(libbpf, async () => {
    const { ring, fill, close } = await openRing(4096);
    fill(23);
    const seen: number[] = [];
    const take = (view: DataView, offset: number) => seen.push(view.getUint32(offset, true));
    assert.equal(ring.drain(take, 10), 10);
    assert.equal(ring.drain(take, 10), 10);
    assert.equal(ring.drain(take, 10), 3);
    assert.deepEqual(seen, Array.from({ length: 23 }, (_, index) => index));
    close();
  }));

Deno.test("drain() skips a record when its program discarded it", () =>
  withoutLeaks(libbpf, async () => {
    const { ring, fill, discard, close } = await openRing(4096);
    fill(2);
    discard();
    fill(3);
    assert.equal(ring.drain(() => {}), 5);
    assert.equal(ring.drain(() => {}), 0);
    close();
  }));

Deno.test("drain() counts a record as read when its callback throws", () =>
  withoutLeaks(libbpf, async () => {
    const { ring, fill, close } = await openRing(4096);
    fill(3);
    assert.throws(() =>
      ring.drain(() => {
        throw new Error("stop");
      }), /stop/);
    assert.equal(ring.drain(() => {}), 2);
    close();
  }));

Deno.test("wait() resolves with true when a record wakes the reader, with false after its timeout and on close()", () =>
  withoutLeaks(libbpf, async () => {
    const { object, ring, fill, close } = await openRing(4096);
    const poller = new Poller();
    poller.add(object.map("ring").fd);
    assert.equal(await poller.wait(1), false);
    const woken = poller.wait(5000);
    await sleep(20);
    fill(1, 1);
    assert.equal(await woken, true);
    ring.drain(() => {});
    const endless = poller.wait(-1);
    await sleep(20);
    const start = performance.now();
    await poller.close();
    assert.equal(await endless, false);
    assert.ok(performance.now() - start < 1000);
    assert.equal(await poller.wait(10), false);
    close();
  }));

Deno.test("memory() reads nothing instead of faulting when it is kept beyond close()", () =>
  withoutLeaks(libbpf, async () => {
    const { object, close } = await openRing(4096);
    const memory = object.map("ring.bss").memory();
    assert.equal(memory.length, 16);
    close();
    assert.equal(memory.length, 0);
    assert.equal(memory[0], undefined);
  }));
