// SPDX-License-Identifier: LGPL-2.1-only
/* Loaded before memcached-sr's library: dup() is the kernel's, so that memcached's workers share a socket again. */
#include <sys/syscall.h>
#include <unistd.h>

int dup(int fd)
{
	return (int)syscall(SYS_dup, fd);
}
