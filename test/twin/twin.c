// SPDX-License-Identifier: LGPL-2.1-only
/*
 * memcached and the code that follows its connections get the same random streams. What must hold:
 *   - the keys that memcached changed (all are read back after each stream) are among those that were reported;
 *   - of a well-formed stream exactly the keys that its writes name are reported, and it is never given up;
 *   - memcached sends no more answers than commands were counted that may answer, and exactly as many when the stream
 *     is well formed and no silent command of it can fail; the code that counts them says the same;
 *   - a flush_all that is still to come was reported, with no shorter delay;
 *   - no item is over earlier than what was taught of its life says.
 * Streams are well formed, or have odd commands among others, or some of their bytes are changed.
 * BMC_TEST_LONG=1: 10 million commands. BMC_TWIN_MEMCACHED: another memcached, with options (-I 32k and what that needs:
 * -o slab_chunk_max=16 for newer ones). BMC_TWIN_SEED: other streams.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "generate.h"
#include "shim.h"
#include "server.h"

#define COMMANDS 60 /* of a stream */
#define COMMANDS_ODD 12 /* what comes behind a doubt is not compared */
#define LATE 5 /* seconds that a stream may take */
#define SHORT 400000 /* commands in all */
#define LONG 10000000
#define REPORTED_MAX 20 /* violations told in full */
#define TOLD_MAX 6000 /* bytes of them */

__u64 twin_hash[TWIN_KEYS];
struct twin_seen twin_seen;

static struct key keys[GENERATE_KEYS];
static struct stream stream;
static struct bmc_conn conn;
static struct bmc_work work;
static struct items items[2]; /* before and after, in turn */
static unsigned char answers[4 << 20];
static size_t answers_len;

struct counts {
	long streams, commands, mutated, odd, lost, changed, reported, exact, pending, lives, bad;
	long lost_why[BMC_LOST_KINDS];
};

/* How a stream is made. */
enum kind { WELL_FORMED, ODD, MUTATED };

static struct counts total;

/* The stream in segments of random sizes through the code of bpf/requests.bpf.h. */
static void follow(uint64_t *seed)
{
	uint32_t at = 0;

	memset(&conn, 0, offsetof(struct bmc_conn, out_line));
	memset(&twin_seen, 0, sizeof(twin_seen));
	conn.fresh = 1;
	while (at < stream.len && !conn.lost) {
		uint32_t left = (uint32_t)stream.len - at;
		static const uint32_t sizes[] = { 12, 2000, 3 * BMC_WINDOW };
		uint32_t n = 1 + roll(seed, sizes[roll(seed, 3)]);
		struct __sk_buff skb = { stream.bytes + at, n > left ? left : n, 0 };

		work.place = 0;
		work.off = 0;
		work.tail = skb.len;
		bmc_conn_parse(&skb, &work, &conn, 0, 0);
		twin_seen.commands += (int)work.n_commands;
		at += skb.len;
	}
}

/* Answers in what memcached sent; *ret_errors of them are errors. */
static long count_answers(const unsigned char *bytes, size_t len, int binary, long *ret_errors)
{
	static struct bmc_answer_window win;
	long n = 0;

	*ret_errors = 0;
	for (size_t at = 0; at < len;) {
		size_t here = len - at < BMC_ANSWER_WINDOW ? len - at : BMC_ANSWER_WINDOW;
		struct mc_answer a = { 0 };

		memset(&win, 0, sizeof(win));
		memcpy(win.bytes, bytes + at, here);
		if (binary)
			mc_answer_binary(&win, 0, (__u32)here, &a);
		else
			mc_answer_line(&win, 0, (__u32)here, &a);
		if (a.kind == MC_ANSWER_NONE || a.kind == MC_ANSWER_UNREADABLE)
			return -1;
		n += a.kind == MC_ANSWER_ONE || a.kind == MC_ANSWER_META ||
		     a.kind == MC_ANSWER_DONE || a.kind == MC_ANSWER_ERROR ||
		     a.kind == MC_ANSWER_MN;
		*ret_errors += a.kind == MC_ANSWER_ERROR;
		at += a.used + a.block;
	}
	return n;
}

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

/* What memcached sent, in segments of random sizes, through the code of bpf/answers.bpf.h. */
static void follow_answers(uint64_t *seed)
{
	size_t at = 0;

	while (at < answers_len && !conn.lost) {
		static const uint32_t sizes[] = { 9, 100, 3000 };
		size_t n = 1 + roll(seed, sizes[roll(seed, 3)]), left = answers_len - at;
		struct __sk_buff skb = { answers + at, (uint32_t)(n > left ? left : n), 1 };

		bmc_answers_parse(&skb, &conn, 0);
		at += skb.len;
	}
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
		tell("a well-formed stream was given up", conn.lost, 0);
	else if (twin_seen.keys != stream.written)
		tell("keys reported and not named", (long)twin_seen.keys, (long)stream.written);
	if (!twin_seen.lost && !twin_seen.all != !stream.flushes)
		tell("flushes", twin_seen.all, stream.flushes);
}

static int has_dump(void)
{
	return memmem(stream.bytes, stream.len, "metadump", 8) ||
	       memmem(stream.bytes, stream.len, "mgdump", 6);
}

