// SPDX-License-Identifier: LGPL-2.1-only
/*
 * memcached and the code that follows its connections get the same random streams. What must hold:
 *   - the keys that memcached changed (all are read back after each stream) are among those that were reported;
 *   - of a well-formed stream exactly the keys that its writes name are reported, and it is never given up;
 *   - memcached sends no more answers than commands were counted that may answer, and exactly as many when the stream
 *     is well formed and no silent command of it can fail; the code that counts them says the same;
 *   - at no point of the stream, in whatever order requests and answers are seen, more is counted than was answered;
 *   - a flush_all that is still to come was reported, with no shorter delay;
 *   - no item is over earlier than what was taught of its life says.
 * Streams are well formed, or have odd commands among others, or some of their bytes are changed.
 * BMC_TEST_LONG=1: 10 million commands. BMC_TWIN_MEMCACHED: another memcached, with options (-I 32k and what that needs:
 * -o slab_chunk_max=16 for newer ones). BMC_TWIN_SEED: other streams.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "follow.h"
#include "generate.h"
#include "segments.h"
#include "server.h"

#define MS_BYTES BMC_VERSION_OF(1, 6, 18) /* the first known to have `ms key bytes` */
#define ANSWERS_MAX 4096
#define COMMANDS 60 /* of a stream */
#define COMMANDS_ODD 12 /* what comes behind a doubt is not compared */
#define LATE 5 /* seconds that a stream may take */
#define SHORT 400000 /* commands in all */
#define LONG 10000000
#define REPORTED_MAX 20 /* violations told in full */
#define STEPS_SELDOM 30 /* streams, of which one is given in steps */
#define REPLAYS 6
#define TOLD_MAX 6000 /* bytes of them */

static struct key keys[GENERATE_KEYS];
static struct stream stream;
static struct items items[2]; /* before and after, in turn */
static unsigned char answers[4 << 20];
static size_t answers_len;

struct counts {
	long streams, steps, commands, mutated, odd, lost, changed, reported, exact, pending, lives,
		gone, bad;
	long lost_why[BMC_LOST_KINDS];
};

/* How a stream is made. */
enum kind { WELL_FORMED, ODD, MUTATED };

static struct counts total;

static void print_bytes(const unsigned char *bytes, size_t len)
{
	for (size_t i = 0; i < len && i < TOLD_MAX; i++) {
		if (bytes[i] == '\n')
			printf("\\n\n");
		else if (bytes[i] >= ' ' && bytes[i] < 127)
			putchar(bytes[i]);
		else
			printf("\\x%02x", bytes[i]);
	}
	printf("\n");
}

static void tell(const char *what, long got, long want)
{
	if (++total.bad > REPORTED_MAX)
		return;
	printf("violation: %s: %ld, %ld (stream of %zu bytes, %s)\n", what, got, want, stream.len,
	       stream.binary ? "binary" : "text");
	print_bytes(stream.bytes, stream.len);
	printf("--- answers:\n");
	print_bytes(answers, answers_len);
}

/* The stream's requests, in segments. */
static void follow(uint64_t *seed)
{
	struct segments s = { stream.bytes, stream.len, stream.ends, stream.n_ends };

	follow_begin();
	segments_give(&s, follow_requests, seed);
}

/* What memcached sent, in segments. */
static void follow_all_answers(uint64_t *seed)
{
	static size_t ends[ANSWERS_MAX];
	struct segments s = { answers, answers_len, ends, 0 };

	for (size_t at = 0, used = 1; at < answers_len && used && s.n_ends < ANSWERS_MAX;
	     at += used) {
		follow_answer_kind(answers + at, answers_len - at, stream.binary, &used);
		ends[s.n_ends++] = at + used;
	}
	segments_give(&s, follow_answers, seed);
}

static uint64_t reported_keys(void)
{
	return twin_seen.all || twin_seen.lost ? ~0ULL : twin_seen.keys;
}

static void check_keys(const struct items *before, const struct items *after, int well_formed)
{
	uint64_t changed = items_changed(before, after);

	total.changed += __builtin_popcountll(changed);
	total.reported += __builtin_popcountll(twin_seen.keys);
	if (changed & ~reported_keys())
		tell("keys changed and not reported", (long)changed, (long)twin_seen.keys);
	if (!well_formed)
		return;
	if (twin_seen.lost)
		tell("a well-formed stream was given up", follow_conn.lost, 0);
	else if (twin_seen.keys != stream.written)
		tell("keys reported and not named", (long)twin_seen.keys, (long)stream.written);
	if (!twin_seen.lost && !twin_seen.all != !stream.flushes)
		tell("flushes", twin_seen.all, stream.flushes);
}

static int has(const char *word)
{
	return memmem(stream.bytes, stream.len, word, strlen(word)) != NULL;
}

