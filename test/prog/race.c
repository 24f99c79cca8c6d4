// SPDX-License-Identifier: LGPL-2.1-only
#include "race.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define KEYS 2
#define LENGTH 1200 /* all lengths of a value are of one size of way: one key has one entry */

struct reader {
	const struct harness *h;
	struct pkt get;
	atomic_int stop;
	struct race_result result;
};

struct filler {
	const struct harness *h;
	struct pkt where;
	atomic_int *stop;
};

/* The value number n of a key: its length and every byte say n. */
static size_t value_text(int key, unsigned int n, char *ret, size_t size)
{
	char data[LENGTH];
	char name[24];
	struct item item = { .key = name, .flags = "0", .data = data, .len = LENGTH - n % 64 };

	snprintf(name, sizeof(name), "race%d", key);
	memset(data, 'A' + (int)(n % 64), sizeof(data));
	if (key)
		item.len = 100 - n % 64; /* with the other one it fits one datagram */
	return item_text(&item, ret, size);
}

/* Whether a text is values of all keys of the get, each whole, and END. */
static const char *check_values(const uint8_t *text, size_t len, int n_keys)
{
	char want[2048];
	size_t at = 0;

	for (int key = 0; key < n_keys; key++) {
		const uint8_t *newline = memchr(text + at, '\n', len - at);
		size_t one;

		if (!newline || (size_t)(newline - text) + 1 >= len)
			return "no line of a value";
		one = value_text(key, (unsigned int)newline[1] - 'A', want, sizeof(want));
		if (at + one > len || memcmp(text + at, want, one) != 0)
			return "a value that never was";
		at += one;
	}
	return len == at + 5 && !memcmp(text + at, "END\r\n", 5) ? NULL : "no END";
}

static const char *check_run(const struct frame *in, const struct run *run, int n_keys,
			     struct race_result *r)
{
	struct pkt_view v;
	const char *wrong;

	if (run->verdict == 2) {
		r->passes++;
		if (run->out.len != in->len || memcmp(run->out.data, in->data, in->len) != 0)
			return "a request that was changed and passed";
		return NULL;
	}
	r->hits++;
	wrong = pkt_read(&run->out, 0, &v);
	if (wrong)
		return wrong;
	return check_values(run->out.data + v.payload + 8, v.payload_len - 8, n_keys);
}

static void *read_on(void *arg)
{
	struct reader *r = arg;
	struct frame f[2];
	struct run run;

	r->get.text = "get race0\r\n";
	pkt_build(&r->get, &f[0]);
	r->get.text = "get race0 race1\r\n";
	pkt_build(&r->get, &f[1]);
	while (!r->result.wrong && !r->result.err && !atomic_load(&r->stop)) {
		for (int i = 0; i < 2 && !r->result.wrong && !r->result.err; i++) {
			r->result.err = harness_try_xdp(r->h, &f[i], &run);
			if (!r->result.err)
				r->result.wrong = check_run(&f[i], &run, i + 1, &r->result);
		}
	}
	atomic_store(&r->stop, 1);
	return NULL;
}

static void *fill_on(void *arg)
{
	struct filler *f = arg;
	struct pkt p = f->where;
	char text[2048];
	struct run run;

	p.text = text;
	for (unsigned int n = 0; !atomic_load(f->stop); n++) {
		for (int key = 0; key < KEYS; key++) {
			p.text_len = value_text(key, n + (unsigned int)key, text, sizeof(text));
			harness_reply(f->h, &p, HARNESS_MARK, &run);
		}
	}
	return NULL;
}

/* ---- two fills at once, then a look ---- */
struct pair {
	const struct harness *h;
	atomic_uint round; /* that the second filler may begin */
	atomic_uint done; /* that it has ended */
	atomic_int stop;
};

static void pair_fill(const struct harness *h, unsigned int n)
{
	struct pkt p = { .family = 4 };
	char text[2048];
	struct run run;

	p.text = text;
	p.text_len = value_text(0, n, text, sizeof(text));
	harness_reply(h, &p, HARNESS_MARK, &run);
}

static void *pair_second(void *arg)
{
	struct pair *p = arg;

	for (unsigned int n = 1; !atomic_load(&p->stop); n++) {
		while (atomic_load(&p->round) != n && !atomic_load(&p->stop))
			;
		pair_fill(p->h, 2 * n + 1);
		atomic_store(&p->done, n);
	}
	return NULL;
}

void race_fills(const struct harness *h, double seconds, struct race_result *ret)
{
	struct pair p = { .h = h };
	struct pkt get = { .family = 4, .text = "get race0\r\n", .pad_byte = 0xff };
	struct timespec begin, now;
	struct frame f;
	struct run run;
	pthread_t thread;

	memset(ret, 0, sizeof(*ret));
	pkt_build(&get, &f);
	clock_gettime(CLOCK_MONOTONIC, &begin);
	assert_int_equal(pthread_create(&thread, NULL, pair_second, &p), 0);
	for (unsigned int n = 1; !ret->wrong && !ret->err; n++) {
		atomic_store(&p.round, n);
		pair_fill(h, 2 * n);
		while (atomic_load(&p.done) != n)
			;
		ret->err = harness_try_xdp(h, &f, &run);
		if (!ret->err)
			ret->wrong = check_run(&f, &run, 1, ret);
		clock_gettime(CLOCK_MONOTONIC, &now);
		if ((double)(now.tv_sec - begin.tv_sec) +
			    (double)(now.tv_nsec - begin.tv_nsec) * 1e-9 >
		    seconds)
			break;
	}
	atomic_store(&p.stop, 1);
	pthread_join(thread, NULL);
}

/* ---- hits against fills ---- */
void race_run(const struct harness *h, int family, double seconds, struct race_result *ret)
{
	struct reader reader = { .h = h, .get = { .family = family, .pad_byte = 0xff } };
	const struct timespec step = { .tv_nsec = 10000000 };
	struct filler filler = { .h = h, .where = { .family = family }, .stop = &reader.stop };
	pthread_t thread[2];

	assert_int_equal(pthread_create(&thread[0], NULL, fill_on, &filler), 0);
	assert_int_equal(pthread_create(&thread[1], NULL, read_on, &reader), 0);
	for (double t = 0; t < seconds && !atomic_load(&reader.stop); t += 0.01)
		nanosleep(&step, NULL);
	atomic_store(&reader.stop, 1);
	for (int i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	*ret = reader.result;
}
