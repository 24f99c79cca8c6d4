/* SPDX-License-Identifier: LGPL-2.1-only */
/* The items that the tests of the XDP program find in the cache, and what a request does to the counters. */
#ifndef BMC_TEST_FIXTURE_H
#define BMC_TEST_FIXTURE_H

#include "harness.h"

/* Filled from PKT_PORT at 10.0.0.2 or fd00::2. */
enum fixture_item {
	ITEM_ABC, /* "abc": x */
	ITEM_EVEN, /* "k1": even length of text */
	ITEM_ODD, /* "k2": odd */
	ITEM_ODD2, /* "k3": odd, of another length */
	ITEM_EMPTY, /* "empty" */
	ITEM_LINES, /* "lines": newlines */
	ITEM_NULS, /* "nuls": all 256 bytes */
	ITEM_END, /* "end": END\r\n and a VALUE line inside */
	ITEM_LONG_KEY, /* 250 bytes */
	ITEM_100, /* "v100" */
	ITEM_1000, /* "v1000" */
	ITEM_1300, /* "v1300" */
	ITEM_1392, /* "full": a reply of exactly 1,392 bytes of text */
	ITEM_700, /* "half": two of them do not fit one datagram */
	ITEM_FLAGS, /* "flags": 4294967295 */
	ITEM_ONES, /* "ones": bytes of 0xff */
	ITEM_HIGH, /* key of bytes above 0x7f */
	ITEM_COUNT
};
extern struct item items[ITEM_COUNT];

/* ITEM_LONG_KEY's */
extern char long_key[BMC_KEY_MAX + 1];

/* What becomes of a request, by verdict and counters. */
enum outcome {
	HIT,
	MISS,
	FORM, /* not plain: pass_form */
	CHECKSUM, /* pass_checksum */
	LARGE, /* pass_large */
	RACE, /* pass_race */
	FOREIGN, /* none of ours: no counter moves */
	PASSED, /* passed, whatever is counted */
};

/* Opens the programs with every item filled from the IPv4 address. 0 or -1. */
int fixture_open(struct harness *h, uint64_t max_age_ns, uint32_t test);

/* Fills every item from the address of this family; tests are not to depend on what other addresses have. */
void fixture_fill(const struct harness *h, int family);
/* The same, in the VLAN that a packet is in. */
void fixture_fill_for(const struct harness *h, const struct pkt *request);

/* The right text for a get of these keys (separated by single spaces); returns its length. */
size_t fixture_reply(const char *keys, char *ret, size_t size);

/* Sends `request` and checks verdict, packet and counters. `keys`: those of the answer or of the lost one. */
void fixture_expect(const struct harness *h, const char *name, const struct pkt *request,
		    enum outcome outcome, const char *keys);

#endif
