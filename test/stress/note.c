// SPDX-License-Identifier: LGPL-2.1-only
/* What actors note. */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load.h"
#include "value.h"

void load_pause(const struct actor *a, uint32_t us)
{
	struct timespec ts = { .tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000L };

	if (us && load_goes_on(a))
		nanosleep(&ts, NULL);
}

void load_note(struct actor *a, int key, enum lin_kind kind, uint64_t value, int64_t start,
	       int64_t end)
{
	struct lin_op op = { .start = start, .end = end, .value = value, .kind = kind };

	if (history_add(&a->history[key], &op))
		abort(); /* out of memory: no thread could say so */
	a->ops++;
}

void load_note_removed(struct load *load, int64_t start, int64_t end)
{
	struct lin_op op = { .start = start, .end = end, .kind = LIN_REMOVE };

	pthread_mutex_lock(&load->general);
	if (history_add(&load->removed, &op))
		abort();
	pthread_mutex_unlock(&load->general);
}

void load_wrong(struct actor *a, const char *what, const char *bytes, size_t len)
{
	size_t at;

	if (a->wrong++)
		return;
	at = (size_t)snprintf(a->first_wrong, sizeof(a->first_wrong), "%s: ", what);
	for (size_t i = 0; i < len && at + 5 < sizeof(a->first_wrong); i++)
		at += (size_t)snprintf(a->first_wrong + at, sizeof(a->first_wrong) - at,
				       isprint((unsigned char)bytes[i]) ? "%c" : "\\x%02x",
				       (unsigned char)bytes[i]);
}

void load_note_read(struct actor *a, int key, const char *data, size_t len, int64_t start,
		    int64_t end)
{
	uint64_t id = value_id(data, len);

	if (id)
		load_note(a, key, LIN_READ, id, start, end);
	else
		load_wrong(a, a->load->key[key], data, len);
}

int load_key(const struct load *load, const char *name, size_t len)
{
	for (int i = 0; i < KEYS_MAX; i++)
		if (strlen(load->key[i]) == len && !memcmp(load->key[i], name, len))
			return i;
	return -1;
}

int load_note_items(struct actor *a, const char *text, size_t len, int64_t start, int64_t end)
{
	const char *stop = text + len;
	int n = 0;

	while (stop - text > 6 && !memcmp(text, "VALUE ", 6)) {
		const char *newline = memchr(text, '\n', (size_t)(stop - text));
		char name[KEY_SIZE];
		size_t bytes, there;
		int key;

		if (!newline || sscanf(text, "VALUE %15s %*u %zu", name, &bytes) != 2)
			break;
		key = load_key(a->load, name, strlen(name));
		if (key < 0) {
			load_wrong(a, "a key that nobody asked for", text, len);
			return n;
		}
		text = newline + 1;
		there = (size_t)(stop - text);
		n++;
		if (there <
		    bytes + 2) { /* the rest comes in another datagram: all there is must be the value's */
			uint64_t id = strtoull(text, NULL, 10);
			char want[VALUE_MAX];

			if (there < VALUE_DIGITS)
				return n;
			if (value_text(id, want) == bytes && !memcmp(text, want, there))
				load_note(a, key, LIN_READ, id, start, end);
			else
				load_wrong(a, a->load->key[key], text, there);
			return n;
		}
		load_note_read(a, key, text, bytes, start, end);
		text += bytes + 2;
	}
	return n;
}
