/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Debian 12's headers bind stat, fstat and fcntl to symbol versions newer than Deno itself asks for. Calling
 * the kernel directly keeps the shared object loadable wherever Deno is. x86-64 and aarch64 only: there the
 * kernel's struct stat is glibc's.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <unistd.h>

#define HIDDEN __attribute__((visibility("hidden")))

struct stat;

HIDDEN int fstat(int fd, struct stat *out)
{
	return syscall(SYS_fstat, fd, out);
}

HIDDEN int fstat64(int fd, void *out)
{
	return syscall(SYS_fstat, fd, out);
}

HIDDEN int stat(const char *path, struct stat *out)
{
	return syscall(SYS_newfstatat, AT_FDCWD, path, out, 0);
}

HIDDEN int stat64(const char *path, void *out)
{
	return syscall(SYS_newfstatat, AT_FDCWD, path, out, 0);
}

static long forward_fcntl(int fd, int command, va_list arguments)
{
	return syscall(SYS_fcntl, fd, command, va_arg(arguments, long));
}

HIDDEN int fcntl(int fd, int command, ...)
{
	va_list arguments;
	long result;

	va_start(arguments, command);
	result = forward_fcntl(fd, command, arguments);
	va_end(arguments);
	return result;
}

HIDDEN int fcntl64(int fd, int command, ...)
{
	va_list arguments;
	long result;

	va_start(arguments, command);
	result = forward_fcntl(fd, command, arguments);
	va_end(arguments);
	return result;
}
