import assert from "node:assert/strict";
import { parseConfig } from "../../src/model/config_file.ts";
import { makeTestFolder, type TestFolder } from "../support/test_folder.ts";
import { type Outcome, runProgram } from "./program.ts";

const executable = "/usr/local/bin/stakeout";
const kinds = ["agent", "server"] as const;

/** A root with an executable in it, as an image under construction has. */
async function makeImage(): Promise<TestFolder> {
  const folder = await makeTestFolder("install");
  await Deno.mkdir(`${folder.path}/usr/local/bin`, { recursive: true });
  await Deno.writeTextFile(folder.path + executable, "#!/bin/true\n", { mode: 0o755 });
  return folder;
}

function install(root: string, kind: string, ...flags: string[]): Promise<Outcome> {
  return runProgram(["install-service", kind, "--root", root, ...flags], {
    env: { STAKEOUT_EXECUTABLE: executable },
  });
}

function unitPath(root: string, kind: string): string {
  return `${root}/etc/systemd/system/stakeout-${kind}.service`;
}

async function analyze(...args: string[]): Promise<{ success: boolean; text: string }> {
  const { success, stdout, stderr } = await new Deno.Command("systemd-analyze", { args }).output();
  const decoder = new TextDecoder();
  return { success, text: decoder.decode(stdout) + decoder.decode(stderr) };
}

Deno.test("install-service writes units that systemd takes without a warning, and that expose little", async () => {
  await using image = await makeImage();
  const root = image.path;
  const limits = { agent: 2.7, server: 1.1 };
  for (const kind of kinds) {
    assert.equal((await install(root, kind)).code, 0);
    const path = unitPath(root, kind);
    const text = await Deno.readTextFile(path);
    assert.match(
      text,
      new RegExp(`^ExecStart=${executable} ${kind} --config /etc/stakeout/stakeout.yaml `, "m"),
    );
    // The executable is not on this machine.
    await Deno.writeTextFile(path, text.replace(`=${executable}`, "=/bin/true"));
    assert.deepEqual(await analyze("verify", "--man=no", path), { success: true, text: "" });
    const security = await analyze("security", "--offline=true", path);
    const exposure = Number(/Overall exposure level .*: ([\d.]+) /.exec(security.text)?.[1]);
    assert.ok(exposure <= limits[kind], `${kind}: ${security.text}`);
  }
});

Deno.test("install-service changes nothing when it is run again, and uninstalls what it wrote", async () => {
  await using image = await makeImage();
  const root = image.path;
  assert.match((await install(root, "server")).stdout, /^wrote .*server\.service\nwrote .*stakeout\.yaml\n/);
  const before = await Deno.readTextFile(unitPath(root, "server"));
  await Deno.writeTextFile(`${root}/etc/stakeout/stakeout.yaml`, "listen: 127.0.0.1:8080\n");
  const again = await install(root, "server");
  assert.match(again.stdout, /^unchanged .*server\.service\nNext:\n/);
  assert.equal(await Deno.readTextFile(unitPath(root, "server")), before);

  assert.match((await install(root, "server", "--uninstall")).stdout, /^removed .*server\.service\nKept: /);
  assert.deepEqual([...Deno.readDirSync(`${root}/etc/systemd/system`)], []);
  assert.equal(await Deno.readTextFile(`${root}/etc/stakeout/stakeout.yaml`), "listen: 127.0.0.1:8080\n");
  const nothing = await install(root, "server", "--uninstall");
  assert.deepEqual([nothing.code, /^not installed: /.test(nothing.stdout)], [0, true]);
});

Deno.test("install-service neither overwrites nor removes a unit that was edited, unless it is forced to", async () => {
  await using image = await makeImage();
  const root = image.path;
  const path = unitPath(root, "agent");
  await install(root, "agent");
  const edited = (await Deno.readTextFile(path)).replace("MemoryMax=512M", "MemoryMax=2G");
  const strangers = "[Service]\nExecStart=/bin/true\n";
  for (const text of [edited, strangers]) {
    await Deno.writeTextFile(path, text);
    for (const flags of [[], ["--uninstall"]]) {
      const { code, errors } = await install(root, "agent", ...flags);
      assert.equal(code, 2);
      assert.deepEqual(errors.length, 1);
      assert.match(
        errors[0]!,
        /^error: \/\S+agent\.service was edited or not written by this program; .*--force$/,
      );
    }
    assert.equal(await Deno.readTextFile(path), text);
  }
  assert.match((await install(root, "agent", "--force")).stdout, /^wrote /);
  assert.match(await Deno.readTextFile(path), /^MemoryMax=512M$/m);
  // A masked unit is a link to /dev/null, which must not be written through.
  await Deno.remove(path);
  await Deno.symlink("/dev/null", path);
  assert.equal((await install(root, "agent")).code, 2);
  assert.equal((await install(root, "agent", "--force")).code, 0);
  assert.ok((await Deno.lstat(path)).isFile);
});

Deno.test("install-service begins a configuration that sets nothing and that the program takes", async () => {
  await using image = await makeImage();
  await install(image.path, "server");
  const path = `${image.path}/etc/stakeout/stakeout.yaml`;
  const text = await Deno.readTextFile(path);
  assert.deepEqual(parseConfig(text, () => undefined), { source: {}, problems: [] });
  // Every setting in it is an example that works once its mark is taken away; of the two `tls` one at a time.
  for (const without of ["tls: { ca_file", "tls: { cert_file"]) {
    const settings = text.split("\n").filter((line) =>
      /^# \w+: .*[^,.]$/.test(line) && !line.includes(without)
    );
    const uncommented = settings.map((line) => line.slice(2)).join("\n");
    assert.deepEqual(parseConfig(uncommented, () => undefined).problems, [], uncommented);
    assert.ok(settings.length >= 3);
  }
});

Deno.test("install-service names the fix when no service could run the executable, or others could exchange it", async () => {
  await using folder = await makeTestFolder("install");
  const cases: [string | undefined, RegExp][] = [
    [
      undefined,
      /needs the built executable, and this is a source checkout; run .*task build, then: dist\/stakeout /,
    ],
    [
      `${folder.path}/stakeout`,
      /its sandbox hides what is in \/tmp\/; run: install -m 755 \S+ \/usr\/local\/bin/,
    ],
  ];
  await Deno.writeTextFile(`${folder.path}/stakeout`, "", { mode: 0o755 });
  for (const [path, error] of cases) {
    const outcome = await runProgram(["install-service", "agent", "--dry-run"], {
      env: path === undefined ? {} : { STAKEOUT_EXECUTABLE: path },
    });
    assert.deepEqual([outcome.code, outcome.stdout, outcome.errors.length], [2, "", 1]);
    assert.match(outcome.errors[0]!, error);
  }
  const { code, errors } = await install(folder.path, "agent");
  assert.equal(code, 2);
  assert.match(
    errors[0]!,
    /^error: \S+\/usr\/local\/bin\/stakeout is no executable; run: install -D -m 755 /,
  );
  assert.equal((await install(folder.path, "agent", "--now")).code, 2);
});
