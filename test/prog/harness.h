/* SPDX-License-Identifier: LGPL-2.1-only */
/* bmc_xdp and bmc_tc_egress under BPF_PROG_RUN: loaded as `start` loads them, attached nowhere. */
#ifndef BMC_TEST_HARNESS_H
#define BMC_TEST_HARNESS_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdlib.h>
#include <cmocka.h>

#include "bmc_abi.h"
#include "packet.h"
#include "stats.h"

#define HARNESS_TAG 0xb5U /* high byte of the marks that are ours */
#define HARNESS_MARK (HARNESS_TAG << 24 | 0x123456U)
#define HARNESS_OTHER_PORT 11311 /* the second server */
#define HARNESS_BUCKETS 4096
#define HARNESS_LIVES 1024
#define HARNESS_SEED                                                                               \
	{                                                                                          \
		0x0123456789abcdefULL, 0xfedcba9876543210ULL                                       \
	}
#define HARNESS_FOREVER_NS 3600000000000ULL

struct bmc_bpf;

struct harness {
	struct bmc_bpf *skel;
	struct bmc_shared *shared;
	int xdp;
	int tc;
	int stats;
	int n_cpus;
};

struct run {
	struct frame out;
	uint32_t verdict;
	uint32_t mark;
};

/* enum bmc_mutant, a bit each, for what is opened from now on; 0 unless a test says so. */
extern uint64_t harness_mutants;

/* 1: all programs are loaded from now on, and not only these two. */
extern int harness_whole;

/* What `start` sets between open and load. 0 or -errno. */
int harness_configure(struct bmc_bpf *skel, uint64_t max_age_ns, uint32_t test, uint32_t n_buckets);

/* Two servers (PKT_PORT, HARNESS_OTHER_PORT), each with one socket. 0 or -errno. */
int harness_open(struct harness *h, uint64_t max_age_ns, uint32_t test);

/* The same with so few buckets that keys meet. `test`: besides STAMP. */
int harness_open_buckets(struct harness *h, uint32_t n_buckets, uint32_t test);
void harness_close(struct harness *h);

/* cmocka's group_setup and group_teardown for one harness of the file's, which `opened` opens. */
#define HARNESS_GROUP(harness, opened)                                                             \
	static int group_setup(void **state)                                                       \
	{                                                                                          \
		(void)state;                                                                       \
		return (opened);                                                                   \
	}                                                                                          \
	static int group_teardown(void **state)                                                    \
	{                                                                                          \
		(void)state;                                                                       \
		harness_close(&(harness));                                                         \
		return 0;                                                                          \
	}

/* Run a program once; they fail the test if the kernel refuses. */
void harness_xdp(const struct harness *h, const struct frame *in, struct run *ret);
void harness_tc(const struct harness *h, const struct frame *in, uint32_t mark, struct run *ret);

/* For threads, which cannot fail a test. 0 or -errno. */
int harness_try_xdp(const struct harness *h, const struct frame *in, struct run *ret);

/*
 * The same for a packet of which only the first `linear` bytes are in one piece. Returns 1 where the kernel cannot
 * do that (before 6.18): it was in one piece then.
 */
int harness_tc_pages(const struct harness *h, const struct frame *in, uint32_t linear,
		     uint32_t mark, struct run *ret);

/* Builds `reply` as the server's and gives it to the TC program. */
void harness_reply(const struct harness *h, const struct pkt *reply, uint32_t mark,
		   struct run *ret);

/* Totals over all CPUs. */
void harness_stats(const struct harness *h, struct bmc_totals *ret);

/* ---- items ---- */
struct item {
	const char *key;
	const char *flags;
	const void *data;
	size_t len;
};

/* "VALUE key flags len\r\n" data "\r\n"; returns its length. */
size_t item_text(const struct item *item, char *ret, size_t size);

/* Gives the TC program memcached's reply for `item`; `where` says from which server, address and family. */
/* Forgets every item, whatever address it has. */
void harness_forget(const struct harness *h);
void harness_fill(const struct harness *h, const struct item *item, const struct pkt *where);

/* The XDP program answers `request` with `text`, or leaves it alone; what is wrong is said with `name`. */
void harness_expect_hit(const struct harness *h, const char *name, const struct pkt *request,
			const void *text, size_t len);
void harness_expect_pass(const struct harness *h, const char *name, const struct pkt *request);

/* Whether the XDP program answers `get key`, asked as `where` says. */
int harness_is_cached(const struct harness *h, const char *key, const struct pkt *where);

/* A table's rows as cmocka tests: each row begins with its name. Returns the number of tests that failed. */
int run_rows(const char *group, const void *rows, size_t n, size_t size, void (*run)(void **state),
	     int (*setup)(void **state), int (*teardown)(void **state));
#define RUN_ROWS(group, rows, run, setup, teardown)                                                \
	run_rows(group, rows, sizeof(rows) / sizeof((rows)[0]), sizeof((rows)[0]), run, setup,     \
		 teardown)

/* fail() with a message of its own for each row. */
#define expect(ok, ...)                                                                            \
	do {                                                                                       \
		if (!(ok)) {                                                                       \
			fail_msg(__VA_ARGS__);                                                     \
			abort(); /* fail_msg does not return */                                    \
		}                                                                                  \
	} while (0)

#endif
