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
 *   setting := ("verbosity"|"cache_memlimit"|"slabs"|"lru"|"extstore") any*
 *
 * The last token "noreply" silences. What clients send is read here, in few steps, and most sets in fewer still
 * (mc_set.h); a line with anything odd about it is mc_line.h's, and so are gat, flush_all and settings; meta commands are
 * mc_meta.h's.
 */
#ifndef BMC_MC_TEXT_H
#define BMC_MC_TEXT_H

#include "mc_meta.h"
#include "mc_set.h"

#define MC_ODD 1 /* not a form that is read here */
#define MC_VERSION_DUMP_LAST BMC_VERSION_OF(1, 6, 38) /* seen to say nothing before a dump */
#define MC_CUT 2 /* cut into tokens, to be read by its verb */

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

/* flags exptime bytes [unique] [noreply], behind the key of a store command. 0, or MC_ODD. */
BMC_STEP int mc_text_store(const struct bmc_window *win, struct mc_request *out, __u32 unique)
{
	__u64 flags, exptime, bytes;
	struct mc_tokens *t;
	__u32 sign;

	if (!win || !out)
		return MC_ODD;
	t = &out->rest;
	unique = !!unique;
	if (t->n < 3 + unique || t->n > 4 + unique)
		return MC_ODD;
	sign = bmc_window8(win, t->pos[1]) == '-';
	flags = mc_number(win, t->pos[0], t->len[0]);
	exptime = mc_number(win, t->pos[1] + sign, t->len[1] - sign);
	bytes = mc_number(win, t->pos[2], t->len[2]);
	if (flags > 0xffffffffULL || exptime > 0x7fffffffULL || bytes > 0x7ffffffdULL)
		return MC_ODD;
	if (unique && !mc_is_unique(win, t->pos[3], t->len[3]))
		return MC_ODD;
	if (t->n == 4 + unique) {
		out->silent = (__u8)mc_last_is_noreply(win, t);
		if (!out->silent)
			return MC_ODD;
	}
	out->block = bytes + 2;
	out->exptime = sign ? -(__s64)exptime : (__s64)exptime;
	out->op = MC_OP_STORE;
	return 0;
}

/* [delay] [noreply], of a line that is cut */
BMC_STEP int mc_text_flush(const struct bmc_window *win, struct mc_request *out)
{
	struct mc_tokens *t;

	if (!win || !out)
		return -1;
	t = &out->rest;
	out->op = MC_OP_FLUSH;
	if (out->line.odd &&
	    !mc_is_classic(out)) { /* whether it is silent, and when, is not certain */
		out->delay = t->n ? MC_DELAY_ODD : 0;
		return 0;
	}
	out->silent = (__u8)mc_last_is_noreply(win, t);
	if (t->n > out->silent) { /* a negative time, and one that is rejected, is now */
		__u64 delay = mc_line_signed(win, t->pos[0], t->len[0]);

		if (delay == MC_NUMBER_REJECTED && out->version < MC_VERSION_CLASSIC_LAST)
			out->delay = mc_line_lead(win, t->pos[0]); /* 1.5 takes `10x` for 10 */
		else if (delay == MC_NUMBER_UNSURE)
			out->delay = MC_DELAY_ODD;
		else if (delay != MC_NUMBER_REJECTED && delay > MC_SIGNED_BIAS)
			out->delay = delay - MC_SIGNED_BIAS;
	}
	return 0;
}

/* exptime, of a touch. One that cannot be read is memcached's to reject. */
BMC_INLINE void mc_text_touch(const struct bmc_window *win, struct mc_request *out)
{
	const struct mc_tokens *t = &out->rest;
	__u32 sign = bmc_window8(win, t->pos[0]) == '-';
	__u64 exptime = mc_number(win, t->pos[0] + sign, t->len[0] - sign);

	if (!out->touch)
		return;
	out->touch = t->n && t->n < MC_TOUCH_TOKENS && exptime <= 0x7fffffffULL;
	out->exptime = sign || !out->touch ? -1 : (__s64)exptime;
}

/* What follows the key, at `at`. 0; -1: not there yet; MC_ODD. */
BMC_INLINE int mc_text_after_key(const struct bmc_window *win, __u32 at, __u32 end, __u32 start,
				 enum mc_verb verb, struct mc_request *out)
{
	int stop = mc_split(win, at, end, &out->rest);

	if (stop != MC_END_LINE)
		return stop == MC_END_OPEN ? -1 : MC_ODD;
	out->used = out->rest.used - start;
	if (verb != MC_VERB_CHANGE)
		return mc_text_store(win, out, verb == MC_VERB_CAS);
	out->op = MC_OP_CHANGE;
	out->silent = (__u8)mc_last_is_noreply(win, &out->rest);
	mc_text_touch(win, out);
	return 0;
}

