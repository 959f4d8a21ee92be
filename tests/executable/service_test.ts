import assert from "node:assert/strict";
import { SystemdHost } from "../support/systemd_host.ts";
import { testAsRoot } from "../support/test_as_root.ts";
import { waitFor } from "../support/wait.ts";
import { executable } from "./executable.ts";

testAsRoot(
  "the executable installs itself as services that unpack into caches of their own and work together",
  async () => {
    await using host = await SystemdHost.start(executable);
    await host.expect("umount /opt/stakeout");
    const installed = await host.expect("stakeout install-service server --now");
    assert.match(installed, /^wrote \/etc\/systemd\/system\/stakeout-server\.service$/m);
    const told = await host.expect("stakeout install-service agent");
    await host.expect(/^ {5}(awk .*)$/m.exec(told)![1]!);
    await host.expect(`echo 'backend: { url: "http://127.0.0.1:7471" }' >/etc/stakeout/stakeout.yaml`);
    await host.expect("stakeout install-service agent --now");
    const metrics = [
      "exec 3<>/dev/tcp/127.0.0.1/7471",
      "token=$(cat /var/lib/stakeout-server/token)",
      'printf "GET /metrics HTTP/1.0\\r\\nHost: 127.0.0.1\\r\\nAuthorization: Bearer $token\\r\\n\\r\\n" >&3',
      "cat <&3",
    ].join("\n");
    const connected = await waitFor(async () => {
      const { text } = await host.run(metrics);
      return /^stakeout_agents_connected 1$/m.test(text) || undefined;
    }, 10);
    assert.ok(connected, (await host.run(metrics)).text);
    for (const kind of ["agent", "server"]) {
      const unit = `stakeout-${kind}`;
      assert.match(
        await host.expect(`find /var/cache/${unit}/ -name 'deno*' -type f`),
        /\/runtime\/\w+\/deno/,
      );
      await host.expect(`stakeout install-service ${kind} --uninstall`);
    }
  },
);
