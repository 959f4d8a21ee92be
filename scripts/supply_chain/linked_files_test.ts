import assert from "node:assert/strict";
import { repositoryRoot } from "../command.ts";
import { readLinkedFiles } from "./linked_files.ts";

Deno.test("readLinkedFiles() lists the host's objects and archives as a linker took them, without links", async () => {
  const folder = await Deno.makeTempDir({ prefix: "stakeout-linked-" });
  try {
    const [source, dependencies] = [`${folder}/a.c`, `${folder}/a.d`];
    await Deno.writeTextFile(source, "int main(void) { return 0; }\n");
    const { code } = await new Deno.Command("gcc", {
      args: ["-Wl,--dependency-file=" + dependencies, "-o", `${folder}/a`, source],
      cwd: repositoryRoot,
    }).output();
    assert.equal(code, 0);
    const files = await readLinkedFiles(dependencies);
    const names = files.map((path) => path.slice(path.lastIndexOf("/") + 1));
    for (const name of ["crti.o", "crtn.o", "libgcc.a"]) assert.ok(names.includes(name), `${name}: ${names}`);
    assert.ok(files.every((path) => /^\/usr\/lib\/[^.]*\/[^/]+\.[ao]$/.test(path)), files.join("\n"));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
