import assert from "node:assert/strict";
import { repositoryRoot } from "../../scripts/command.ts";
import { findFreePort } from "../support/free_port.ts";
import { testAsRoot } from "../support/test_as_root.ts";
import { makeTestFolder } from "../support/test_folder.ts";
import { waitFor } from "../support/wait.ts";
import { type Ended, executable, run } from "./executable.ts";

const nobody = 65534;
const asNobody = ["setpriv", `--reuid=${nobody}`, `--regid=${nobody}`, "--clear-groups"];

/** A user without rights whose cache is a folder of the test's, and the runtime in there. */
class Host {
  readonly cache: string;
  readonly runtime: string;

  constructor(folder: string) {
    this.cache = `${folder}/cache`;
    this.runtime = `${this.cache}/stakeout/runtime`;
    Deno.mkdirSync(this.cache);
    Deno.chownSync(this.cache, nobody, nobody);
  }

  /** `version`, which needs the runtime and nothing else. */
  start(program = executable, env: Record<string, string> = {}): Promise<Ended> {
    return run([...asNobody, program, "version"], { XDG_CACHE_HOME: this.cache, ...env });
  }

  /** The one folder of files. */
  get folder(): string {
    const names = [...Deno.readDirSync(this.runtime)].map(({ name }) => name);
    assert.equal(names.length, 1, names.join(" "));
    return `${this.runtime}/${names[0]}`;
  }

  /** Size, inode and times of all files there are. */
  describe(): string {
    return [...Deno.readDirSync(this.folder)].map(({ name }) => {
      const { ino, size, mtime, mode } = Deno.lstatSync(`${this.folder}/${name}`);
      return `${name} ${ino} ${size} ${mtime?.getTime()} ${(mode! & 0o7777).toString(8)}`;
    }).sort().join("\n");
  }
}

function testOnHost(name: string, body: (host: Host, folder: string) => Promise<void>): void {
  testAsRoot(name, async () => {
    await using folder = await makeTestFolder("launcher");
    await body(new Host(folder.path), folder.path);
  });
}

function expectVersion({ code, stdout, errors }: Ended): void {
  assert.equal(errors.join("\n"), "");
  assert.match(stdout, /^stakeout \d+\.\d+\.\d+ /);
  assert.equal(code, 0);
}

/** One line, and the code that says that this host can't. */
function expectRefusal({ code, stdout, errors }: Ended, line: RegExp): void {
  assert.equal(stdout, "");
  assert.equal(errors.length, 1, errors.join("\n"));
  assert.match(errors[0]!, line);
  assert.equal(code, 3);
}

/** Runs a body while a file system of these options is mounted on a folder that nobody owns. */
async function withTmpfs(path: string, options: string, body: () => Promise<void>): Promise<void> {
  const mounted = await run([
    "mount",
    "-t",
    "tmpfs",
    "-o",
    `uid=${nobody},mode=0700,${options}`,
    "tmpfs",
    path,
  ]);
  assert.equal(mounted.code, 0, mounted.errors.join());
  try {
    await body();
  } finally {
    await run(["umount", path]);
  }
}

testOnHost(
  "the executable unpacks its runtime once, for its user alone, and takes it from there later",
  async (host) => {
    expectVersion(await host.start());
    assert.equal(Deno.statSync(host.runtime).mode! & 0o7777, 0o700);
    assert.equal(Deno.statSync(host.folder).mode! & 0o7777, 0o700);
    const first = host.describe();
    assert.match(first, /^deno \d+ \d+ \d+ 555$/m);
    expectVersion(await host.start());
    assert.equal(host.describe(), first);
  },
);

testOnHost("the executable unpacks one runtime when it is started three times at once", async (host) => {
  for (const ended of await Promise.all([host.start(), host.start(), host.start()])) expectVersion(ended);
  assert.ok(host.folder);
  expectVersion(await host.start());
});

testOnHost(
  "the executable unpacks one runtime in containers that share a folder and their pids",
  async (host) => {
    const env = { XDG_CACHE_HOME: host.cache };
    const container = ["unshare", "--pid", "--fork", "--mount-proc", ...asNobody, executable, "version"];
    const all = await Promise.all([run(container, env), run(container, env), run(container, env)]);
    for (const ended of all) expectVersion(ended);
    assert.ok(host.folder);
  },
);

testOnHost("the executable unpacks below a folder that hands on its group", async (host) => {
  const base = `${host.cache}/stakeout`;
  Deno.mkdirSync(base);
  Deno.chownSync(base, nobody, nobody);
  Deno.chmodSync(base, 0o2755);
  expectVersion(await host.start());
  assert.equal(Deno.statSync(host.folder).mode! & 0o7777, 0o2700);
  expectVersion(await host.start());
});