/* Answered by another thread, some time. */
static int has_dump(void)
{
	return has("metadump") || has("mgdump");
}

/* `stats conns` tells a unix socket's path with what is behind it in memory, newlines too. No TCP connection is shown that. */
static int has_paths(void)
{
	return !stream.binary && has("conns");
}

/* `n` answers (-1: cut off), `errors` of them errors, beside what the code counts. */
static void check_answers(long n, long errors, int well_formed, uint64_t *seed)
{
	long silent = twin_seen.commands - (long)follow_conn.cmd;
	int classic = follow_is_classic();

	if (twin_seen.lost || has_paths())
		return;
	follow_all_answers(seed);
	if (follow_conn.lost)
		tell("answers that cannot be followed", n, follow_conn.cmd);
	if (has_dump()) /* newer ones say OK before it, which is no answer */
		return;
	if (n > (long)follow_conn.cmd + (stream.binary ? 0 : silent))
		tell("more answers than commands", n, follow_conn.cmd);
	if (!well_formed || errors || n < 0)
		return;
	total.exact += stream.may_fail == 0;
	/* where it is not known whether they are silent, they are counted as commands that answer */
	if (!stream.may_fail && n + (classic ? 0 : stream.settings) != (long)follow_conn.cmd)
		tell("answers and commands", n, follow_conn.cmd);
	/* and an mn's answer is that of all before it */
	if (!stream.may_fail && (n > (long)follow_conn.rep ||
				 n + (classic ? 0 : stream.settings) < (long)follow_conn.rep))
		tell("answers, and all of them counted", n, follow_conn.rep);
}

/* The flush that memcached still has before it, beside those that were reported. It is a second early, but with -C. */
static void check_flush(struct server *server, int well_formed)
{
	long left = server_pending(server);

	total.pending += left > 0;
	if (left > 0 && !twin_seen.lost && twin_seen.delay < left)
		tell("a flush is to come that was not reported", left, (long)twin_seen.delay);
	if (!well_formed || twin_seen.lost)
		return;
	if (twin_seen.delay != stream.delay_max + (stream.delay_max ? BMC_SECONDS_LATE : 0))
		tell("a flush's delay", (long)twin_seen.delay, (long)stream.delay_max);
	if (left > 0 ? left > stream.delay || left + LATE < stream.delay : stream.delay > LATE)
		tell("a flush to come, and its delay", left, (long)stream.delay);
}

/* What the stream taught of items' lives, beside memcached's times. Before its answers were followed nothing is known. */
static void check_lives(const struct items *after)
{
	if (twin_seen.lost || twin_seen.all)
		return;
	for (int i = 0; i < GENERATE_KEYS; i++) {
		const struct twin_life *life = &twin_seen.life[i];
		const struct item *item = &after->item[i];

		if (!item->there || !life->known || (int32_t)(life->ord - follow_conn.rep) > 0)
			continue;
		total.lives++;
		if (item->ttl >= 0 && (long)life->until > item->ttl + LATE)
			tell("an item is over earlier than it was taught", item->ttl, life->until);
	}
}

static void make(enum kind kind, uint64_t *seed)
{
	int binary = roll(seed, 3) == 0;

	if (kind == WELL_FORMED)
		generate(&stream, keys, COMMANDS, binary, seed);
	else if (kind == ODD || roll(seed, 3) == 0)
		generate_with_odd(&stream, keys, COMMANDS_ODD, binary, seed);
	else
		generate(&stream, keys, COMMANDS_ODD, binary, seed);
	if (kind == MUTATED)
		mutate(&stream, seed);
	/* no more answers than commands: at no point of it */
	if (kind != WELL_FORMED && stream.len && roll(seed, 2))
		stream.len = 1 + roll(seed, (uint32_t)stream.len);
}

/*
 * memcached gets the stream. With `steps`, at the ends of its commands, and what it had answered there is noted. 0; -1: it is
 * another one now.
 */
static int feed(struct server *server, struct steps *steps, uint64_t *seed)
{
	int err;

	if (steps) {
		int n = 0;

		for (int i = 0; i < stream.n_ends && stream.ends[i] < stream.len; i++) {
			if (!roll(seed, 4))
				steps->ends[n++] = stream.ends[i];
		}
		steps->ends[n] = stream.len;
		steps->n = n + 1;
		err = server_feed_steps(server, stream.bytes, steps->ends, steps->n, answers,
					sizeof(answers), steps->answered);
		answers_len = steps->answered[steps->n];
		steps->answered[n] = answers_len;
	} else {
		err = server_feed(server, stream.bytes, stream.len, answers, sizeof(answers),
				  &answers_len);
	}
	if (server_is_gone(server)) { /* some old ones can be killed by an odd command */
		total.gone++;
		return -1;
	}
	if (!err)
		return 0;
	tell("memcached neither answers nor closes", 0, 0);
	server_restart(server);
	return -1;
}

