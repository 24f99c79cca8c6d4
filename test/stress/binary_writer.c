// SPDX-License-Identifier: LGPL-2.1-only
/*
 * A writer by the binary protocol (memcached's doc/protocol-binary.txt): bursts of commands, quiet ones too, that a
 * no-op ends. Each answer says by its opaque which command it belongs to.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "link.h"
#include "value.h"

#define HEADER 24
#define BINARY_BURST 16
#define BREAK_EVERY 12

enum {
	OP_GET = 0x00,
	OP_SET = 0x01,
	OP_ADD = 0x02,
	OP_REPLACE = 0x03,
	OP_DELETE = 0x04,
	OP_FLUSH = 0x08,
	OP_NOOP = 0x0a,
	OP_SETQ = 0x11,
	OP_DELETEQ = 0x14,
	OP_TOUCH = 0x1c,
	OP_GAT = 0x1d
};
enum { STATUS_OK = 0, STATUS_NOT_FOUND = 1, STATUS_EXISTS = 2, STATUS_NOT_STORED = 5 };

struct request {
	uint8_t opcode;
	int key;
	uint64_t id;
	int64_t start;
	int answered;
};

struct binary {
	struct link link;
	struct text out;
	struct request sent[BINARY_BURST + 2]; /* and a flush, and a no-op */
	int n;
};

static void binary_header(struct binary *b, uint8_t opcode, size_t extras, size_t key, size_t value)
{
	unsigned char head[HEADER] = { 0x80, opcode, 0, (unsigned char)key, (unsigned char)extras };
	uint32_t body = htonl((uint32_t)(extras + key + value));
	uint32_t opaque = (uint32_t)b->n;

	memcpy(head + 8, &body, sizeof(body));
	memcpy(head + 12, &opaque, sizeof(opaque));
	text_append(&b->out, (char *)head, sizeof(head));
}

/* Flags, or an expiration time, of 0 each. */
static size_t binary_extras(uint8_t opcode)
{
	switch (opcode) {
	case OP_SET:
	case OP_SETQ:
	case OP_ADD:
	case OP_REPLACE:
		return 8;
	case OP_TOUCH:
	case OP_GAT:
		return 4;
	default:
		return 0;
	}
}

static void binary_add(struct binary *b, uint8_t opcode)
{
	struct actor *a = b->link.actor;
	struct request *r = &b->sent[b->n];
	static const char zeros[8];
	char value[VALUE_MAX];
	size_t len = 0, extras = binary_extras(opcode), key = 0;

	memset(r, 0, sizeof(*r));
	r->opcode = opcode;
	r->key = (int)roll(a, (uint32_t)a->load->n_shared);
	r->start = load_now();
	if (extras == sizeof(zeros)) {
		r->id = load_new_id(a);
		len = value_text(r->id, value);
	}
	if (opcode != OP_NOOP && opcode != OP_FLUSH)
		key = strlen(a->load->key[r->key]);
	binary_header(b, opcode, extras, key, len);
	text_append(&b->out, zeros, extras);
	text_append(&b->out, a->load->key[r->key], key);
	text_append(&b->out, value, len);
	b->n++;
}

static void binary_burst(struct binary *b)
{
	static const uint8_t opcodes[] = { OP_SET, OP_SET,     OP_SETQ,	  OP_SETQ,
					   OP_ADD, OP_REPLACE, OP_DELETE, OP_DELETEQ,
					   OP_GET, OP_TOUCH,   OP_GAT };
	struct actor *a = b->link.actor;
	int n = 1 + (int)roll(a, BINARY_BURST);

	b->n = 0;
	text_clear(&b->out);
	if (a->load->scenario->commands & CMD_FLUSH &&
	    !roll(a, (uint32_t)a->load->scenario->flush_every))
		binary_add(b, OP_FLUSH);
	for (int i = 0; i < n; i++)
		binary_add(b, opcodes[roll(a, sizeof(opcodes))]);
	binary_add(b, OP_NOOP);
}

static int binary_is_store(const struct request *r)
{
	return binary_extras(r->opcode) == 8;
}