testOnHost(
  "the executable refuses a runtime that is not as it was unpacked, with file and fix",
  async (host) => {
    expectVersion(await host.start());
    const { folder } = host;
    const deno = `${folder}/deno`;
    const original = Deno.statSync(deno);
    const damages: [what: string, damage: () => unknown, line: RegExp][] = [
      [
        "the parent's mode",
        () => Deno.chmodSync(host.runtime, 0o755),
        /runtime has mode 0755, not 0700; remove it$/,
      ],
      ["the parent's owner", () => Deno.chownSync(host.runtime, 0, 0), /runtime .*(uid 0|Permission denied)/],
      ["the folder's mode", () => Deno.chmodSync(folder, 0o777), /has mode 0777, not 0700; remove it$/],
      [
        "the folder's owner",
        () => Deno.chownSync(folder, 1, 1),
        /belongs to uid 1, not to 65534; remove it$|Permission denied/,
      ],
      ["a file's mode", () => Deno.chmodSync(deno, 0o4755), /deno has mode 4755, not 0555; remove \S+$/],
      [
        "a file's owner",
        () => Deno.chownSync(deno, 1, 1),
        /deno belongs to uid 1, not to 65534; remove \S+$/,
      ],
      ["a file's size", () => Deno.truncateSync(deno, 1009), /deno has 1009 bytes, not \d+; remove \S+$/],
    ];
    const lines = new Map<string, string>();
    for (const [what, damage, line] of damages) {
      damage();
      const ended = await host.start();
      expectRefusal(ended, /^error: \S+ /);
      assert.match(ended.errors[0]!, line, what);
      lines.set(what, ended.errors[0]!);
      for (const path of [host.runtime, folder]) {
        Deno.chownSync(path, nobody, nobody);
        Deno.chmodSync(path, 0o700);
      }
      Deno.chownSync(deno, nobody, nobody);
      Deno.chmodSync(deno, 0o555);
    }
    // Size and mode as they were, only the content is another, as in a damaged copy: it is unpacked anew.
    Deno.truncateSync(deno, original.size);
    expectVersion(await host.start());
    const pinned = `${repositoryRoot}/.tools/node_modules/@deno/linux-x64-glibc/deno`;
    assert.equal((await run(["cmp", deno, pinned])).code, 0);
    Deno.removeSync(`${folder}/stamp`);
    expectVersion(await host.start());
    assert.ok(Deno.statSync(`${folder}/stamp`).isFile);
    Deno.removeSync(deno);
    Deno.symlinkSync("/bin/true", deno);
    expectRefusal(await host.start(), /deno cannot be opened \(.*\); remove \S+$/);
    Deno.removeSync(deno);
    await run(["mkfifo", "-m", "0555", deno]);
    expectRefusal(await host.start(), /deno is no regular file; remove \S+$/);
    // The fix fixes it.
    Deno.removeSync(folder, { recursive: true });
    expectVersion(await host.start());
  },
);

testOnHost(
  "the executable removes runtimes of other versions, and what a killed run left an hour ago",
  async (host) => {
    expectVersion(await host.start());
    const { folder } = host;
    for (const name of ["0123456789abcdef0123456789abcdef", ".old.1", ".young.2"]) {
      Deno.mkdirSync(`${host.runtime}/${name}`);
      Deno.writeTextFileSync(`${host.runtime}/${name}/deno`, "");
      Deno.chownSync(`${host.runtime}/${name}`, nobody, nobody);
    }
    Deno.utimeSync(`${host.runtime}/.old.1`, 1e9, 1e9);
    Deno.removeSync(folder, { recursive: true });
    expectVersion(await host.start());
    const names = [...Deno.readDirSync(host.runtime)].map(({ name }) => name).sort();
    assert.deepEqual(names, [".young.2", folder.split("/").at(-1)]);
  },
);

testOnHost(
  "the executable runs from memory when nothing can be written or executed where it would unpack",
  async (host) => {
    expectVersion(await host.start(executable, { XDG_CACHE_HOME: "/proc/self/none" }));
    expectVersion(await run([...asNobody, executable, "version"]));
    for (const options of ["noexec", "ro"]) {
      await withTmpfs(host.cache, options, async () => {
        expectVersion(await host.start());
        assert.equal([...Deno.readDirSync(host.cache)].filter(({ name }) => name !== "stakeout").length, 0);
      });
    }
  },
);

testOnHost(
  "the executable says that there is no space, and leaves nothing of what it wrote",
  async (host) => {
    await withTmpfs(host.cache, "size=20m", async () => {
      expectRefusal(
        await host.start(),
        /^error: No space to unpack the runtime in \S+: it takes \d+ MiB; free them, or set XDG_CACHE_HOME/,
      );
      assert.deepEqual([...Deno.readDirSync(host.runtime)], []);
    });
  },
);