/* A verb that has one key, and a space, at `at`. 0; -1: not there yet; MC_ODD. */
BMC_INLINE int mc_text_keyed(const struct bmc_window *win, __u32 at, __u32 end, __u32 start,
			     enum mc_verb verb, const struct mc_seed *seed, struct mc_request *out)
{
	__u64 key = mc_skip_spaces(win, at);
	__u8 stop;

	if (mc_key_scan(win, (__u32)key, seed, &out->key))
		return MC_ODD;
	at = (__u32)key + out->key.len;
	stop = bmc_window8(win, at);
	if (at < end && (!out->key.len || (stop < ' ' && stop != '\r' && stop != '\n')))
		return MC_ODD;
	return mc_text_after_key(win, at, end, start, verb, out);
}

/* A line of its verb alone. */
BMC_INLINE int mc_text_lone(enum mc_verb verb, __u32 used, struct mc_request *out)
{
	if (verb == MC_VERB_WATCH)
		return mc_lost(out, BMC_LOST_WATCH);
	out->used = used;
	out->op = verb == MC_VERB_FLUSH	    ? MC_OP_FLUSH :
		  verb == MC_VERB_QUIT	    ? MC_OP_QUIT :
		  verb == MC_VERB_META_NOOP ? MC_OP_MN :
		  verb == MC_VERB_GET	    ? MC_OP_GET :
					      MC_OP_OTHER;
	return 0;
}

/* The first word of a line at `start`, `len` bytes long. */
BMC_INLINE enum mc_verb mc_text_verb(const struct bmc_window *win, __u64 start, __u32 len,
				     struct mc_request *out)
{
	__u64 word = bmc_window64(win, start);

	if (len < 8)
		word = bmc_keep_bytes(word, len);
	out->plain = word == MC_WORD3("set");
	out->kept = word == MC_WORD6("delete") || word == MC_WORD4("incr") ||
		    word == MC_WORD4("decr") || word == MC_WORD6("append") ||
		    word == MC_WORD7("prepend");
	out->touch = word == MC_WORD5("touch");
	return mc_verb(word, len, bmc_window8(win, start + 8));
}

/* Whether a line of this verb could matter to items, or to how what follows it is read. */
BMC_INLINE int mc_verb_matters(enum mc_verb verb)
{
	return verb != MC_VERB_OTHER && verb != MC_VERB_GET && verb != MC_VERB_QUIT &&
	       verb != MC_VERB_SETTING;
}

/* stats any*: `cachedump` and `detail dump` write keys as they are, newlines too: that cannot be told from answers. */
BMC_INLINE int mc_text_stats(const struct bmc_window *win, struct mc_request *out)
{
	__u64 word = out->line.n ? bmc_window64(win, out->rest.pos[0]) : 0;

	if (word == MC_WORD8("cachedum") ||
	    (bmc_keep_bytes(word, 6) == MC_WORD6("detail") && out->line.n > 1 &&
	     bmc_keep_bytes(bmc_window64(win, out->rest.pos[1]), 4) == MC_WORD4("dump")))
		return mc_lost(out, BMC_LOST_ANSWERS);
	out->op = MC_OP_OTHER;
	return 0;
}

/* lru_crawler any*: newer ones than 1.6.38 say OK when a dump begins, and END or EN when it is over. */
BMC_INLINE int mc_text_crawler(const struct bmc_window *win, struct mc_request *out)
{
	__u64 word = out->line.n ? bmc_window64(win, out->rest.pos[0]) : 0;

	out->op = MC_OP_OTHER;
	if ((!out->version || out->version > MC_VERSION_DUMP_LAST) &&
	    (word == MC_WORD8("metadump") || bmc_keep_bytes(word, 6) == MC_WORD6("mgdump")))
		out->meta = MC_META_DUMP;
	return 0;
}

/*
 * A setting, its verb before `at`: silent if its last token says so, which memcached looks for among the first ones only.
 * `slabs` looks for it in `automove` alone. What is not known to be silent is counted as a command that answers.
 */
BMC_INLINE int mc_text_setting(const struct bmc_window *win, __u64 at, __u32 slabs,
			       struct mc_request *out)
{
	out->op = MC_OP_OTHER;
	if (!mc_is_classic(out) || mc_line_split(win, (__u32)at, out) ||
	    out->line.n > MC_FEW_TOKENS)
		return 0;
	if (slabs &&
	    (out->rest.len[0] != 8 || bmc_window64(win, out->rest.pos[0]) != MC_WORD8("automove")))
		return 0;
	out->silent = (__u8)mc_last_is_noreply(win, &out->rest);
	return 0;
}

/* Any line, cut exactly: as mc_text_request; MC_CUT: it is, and what it says is out->line.verb's to read. */
BMC_STEP int mc_text_line(const struct bmc_window *win, __u32 pos, __u32 end,
			  struct mc_request *out)
{
	__u64 start, at;
	enum mc_verb verb;

