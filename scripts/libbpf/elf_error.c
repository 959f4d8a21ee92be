/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Debian's libelf.a is built position-independent except elf_error.o, which reaches its thread-local error
 * number by the local-exec model and so cannot go into a shared object. These three functions take its
 * place: linked before libelf.a, they keep the archive's member from being pulled in.
 */
static __thread int last_error __attribute__((tls_model("initial-exec")));

int elf_errno(void)
{
	int error = last_error;

	last_error = 0;
	return error;
}

const char *elf_errmsg(int error)
{
	if (error == -1)
		error = last_error;
	return error ? "libelf error" : "no error";
}

void __libelf_seterrno(int error)
{
	last_error = error;
}
