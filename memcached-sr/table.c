// SPDX-License-Identifier: BSD-3-Clause
#include "table.h"

#include <stdio.h>

struct served {
	int fd;
	int threads; /* that were seen to serve it */
	pthread_t thread; /* the first one */
};

struct address {
	uint64_t cookie; /* of the first socket */
	int n;
	struct served socket[SR_SOCKETS_MAX];
};

static struct address addresses[SR_ADDRESSES_MAX];
static int n_addresses;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static int add_locked(int address, int fd)
{
	struct address *a = &addresses[address];

	if (a->n == SR_SOCKETS_MAX)
		return -1;
	a->socket[a->n] = (struct served){ .fd = fd };
	return a->n++;
}

int sr_table_address(int fd, uint64_t cookie)
{
	int index = -1;

	pthread_mutex_lock(&lock);
	if (n_addresses < SR_ADDRESSES_MAX) {
		addresses[n_addresses].cookie = cookie;
		addresses[n_addresses].n = 0;
		index = add_locked(n_addresses, fd);
		n_addresses++;
	}
	pthread_mutex_unlock(&lock);
	return index < 0 ? -1 : 0;
}

int sr_table_find(int fd, uint64_t cookie)
{
	int found = -1;

	pthread_mutex_lock(&lock);
	for (int i = 0; i < n_addresses; i++) {
		if (addresses[i].socket[0].fd == fd && addresses[i].cookie == cookie)
			found = i;
	}
	pthread_mutex_unlock(&lock);
	return found;
}

int sr_table_add(int address, int fd)
{
	int index;

	pthread_mutex_lock(&lock);
	index = add_locked(address, fd);
	pthread_mutex_unlock(&lock);
	return index;
}

static struct served *find_locked(int fd)
{
	for (int i = 0; i < n_addresses; i++) {
		for (int k = 0; k < addresses[i].n; k++) {
			if (addresses[i].socket[k].fd == fd)
				return &addresses[i].socket[k];
		}
	}
	return NULL;
}

void sr_table_served(int fd)
{
	pthread_t self = pthread_self();
	struct served *s;

	pthread_mutex_lock(&lock);
	s = find_locked(fd);
	if (s && (!s->threads || !pthread_equal(s->thread, self))) {
		if (!s->threads)
			s->thread = self;
		s->threads++;
	}
	pthread_mutex_unlock(&lock);
}

size_t sr_table_size(void)
{
	size_t n;

	pthread_mutex_lock(&lock);
	n = (size_t)n_addresses;
	for (int i = 0; i < n_addresses; i++)
		n += (size_t)addresses[i].n;
	pthread_mutex_unlock(&lock);
	return n;
}

/* Whether two sockets of an address have one thread. */
static int is_shared(const struct address *a, int k)
{
	for (int i = 0; i < k; i++) {
		if (pthread_equal(a->socket[i].thread, a->socket[k].thread))
			return 1;
	}
	return 0;
}

static int check_address(const struct address *a, int want, char *why, size_t size)
{
	if (a->n != want) {
		snprintf(why, size, "%d UDP sockets of one address, where there are %d workers",
			 a->n, want);
		return -1;
	}
	for (int k = 0; k < a->n; k++) {
		if (a->socket[k].threads != 1) {
			snprintf(why, size, "a UDP socket is served by %d workers",
				 a->socket[k].threads);
			return -1;
		}
		if (is_shared(a, k)) {
			snprintf(why, size, "a worker serves two UDP sockets of one address");
			return -1;
		}
	}
	return 0;
}

int sr_table_check(int want, char *why, size_t size)
{
	int err = 0;

	pthread_mutex_lock(&lock);
	for (int i = 0; !err && i < n_addresses; i++)
		err = check_address(&addresses[i], want, why, size);
	pthread_mutex_unlock(&lock);
	return err;
}

void sr_table_threads(void (*fn)(pthread_t thread, int index, void *arg), void *arg)
{
	pthread_mutex_lock(&lock);
	for (int i = 0; i < n_addresses; i++) {
		for (int k = 0; k < addresses[i].n; k++)
			fn(addresses[i].socket[k].thread, k, arg);
	}
	pthread_mutex_unlock(&lock);
}
