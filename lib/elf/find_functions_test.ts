import assert from "node:assert/strict";
import { openInOwnRoot } from "../sys/open_in_root.ts";
import { parseElf } from "./elf.ts";
import { findFunctions } from "./find_functions.ts";

Deno.test("findFunctions() finds exported functions where nm finds them, and nothing that is not there", async () => {
  const path = Deno.realPathSync("/lib/x86_64-linux-gnu/libm.so.6");
  const file = openInOwnRoot(path)!;
  const found = await findFunctions(file, parseElf(file)!, ["cosl", "tgammaf", "no_such_function"]);
  file.close();
  const { stdout } = await new Deno.Command("nm", { args: ["-D", "-S", path] }).output();
  const symbols = new TextDecoder().decode(stdout);
  for (const name of ["cosl", "tgammaf"]) {
    const [, address, size] = new RegExp(`^([0-9a-f]+) ([0-9a-f]+) . ${name}@`, "m").exec(symbols)!;
    assert.deepEqual(found.get(name), { address: parseInt(address!, 16), sizeBytes: parseInt(size!, 16) });
  }
  assert.equal(found.size, 2);
});
