/* SPDX-License-Identifier: LGPL-2.1-only */
/*
 * Requests of the text protocol (memcached's doc/protocol.txt), read as memcached reads them:
 *
 *   line    := token (" "+ token)* " "* ["\r"] "\n"        a token ends at a space or at the end of the line
 *   store   := ("set"|"add"|"replace"|"append"|"prepend") key flags exptime bytes [any]   \r\n  data \r\n
 *            | "cas" key flags exptime bytes unique [any]                                  \r\n  data \r\n
 *   change  := ("delete"|"incr"|"decr"|"touch") key any*
 *   touch   := ("gat"|"gats") exptime key+
 *   flush   := "flush_all" [delay] ["noreply"]
 *
 * The last token "noreply" silences. A line whose effect on items or on the bytes that follow is not certain is LOST.
 */
#ifndef BMC_MC_TEXT_H
#define BMC_MC_TEXT_H

#include "mc_token.h"

/* ---- verbs ---- */
#define MC_C(s, i) ((__u64)(__u8)(s)[i])
#define MC_WORD2(s) (MC_C(s, 0) | MC_C(s, 1) << 8)
#define MC_WORD3(s) (MC_WORD2(s) | MC_C(s, 2) << 16)
#define MC_WORD4(s) (MC_WORD3(s) | MC_C(s, 3) << 24)
#define MC_WORD5(s) (MC_WORD4(s) | MC_C(s, 4) << 32)
#define MC_WORD6(s) (MC_WORD5(s) | MC_C(s, 5) << 40)
#define MC_WORD7(s) (MC_WORD6(s) | MC_C(s, 6) << 48)
#define MC_WORD8(s) (MC_WORD7(s) | MC_C(s, 7) << 56)

enum mc_verb {
	MC_VERB_OTHER, /* known to change no item, or known to no memcached */
	MC_VERB_GET,
	MC_VERB_QUIT,
	MC_VERB_STORE,
	MC_VERB_CAS,
	MC_VERB_CHANGE,
	MC_VERB_TOUCH_GET,
	MC_VERB_FLUSH,
	MC_VERB_META_GET,
	MC_VERB_META,
	MC_VERB_WATCH,
};

/* The verb of a first token: `word` is its first 8 bytes (those behind it 0), `len` its length. */
BMC_INLINE enum mc_verb mc_verb(__u64 word, __u32 len, __u8 ninth)
{
	if (word == MC_WORD3("get") || word == MC_WORD4("gets") || word == MC_WORD4("bget"))
		return MC_VERB_GET;
	if (word == MC_WORD3("set") || word == MC_WORD3("add") || word == MC_WORD7("replace") ||
	    word == MC_WORD6("append") || word == MC_WORD7("prepend"))
		return MC_VERB_STORE;
	if (word == MC_WORD6("delete") || word == MC_WORD4("incr") || word == MC_WORD4("decr") ||
	    word == MC_WORD5("touch"))
		return MC_VERB_CHANGE;
	if (word == MC_WORD3("cas"))
		return MC_VERB_CAS;
	if (word == MC_WORD3("gat") || word == MC_WORD4("gats"))
		return MC_VERB_TOUCH_GET;
	if (word == MC_WORD8("flush_al") && len == 9 && ninth == 'l')
		return MC_VERB_FLUSH;
	if (word == MC_WORD2("mg"))
		return MC_VERB_META_GET;
	if (word == MC_WORD2("ms") || word == MC_WORD2("md") || word == MC_WORD2("ma"))
		return MC_VERB_META;
	if (word == MC_WORD4("quit"))
		return MC_VERB_QUIT;
	if (word == MC_WORD5("watch"))
		return MC_VERB_WATCH;
	return MC_VERB_OTHER;
}

BMC_INLINE int mc_is_noreply(const struct bmc_window *win, __u32 pos, __u32 len)
{
	return len == 7 && bmc_keep_bytes(bmc_window64(win, pos), 7) == MC_WORD7("noreply");
}

BMC_INLINE int mc_lost(struct mc_request *out, enum bmc_lost why)
{
	out->op = MC_OP_LOST;
	out->lost = (__u8)why;
	return 0;
}

