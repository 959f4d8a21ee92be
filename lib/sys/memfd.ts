import { encodeCString } from "./c_string.ts";
import { errnoText } from "./errno_name.ts";
import { errno, libc } from "./syscall.ts";

const MFD_CLOEXEC = 1;
/** Says that it is to be executable, for hosts with vm.memfd_noexec=1; kernels before 6.3 do not know it. */
const MFD_EXEC = 16;
const EINVAL = 22;

/**
 * Makes an anonymous file in memory that holds the bytes and may be mapped executable. It vanishes with its last fd.
 *
 * @returns the fd.
 * @throws {Error} when the kernel refuses.
 */
export function createMemfd(name: string, bytes: Uint8Array<ArrayBuffer>): number {
  const cName = encodeCString(name);
  let fd = libc().memfd_create(cName, MFD_CLOEXEC | MFD_EXEC);
  if (fd < 0 && errno() === EINVAL) fd = libc().memfd_create(cName, MFD_CLOEXEC);
  if (fd < 0) throw new Error(`Cannot make a file in memory: ${errnoText(errno())}`);
  for (let done = 0; done < bytes.length;) {
    const written = libc().write(fd, bytes.subarray(done), BigInt(bytes.length - done));
    if (written <= 0n) {
      const reason = errnoText(errno());
      libc().close(fd);
      throw new Error(`Cannot write a file in memory: ${reason}`);
    }
    done += Number(written);
  }
  return fd;
}
