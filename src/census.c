// SPDX-License-Identifier: LGPL-2.1-only
#include "census.h"

#include "bmc_bucket.h"
#include "pins.h"
#include "shared.h"
#include "util.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LOOKED_MAX 65536 /* buckets: some tenths of a second */
#define TRIES 3 /* while a fill has the bucket */

struct look {
	const struct bmc_shared *shared;
	__u64 now;
	struct bmc_census found;
};

/* The bytes of an entry's key and value; 0: it is not whole, since the bucket changed while it was copied. */
static __u32 bytes_of(const struct bmc_entry *e, size_t room)
{
	size_t key_end = BMC_TEXT_KEY + (size_t)e->key_len, head;
	const __u8 *line_end;

	if (!e->key_len || e->text_len > BMC_TEXT_MAX || e->text_len <= key_end ||
	    sizeof(*e) + e->text_len > room || memcmp(e->text, "VALUE ", BMC_TEXT_KEY))
		return 0;
	line_end = memchr(e->text + key_end, '\n', e->text_len - key_end);
	if (!line_end)
		return 0;
	head = (size_t)(line_end + 1 - e->text);
	/* the value is followed by \r\n */
	return e->text_len < head + 2 ? 0 : (__u32)(e->key_len + e->text_len - head - 2);
}

static void count_slot(struct look *look, const struct bmc_bucket *b, int slot)
{
	size_t at = b->group[slot / BMC_GROUP_SLOTS].at[slot % BMC_GROUP_SLOTS] * BMC_UNIT;
	const struct bmc_entry *e = (const struct bmc_entry *)(b->data + at);
	__u32 bytes;

	if (at + sizeof(*e) > sizeof(b->data) || e->server >= BMC_PORTS_MAX)
		return;
	bytes = bytes_of(e, sizeof(b->data) - at);
	if (!bytes)
		return;
	if (e->epoch != __atomic_load_n(&look->shared->server[e->server].epoch, __ATOMIC_SEQ_CST) ||
	    look->now >= e->until) {
		look->found.voided++;
		return;
	}
	look->found.items++;
	look->found.bytes += bytes;
}

static int look_at(struct look *look, int map_fd, __u32 index, struct bmc_bucket *b)
{
	for (int i = 0; i < TRIES; i++) {
		if (bpf_map_lookup_elem(map_fd, &index, b))
			return -errno;
		if (!(b->seq & 1))
			break;
	}
	for (int slot = 0; slot < BMC_SLOTS; slot++) {
		if (b->valid >> slot & 1)
			count_slot(look, b, slot);
	}
	return 0;
}

static __u64 scale(__u64 n, const struct bmc_census *c)
{
	return (__u64)((double)n * c->buckets / c->looked + .5);
}

int bmc_census_buckets(int map_fd, __u32 n_buckets, const struct bmc_shared *shared, __u64 now,
		       struct bmc_census *ret)
{
	struct look look = { .shared = shared, .now = now, .found.buckets = n_buckets };
	struct bmc_census *found = &look.found;
	struct bmc_bucket *b;
	int err = 0;

	if (!n_buckets)
		return -EINVAL;
	b = malloc(sizeof(*b));
	if (!b)
		return -ENOMEM;
	found->looked = n_buckets < LOOKED_MAX ? n_buckets : LOOKED_MAX;
	/* spread evenly */
	for (__u32 i = 0; !err && i < found->looked; i++)
		err = look_at(&look, map_fd, (__u32)((__u64)i * n_buckets / found->looked), b);
	free(b);
	if (err)
		return err;
	found->items = scale(found->items, found);
	found->bytes = scale(found->bytes, found);
	found->voided = scale(found->voided, found);
	*ret = *found;
	return 0;
}

int bmc_census_take(const char *instance, __u32 n_buckets, struct bmc_census *ret)
{
	struct bmc_shared *shared;
	int err, fd = bmc_pins_map(instance, "bmc_buckets", sizeof(struct bmc_bucket));

	if (fd < 0)
		return fd;
	err = bmc_shared_open(instance, &shared);
	if (!err) {
		err = bmc_census_buckets(fd, n_buckets, shared, bmc_clock_ns(CLOCK_MONOTONIC), ret);
		bmc_shared_close(shared);
	}
	close(fd);
	return err;
}
