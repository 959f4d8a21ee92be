import assert from "node:assert/strict";
import { createLogger } from "../../lib/log.ts";
import { makeTestFolder } from "../../tests/support/test_folder.ts";
import { defaultConfig } from "../model/config.ts";
import { openStateFolder } from "./state_folder.ts";

Deno.test("openStateFolder() lets other users pass through a folder that it makes, whatever the umask is", async () => {
  await using folder = await makeTestFolder("state");
  const logger = createLogger({ format: "logfmt", level: "error" });
  const modes: number[] = [];
  for (const [name, before] of [["made", undefined], ["found", 0o700]] as const) {
    const stateFolder = `${folder.path}/${name}`;
    if (before !== undefined) Deno.mkdirSync(stateFolder, { mode: before });
    const umask = Deno.umask(0o077);
    try {
      assert.equal(await openStateFolder(defaultConfig(stateFolder), logger), stateFolder);
    } finally {
      Deno.umask(umask);
    }
    modes.push(Deno.statSync(stateFolder).mode! & 0o7777);
  }
  assert.deepEqual(modes, [0o711, 0o700]);
});