testOnHost("the executable says when neither folder nor memory may be executed from", async () => {
  const inNamespace = 'mount -t proc proc /proc && echo 2 > /proc/sys/vm/memfd_noexec && exec "$@"';
  expectRefusal(
    await run([
      "unshare",
      "--pid",
      "--fork",
      "--mount",
      "sh",
      "-c",
      inNamespace,
      "sh",
      ...asNobody,
      executable,
      "version",
    ]),
    /^error: Cannot run from memory: .*vm\.memfd_noexec below 2/,
  );
});

testOnHost(
  "the executable tells that it is damaged, and leaves nothing, when it was cut or changed",
  async (host, folder) => {
    const bytes = Deno.readFileSync(executable);
    const damaged = `${folder}/damaged`;
    const cut = bytes.slice(0, bytes.length - 1013);
    const changed = bytes.slice();
    changed[Math.floor(bytes.length / 2)]! ^= 1;
    const index = bytes.slice();
    index[bytes.length - 40]! ^= 1;
    for (const content of [cut, changed, index]) {
      await Deno.writeFile(damaged, content, { mode: 0o755 });
      expectRefusal(await host.start(damaged), /^error: The executable is damaged: .*; copy it anew$/);
    }
    const left = await Deno.stat(host.runtime).then(() => [...Deno.readDirSync(host.runtime)], () => []);
    assert.deepEqual(left.map(({ name }) => name), []);
  },
);

testOnHost(
  "the executable takes no library, flag or cache from its user's environment",
  async (host, folder) => {
    const traps = `${folder}/traps`;
    Deno.mkdirSync(traps);
    Deno.chmodSync(traps, 0o777);
    const variables = [
      ...[
        "LD_PRELOAD=/nonexistent.so",
        `LD_LIBRARY_PATH=${traps}`,
        `DENO_DIR=${traps}/deno`,
        "DENO_V8_FLAGS=--nonsense",
      ],
      ...["NODE_OPTIONS=--nonsense", "STAKEOUT_ARCHIVE=/nonexistent", `TMPDIR=${traps}`, `HOME=${traps}`],
    ];
    // Set by the last program before ours: the others would heed them.
    expectVersion(
      await run([...asNobody, "env", `XDG_CACHE_HOME=${host.cache}`, ...variables, executable, "version"]),
    );
    assert.deepEqual([...Deno.readDirSync(traps)], []);
  },
);

testOnHost("the executable preloads nothing of the host's, which has another C library", async () => {
  // As root, and at once: each program that is started in there would complain.
  const inNamespace = "mkdir $0 && cp -a /etc/. $0 && mount --bind $0 /etc && " +
    'echo /nonexistent.so > /etc/ld.so.preload && exec "$@"';
  await using folder = await makeTestFolder("preload");
  expectVersion(
    await run(["unshare", "--mount", "sh", "-c", inNamespace, `${folder.path}/etc`, executable, "version"]),
  );
});

testOnHost("the executable keeps its files off the standard fds, closed as they may be", async (host) => {
  const closed = 'exec "$@" <&- >&- 2>&-';
  for (const cache of [host.cache, "/proc/self/none"]) {
    const listen = ["--listen", `127.0.0.1:${findFreePort()}`];
    const server = new Deno.Command("sh", {
      args: [
        "-c",
        closed,
        "sh",
        ...asNobody,
        executable,
        "server",
        "--state",
        `${host.cache}/state`,
        ...listen,
      ],
      clearEnv: true,
      env: { PATH: Deno.env.get("PATH") ?? "", XDG_CACHE_HOME: cache },
      stdin: "null",
    }).spawn();
    try {
      await waitFor(() => Deno.stat(`${host.cache}/state/url`).catch(() => undefined), 20);
      for (const fd of [0, 1, 2]) {
        assert.equal(Deno.readLinkSync(`/proc/${server.pid}/fd/${fd}`), "/dev/null");
      }
    } finally {
      server.kill();
      await server.status;
      Deno.removeSync(`${host.cache}/state`, { recursive: true });
    }
  }
});

testOnHost(
  "the executable refuses another user's rights, and a folder that is gone",
  async (host, folder) => {
    expectRefusal(
      await run(["setpriv", `--euid=${nobody}`, "--clear-groups", executable, "version"]),
      /^error: The executable must not be setuid or setgid: /,
    );
    const fromGone = 'mkdir $0 && cd $0 && rmdir $0 && exec "$@"';
    expectRefusal(
      await run(["sh", "-c", fromGone, `${folder}/gone`, executable, "version"], {
        XDG_CACHE_HOME: host.cache,
      }),
      /^error: The working directory was removed; change to another$/,
    );
  },
);