/* A line that only needs its end to be known. 0, or -1: its end is not there yet. */
BMC_INLINE int mc_whole_line(const struct bmc_window *win, __u32 pos, __u32 end, enum mc_op op,
			     struct mc_request *out)
{
	__u64 at = mc_newline(win, pos, end);

	if (at >= end)
		return -1;
	out->op = (__u8)op;
	out->used = (__u32)at + 1 - pos;
	return 0;
}

/* Whether the last of the tokens behind the key says noreply. */
BMC_INLINE int mc_last_is_noreply(const struct bmc_window *win, const struct mc_tokens *t)
{
	__u32 last = t->n - 1;

	return last < MC_TOKENS_MAX && mc_is_noreply(win, t->pos[last], t->len[last]);
}

/* flags exptime bytes [unique] [any], behind the key of a store command */
BMC_STEP int mc_text_store(const struct bmc_window *win, struct mc_request *out, __u32 unique)
{
	__u64 flags, exptime, bytes;
	struct mc_tokens *t;
	__u32 sign;

	if (!win || !out)
		return -1;
	t = &out->rest;
	unique = !!unique;
	if (t->n < 3 + unique || t->n > 4 + unique)
		return mc_lost(out, BMC_LOST_REJECTED);
	sign = bmc_window8(win, t->pos[1]) == '-';
	flags = mc_number(win, t->pos[0], t->len[0]);
	exptime = mc_number(win, t->pos[1] + sign, t->len[1] - sign);
	bytes = mc_number(win, t->pos[2], t->len[2]);
	if (flags > 0xffffffffULL || exptime > 0x7fffffffULL || bytes > 0x7ffffffdULL)
		return mc_lost(out, BMC_LOST_REJECTED);
	if (unique && !mc_is_unique(win, t->pos[3], t->len[3]))
		return mc_lost(out, BMC_LOST_REJECTED);
	if (t->n == 4 + unique)
		out->silent = (__u8)mc_last_is_noreply(win, t);
	out->block = bytes + 2;
	out->exptime = sign ? -(__s64)exptime : (__s64)exptime;
	out->op = MC_OP_STORE;
	return 0;
}

/* [delay] [noreply] */
BMC_STEP int mc_text_flush(const struct bmc_window *win, struct mc_request *out)
{
	struct mc_tokens *t;

	if (!win || !out)
		return -1;
	t = &out->rest;
	out->op = MC_OP_FLUSH;
	out->silent = (__u8)mc_last_is_noreply(win, t);
	if (t->n > out->silent) {
		__u32 plus = bmc_window8(win, t->pos[0]) == '+';

		/* what strtol does not read is rejected, a negative time is now; more digits may be zeros */
		out->delay = mc_number(win, t->pos[0] + plus, t->len[0] - plus);
		if (out->delay == MC_NO_NUMBER)
			out->delay = t->len[0] > 10 ? MC_DELAY_ODD : 0;
	}
	return 0;
}

/* key flag*: only flags that read and always answer */
BMC_STEP int mc_text_meta_get(const struct bmc_window *win, struct mc_request *out)
{
	if (!win || !out)
		return -1;
	out->op = MC_OP_OTHER;
	for (__u32 i = 1; i < MC_TOKENS_MAX; i++) {
		__u8 c;

		if (i >= out->rest.n)
			break;
		c = bmc_window8(win, out->rest.pos[i]);
		if (c != 'v' && c != 'f' && c != 's' && c != 't' && c != 'c' && c != 'k' &&
		    c != 'h' && c != 'l' && c != 'O' && c != 'b')
			return mc_lost(out, BMC_LOST_META);
	}
	return 0;
}

/* The rest of a line of a few tokens, from `at` on, for a verb that takes no key: flush_all, mg. */
BMC_INLINE int mc_text_tokens(const struct bmc_window *win, __u32 at, __u32 end, __u32 start,
			      enum mc_verb verb, struct mc_request *out)
{
	int stop = mc_split(win, at, end, &out->rest);

	if (stop == MC_END_OPEN)
		return -1;
	if (stop != MC_END_LINE)
		return mc_lost(out, verb == MC_VERB_FLUSH ? BMC_LOST_REJECTED : BMC_LOST_META);
	out->used = out->rest.used - start;
	return verb == MC_VERB_FLUSH ? mc_text_flush(win, out) : mc_text_meta_get(win, out);
}

