import assert from "node:assert/strict";
import { lockFile } from "./lock_file.ts";

async function withFolder(run: (folder: string) => void): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    run(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("lockFile() gives a file to one holder at a time", () =>
  withFolder((folder) => {
    const path = `${folder}/lock`;
    const first = lockFile(path);
    assert.ok(first);
    assert.equal(Deno.statSync(path).mode! & 0o777, 0o600);
    assert.equal(lockFile(path), undefined);
    first.close();
    first.close();
    const second = lockFile(path);
    assert.ok(second);
    second.close();
  }));

Deno.test("lockFile() refuses a symbolic link, a FIFO's kin and a missing folder", () =>
  withFolder((folder) => {
    Deno.writeTextFileSync(`${folder}/elsewhere`, "");
    Deno.symlinkSync(`${folder}/elsewhere`, `${folder}/link`);
    assert.throws(() => lockFile(`${folder}/link`), /Cannot open lock file .*link: too many symbolic links/);
    assert.throws(() => lockFile("/dev/null"), /not a regular file/);
    assert.throws(() => lockFile(`${folder}/missing/lock`), /no such file or directory/);
  }));
