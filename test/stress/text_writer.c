// SPDX-License-Identifier: LGPL-2.1-only
/* A writer by text and meta commands: bursts of them in one connection, then their answers in order. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "link.h"

#define BREAK_EVERY 12
#define FAILS_EVERY 4
#define FLUSH_NOREPLY_IN 4

/* ---- answers ---- */

/* An answer of `len` bytes at the front of what was received: to the first command that answers. */
static void writer_answered(struct writer *w, size_t len)
{
	int64_t now = load_now();
	int i = w->done;

	/* the silent ones before it are over too */
	while (i < w->n && w->sent[i].silent && !command_is_answer(&w->sent[i], &w->link.in, len))
		command_over(w, &w->sent[i++], NULL, 0, now);
	if (i < w->n)
		command_over(w, &w->sent[i++], w->link.in.data, len, now);
	else
		load_wrong(w->link.actor, "an answer too many", w->link.in.data, len);
	w->done = i;
	text_cut(&w->link.in, len);
}

static void writer_broken(struct writer *w)
{
	while (w->done < w->n)
		command_lost(w, &w->sent[w->done++]);
	w->link.actor->own = 0;
	link_close(&w->link);
}

static int writer_is_silent(const struct writer *w)
{
	for (int i = w->done; i < w->n; i++)
		if (!w->sent[i].silent)
			return 0;
	return 1;
}

static void writer_answers(struct writer *w)
{
	while (!writer_is_silent(w)) {
		long len = link_answer(&w->link);

		if (len < 0) {
			w->link.actor->lost += len == -ETIMEDOUT;
			writer_broken(w);
			return;
		}
		writer_answered(w, (size_t)len);
	}
}

/* ---- bursts ---- */
static void writer_burst(struct writer *w)
{
	const struct scenario *s = w->link.actor->load->scenario;
	struct actor *a = w->link.actor;
	int n = 1 + (int)roll(a, (uint32_t)s->burst);

	w->n = w->done = 0;
	text_clear(&w->out);
	if (s->commands & CMD_FLUSH && !roll(a, (uint32_t)s->flush_every))
		command_flush(w, !roll(a, FLUSH_NOREPLY_IN));
	if (s->commands & CMD_FAILS && !roll(a, FAILS_EVERY))
		command_fails(w);
	for (int i = 0; i < n; i++)
		command_any(w);
	command_closing(w);
}

static enum link_cut writer_cut(struct actor *a)
{
	if (!(a->load->scenario->faults & FAULT_SPLIT))
		return LINK_WHOLE;
	switch (roll(a, 4)) {
	case 0:
		return LINK_WHOLE;
	case 1:
		return LINK_BYTES;
	default:
		return LINK_SOME;
	}
}

/* Sent, in part or whole, and then the connection ends one way or another. */
static void writer_break(struct writer *w)
{
	struct actor *a = w->link.actor;
	size_t len = roll(a, 2) ? w->out.len : roll(a, (uint32_t)w->out.len);
	int err = link_send(&w->link, w->out.data, len, writer_cut(a));

	switch (err ? 0 : roll(a, 4)) {
	case 0:
		link_reset(&w->link);
		break;
	case 1:
		link_half_close(&w->link);
		writer_answers(w); /* as many as come */
		break;
	case 2:
		load_pause(a, roll(a, 500));
		break;
	default:
		break;
	}
	writer_broken(w);
}

/* cas needs what gets says. */
static void writer_cas(struct writer *w)
{
	struct actor *a = w->link.actor;
	int key = (int)roll(a, (uint32_t)a->load->n_shared);

	w->n = w->done = 0;
	text_clear(&w->out);
	command_gets(w, key);
	if (link_send(&w->link, w->out.data, w->out.len, LINK_WHOLE)) {
		writer_broken(w);
		return;
	}
	writer_answers(w);
	if (w->link.fd < 0 || !w->cas)
		return;
	w->n = w->done = 0;
	text_clear(&w->out);
	command_cas(w, key);
	if (link_send(&w->link, w->out.data, w->out.len, writer_cut(a)))
		writer_broken(w);
	else
		writer_answers(w);
}

static void writer_turn(struct writer *w)
{
	struct actor *a = w->link.actor;
	const struct scenario *s = a->load->scenario;

	if (s->commands & CMD_CAS && !roll(a, 4)) {
		writer_cas(w);
		return;
	}
	writer_burst(w);
	if (s->faults & FAULT_BREAK && !roll(a, BREAK_EVERY))
		writer_break(w);
	else if (link_send(&w->link, w->out.data, w->out.len, writer_cut(a)))
		writer_broken(w);
	else
		writer_answers(w);
}

void actor_text_writer(struct actor *a)
{
	struct writer w = { .link.fd = -1, .link.actor = a };
	uint32_t pause = a->load->scenario->pause_us;

	while (load_goes_on(a)) {
		if (link_open(&w.link, a))
			continue;
		writer_turn(&w);
		load_pause(a, roll(a, pause));
	}
	link_close(&w.link);
	text_free(&w.link.in);
	text_free(&w.out);
}
