import assert from "node:assert/strict";
import { CommandError } from "./command_error.ts";
import { findStandardPaths, loadConfig } from "./load_config.ts";

Deno.test("findStandardPaths() uses /etc and /var/lib for root and XDG folders for others", () => {
  assert.deepEqual(findStandardPaths(0, () => "/root"), {
    configFile: "/etc/stakeout/stakeout.yaml",
    stateFolder: "/var/lib/stakeout",
  });
  const environment: Record<string, string> = { HOME: "/home/a", XDG_CONFIG_HOME: "/c", XDG_STATE_HOME: "" };
  assert.deepEqual(findStandardPaths(1000, (name) => environment[name]), {
    configFile: "/c/stakeout/stakeout.yaml",
    stateFolder: "/home/a/.local/state/stakeout",
  });
});

Deno.test("loadConfig() takes DEBUGINFOD_URLS only when debuginfod is on and no server is named", async () => {
  const file = await Deno.makeTempFile({ suffix: ".yaml" });
  try {
    Deno.env.set("DEBUGINFOD_URLS", "https://a.example http://b.example/ ftp://c");
    const urlsOf = async (text: string, debuginfod?: boolean) => {
      await Deno.writeTextFile(file, text);
      return (await loadConfig({ config: file, ...(debuginfod && { debuginfod }) })).debuginfod.urls;
    };
    assert.deepEqual(await urlsOf(""), []);
    assert.deepEqual(await urlsOf("", true), ["https://a.example", "http://b.example/"]);
    const own = 'debuginfod: { enabled: true, urls: ["https://own.example"] }';
    assert.deepEqual(await urlsOf(own), ["https://own.example"]);
    Deno.env.delete("DEBUGINFOD_URLS");
    await assert.rejects(urlsOf("", true), /^CommandError: debuginfod is on but no server is given; set /);
  } finally {
    Deno.env.delete("DEBUGINFOD_URLS");
    await Deno.remove(file);
  }
});

Deno.test("loadConfig() lays flags over the file and makes the state folder absolute", async () => {
  const file = await Deno.makeTempFile({ suffix: ".yaml" });
  try {
    await Deno.writeTextFile(file, "listen: 127.0.0.1:1\nlog_level: warn\nstate_folder: /srv/a\n");
    const config = await loadConfig({ config: file, listen: "127.0.0.1:2", state: "here" });
    assert.equal(config.listen, "127.0.0.1:2");
    assert.equal(config.logLevel, "warn");
    assert.equal(config.stateFolder, `${Deno.cwd()}/here`);
    await Deno.writeTextFile(file, "listen: 1\nlog_level: 2\n");
    await assert.rejects(loadConfig({ config: file }), (error: CommandError) => {
      assert.equal(error.exitCode, 2);
      assert.match(error.message, /:1:9: listen /);
      assert.deepEqual(error.more.map((line) => line.replace(/^.*?:/, "")), [
        "2:12: log_level is 2; write debug or info or warn or error",
      ]);
      return true;
    });
  } finally {
    await Deno.remove(file);
  }
});
