// SPDX-License-Identifier: LGPL-2.1-only
/* Actors over TCP that are not writers of bursts. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "link.h"
#include "value.h"

#define UNREAD_GETS 12
#define LARGE_KEY "large" /* 900 KB, not a key that is watched */
#define CROWD 64
#define CROWD_STAYS_US 20000

void actor_tcp_reader(struct actor *a)
{
	struct link l = { .fd = -1, .actor = a };
	uint32_t pause = a->load->scenario->pause_us;

	while (load_goes_on(a)) {
		int key = (int)roll(a, (uint32_t)a->load->n_shared);
		int64_t start;
		char line[64];
		long len;

		if (link_open(&l, a))
			continue;
		start = load_now();
		len = snprintf(line, sizeof(line), "get %s\r\n", a->load->key[key]);
		len = link_send(&l, line, (size_t)len, LINK_WHOLE) ? -1 : link_answer(&l);
		if (len < 0) {
			a->lost++;
			link_close(&l);
			continue;
		}
		if (!load_note_items(a, l.in.data, (size_t)len, start, load_now()))
			load_note(a, key, LIN_ABSENT, 0, start, load_now());
		text_cut(&l.in, (size_t)len);
		load_pause(a, roll(a, pause));
	}
	link_close(&l);
	text_free(&l.in);
}

/*
 * A client that asks for more than it reads: memcached cannot go on with this connection, and the set behind waits. In
 * the end it reads, or goes.
 */
static void stuck_once(struct link *l, struct actor *a)
{
	int key = (int)roll(a, (uint32_t)a->load->n_shared), answers = UNREAD_GETS;
	uint64_t id = load_new_id(a);
	char value[VALUE_MAX];
	struct text out = {};
	int64_t start = load_now(), end = LIN_NEVER;
	size_t len = value_text(id, value);
	long got = 0;

	for (int i = 0; i < UNREAD_GETS; i++)
		text_add(&out, "get " LARGE_KEY "\r\n");
	text_add(&out, "set %s 0 0 %zu noreply\r\n", a->load->key[key], len);
	text_append(&out, value, len);
	text_add(&out, "\r\nmn\r\n");
	if (send(l->fd, out.data, out.len, MSG_NOSIGNAL) == (ssize_t)out.len && roll(a, 3)) {
		load_pause(a, roll(a, 60000));
		while (answers-- >= 0 && got >= 0) {
			got = link_answer(l);
			if (got >= 0)
				text_cut(&l->in, (size_t)got);
		}
		if (got >= 0)
			end = load_now();
	} else {
		load_pause(a, roll(a, 60000));
	}
	load_note(a, key, LIN_WRITE, id, start, end);
	text_free(&out);
	if (end == LIN_NEVER)
		link_close(l);
}

void actor_stuck_writer(struct actor *a)
{
	struct link l = { .fd = -1, .actor = a };

	while (load_goes_on(a)) {
		if (link_open(&l, a))
			continue;
		stuck_once(&l, a);
	}
	link_close(&l);
	text_free(&l.in);
}

/* Connections that come and go, more than memcached takes; each has sent a set, which may never be read. */
void actor_crowd(struct actor *a)
{
	static const char form[] = "set %s 0 0 %zu\r\n%s\r\n";
	struct link l[CROWD];

	for (int i = 0; i < CROWD; i++)
		l[i] = (struct link){ .fd = -1, .actor = a };
	while (load_goes_on(a)) {
		for (int i = 0; i < CROWD && load_goes_on(a); i++) {
			int key = (int)roll(a, (uint32_t)a->load->n_shared);
			char text[VALUE_DIGITS + 64], digits[VALUE_DIGITS];
			uint64_t id = load_new_id(a);
			int64_t start = load_now();

			if (link_open(&l[i], a))
				continue;
			snprintf(digits, sizeof(digits), "%" PRIu64, id);
			snprintf(text, sizeof(text), form, a->load->key[key], strlen(digits),
				 digits);
			if (send(l[i].fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT) > 0)
				load_note(a, key, LIN_WRITE, id, start, LIN_NEVER);
		}
		load_pause(a, roll(a, CROWD_STAYS_US));
		for (int i = 0; i < CROWD; i++) {
			if (l[i].fd >= 0 && roll(a, 2))
				link_reset(&l[i]);
			link_close(&l[i]);
			text_free(&l[i].in);
		}
	}
}
