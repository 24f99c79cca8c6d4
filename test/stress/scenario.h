/* SPDX-License-Identifier: LGPL-2.1-only */
/* What a stress run is made of. */
#ifndef BMC_STRESS_SCENARIO_H
#define BMC_STRESS_SCENARIO_H

#include <stdint.h>

#define SHARED_KEYS_MAX 8
#define BURST_DEFAULT 8
#define FLUSH_EVERY_DEFAULT 150
#define PAUSE_DEFAULT_US 4000

/* Kinds of commands that the text writers send; a bit each. */
enum stress_command {
	CMD_SET = 1,
	CMD_SET_NOREPLY = 2, /* and an answering command later */
	CMD_SET_MN = 4, /* the same, mn being that command */
	CMD_DELETE = 8,
	CMD_ADD = 16, /* and replace */
	CMD_CAS = 32,
	CMD_TOUCH = 64, /* and gat */
	CMD_META = 128, /* ms md mg, q and base64 as well */
	CMD_OWN = 256, /* incr, append, prepend of a key that no other writer has */
	CMD_READ = 512,
	CMD_FLUSH = 1024, /* flush_all, now and then */
	CMD_FAILS = 2048, /* silent stores that are too large for memcached */
};
#define CMD_PLAIN (CMD_SET | CMD_SET_NOREPLY | CMD_SET_MN | CMD_DELETE | CMD_READ)
#define CMD_TEXT (CMD_PLAIN | CMD_ADD | CMD_CAS | CMD_TOUCH | CMD_OWN)

enum stress_fault {
	FAULT_FREEZE = 1, /* SIGSTOP and SIGCONT of memcached, again and again */
	FAULT_SLOW_UDP = 2, /* every 4th UDP answer leaves late */
	FAULT_SLOW_TCP = 4, /* a thread sleeps after some TCP answers */
	FAULT_NEIGHBOUR = 8, /* the server forgets the client's MAC address in a loop */
	FAULT_BREAK =
		16, /* writers reset, close and half-close connections with commands under way */
	FAULT_SPLIT = 32, /* writes cut anywhere, at every byte too */
	FAULT_RESTART = 64, /* memcached is killed and comes back */
	FAULT_RPS = 128, /* packets from the wire change their CPU */
	FAULT_WIRE = 256, /* loss and reordering */
};

struct scenario {
	const char *name;
	int keys;
	uint32_t buckets; /* at most; 0: as many as memory has */
	uint32_t places; /* for connections that write; 0: as memcached's maxconns say */
	uint32_t commands; /* enum stress_command */
	uint32_t faults; /* enum stress_fault */
	int burst; /* commands of a writer at a time, at most; 0: BURST_DEFAULT */
	uint32_t pause_us; /* between bursts, at most; 0: PAUSE_DEFAULT_US */
	int flush_every; /* bursts, about; 0: FLUSH_EVERY_DEFAULT */
	/* how many actors of each kind */
	int writers, loopback_writers, ip6_writers, binary_writers, udp_writers, stuck_writers;
	int udp_readers, ip6_readers, constant_readers, tcp_readers, crowd;
	int get_keys; /* of a multi-get, at most; 0: 1 */
	const char *options; /* of memcached */
	int hits; /* percent of the UDP reads that bmc must answer at the least */
	int loses; /* connections may be lost */
	uint32_t test; /* enum bmc_test */
	uint64_t mutants; /* enum bmc_mutant, a bit each */
};

#endif
