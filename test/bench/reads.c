// SPDX-License-Identifier: LGPL-2.1-only
#include "reads.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench.h"

#define PRELOAD "LD_PRELOAD"

int bench_reads_open(struct bench_reads *r)
{
	char path[64];
	void *page = MAP_FAILED;

	r->empty = NULL;
	r->fd = memfd_create("bmc-bench-reads", MFD_CLOEXEC);
	if (r->fd >= 0 && !ftruncate(r->fd, sizeof(*r->empty)))
		page = mmap(NULL, sizeof(*r->empty), PROT_READ | PROT_WRITE, MAP_SHARED, r->fd, 0);
	if (page == MAP_FAILED)
		return bench_fail("cannot share memory: %s", strerror(errno));
	r->empty = page;
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", getpid(), r->fd);
	setenv(BENCH_READS_PAGE, path, 1);
	setenv(PRELOAD, BENCH_READS_PRELOAD, 1);
	return 0;
}

void bench_reads_hide(void)
{
	unsetenv(PRELOAD);
	unsetenv(BENCH_READS_PAGE);
}

void bench_reads_close(struct bench_reads *r)
{
	if (r->empty)
		munmap((void *)r->empty, sizeof(*r->empty));
	if (r->empty || r->fd > 0)
		close(r->fd);
	*r = (struct bench_reads){ .fd = -1 };
}

double bench_reads_empty(const struct bench_reads *r)
{
	return (double)*r->empty;
}
