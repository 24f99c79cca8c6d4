/* SPDX-License-Identifier: LGPL-2.1-only */
/* The verbs of the text protocol, in one table; what it does not name changes no item. */
#ifndef BMC_MC_VERB_H
#define BMC_MC_VERB_H

#include "mc_token.h"

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
	MC_VERB_META_GET, /* mg */
	MC_VERB_META_STORE, /* ms */
	MC_VERB_META_DELETE, /* md */
	MC_VERB_META_COUNT, /* ma */
	MC_VERB_META_NOOP, /* mn */
	MC_VERB_META_DEBUG, /* me */
	MC_VERB_STATS,
	MC_VERB_WATCH,
	MC_VERB_CRAWLER, /* lru_crawler */
	MC_VERB_SETTING, /* changes no item, but how memcached works; noreply silences it */
};

/*
 * verbosity, cache_memlimit, slabs, lru, extstore. What has the length and first bytes of one but is none is answered
 * ERROR, which a silent command may be.
 */
BMC_INLINE int mc_verb_sets(__u64 word, __u32 len, __u8 ninth)
{
	return word == MC_WORD3("lru") || word == MC_WORD5("slabs") ||
	       (word == MC_WORD8("verbosit") && len == 9 && ninth == 'y') ||
	       (word == MC_WORD8("cache_me") && len == 14) ||
	       (word == MC_WORD8("extstore") && len == 8);
}

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
	if (word == MC_WORD2("ms"))
		return MC_VERB_META_STORE;
	if (word == MC_WORD2("md"))
		return MC_VERB_META_DELETE;
	if (word == MC_WORD2("ma"))
		return MC_VERB_META_COUNT;
	if (word == MC_WORD2("mn"))
		return MC_VERB_META_NOOP;
	if (word == MC_WORD2("me"))
		return MC_VERB_META_DEBUG;
	if (word == MC_WORD5("stats"))
		return MC_VERB_STATS;
	if (word == MC_WORD4("quit"))
		return MC_VERB_QUIT;
	if (word == MC_WORD5("watch"))
		return MC_VERB_WATCH;
	if (word == MC_WORD8("lru_craw") && len == 11 && ninth == 'l')
		return MC_VERB_CRAWLER;
	if (mc_verb_sets(word, len, ninth))
		return MC_VERB_SETTING;
	return MC_VERB_OTHER;
}

#endif
