// SPDX-License-Identifier: LGPL-2.1-only
#include "commands.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "value.h"

#define TOO_LARGE 1100000 /* for memcached's 1 MB */
#define OWN_STEPS 8 /* changes of the own key before it is set again, about */

enum own_form { OWN_NONE, OWN_BARE, OWN_APPENDED, OWN_PREPENDED };

static struct command *command_add(struct writer *w, enum command_kind kind, int key)
{
	struct command *c = &w->sent[w->n];

	memset(c, 0, sizeof(*c));
	c->kind = kind;
	c->key = key;
	c->number = w->n++;
	c->start = load_now();
	return c;
}

static int command_key(struct writer *w)
{
	return (int)roll(w->link.actor, (uint32_t)w->link.actor->load->n_shared);
}

static const char *command_name(const struct writer *w, const struct command *c)
{
	return w->link.actor->load->key[c->key];
}

/* ---- stores ---- */
static void command_store(struct writer *w, const char *verb, int key, const char *more)
{
	struct command *c = command_add(w, COMMAND_WRITE, key);
	char value[VALUE_MAX];
	size_t len;

	c->id = load_new_id(w->link.actor);
	c->silent = strstr(more, "noreply") != NULL;
	if (c->silent && strcmp(verb, "set") != 0)
		c->kind = COMMAND_MAYBE;
	len = value_text(c->id, value);
	text_add(&w->out, "%s %s 0 0 %zu%s\r\n", verb, command_name(w, c), len, more);
	text_append(&w->out, value, len);
	text_append(&w->out, "\r\n", 2);
}

static void command_set(struct writer *w, int silent)
{
	command_store(w, "set", command_key(w), silent ? " noreply" : "");
}

static void command_conditional(struct writer *w)
{
	struct actor *a = w->link.actor;

	command_store(w, roll(a, 2) ? "add" : "replace", command_key(w),
		      roll(a, 4) ? "" : " noreply");
}

void command_gets(struct writer *w, int key)
{
	struct command *c = command_add(w, COMMAND_READ, key);

	w->cas = 0;
	text_add(&w->out, "gets %s\r\n", command_name(w, c));
}

void command_cas(struct writer *w, int key)
{
	char more[32];

	snprintf(more, sizeof(more), " %" PRIu64, w->cas);
	command_store(w, "cas", key, more);
}

/* ---- others ---- */
static void command_delete(struct writer *w)
{
	struct command *c = command_add(w, COMMAND_REMOVE, command_key(w));

	c->silent = !roll(w->link.actor, 2);
	text_add(&w->out, "delete %s%s\r\n", command_name(w, c), c->silent ? " noreply" : "");
}

static void command_touch(struct writer *w)
{
	struct actor *a = w->link.actor;
	int gat = roll(a, 2) != 0;
	struct command *c = command_add(w, gat ? COMMAND_READ : COMMAND_TOUCH, command_key(w));

	if (gat) {
		text_add(&w->out, "gat 0 %s\r\n", command_name(w, c));
		return;
	}
	c->silent = !roll(a, 3);
	text_add(&w->out, "touch %s 0%s\r\n", command_name(w, c), c->silent ? " noreply" : "");
}

static void command_read(struct writer *w)
{
	struct command *c = command_add(w, COMMAND_READ, command_key(w));

	text_add(&w->out, "%s %s\r\n", roll(w->link.actor, 3) ? "get" : "gets", command_name(w, c));
}

void command_flush(struct writer *w, int silent)
{
	struct command *c = command_add(w, COMMAND_FLUSH, 0);

	c->silent = silent;
	text_add(&w->out, "flush_all%s\r\n", silent ? " noreply" : "");
}

/* memcached swallows the block and removes the item: in silence after `noreply`, aloud after a meta command's `q`. */
void command_fails(struct writer *w)
{
	static char block[TOO_LARGE];
	int meta = (w->link.actor->load->scenario->commands & CMD_META) && roll(w->link.actor, 3);
	struct command *c = command_add(w, meta ? COMMAND_FAILS : COMMAND_REMOVE, command_key(w));

	c->silent = !meta;
	text_add(&w->out, meta ? "ms %s %d q\r\n" : "set %s 0 0 %d noreply\r\n", command_name(w, c),
		 TOO_LARGE);
	text_append(&w->out, block, sizeof(block));
	text_append(&w->out, "\r\n", 2);
}

/* ---- a key that only this writer writes: what an incr or append makes of it is known ---- */
static void command_own_set(struct writer *w)
{
	struct actor *a = w->link.actor;
	struct command *c = command_add(w, COMMAND_WRITE, load_own_key(a));
	char digits[VALUE_DIGITS];

	a->own = c->id = load_new_id(a);
	w->own_form = OWN_BARE;
	text_add(&w->out, "set %s 0 0 %d\r\n%s\r\n", command_name(w, c),
		 snprintf(digits, sizeof(digits), "%" PRIu64, c->id), digits);
}