	if (!win || !out)
		return -1;
	mc_request_clear(out);
	if (mc_line_find(win, pos, end, out))
		return -1;
	out->used = out->line.next - pos;
	start = mc_skip_spaces(win, pos);
	at = mc_find(win, (__u32)start, out->line.end, ' ');
	verb = mc_text_verb(win, start, (__u32)(at - start), out);
	if (start < out->line.end &&
	    bmc_window8(win, start) == ' ') /* more spaces than are looked at */
		return mc_lost(out, BMC_LOST_REJECTED);
	if (start >= out->line.end || (!mc_verb_matters(verb) && verb != MC_VERB_SETTING)) {
		out->op = verb == MC_VERB_GET && start < out->line.end ? MC_OP_GET : MC_OP_OTHER;
		return 0;
	}
	if (verb == MC_VERB_WATCH)
		return mc_lost(out, BMC_LOST_WATCH);
	if (verb == MC_VERB_SETTING)
		return mc_text_setting(win, at, bmc_window8(win, start) == 's', out);
	if (mc_line_split(win, (__u32)at, out))
		return mc_lost(out, BMC_LOST_REJECTED);
	if (verb == MC_VERB_META_NOOP) {
		out->op = MC_OP_MN;
		return 0;
	}
	if (verb == MC_VERB_STATS)
		return mc_text_stats(win, out);
	if (verb == MC_VERB_CRAWLER)
		return mc_text_crawler(win, out);
	if (verb == MC_VERB_FLUSH)
		return mc_text_flush(win, out);
	if (verb == MC_VERB_TOUCH_GET)
		return mc_line_touch(win, pos, out);
	out->line.verb = verb;
	return MC_CUT;
}

/* A line of a plain form: as mc_text_request; MC_ODD: it has another. */
BMC_STEP int mc_text_plain(const struct bmc_window *win, __u32 pos, __u32 end,
			   const struct mc_seed *seed, struct mc_request *out)
{
	enum mc_verb verb;
	enum mc_end stop;
	__u32 used = 0;
	__u64 at;

	if (!win || !seed || !out)
		return -1;
	mc_request_clear(out);
	if (bmc_window8(win, pos) == ' ')
		return MC_ODD;
	at = mc_token_end(win, pos);
	stop = mc_end_at(win, at, end, &used);
	if (stop == MC_END_OPEN)
		return -1;
	verb = mc_text_verb(win, pos, (__u32)(at - pos), out);
	if (stop == MC_END_LINE)
		return mc_text_lone(verb, used - pos, out);
	if (stop != MC_END_SPACE)
		return MC_ODD;
	if (verb == MC_VERB_STORE || verb == MC_VERB_CAS || verb == MC_VERB_CHANGE)
		return mc_text_keyed(win, (__u32)at, end, pos, verb, seed, out);
	if (mc_verb_matters(verb) || verb == MC_VERB_SETTING)
		return MC_ODD;
	return mc_whole_line(win, pos, end, verb == MC_VERB_GET ? MC_OP_GET : MC_OP_OTHER, out);
}

/*
 * The request at `pos` of a window that is filled up to `end`. out->version is the caller's. out->op is what it is,
 * MC_OP_NONE while its line is not complete; out->used the bytes of its line (a data block, out->block, comes on top).
 * Positions in `out` are the window's. Returns 0; -1 with MC_OP_NONE.
 */
BMC_INLINE int mc_text_request(const struct bmc_window *win, __u32 pos, __u32 end,
			       const struct mc_seed *seed, struct mc_request *out)
{
	__u32 verb = (__u32)bmc_window64(win, pos);
	int err;

	if (verb == MC_WORD4("get ")) {
		mc_request_clear(out);
		return mc_whole_line(win, pos, end, MC_OP_GET, out);
	}
	if (verb == MC_WORD4("set ") && !mc_set_line(win, pos, end, seed, out))
		return 0;
	err = mc_text_plain(win, pos, end, seed, out);
	if (err == MC_ODD)
		err = mc_text_line(win, pos, end, out);
	if (err != MC_CUT)
		return err;
	switch (out->line.verb) {
	case MC_VERB_META_GET:
	case MC_VERB_META_STORE:
	case MC_VERB_META_DELETE:
	case MC_VERB_META_COUNT:
	case MC_VERB_META_DEBUG:
		return mc_meta_line(win, seed, out);
	default:
		return mc_line_keyed(win, seed, out);
	}
}

/* The next key of a gat's line: mc_line_touch_key. */
BMC_INLINE int mc_text_touch_key(const struct bmc_window *win, __u32 pos, __u32 end,
				 const struct mc_seed *seed, struct mc_request *out)
{
	(void)end;
	return mc_line_touch_key(win, pos, seed, out);
}

#endif
