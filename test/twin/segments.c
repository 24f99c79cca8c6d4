// SPDX-License-Identifier: LGPL-2.1-only
#include "segments.h"

#include "follow.h"
#include "generate.h"

enum cut { CUT_ANYWHERE, CUT_AT_ENDS, CUT_EVERY_BYTE };

static size_t next_end(const struct segments *s, size_t at, uint64_t *seed)
{
	int i = 0;

	while (i < s->n_ends && s->ends[i] <= at)
		i++;
	if (roll(seed, 4) == 0)
		i += (int)roll(seed, 20);
	return i < s->n_ends ? s->ends[i] : s->len;
}

static size_t next_cut(const struct segments *s, size_t at, enum cut cut, uint64_t *seed)
{
	static const uint32_t sizes[] = { 12, 100, 2000, 3 * BMC_WINDOW };
	size_t to = at + 1;

	if (cut == CUT_ANYWHERE)
		to = at + 1 + roll(seed, sizes[roll(seed, 4)]);
	else if (cut == CUT_AT_ENDS)
		to = next_end(s, at, seed);
	return to < s->len ? to : s->len;
}

void segments_give(const struct segments *s, segment_taker *taker, uint64_t *seed)
{
	enum cut cut = roll(seed, 30) == 0 ? CUT_EVERY_BYTE :
		       roll(seed, 2)	   ? CUT_AT_ENDS :
					     CUT_ANYWHERE;

	for (size_t at = 0, to; at < s->len; at = to) {
		to = next_cut(s, at, cut, seed);
		taker(s->bytes + at, to - at);
	}
}

/* Bytes from `at` to `to`, as one segment or more. */
static void give_step(const unsigned char *bytes, size_t at, size_t to, segment_taker *taker,
		      uint64_t *seed)
{
	struct segments s = { bytes + at, to - at, NULL, 0 };

	segments_give(&s, taker, seed);
}

long steps_replay(const struct steps *steps, uint64_t *seed, int *ret_step)
{
	static const uint32_t leads[] = { 0, 1, 3, 1000 }; /* requests before the next answer */
	uint32_t lead = leads[roll(seed, 4)];
	long counted[sizeof(steps->ends) / sizeof(steps->ends[0])];
	int asked = 0, answered = 0;

	follow_begin();
	while (answered < steps->n && !follow_conn.lost) {
		size_t from;

		if (asked < steps->n && (asked == answered || roll(seed, 1 + lead))) {
			give_step(steps->requests, asked ? steps->ends[asked - 1] : 0,
				  steps->ends[asked], follow_requests, seed);
			counted[asked++] = (long)follow_conn.cmd;
			continue;
		}
		*ret_step = answered;
		from = answered ? steps->answered[answered - 1] : 0;
		give_step(steps->answers, from, steps->answered[answered], follow_answers, seed);
		if (follow_conn.lost)
			return -1;
		if ((long)follow_conn.rep > counted[answered])
			return (long)follow_conn.rep - counted[answered];
		answered++;
	}
	return 0;
}
