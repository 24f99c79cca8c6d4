// SPDX-License-Identifier: LGPL-2.1-only
/*
 * memcached and the code that follows its connections get the same random streams. What must hold:
 *   - the keys that memcached changed (all are read back after each stream) are among those that were reported;
 *   - of a well-formed stream exactly the keys that its writes name are reported, and it is never given up;
 *   - memcached sends no more answers than commands were counted that may answer, and exactly as many when the stream
 *     is well formed and no silent command of it can fail.
 * BMC_TEST_LONG=1: 10 million commands. BMC_TWIN_MEMCACHED: another memcached, with options (-I 32k and what that needs). BMC_TWIN_SEED: other streams.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "generate.h"
#include "shim.h"
#include "mc_answer.h"
#include "server.h"

#define COMMANDS 60 /* of a stream */
#define COMMANDS_MUTATED 12 /* what comes behind a doubt is not compared */
#define SHORT 200000 /* commands in all */
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
	long streams, commands, mutated, lost, changed, reported, exact, bad;
	long lost_why[BMC_LOST_KINDS];
};

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
		struct __sk_buff skb = { stream.bytes + at, n > left ? left : n };

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
		     a.kind == MC_ANSWER_ERROR || a.kind == MC_ANSWER_MN;
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

static void check_answers(long n, long errors, int well_formed)
{
	long silent = twin_seen.commands - (long)conn.cmd;

	if (twin_seen.lost)
		return;
	if (n > (long)conn.cmd + (stream.binary ? 0 : silent))
		tell("more answers than commands", n, conn.cmd);
	if (!well_formed || errors)
		return;
	total.exact += stream.may_fail == 0;
	if (!stream.may_fail && n != (long)conn.cmd)
		tell("answers and commands", n, conn.cmd);
}

static void one_stream(struct server *server, int turn, int mutated, uint64_t *seed)
{
	long errors = 0, n;

	generate(&stream, keys, mutated ? COMMANDS_MUTATED : COMMANDS, roll(seed, 3) == 0, seed);
	if (mutated)
		mutate(&stream, seed);
	if (!stream.len)
		return;
	stream.binary = stream.bytes[0] == 0x80;
	follow(seed);
	if (server_feed(server, stream.bytes, stream.len, answers, sizeof(answers), &answers_len)) {
		tell("memcached neither answers nor closes", 0, 0);
		server_restart(server);
	}
	server_items(server, keys, &items[turn]);
	check_keys(&items[!turn], &items[turn], !mutated);
	n = count_answers(answers, answers_len, stream.binary, &errors);
	if (n >= 0)
		check_answers(n, errors, !mutated);
	else if (!mutated)
		tell("answers that cannot be read", n, 0);
	if (twin_seen.later || twin_seen.lost) {
		server_flush(server);
		server_items(server, keys, &items[turn]);
	}
	server_tidy(server, keys, &items[turn]);
	total.streams++;
	total.mutated += mutated;
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
		one_stream(&server, i & 1, roll(&seed, 2) == 0, &seed);
	server_stop(&server);
	printf("memcached %s: %ld streams (%ld mutated), %ld commands, %ld given up, %ld keys "
	       "changed, %ld "
	       "reported, %ld streams answered exactly\n",
	       version, total.streams, total.mutated, total.commands, total.lost, total.changed,
	       total.reported, total.exact);
	printf("given up: %ld for binary requests, %ld for meta, %ld for rejected lines, %ld for "
	       "long ones\n",
	       total.lost_why[BMC_LOST_BINARY], total.lost_why[BMC_LOST_META],
	       total.lost_why[BMC_LOST_REJECTED], total.lost_why[BMC_LOST_LONG_LINE]);
	if (total.commands < want)
		printf("violation: not done in time\n");
	return total.bad || total.commands < want ? 1 : 0;
}
