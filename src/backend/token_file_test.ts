import assert from "node:assert/strict";
import { ensureTokenFile, readTokenFile } from "./token_file.ts";

async function withFile(text: string | undefined, body: (path: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    if (text !== undefined) await Deno.writeTextFile(`${folder}/tokens`, text, { mode: 0o600 });
    await body(`${folder}/tokens`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("ensureTokenFile() makes a private file once and reads it again", () =>
  withFile(undefined, async (path) => {
    const tokens = await ensureTokenFile(path);
    assert.deepEqual(tokens.map(({ role }) => role), ["editor", "agent"]);
    assert.ok(tokens.every(({ token }) => token.length >= 43));
    assert.equal((await Deno.stat(path)).mode! & 0o777, 0o600);
    assert.deepEqual(await ensureTokenFile(path), tokens);
  }));

Deno.test("readTokenFile() reads roles, comments and agent ids", () =>
  withFile(
    "# mine\nviewer 0123456789abcdef # laptop\n\nagent fedcba9876543210 web-1,web-2\n",
    async (path) => {
      assert.deepEqual(await readTokenFile(path), [
        { role: "viewer", token: "0123456789abcdef" },
        { role: "agent", token: "fedcba9876543210", agentIds: ["web-1", "web-2"] },
      ]);
    },
  ));

Deno.test("readTokenFile() refuses what others can read, and names line and fix of what it cannot", async () => {
  await withFile("viewer 0123456789abcdef\n", async (path) => {
    for (const mode of [0o604, 0o620, ...Deno.uid() === 0 ? [] : [0o640]]) {
      await Deno.chmod(path, mode);
      await assert.rejects(readTokenFile(path), {
        message: `Cannot use ${path}: others may read it; run chmod 600 ${path}`,
      });
    }
  });
  for (
    const [text, message] of [
      ["\nroot 0123456789abcdef", /tokens:2:1: unknown role; use viewer, editor or agent/],
      ["viewer short", /tokens:1:1: token too short/],
      ["viewer 0123456789abcdef web-1", /agent ids after a viewer's token/],
      ["# nothing", /no token in it/],
    ] as const
  ) {
    await withFile(text, (path) => assert.rejects(readTokenFile(path), message));
  }
});

Deno.test("readTokenFile() takes root's own file that a group may read, and nobody else's", {
  ignore: Deno.uid() !== 0,
}, () =>
  withFile("viewer 0123456789abcdef\n", async (path) => {
    await Deno.chmod(path, 0o440);
    assert.equal((await readTokenFile(path)).length, 1);
    await Deno.chown(path, 65534, 65534);
    await assert.rejects(readTokenFile(path), /others may read it/);
  }));