/*
 * The rest of a store line whose key has control characters: memcached's to have, never cached, so only the line's
 * reading matters. Returns the key's end; 0: not certain; -1: not there yet.
 */
BMC_INLINE int mc_text_odd_key(const struct bmc_window *win, __u32 end, struct mc_request *out)
{
	__u64 at = mc_token_end_exact(win, out->key.pos);

	if (at >= end)
		return -1;
	if (bmc_window8(win, at) != ' ' || at - out->key.pos > BMC_KEY_MAX)
		return 0;
	out->key.len = 0;
	return (int)at;
}

/* What follows the key, at `at`. */
BMC_INLINE int mc_text_after_key(const struct bmc_window *win, __u32 at, __u32 end, __u32 start,
				 enum mc_verb verb, struct mc_request *out)
{
	int stop = mc_split(win, at, end, &out->rest);

	if (stop == MC_END_OPEN)
		return -1;
	if (stop != MC_END_LINE)
		return mc_lost(out, BMC_LOST_REJECTED);
	out->used = out->rest.used - start;
	if (verb != MC_VERB_CHANGE)
		return mc_text_store(win, out, verb == MC_VERB_CAS);
	out->op = MC_OP_CHANGE;
	out->silent = (__u8)mc_last_is_noreply(win, &out->rest);
	return 0;
}

/* The rest of a line whose key was scanned into out->key. A NUL ends the line for memcached: not followed. */
BMC_INLINE int mc_text_keyed(const struct bmc_window *win, __u32 end, __u32 start,
			     enum mc_verb verb, struct mc_request *out)
{
	__u64 at = (__u64)out->key.pos + out->key.len;
	__u8 stop = bmc_window8(win, at);

	if (at < end && stop < ' ' && stop != '\r' && stop != '\n') {
		int behind;

		if (!stop)
			return mc_lost(out, BMC_LOST_REJECTED);
		if (verb == MC_VERB_CHANGE)
			return mc_whole_line(win, start, end, MC_OP_OTHER, out);
		behind = mc_text_odd_key(win, end, out);
		if (behind < 0)
			return -1;
		if (!behind)
			return mc_lost(out, BMC_LOST_REJECTED);
		return mc_text_after_key(win, (__u32)behind, end, start, verb, out);
	}
	if (at < end && !out->key.len)
		return mc_lost(out, BMC_LOST_REJECTED);
	return mc_text_after_key(win, (__u32)at, end, start, verb, out);
}

/* gat, gats: the line must be whole; `used` leads to the keys, which mc_text_touch_key reads one by one. */
BMC_INLINE int mc_text_touch(const struct bmc_window *win, __u32 at, __u32 end, __u32 start,
			     struct mc_request *out)
{
	__u64 exptime = mc_skip_spaces(win, at);
	__u64 stop = mc_token_end(win, (__u32)exptime);
	__u32 used = 0;

	if (mc_newline(win, start, end) >= end)
		return -1;
	if (mc_end_at(win, stop, end, &used) == MC_END_LINE) /* no key: an error */
		return mc_whole_line(win, start, end, MC_OP_OTHER, out);
	if (mc_end_at(win, stop, end, &used) != MC_END_SPACE)
		return mc_lost(out, BMC_LOST_REJECTED);
	out->op = MC_OP_TOUCH_GET;
	out->used = (__u32)stop - start;
	return 0;
}

/* A line of its verb alone. */
BMC_INLINE int mc_text_lone(enum mc_verb verb, __u32 used, struct mc_request *out)
{
	if (verb == MC_VERB_WATCH)
		return mc_lost(out, BMC_LOST_WATCH);
	out->used = used;
	out->op = verb == MC_VERB_FLUSH ? MC_OP_FLUSH :
		  verb == MC_VERB_QUIT	? MC_OP_QUIT :
		  verb == MC_VERB_GET	? MC_OP_GET :
					  MC_OP_OTHER;
	return 0;
}

