/* SPDX-License-Identifier: LGPL-2.1-only */
/*
 * Packets for the program tests: a builder that can lie about every length and checksum, and a strict reader that
 * believes nothing. Neither shares code with bpf/, so that they can contradict it.
 */
#ifndef BMC_TEST_PACKET_H
#define BMC_TEST_PACKET_H

#include <stddef.h>
#include <stdint.h>

#define FRAME_MAX 3500 /* BPF_PROG_RUN takes no more in one piece */
#define PKT_PORT 11211
#define PKT_CLIENT_PORT 40000
#define PKT_TAGS_MAX 3

struct frame {
	uint32_t len;
	uint8_t data[4096];
};

enum pkt_check {
	PKT_CHECK_GOOD,
	PKT_CHECK_BAD,
	PKT_CHECK_ZERO,
	PKT_CHECK_PARTIAL, /* UDP: the sum of the pseudo-header, as a sender leaves it to its device */
};

/* A packet to build; 0 and NULL mean what the comment says, or what is right. */
struct pkt {
	int family; /* 4 */
	int proto; /* UDP */
	int from_server; /* a reply: addresses and ports the other way round */
	/* Ethernet */
	uint16_t ethertype; /* IPv4's or IPv6's */
	const uint8_t *dst_mac; /* 02:00:00:00:00:02 */
	int tags; /* VLAN tags */
	uint16_t outer_tag; /* 0x8100; 0x88a8 is 802.1ad */
	/* IP */
	const char *client; /* 10.0.0.1 or fd00::1 */
	const char *server; /* 10.0.0.2 or fd00::2 */
	const uint8_t *options; /* of IPv4 */
	size_t options_len; /* a multiple of 4 */
	int version; /* family */
	int ihl; /* right */
	uint16_t fragment; /* flags and offset of IPv4, host order */
	int ip_len_add; /* lie about the length */
	enum pkt_check ip_check;
	int extension; /* number of an IPv6 extension header of 8 bytes; -1: hop-by-hop, whose number is 0 */
	/* UDP */
	uint16_t client_port; /* 40000 */
	uint16_t server_port; /* 11211 */
	int udp_len_add;
	enum pkt_check udp_check;
	/* memcached's frame */
	uint16_t id;
	uint16_t seq;
	int total; /* 1; -1: 0 */
	uint16_t reserved;
	const char *text;
	size_t text_len; /* strlen(text) */
	int no_frame; /* the text is all of the payload */
	/* behind the IP packet */
	uint32_t pad_to; /* 60 */
	uint8_t pad_byte;
};

void pkt_build(const struct pkt *p, struct frame *ret);

/* ---- reading ---- */
struct pkt_view {
	uint32_t l3;
	uint32_t l4;
	uint32_t payload; /* behind the UDP header */
	uint32_t payload_len;
	int family;
	int tags;
	int extra; /* bytes behind the IP packet */
};

/*
 * A UDP packet of which every length and checksum is right, and that is no fragment. Returns NULL with *ret filled,
 * or what is wrong. A checksum of 0 is taken over IPv4 only, and only with `lenient`.
 */
const char *pkt_read(const struct frame *f, int lenient, struct pkt_view *ret);

/* Whether `reply` is the one right answer to `request` with this text. NULL, or what is wrong. */
const char *pkt_check_reply(const struct frame *request, const struct frame *reply,
			    const void *text, size_t len);

/* One's complement sum: start with 0, give the result to the next piece; every piece but the last is even. */
uint32_t pkt_sum(const void *data, size_t len, uint32_t sum);
uint16_t pkt_fold(uint32_t sum);

uint16_t pkt_get16(const uint8_t *at);
void pkt_put16(uint8_t *at, uint16_t value);

/* Makes both checksums right again after bytes were changed; does nothing to what is no packet. */
void pkt_fix_checksums(struct frame *f);

#endif
