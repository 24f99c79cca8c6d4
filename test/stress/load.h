/* SPDX-License-Identifier: LGPL-2.1-only */
/*
 * The load of a scenario: actors, each a thread with sockets of its own, which note what they did to which key and
 * when, by one clock. An actor cannot fail a test: it counts what is wrong and says the first of it.
 */
#ifndef BMC_STRESS_LOAD_H
#define BMC_STRESS_LOAD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <time.h>

#include "history.h"
#include "scenario.h"
#include "text.h"

#define ACTORS_MAX 24
#define KEYS_MAX                                                                                   \
	(SHARED_KEYS_MAX + ACTORS_MAX) /* those of all, and one that each writer has alone */
#define KEY_SIZE 16

struct load;

struct actor {
	struct load *load;
	const struct ns *ns; /* where its sockets are */
	const char *address; /* memcached's */
	void (*run)(struct actor *a);
	int index; /* from 0 on; part of the ids that it writes */
	int constant_id; /* all its UDP requests have one id */
	pthread_t thread;
	int started;
	uint64_t seed; /* of roll() */
	uint64_t written; /* ids so far */
	uint64_t own; /* the id in its own key; 0: not known */
	struct history history[KEYS_MAX];
	/* what it did */
	unsigned long ops;
	unsigned long udp_reads; /* gets over UDP that were answered */
	unsigned long lost; /* requests without an answer in time */
	unsigned long connections;
	unsigned long wrong; /* answers that cannot be */
	char first_wrong[400];
};

struct load {
	atomic_int stop;
	const struct scenario *scenario; /* `own`, with its defaults filled in */
	struct scenario own;
	int n_shared;
	char key[KEYS_MAX][KEY_SIZE];
	struct actor actor[ACTORS_MAX];
	int n_actors;
	pthread_mutex_t general; /* for `removed` */
	struct history removed; /* flush_all and restarts: of every key */
};

static inline int64_t load_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

static inline int load_goes_on(const struct actor *a)
{
	return !atomic_load_explicit(&a->load->stop, memory_order_relaxed);
}

/* xorshift64*: 0 to n - 1 */
static inline uint32_t roll(struct actor *a, uint32_t n)
{
	a->seed ^= a->seed >> 12;
	a->seed ^= a->seed << 25;
	a->seed ^= a->seed >> 27;
	return (uint32_t)((a->seed * 0x2545f4914f6cdd1dULL) >> 32) % n;
}

/* A value that was never written. */
static inline uint64_t load_new_id(struct actor *a)
{
	return ((uint64_t)a->index + 1) << 40 | ++a->written;
}

static inline int load_own_key(const struct actor *a)
{
	return SHARED_KEYS_MAX + a->index;
}

void load_pause(const struct actor *a, uint32_t us);

/* Notes an operation. */
void load_note(struct actor *a, int key, enum lin_kind kind, uint64_t value, int64_t start,
	       int64_t end);
/* Every key was removed. */
void load_note_removed(struct load *load, int64_t start, int64_t end);
/* What was read of a key, `found` or not; a value that never was is counted as wrong. */
void load_note_read(struct actor *a, int key, const char *data, size_t len, int64_t start,
		    int64_t end);
void load_wrong(struct actor *a, const char *what, const char *bytes, size_t len);

/* The index of a key by its name; -1. */
int load_key(const struct load *load, const char *name, size_t len);

/*
 * The items of an answer ("VALUE key flags bytes[ cas]\r\n<data>\r\n"...): each is noted as read. -> how many; what is
 * cut off at the end is noted if its id is there.
 */
int load_note_items(struct actor *a, const char *text, size_t len, int64_t start, int64_t end);

/* ---- actors ---- */
void actor_text_writer(struct actor *a);
void actor_binary_writer(struct actor *a);
void actor_udp_writer(struct actor *a);
void actor_stuck_writer(struct actor *a); /* does not read its answers */
void actor_crowd(struct actor *a); /* more connections than memcached takes */
void actor_udp_reader(struct actor *a);
void actor_tcp_reader(struct actor *a);

/* ---- all of them ---- */
struct world;

/* Makes and starts the scenario's actors. 0 or -errno */
int load_start(struct load *load, const struct scenario *scenario, struct world *world);
/* Ends all; works twice. */
void load_stop(struct load *load);

struct load_sums {
	unsigned long ops, udp_reads, lost, connections, wrong;
	size_t violations;
	const char *first_wrong; /* NULL: none */
};

/* Checks each key's history; what is wrong is explained in `explain`. 0 or -ENOMEM */
int load_check(struct load *load, FILE *explain, struct load_sums *ret);
void load_free(struct load *load);

#endif