/* `n` answers (-1: cut off), `errors` of them errors, beside what the code counts. */
static void check_answers(long n, long errors, int well_formed, uint64_t *seed)
{
	long silent = twin_seen.commands - (long)conn.cmd;
	int classic = mc_is_classic(&work.req);

	if (twin_seen.lost)
		return;
	follow_answers(seed);
	if (conn.lost)
		tell("answers that cannot be followed", n, conn.cmd);
	if (has_dump()) /* newer ones say OK before it, which is no answer */
		return;
	if (n > (long)conn.cmd + (stream.binary ? 0 : silent))
		tell("more answers than commands", n, conn.cmd);
	if (!well_formed || errors || n < 0)
		return;
	total.exact += stream.may_fail == 0;
	/* where it is not known whether they are silent, they are counted as commands that answer */
	if (!stream.may_fail && n + (classic ? 0 : stream.settings) != (long)conn.cmd)
		tell("answers and commands", n, conn.cmd);
	/* and an mn's answer is that of all before it */
	if (!stream.may_fail &&
	    (n > (long)conn.rep || n + (classic ? 0 : stream.settings) < (long)conn.rep))
		tell("answers, and all of them counted", n, conn.rep);
}

/* The flush that memcached still has before it, beside those that were reported. */
static void check_flush(struct server *server, int well_formed)
{
	long left = server_pending(server);

	total.pending += left > 0;
	if (left > 0 && !twin_seen.lost && twin_seen.delay < left)
		tell("a flush is to come that was not reported", left, (long)twin_seen.delay);
	if (!well_formed)
		return;
	if (twin_seen.delay != stream.delay_max + (stream.delay_max ? BMC_SECONDS_LATE : 0))
		tell("a flush's delay", (long)twin_seen.delay, (long)stream.delay_max);
	if (left > 0 ? left >= stream.delay || left + LATE < stream.delay : stream.delay > LATE)
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

		if (!item->there || !life->known || bmc_after(life->ord, conn.rep) > 0)
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

static void one_stream(struct server *server, int turn, enum kind kind, uint64_t *seed)
{
	int well_formed = kind == WELL_FORMED;
	long errors = 0, n;

	make(kind, seed);
	if (!stream.len)
		return;
	stream.binary = stream.bytes[0] == 0x80;
	follow(seed);
	if (server_feed(server, stream.bytes, stream.len, answers, sizeof(answers), &answers_len)) {
		tell("memcached neither answers nor closes", 0, 0);
		server_restart(server);
	}
	server_items(server, keys, &items[turn]);
	check_keys(&items[!turn], &items[turn], well_formed);
	check_flush(server, well_formed);
	n = count_answers(answers, answers_len, stream.binary, &errors);
	check_answers(n, errors, well_formed, seed);
	check_lives(&items[turn]);
	if (n < 0 && well_formed)
		tell("answers that cannot be read", n, 0);
	if (twin_seen.later || twin_seen.lost) {
		server_flush(server);
		server_items(server, keys, &items[turn]);
	}
	server_tidy(server, keys, &items[turn]);
	total.streams++;
	total.mutated += kind == MUTATED;
	total.odd += kind == ODD;
	total.lost += twin_seen.lost;
	total.commands += stream.commands;
	total.lost_why[conn.lost < BMC_LOST_KINDS ? conn.lost : 0]++;
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
	for (int i = 0; i < GENERATE_KEYS; i++) {
		struct mc_key k = { 0 };

		memcpy(work.win.bytes, keys[i].bytes, keys[i].len);
		mc_key_hash(&work.win, 0, (__u32)keys[i].len,
			    (const struct mc_seed *)bmc_shared.seed, &k);
		twin_hash[i] = k.hash;
	}
	server_start(&server, getenv("BMC_TWIN_MEMCACHED"));
	version = server_version(&server);
	bmc_config.version[0] = version_number(version);
	server_items(&server, keys, &items[1]);
	for (int i = 0; total.commands < want && time(NULL) < until; i++)
		one_stream(&server, i & 1, (enum kind)roll(&seed, 3), &seed);
	if (server_flush_happens(&server)) {
		printf("violation: a delayed flush is not as its server tells\n");
		total.bad++;
	}
	server_stop(&server);
	printf("memcached %s: %ld streams (%ld mutated, %ld with odd commands), %ld commands, %ld "
	       "given up, %ld keys changed, %ld reported, %ld streams answered exactly, %ld with a "
	       "flush to come, %ld lives known\n",
	       version, total.streams, total.mutated, total.odd, total.commands, total.lost,
	       total.changed, total.reported, total.exact, total.pending, total.lives);
	printf("given up: %ld for binary requests, %ld for meta, %ld for rejected lines, %ld for "
	       "long ones\n",
	       total.lost_why[BMC_LOST_BINARY], total.lost_why[BMC_LOST_META],
	       total.lost_why[BMC_LOST_REJECTED], total.lost_why[BMC_LOST_LONG_LINE]);
	if (total.commands < want)
		printf("violation: not done in time\n");
	return total.bad || total.commands < want ? 1 : 0;
}