/* status -1: it was quiet. */
static void binary_over(struct actor *a, struct request *r, int status, const char *value,
			size_t len, int64_t end)
{
	int ok = status <= STATUS_OK;

	r->answered = 1;
	if (r->opcode == OP_NOOP)
		return;
	if (r->opcode == OP_FLUSH)
		load_note_removed(a->load, r->start, end);
	else if (status == STATUS_NOT_FOUND || (r->opcode == OP_REPLACE && !ok))
		load_note(a, r->key, LIN_ABSENT, 0, r->start, end);
	else if (binary_is_store(r) && ok)
		load_note(a, r->key, LIN_WRITE, r->id, r->start, end);
	else if ((r->opcode == OP_DELETE || r->opcode == OP_DELETEQ) && ok)
		load_note(a, r->key, LIN_REMOVE, 0, r->start, end);
	else if ((r->opcode == OP_GET || r->opcode == OP_GAT) && ok)
		load_note_read(a, r->key, value, len, r->start, end);
	else if (!ok && status != STATUS_EXISTS && status != STATUS_NOT_STORED)
		load_wrong(a, "binary status", value, len);
}

static void binary_lost(struct actor *a, struct request *r)
{
	if (binary_is_store(r))
		load_note(a, r->key, LIN_WRITE, r->id, r->start, LIN_NEVER);
	else if (r->opcode == OP_DELETE || r->opcode == OP_DELETEQ)
		load_note(a, r->key, LIN_REMOVE, 0, r->start, LIN_NEVER);
	else if (r->opcode == OP_FLUSH)
		load_note_removed(a->load, r->start, LIN_NEVER);
}

static void binary_broken(struct binary *b)
{
	for (int i = 0; i < b->n; i++)
		if (!b->sent[i].answered)
			binary_lost(b->link.actor, &b->sent[i]);
	b->n = 0;
	link_close(&b->link);
}

/* One answer. 0 or -errno */
static int binary_answer(struct binary *b, uint32_t *ret_opaque)
{
	struct text *in = &b->link.in;
	int err = link_receive(&b->link, HEADER);
	uint32_t body, extras;
	uint16_t status;

	if (err)
		return err;
	memcpy(&body, in->data + 8, sizeof(body));
	body = ntohl(body);
	err = link_receive(&b->link, HEADER + body);
	if (err)
		return err;
	memcpy(&status, in->data + 6, sizeof(status));
	memcpy(ret_opaque, in->data + 12, sizeof(*ret_opaque));
	extras = (unsigned char)in->data[4];
	if (*ret_opaque >= (uint32_t)b->n || extras > body)
		return -EPROTO;
	binary_over(b->link.actor, &b->sent[*ret_opaque], ntohs(status), in->data + HEADER + extras,
		    body - extras, load_now());
	text_cut(in, HEADER + body);
	return 0;
}

/* The no-op's answer comes last: what was quiet is over then. */
static void binary_answers(struct binary *b)
{
	uint32_t opaque = 0;
	int64_t now;

	do {
		int err = binary_answer(b, &opaque);

		if (err) {
			b->link.actor->lost += err == -ETIMEDOUT;
			binary_broken(b);
			return;
		}
	} while (b->sent[opaque].opcode != OP_NOOP);
	now = load_now();
	for (int i = 0; i < b->n; i++)
		if (!b->sent[i].answered)
			binary_over(b->link.actor, &b->sent[i], -1, "", 0, now);
}

void actor_binary_writer(struct actor *a)
{
	struct binary b = { .link.fd = -1, .link.actor = a };
	const struct scenario *s = a->load->scenario;

	while (load_goes_on(a)) {
		enum link_cut cut = s->faults & FAULT_SPLIT && roll(a, 2) ? LINK_SOME : LINK_WHOLE;

		if (link_open(&b.link, a))
			continue;
		binary_burst(&b);
		if (link_send(&b.link, b.out.data, b.out.len, cut) ||
		    (s->faults & FAULT_BREAK && !roll(a, BREAK_EVERY)))
			binary_broken(&b);
		else
			binary_answers(&b);
		load_pause(a, roll(a, s->pause_us));
	}
	link_close(&b.link);
	text_free(&b.link.in);
	text_free(&b.out);
}
