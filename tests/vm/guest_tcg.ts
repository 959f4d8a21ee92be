import { repositoryRoot, runCommand } from "../../scripts/command.ts";

/** What is left of a guest that has run. */
export interface GuestRun {
  /** What it and its kernel said, from boot to power-off. */
  readonly console: string;
  /** Exit code of the emulator: 0 when the guest powered off or its kernel panicked, 124 when it was stopped. */
  readonly code: number;
  /** Folder of the files that it sent. */
  readonly results: string;
  readonly seconds: number;
}

/** A large cache of translated code saves a quarter of the time. */
const translation = ["-accel", "tcg,tb-size=1024"];
const memoryMegabytes = 1536;
const limitSeconds = 480;

/**
 * Boots the kernel of `scripts/second_kernel` in an emulated machine of two CPUs, with the given files, each at its path
 * in the guest, and waits for its end. `/init` runs as the first process and sends a gzipped tar over `/dev/ttyS1`.
 */
export async function runGuest(files: Readonly<Record<string, string>>, folder: string): Promise<GuestRun> {
  const initrd = await packFiles(files, folder);
  const archive = `${folder}/results.tar.gz`;
  const started = performance.now();
  const usual = [...translation];
  const first = await runEmulator(usual, initrd, archive);
  const { code, console } = first.isKvmBroken ? await runEmulator(translation, initrd, archive) : first;
  const seconds = (performance.now() - started) / 1000;
  const results = `${folder}/results`;
  await Deno.mkdir(results);
  try {
    // The guest's clock was set back and forth.
    await runCommand("tar", [
      "--extract",
      "--gzip",
      "--touch",
      `--file=${archive}`,
      `--directory=${results}`,
    ]);
  } catch (error) {
    throw new Error(`The guest sent no whole results; it said:\n${console}`, { cause: error });
  }
  return { console, code, results, seconds };
}

/** Runs the emulator to its end, or until it says that KVM cannot go on: it would wait for somebody to look then. */
async function runEmulator(
  accelerators: readonly string[],
  initrd: string,
  archive: string,
): Promise<{ code: number; console: string; isKvmBroken: boolean }> {
  const emulator = new Deno.Command("timeout", {
    args: [
      ...["--kill-after=5", String(limitSeconds), "qemu-system-x86_64"],
      ...["-machine", "q35", ...accelerators, "-cpu", "max", "-smp", "2"],
      ...["-m", String(memoryMegabytes), "-nodefaults", "-no-reboot", "-display", "none"],
      ...["-kernel", `${repositoryRoot}/.tools/second_kernel/vmlinuz`, "-initrd", initrd],
      ...["-append", "console=ttyS0 quiet loglevel=4 panic=-1"],
      ...["-serial", "stdio", "-serial", `file:${archive}`],
    ],
    ...{ stdin: "null", stdout: "piped", stderr: "piped" },
  }).spawn();
  let isKvmBroken = false;
  async function read(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<string> {
    let text = "";
    for await (const piece of stream.pipeThrough(new TextDecoderStream())) {
      text += piece;
      if (isKvmBroken || !text.includes("KVM internal error")) continue;
      isKvmBroken = true;
      emulator.kill("SIGTERM");
    }
    return text;
  }
  const [output, complaints, { code }] = await Promise.all([
    read(emulator.stdout),
    read(emulator.stderr),
    emulator.status,
  ]);
  return { code, console: output + complaints, isKvmBroken };
}

/** Makes the guest's first file system. @returns its path. */
async function packFiles(files: Readonly<Record<string, string>>, folder: string): Promise<string> {
  const root = `${folder}/root`;
  for (const mountPoint of ["bin", "dev", "proc", "root", "sys", "tmp"]) {
    await Deno.mkdir(`${root}/${mountPoint}`, { recursive: true });
  }
  for (const [path, source] of Object.entries({ ...files, "/bin/busybox": "/bin/busybox" })) {
    await Deno.mkdir(root + path.slice(0, path.lastIndexOf("/")), { recursive: true });
    await Deno.copyFile(source, root + path);
  }
  const initrd = `${folder}/initrd`;
  const pack = `find . | cpio --quiet --create --format=newc --owner=+0:+0 >"$1"`;
  await runCommand("sh", ["-c", pack, "sh", initrd], { cwd: root });
  return initrd;
}
