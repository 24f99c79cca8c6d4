/* SPDX-License-Identifier: LGPL-2.1-only */
/* What a memcached says of itself: `stats`, `stats settings` and `version` over TCP, in plain text, within a second. */
#ifndef BMC_MEMCACHED_H
#define BMC_MEMCACHED_H

#include <linux/types.h>

struct bmc_memcached {
	__u32 version; /* BMC_VERSION_OF; 0: none that is known */
	__u64 maxconns;
	__u64 items;
	__s64 uptime; /* seconds; -1: not told */
	__s64 oldest; /* when its last flush_all is, was or will be, by its own clock; -1: not told */
	__s64 time; /* its wall clock, seconds; 0: not told */
	__u64 udp_port; /* 0: off */
	__u32 threads; /* that wait for events: its workers and the listener; 0: not told */
	__u32 hash_power; /* its hash table has 2^this buckets; 0: not told */
	int crawler; /* its LRU crawler is at work; -1: it has none */
	int ssl;
	int proxy;
	int text_only; /* -B ascii, -l proto[ascii]: a first byte of 0x80 is text too */
};

/* Why it cannot be cached: "the memcached at port ..." */
#define BMC_MEMCACHED_PROXY "is a proxy (proxy_enabled): what others write behind it is not seen"
#define BMC_MEMCACHED_TEXT_ONLY                                                                    \
	"takes the text protocol only (-B ascii): it would read as text what looks like the "      \
	"binary protocol; start it without -B"
#define BMC_MEMCACHED_FULL                                                                         \
	"has as many connections as it takes (maxconns), and cannot be asked: raise its -c"
#define BMC_MEMCACHED_TLS "speaks TLS (ssl_enabled): its traffic cannot be read"

/* The same as bits, enum bmc_off. */
__u64 bmc_memcached_off(const struct bmc_memcached *m);

/*
 * Asks the server at an address (text) and port. 0; -ETIMEDOUT: no answer in plain text; -ECONNRESET: it closed;
 * -ECONNREFUSED and others.
 */
int bmc_memcached_ask(const char *addr, __u16 port, struct bmc_memcached *ret);

/* The same, of one of its listeners. */
struct bmc_socket;
int bmc_memcached_ask_at(const struct bmc_socket *listener, struct bmc_memcached *ret);

/* A line of an answer. BMC_MORE_LINES; 0 or -errno: that was the last one. */
#define BMC_MORE_LINES 1
typedef int (*bmc_line_fn)(const char *line, void *arg);

/* Another question, to the same: `take` has each line of the answer, and what it says in the end is returned; errors as above, but after ten seconds. */
int bmc_memcached_talk_at(const struct bmc_socket *listener, const char *question, bmc_line_fn take,
			  void *arg);

/* Where one of its listeners is to be reached. 0 or -EINVAL. */
struct sockaddr_storage;
int bmc_memcached_address(const struct bmc_socket *listener, struct sockaddr_storage *ret,
			  int *ret_len);

#endif
