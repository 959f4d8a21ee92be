import assert from "node:assert/strict";
import { readDockerName } from "./docker_name.ts";

const id = "0123456789abcdef".repeat(4);

/** What Docker keeps of a container, in its order, as far as it could be mistaken. */
function describe(
  given: { name?: string; labels?: Record<string, string>; env?: string[]; volume?: string },
): string {
  return JSON.stringify({
    State: { Running: true },
    ID: id,
    Config: { Hostname: "0123456789ab", Env: given.env ?? ["PASSWORD=hunter2"], Labels: given.labels ?? {} },
    LogPath: `/var/lib/docker/containers/${id}/${id}-json.log`,
    Name: given.name ?? "/shop-web-1",
    Driver: "overlay2",
    MountPoints: { "/data": { Name: given.volume ?? "shop_data", Destination: "/data" } },
  });
}

async function read(text: string | undefined) {
  const folder = await Deno.makeTempDir({ prefix: "stakeout-" });
  if (text !== undefined) {
    await Deno.mkdir(`${folder}/${id}`);
    await Deno.writeTextFile(`${folder}/${id}/config.v2.json`, text);
  }
  const name = readDockerName(id, folder);
  await Deno.remove(folder, { recursive: true });
  return name;
}

Deno.test("readDockerName() reads a container's name and its Compose service", async () => {
  const labels = { "com.docker.compose.project": "shop", "com.docker.compose.service": "web" };
  assert.deepEqual(await read(describe({ labels })), { name: "shop-web-1", composeService: "web" });
  assert.deepEqual(await read(describe({})), { name: "shop-web-1", composeService: "" });
});

Deno.test("readDockerName() is not led astray by what a container's maker may write", async () => {
  const env = ['X="Name":"/evil","com.docker.compose.service":"evil"'];
  assert.deepEqual(await read(describe({ env })), { name: "shop-web-1", composeService: "" });
  assert.equal((await read(describe({ labels: { Name: "/evil" } })))?.name, "shop-web-1");
  assert.equal(await read(describe({ name: "/a b" })), undefined);
  assert.equal(await read(describe({ name: `/${"x".repeat(300)}` })), undefined);
});

Deno.test("readDockerName() says nothing where there is no such file, or no name within its first 256 KiB", async () => {
  assert.equal(await read(undefined), undefined);
  assert.equal(await read(""), undefined);
  assert.equal(await read('{"Name":"/cut'), undefined);
  assert.equal(await read(describe({ env: ["x".repeat(256 * 1024)] })), undefined);
  assert.equal(readDockerName(""), undefined);
});