/* The same again, answers and requests in several orders: no more is counted than was carried out. */
static void check_steps(const struct steps *steps, uint64_t *seed)
{
	if (has_paths())
		return;
	for (int i = 0; i < REPLAYS; i++) {
		int step = 0;
		long more = steps_replay(steps, seed, &step);

		if (more)
			tell(more < 0 ? "answers that cannot be followed, and the step" :
					"more answers counted than there were, and the step",
			     more, step);
	}
}

static void one_stream(struct server *server, int turn, enum kind kind, uint64_t *seed)
{
	int well_formed = kind == WELL_FORMED;
	long errors = 0, n;
	static struct steps all = { stream.bytes, answers, { 0 }, { 0 }, 0 };
	struct steps *steps = roll(seed, STEPS_SELDOM) ? NULL : &all;
	int flush, err;

	for (int i = 0; i < GENERATE_KEYS; i++)
		keys[i].cas = items[!turn].item[i].cas;
	make(kind, seed);
	items[turn] = items[!turn];
	if (!stream.len)
		return;
	stream.binary = stream.bytes[0] == 0x80;
	follow(seed);
	if (has_dump()) /* 1.6.9 may stop for good at what comes meanwhile */
		steps = NULL;
	err = feed(server, steps, seed);
	server_items(server, keys, &items[turn]);
	if (err)
		return;
	check_keys(&items[!turn], &items[turn], well_formed);
	check_flush(server, well_formed);
	n = follow_count(answers, answers_len, stream.binary, &errors);
	check_answers(n, errors, well_formed, seed);
	check_lives(&items[turn]);
	if (n < 0 && well_formed)
		tell("answers that cannot be read", n, 0);
	flush = twin_seen.later || twin_seen.lost;
	total.lost += twin_seen.lost;
	total.lost_why[follow_conn.lost < BMC_LOST_KINDS ? follow_conn.lost : 0]++;
	if (steps)
		check_steps(steps, seed);
	if (flush) {
		server_flush(server);
		server_items(server, keys, &items[turn]);
	}
	server_tidy(server, keys, &items[turn]);
	total.streams++;
	total.mutated += kind == MUTATED;
	total.odd += kind == ODD;
	total.steps += !!steps;
	total.commands += stream.commands;
}

static int number_of(const char *name, int otherwise)
{
	const char *text = getenv(name);

	return text ? (int)strtol(text, NULL, 10) : otherwise;
}

int main(void)
{
	uint64_t seed = 0x123456789abcdefULL + (uint64_t)number_of("BMC_TWIN_SEED", 0) * 2;
	long want = number_of("BMC_TEST_LONG", 0) ? LONG : SHORT;
	struct server server = { 0 };
	time_t until = time(NULL) + (want == LONG ? 3600 : 240);
	const char *version;

	generate_keys(keys);
	for (int i = 0; i < GENERATE_KEYS; i++)
		twin_hash[i] = follow_hash(keys[i].bytes, keys[i].len);
	server_start(&server, getenv("BMC_TWIN_MEMCACHED"));
	version = server_version(&server);
	follow_version(version_number(version));
	generate_without_ms = version_number(version) < MS_BYTES;
	server_items(&server, keys, &items[1]);
	for (int i = 0; total.commands < want && time(NULL) < until; i++)
		one_stream(&server, i & 1, (enum kind)roll(&seed, 3), &seed);
	if (server_flush_happens(&server)) {
		printf("violation: a delayed flush is not as its server tells\n");
		total.bad++;
	}
	server_stop(&server);
	printf("memcached %s: %ld streams (%ld mutated, %ld with odd commands, %ld in steps), %ld "
	       "commands, %ld "
	       "given up, %ld keys changed, %ld reported, %ld streams answered exactly, %ld with a "
	       "flush to come, %ld lives known\n",
	       version, total.streams, total.mutated, total.odd, total.steps, total.commands,
	       total.lost, total.changed, total.reported, total.exact, total.pending, total.lives);
	printf("given up: %ld for binary requests, %ld for meta, %ld for rejected lines, %ld for "
	       "long ones\n",
	       total.lost_why[BMC_LOST_BINARY], total.lost_why[BMC_LOST_META],
	       total.lost_why[BMC_LOST_REJECTED], total.lost_why[BMC_LOST_LONG_LINE]);
	if (total.gone)
		printf("memcached was gone %ld times\n", total.gone);
	if (total.commands < want)
		printf("violation: not done in time\n");
	return total.bad || total.commands < want ? 1 : 0;
}
