// SPDX-License-Identifier: LGPL-2.1-only
#include "follow.h"

#include "shim.h"

__u64 twin_hash[TWIN_KEYS];
struct twin_seen twin_seen;
struct bmc_conn follow_conn;

static struct bmc_work work;

void follow_version(uint32_t version)
{
	bmc_config.version[0] = version;
}

uint64_t follow_hash(const void *key, size_t len)
{
	struct mc_key k = { 0 };

	memcpy(work.win.bytes, key, len);
	mc_key_hash(&work.win, 0, (__u32)len, (const struct mc_seed *)bmc_shared.seed, &k);
	return k.hash;
}

void follow_begin(void)
{
	memset(&follow_conn, 0, offsetof(struct bmc_conn, out_line));
	memset(&twin_seen, 0, sizeof(twin_seen));
	follow_conn.fresh = 1;
}

void follow_requests(const unsigned char *bytes, size_t len)
{
	struct __sk_buff skb = { .bytes = bytes, .len = (uint32_t)len };

	if (follow_conn.lost || !len)
		return;
	work.place = 0;
	work.off = 0;
	work.tail = skb.len;
	bmc_conn_parse(&skb, &work, &follow_conn, 0, 0);
	twin_seen.commands += (int)work.n_commands;
}

void follow_answers(const unsigned char *bytes, size_t len)
{
	struct __sk_buff skb = { .bytes = bytes, .len = (uint32_t)len, .tstamp = 1 };

	if (!follow_conn.lost && len)
		bmc_answers_parse(&skb, &follow_conn, 0);
}

int follow_is_classic(void)
{
	return mc_is_classic(&work.req);
}

int follow_answer_kind(const unsigned char *bytes, size_t len, int binary, size_t *ret_len)
{
	static struct bmc_answer_window win;
	size_t here = len < BMC_ANSWER_WINDOW ? len : BMC_ANSWER_WINDOW;
	struct mc_answer a = { 0 };

	memset(&win, 0, sizeof(win));
	memcpy(win.bytes, bytes, here);
	if (binary)
		mc_answer_binary(&win, 0, (__u32)here, &a);
	else
		mc_answer_line(&win, 0, (__u32)here, &a);
	*ret_len = a.used + a.block;
	return (int)a.kind;
}

long follow_count(const unsigned char *bytes, size_t len, int binary, long *ret_errors)
{
	long n = 0;

	*ret_errors = 0;
	for (size_t at = 0, used; at < len; at += used) {
		int kind = follow_answer_kind(bytes + at, len - at, binary, &used);

		if (kind == MC_ANSWER_NONE || kind == MC_ANSWER_UNREADABLE)
			return -1;
		n += kind == MC_ANSWER_ONE || kind == MC_ANSWER_META || kind == MC_ANSWER_DONE ||
		     kind == MC_ANSWER_ERROR || kind == MC_ANSWER_MN;
		*ret_errors += kind == MC_ANSWER_ERROR;
	}
	return n;
}
