// SPDX-License-Identifier: LGPL-2.1-only
/* Readers and writers over UDP. */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "load.h"
#include "value.h"
#include "world.h"

#define FRAME 8
#define DATAGRAM_MAX 1500
#define WINDOW 6 /* requests under way */
#define WAIT_MS 30 /* for an answer */
#define CONSTANT_ID 7
#define REOPEN_US 2000

struct window {
	int fd;
	uint16_t next_id;
	struct {
		uint16_t id;
		int open; /* not answered */
		int keys; /* asked for */
		int key; /* the first */
	} sent[WINDOW];
	int n, open;
	int64_t start;
};

static int window_open(struct window *w, struct actor *a)
{
	struct sockaddr_storage addr = {};
	struct sockaddr_in *v4 = (struct sockaddr_in *)&addr;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&addr;

	if (w->fd >= 0)
		return 0;
	if (inet_pton(AF_INET6, a->address, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(WORLD_PORT);
	} else {
		inet_pton(AF_INET, a->address, &v4->sin_addr);
		v4->sin_family = AF_INET;
		v4->sin_port = htons(WORLD_PORT);
	}
	w->fd = socket(addr.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (w->fd < 0 || connect(w->fd, (struct sockaddr *)&addr, sizeof(addr))) {
		load_pause(a, REOPEN_US);
		return -1;
	}
	return 0;
}

/* Late answers to a constant id could belong to anything: a new port has none. */
static void window_close(struct window *w)
{
	if (w->fd >= 0)
		close(w->fd);
	w->fd = -1;
}

static int window_send(struct window *w, struct actor *a, const char *text, size_t len)
{
	unsigned char frame[FRAME + DATAGRAM_MAX] = { 0, 0, 0, 0, 0, 1 };
	uint16_t id = a->constant_id ? CONSTANT_ID : ++w->next_id;

	w->sent[w->n].id = id;
	id = htons(id);
	memcpy(frame, &id, sizeof(id));
	memcpy(frame + FRAME, text, len);
	return send(w->fd, frame, FRAME + len, 0) < 0 ? -errno : 0;
}

/* One datagram of an answer to something under way. -> index of it, -EAGAIN: nothing came, or another -errno */
static int window_receive(struct window *w, char *text, size_t *ret_len, int *ret_datagrams)
{
	struct pollfd fd = { .fd = w->fd, .events = POLLIN };
	unsigned char frame[FRAME + 2 * DATAGRAM_MAX];
	uint16_t id;
	ssize_t n;

	n = recv(w->fd, frame, sizeof(frame), MSG_DONTWAIT);
	if (n < 0 && errno == EAGAIN) {
		if (poll(&fd, 1, WAIT_MS) == 0)
			return -ETIMEDOUT;
		n = recv(w->fd, frame, sizeof(frame), MSG_DONTWAIT);
	}
	if (n < FRAME)
		return n < 0 ? -errno : -EAGAIN;
	memcpy(&id, frame, sizeof(id));
	*ret_len = (size_t)n - FRAME;
	*ret_datagrams = frame[2] || frame[3] ? 0 : frame[5]; /* 0: not the first */
	memcpy(text, frame + FRAME, *ret_len);
	text[*ret_len] = 0;
	for (int i = 0; i < w->n; i++)
		if (w->sent[i].id == ntohs(id) && w->sent[i].open)
			return i;
	return -EAGAIN;
}

/* ---- readers ---- */
static int reader_request(struct window *w, struct actor *a)
{
	const struct load *load = a->load;
	int key = (int)roll(a, (uint32_t)load->n_shared + 1), keys = 1, len, err;
	char text[DATAGRAM_MAX];

	if (load->scenario->get_keys && !a->constant_id)
		keys += (int)roll(a, (uint32_t)load->scenario->get_keys);
	/* now and then the own key of some writer */
	if (key == load->n_shared)
		key = load->scenario->commands & CMD_OWN ?
			      SHARED_KEYS_MAX + (int)roll(a, (uint32_t)load->n_actors) :
			      0;
	w->sent[w->n].key = key;
	w->sent[w->n].keys = keys;
	w->sent[w->n].open = 1;
	len = sprintf(text, "get %s", load->key[key]);
	for (int i = 1; i < keys; i++)
		len += sprintf(text + len, " %s", load->key[(key + i) % load->n_shared]);
	len += sprintf(text + len, "\r\n");
	err = window_send(w, a, text, (size_t)len);
	w->n++;
	w->open++;
	return err;
}

/* An answer to any of the window's requests is one to the first of them: their ids may be equal. */
static void reader_answer(struct window *w, struct actor *a, int i, const char *text, size_t len,
			  int datagrams)
{
	int64_t end = load_now();
	int items = load_note_items(a, text, len, w->start, end);

	if (!a->constant_id && w->sent[i].keys == 1 && len == 5 && !memcmp(text, "END\r\n", 5))
		load_note(a, w->sent[i].key, LIN_ABSENT, 0, w->start, end);
	if (w->sent[i].keys == 1 || items == w->sent[i].keys ||
	    (len >= 5 && !memcmp(text + len - 5, "END\r\n", 5))) {
		if (!datagrams && w->sent[i].keys == 1)
			return; /* the rest of a long value */
		w->sent[i].open = 0;
		w->open--;
		a->udp_reads++;
	}
}

void actor_udp_reader(struct actor *a)
{
	char text[2 * DATAGRAM_MAX + 1];
	struct window w = { .fd = -1 };

	while (load_goes_on(a)) {
		int err = 0, datagrams = 0;
		size_t len = 0;

		if (window_open(&w, a))
			continue;
		w.n = w.open = 0;
		w.start = load_now();
		for (uint32_t n = 1 + roll(a, WINDOW); !err && n; n--)
			err = reader_request(&w, a);
		while (!err && w.open) {
			int i = window_receive(&w, text, &len, &datagrams);

			if (i >= 0)
				reader_answer(&w, a, i, text, len, datagrams);
			else if (i != -EAGAIN)
				err = i;
		}
		if (!err)
			continue;
		a->lost += (unsigned long)w.open;
		window_close(&w);
		if (err != -ETIMEDOUT)
			load_pause(a, REOPEN_US);
	}
	window_close(&w);
}

/* ---- a writer ---- */
enum { UDP_SET, UDP_DELETE, UDP_GET, UDP_KINDS };

static int udp_request(struct window *w, struct actor *a, int kind, int key, uint64_t *ret_id)
{
	const char *name = a->load->key[key];
	char text[VALUE_MAX + 64], value[VALUE_MAX];
	size_t len;

	if (kind == UDP_GET) {
		len = (size_t)sprintf(text, "get %s\r\n", name);
	} else if (kind == UDP_DELETE) {
		len = (size_t)sprintf(text, "delete %s\r\n", name);
	} else {
		size_t bytes;

		do { /* that fits one datagram */
			*ret_id = load_new_id(a);
			bytes = value_text(*ret_id, value);
		} while (bytes > DATAGRAM_MAX - 200);
		len = (size_t)sprintf(text, "set %s 0 0 %zu\r\n", name, bytes);
		memcpy(text + len, value, bytes);
		memcpy(text + len + bytes, "\r\n", 2);
		len += bytes + 2;
	}
	w->n = 0;
	w->sent[0].open = 1;
	len = (size_t)window_send(w, a, text, len);
	w->n = 1;
	return (int)len;
}

static void udp_over(struct actor *a, int kind, int key, uint64_t id, const char *text, size_t len,
		     int64_t start)
{
	int64_t end = load_now();

	if (kind == UDP_SET && !strncmp(text, "STORED", 6))
		load_note(a, key, LIN_WRITE, id, start, end);
	else if (kind == UDP_DELETE && !strncmp(text, "DELETED", 7))
		load_note(a, key, LIN_REMOVE, 0, start, end);
	else if (kind == UDP_DELETE && !strncmp(text, "NOT_FOUND", 9))
		load_note(a, key, LIN_ABSENT, 0, start, end);
	else if (kind == UDP_GET && !load_note_items(a, text, len, start, end))
		load_note(a, key, LIN_ABSENT, 0, start, end);
	else if (kind != UDP_GET)
		load_wrong(a, "to a write over UDP", text, len);
	a->udp_reads += kind == UDP_GET;
}

/* One request after the other; ids are equal or all different. */
void actor_udp_writer(struct actor *a)
{
	char text[2 * DATAGRAM_MAX + 1];
	struct window w = { .fd = -1 };
	uint32_t pause = a->load->scenario->pause_us;

	while (load_goes_on(a)) {
		int kind = (int)roll(a, UDP_KINDS), key = (int)roll(a, (uint32_t)a->load->n_shared);
		int i = -EAGAIN, datagrams = 0;
		uint64_t id = 0;
		size_t len = 0;

		if (window_open(&w, a))
			continue;
		w.start = load_now();
		if (!udp_request(&w, a, kind, key, &id))
			while (i == -EAGAIN || (i >= 0 && !datagrams))
				i = window_receive(&w, text, &len, &datagrams);
		if (i >= 0) {
			udp_over(a, kind, key, id, text, len, w.start);
			if (datagrams > 1) /* what follows is not waited for */
				window_close(&w);
		} else {
			if (kind != UDP_GET)
				load_note(a, key, kind == UDP_SET ? LIN_WRITE : LIN_REMOVE, id,
					  w.start, LIN_NEVER);
			a->lost++;
			window_close(&w);
		}
		load_pause(a, roll(a, pause));
	}
	window_close(&w);
}