/* What follows a verb and a space, at `at`. */
BMC_INLINE int mc_text_arguments(const struct bmc_window *win, __u32 at, __u32 end, __u32 start,
				 enum mc_verb verb, const struct mc_seed *seed,
				 struct mc_request *out)
{
	if (verb == MC_VERB_STORE || verb == MC_VERB_CAS || verb == MC_VERB_CHANGE) {
		__u64 key = mc_skip_spaces(win, at);

		if (mc_key_scan(win, (__u32)key, seed, &out->key) == 0)
			return mc_text_keyed(win, end, start, verb, out);
		/* no key of memcached's is that long */
		if (verb == MC_VERB_CHANGE)
			return mc_whole_line(win, start, end, MC_OP_OTHER, out);
		return mc_lost(out, BMC_LOST_REJECTED);
	}
	if (verb == MC_VERB_META)
		return mc_lost(out, BMC_LOST_META);
	if (verb == MC_VERB_WATCH)
		return mc_lost(out, BMC_LOST_WATCH);
	if (verb == MC_VERB_META_GET || verb == MC_VERB_FLUSH)
		return mc_text_tokens(win, at, end, start, verb, out);
	if (verb == MC_VERB_TOUCH_GET)
		return mc_text_touch(win, at, end, start, out);
	return mc_whole_line(win, start, end, verb == MC_VERB_GET ? MC_OP_GET : MC_OP_OTHER, out);
}

/*
 * The request at `pos` of a window that is filled up to `end`. out->op is what it is, MC_OP_NONE while its line is
 * not complete; out->used the bytes of its line (a data block, out->block, comes on top). Positions in `out` are
 * the window's. Returns 0; -1 with MC_OP_NONE.
 */
BMC_STEP int mc_text_request(const struct bmc_window *win, __u32 pos, __u32 end,
			     const struct mc_seed *seed, struct mc_request *out)
{
	__u64 start, at, word;
	__u32 len, used = 0;
	enum mc_verb verb;
	enum mc_end stop;

	if (!win || !seed || !out)
		return -1;
	out->op = MC_OP_NONE;
	out->silent = 0;
	out->block = 0;
	out->delay = 0;
	out->plain = 0;
	out->exptime = 0;
	out->key.len = 0;
	start = mc_skip_spaces(win, pos);
	at = mc_token_end(win, (__u32)start);
	stop = mc_end_at(win, at, end, &used);
	if (stop == MC_END_OPEN)
		return -1;
	len = (__u32)(at - start);
	if (!len && stop == MC_END_SPACE) /* spaces beyond what is looked at */
		return mc_lost(out, BMC_LOST_REJECTED);
	word = bmc_window64(win, start);
	if (len < 8)
		word = bmc_keep_bytes(word, len);
	verb = mc_verb(word, len, bmc_window8(win, start + 8));
	out->plain = word == MC_WORD3("set");
	if (stop == MC_END_LINE)
		return mc_text_lone(verb, used - pos, out);
	if (stop == MC_END_ODD) {
		if (verb != MC_VERB_OTHER && !bmc_window8(win, at))
			return mc_lost(out, BMC_LOST_REJECTED);
		return mc_whole_line(win, pos, end, MC_OP_OTHER, out);
	}
	return mc_text_arguments(win, (__u32)at, end, pos, verb, seed, out);
}

/*
 * The next key of a gat's line, at `pos`. Returns its end in the window with out->key filled; 0 at the line's end,
 * out->used then the position behind it; -1: not to be read.
 */
BMC_STEP int mc_text_touch_key(const struct bmc_window *win, __u32 pos, __u32 end,
			       const struct mc_seed *seed, struct mc_request *out)
{
	__u64 at;
	__u32 used = 0;
	enum mc_end stop;

	if (!win || !seed || !out)
		return -1;
	at = mc_skip_spaces(win, pos);
	if (mc_key_scan(win, (__u32)at, seed, &out->key))
		return -1;
	stop = mc_end_at(win, at + out->key.len, end, &used);
	if (stop == MC_END_ODD || stop == MC_END_OPEN)
		return -1;
	if (!out->key.len) {
		out->used = used;
		return stop == MC_END_LINE ? 0 : -1;
	}
	return (int)(at + out->key.len);
}

#endif