static void command_own_change(struct writer *w)
{
	struct actor *a = w->link.actor;
	int append = w->own_form == OWN_APPENDED || (w->own_form == OWN_BARE && roll(a, 2));
	struct command *c = command_add(w, COMMAND_WRITE, load_own_key(a));
	char data[VALUE_DIGITS + 1];
	int len;

	c->id = load_new_id(a);
	len = snprintf(data, sizeof(data), append ? "+%" PRIu64 : "%" PRIu64 "=", c->id);
	w->own_form = append ? OWN_APPENDED : OWN_PREPENDED;
	a->own = c->id;
	text_add(&w->out, "%s %s 0 0 %d\r\n%s\r\n", append ? "append" : "prepend",
		 command_name(w, c), len, data);
}

static void command_own(struct writer *w)
{
	struct actor *a = w->link.actor;
	struct command *c;

	if (!a->own || !roll(a, OWN_STEPS)) {
		command_own_set(w);
		return;
	}
	if (w->own_form != OWN_BARE || !roll(a, 3)) {
		command_own_change(w);
		return;
	}
	c = command_add(w, COMMAND_INCR, load_own_key(a));
	c->id = load_new_id(a);
	text_add(&w->out, "incr %s %" PRIu64 "\r\n", command_name(w, c), c->id - a->own);
	a->own = c->id;
}

/* ---- meta: each answer says to which command it belongs ---- */

/* RFC 4648, of a short name. */
static void base64(const char *name, char *ret)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t len = strlen(name);

	for (size_t i = 0; i < len; i += 3) {
		unsigned int n = 0;

		for (size_t j = 0; j < 3; j++)
			n = n << 8 | (i + j < len ? (unsigned char)name[i + j] : 0U);
		*ret++ = digits[n >> 18 & 63];
		*ret++ = digits[n >> 12 & 63];
		*ret++ = i + 1 < len ? digits[n >> 6 & 63] : '=';
		*ret++ = i + 2 < len ? digits[n & 63] : '=';
	}
	*ret = 0;
}

static void command_meta_store(struct writer *w, struct command *c, const char *key,
			       const char *flags)
{
	char value[VALUE_MAX];
	size_t len;

	c->kind = COMMAND_WRITE;
	c->id = load_new_id(w->link.actor);
	len = value_text(c->id, value);
	text_add(&w->out, "ms %s %zu%s O%d\r\n", key, len, flags, c->number);
	text_append(&w->out, value, len);
	text_append(&w->out, "\r\n", 2);
}

static void command_meta(struct writer *w)
{
	struct actor *a = w->link.actor;
	struct command *c = command_add(w, COMMAND_READ, command_key(w));
	char key[2 * KEY_SIZE], flags[16];
	int coded = !roll(a, 4);

	c->meta = 1;
	if (coded)
		base64(command_name(w, c), key);
	else
		snprintf(key, sizeof(key), "%s", command_name(w, c));
	switch (roll(a, 8)) {
	case 0:
	case 1:
		c->kind = COMMAND_REMOVE;
		c->silent = roll(a, 2) != 0;
		text_add(&w->out, "md %s%s%s O%d\r\n", key, coded ? " b" : "",
			 c->silent ? " q" : "", c->number);
		break;
	case 2:
		text_add(&w->out, "mg %s v T0%s O%d\r\n", key, coded ? " b" : "", c->number);
		break;
	case 3:
		text_add(&w->out, "mg %s v%s O%d\r\n", key, coded ? " b" : "", c->number);
		break;
	default:
		c->silent = roll(a, 2) != 0;
		snprintf(flags, sizeof(flags), "%s%s", coded ? " b" : "", c->silent ? " q" : "");
		command_meta_store(w, c, key, flags);
		break;
	}
}

/* ---- any ---- */
void command_closing(struct writer *w)
{
	int mn = w->link.actor->load->scenario->commands & (CMD_SET_MN | CMD_META);

	if (!w->n || !w->sent[w->n - 1].silent)
		return;
	command_add(w, COMMAND_NONE, 0);
	text_add(&w->out, mn && roll(w->link.actor, 2) ? "mn\r\n" : "version\r\n");
}

void command_any(struct writer *w)
{
	uint32_t kinds = w->link.actor->load->scenario->commands;
	uint32_t kind = 1U << roll(w->link.actor, 10);

	while (!(kinds & kind))
		kind = kind << 1 > CMD_READ ? CMD_SET : kind << 1;
	switch (kind) {
	case CMD_SET_NOREPLY:
		command_set(w, 1);
		break;
	case CMD_SET_MN:
		command_set(w, 1);
		command_add(w, COMMAND_NONE, 0);
		text_add(&w->out, "mn\r\n");
		break;
	case CMD_DELETE:
		command_delete(w);
		break;
	case CMD_ADD:
		command_conditional(w);
		break;
	case CMD_TOUCH:
		command_touch(w);
		break;
	case CMD_META:
		command_meta(w);
		break;
	case CMD_OWN:
		command_own(w);
		break;
	case CMD_READ:
		command_read(w);
		break;
	default:
		command_set(w, 0);
		break;
	}
}
