import assert from "node:assert/strict";
import { DnsNames } from "./dns_names.ts";

function question(name: string, type = 1): Uint8Array {
  const labels = name.split(".").flatMap((label) => [label.length, ...new TextEncoder().encode(label)]);
  return new Uint8Array([...labels, 0, 0, type, 0, 1]);
}

Deno.test("DnsNames counts answers by edge, name and type", () => {
  const names = new DnsNames();
  names.addAnswer(1, question("a.example"), 2e6, 0);
  names.addAnswer(1, question("A.example"), 4e6, 3);
  names.addAnswer(1, question("a.example", 28), 1e6, 2);
  names.addTimeout(2, question("a.example"));
  const rows = names.take().map((
    { edge, name, type, dns, timeouts },
  ) => [edge, name, type, Number(dns?.requests), Number(dns?.errors4xx), Number(dns?.errors5xx), timeouts]);
  assert.deepEqual(rows, [
    [1, "a.example", 1, 2, 1, 0, 0],
    [1, "a.example", 28, 1, 0, 1, 0],
    [2, "a.example", 1, 0, 0, 0, 1],
  ]);
  assert.deepEqual(names.take(), []);
});

Deno.test("DnsNames counts names beyond the limit together, and what is no question at all", () => {
  const names = new DnsNames();
  names.addAnswer(1, new Uint8Array([0xc0, 1]), 1e6, 0);
  for (let index = 0; index < 300; index++) names.addAnswer(1, question(`host${index}.example`), 1e6, 0);
  const rows = names.take();
  assert.equal(rows.length, 256);
  assert.equal(
    rows.filter(({ name }) => name === "").reduce((sum, { dns }) => sum + Number(dns?.requests), 0),
    46,
  );
});
