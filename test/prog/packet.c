// SPDX-License-Identifier: LGPL-2.1-only
/* The packet builder. */
#include "packet.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t client_mac[6] = { 2, 0, 0, 0, 0, 1 };
static const uint8_t server_mac[6] = { 2, 0, 0, 0, 0, 2 };

uint16_t pkt_get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

void pkt_put16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

uint32_t pkt_sum(const void *data, size_t len, uint32_t sum)
{
	const uint8_t *at = data;

	for (size_t i = 0; i < len; i++)
		sum += i & 1 ? at[i] : (uint32_t)at[i] << 8;
	return sum;
}

uint16_t pkt_fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void append(struct frame *f, const void *data, size_t len)
{
	if (f->len + len > FRAME_MAX)
		abort();
	if (data && len)
		memcpy(f->data + f->len, data, len);
	f->len += (uint32_t)len;
}

static void append16(struct frame *f, uint16_t value)
{
	uint8_t bytes[2];

	pkt_put16(bytes, value);
	append(f, bytes, 2);
}

static void build_ethernet(const struct pkt *p, struct frame *f)
{
	uint16_t type = p->ethertype;

	if (!type)
		type = p->family == 6 ? 0x86dd : 0x0800;
	append(f, p->dst_mac ? p->dst_mac : p->from_server ? client_mac : server_mac, 6);
	append(f, p->from_server ? server_mac : client_mac, 6);
	for (int i = 0; i < p->tags; i++) {
		append16(f, i == 0 && p->outer_tag ? p->outer_tag : 0x8100);
		append16(f, (uint16_t)(0x2000 + 100 + i)); /* priority 1 */
	}
	append16(f, type);
}

static void address(const struct pkt *p, int server, uint8_t ret[16])
{
	const char *text = server ? p->server : p->client;
	int ok;

	if (p->family == 6)
		ok = inet_pton(AF_INET6, text ? text : server ? "fd00::2" : "fd00::1", ret);
	else
		ok = inet_pton(AF_INET, text ? text : server ? "10.0.0.2" : "10.0.0.1", ret);
	if (ok != 1)
		abort();
}

static void build_ipv4(const struct pkt *p, struct frame *f, size_t l4_len)
{
	uint8_t ip[20] = { 0 }, src[16], dst[16];
	size_t header = sizeof(ip) + p->options_len;
	uint32_t at = f->len;
	uint16_t check;

	address(p, p->from_server, src);
	address(p, !p->from_server, dst);
	ip[0] = (uint8_t)((p->version ? p->version : 4) << 4 |
			  (p->ihl ? p->ihl : (int)(header / 4)));
	pkt_put16(ip + 2, (uint16_t)(header + l4_len + (size_t)p->ip_len_add));
	pkt_put16(ip + 4, 0x1234);
	pkt_put16(ip + 6, p->fragment);
	ip[8] = 61;
	ip[9] = (uint8_t)(p->proto ? p->proto : IPPROTO_UDP);
	memcpy(ip + 12, src, 4);
	memcpy(ip + 16, dst, 4);
	append(f, ip, sizeof(ip));
	append(f, p->options, p->options_len);
	check = pkt_fold(pkt_sum(f->data + at, header, 0));
	if (p->ip_check == PKT_CHECK_BAD)
		check ^= 0x0100;
	pkt_put16(f->data + at + 10, p->ip_check == PKT_CHECK_ZERO ? 0 : check);
}

static void build_ipv6(const struct pkt *p, struct frame *f, size_t l4_len)
{
	uint8_t ip[40] = { 0 }, ext[8] = { 0, 0, 1, 4 }; /* PadN */
	uint8_t proto = (uint8_t)(p->proto ? p->proto : IPPROTO_UDP);

	ip[0] = (uint8_t)((p->version ? p->version : 6) << 4);
	ip[3] = 0x77; /* of the flow label */
	pkt_put16(ip + 4, (uint16_t)(l4_len + (p->extension ? 8 : 0) + (size_t)p->ip_len_add));
	ip[6] = p->extension < 0 ? 0 : p->extension ? (uint8_t)p->extension : proto;
	ip[7] = 61;
	address(p, p->from_server, ip + 8);
	address(p, !p->from_server, ip + 24);
	append(f, ip, sizeof(ip));
	ext[0] = proto;
	if (p->extension)
		append(f, ext, sizeof(ext));
}

/* The sum of addresses, protocol and length that TCP's and UDP's checksums begin with. */
static uint32_t pseudo(const struct pkt *p, size_t l4_len)
{
	size_t size = p->family == 6 ? 16 : 4;
	uint8_t src[16], dst[16];
	uint32_t sum;

	address(p, p->from_server, src);
	address(p, !p->from_server, dst);
	sum = pkt_sum(src, size, 0);
	sum = pkt_sum(dst, size, sum);
	return sum + (uint32_t)(p->proto ? p->proto : IPPROTO_UDP) + (uint32_t)l4_len;
}

static size_t l4_header(const struct pkt *p)
{
	return p->proto == IPPROTO_TCP ? 20 : 8;
}

static void build_l4(const struct pkt *p, struct frame *f, size_t l4_len)
{
	uint16_t client = p->client_port ? p->client_port : PKT_CLIENT_PORT;
	uint16_t server = p->server_port ? p->server_port : PKT_PORT;
	uint8_t header[20] = { 0 };

	pkt_put16(header, p->from_server ? server : client);
	pkt_put16(header + 2, p->from_server ? client : server);
	if (p->proto == IPPROTO_TCP) {
		header[12] = 5 << 4;
		header[13] = 0x18; /* PSH ACK */
	} else {
		pkt_put16(header + 4, (uint16_t)(l4_len + (size_t)p->udp_len_add));
	}
	append(f, header, l4_header(p));
}

static void build_payload(const struct pkt *p, struct frame *f, size_t text_len)
{
	if (!p->no_frame) {
		append16(f, p->id);
		append16(f, p->seq);
		append16(f, p->total ? (uint16_t)(p->total < 0 ? 0 : p->total) : 1);
		append16(f, p->reserved);
	}
	append(f, p->text, text_len);
}

static void l4_checksum(const struct pkt *p, struct frame *f, uint32_t l4, size_t l4_len)
{
	uint16_t check = pkt_fold(pkt_sum(f->data + l4, l4_len, pseudo(p, l4_len)));

	if (!check)
		check = 0xffff;
	if (p->udp_check == PKT_CHECK_BAD)
		check ^= 0x0100;
	if (p->udp_check == PKT_CHECK_ZERO)
		check = 0;
	if (p->udp_check == PKT_CHECK_PARTIAL)
		check = (uint16_t)~pkt_fold(pseudo(p, l4_len));
	pkt_put16(f->data + l4 + (p->proto == IPPROTO_TCP ? 16 : 6), check);
}

void pkt_build(const struct pkt *p, struct frame *ret)
{
	size_t text_len = p->text && !p->text_len ? strlen(p->text) : p->text_len;
	size_t l4_len = l4_header(p) + (p->no_frame ? 0 : 8) + text_len;
	uint32_t l4, pad_to = p->pad_to ? p->pad_to : 60;

	ret->len = 0;
	build_ethernet(p, ret);
	if (p->family == 6)
		build_ipv6(p, ret, l4_len);
	else
		build_ipv4(p, ret, l4_len);
	l4 = ret->len;
	build_l4(p, ret, l4_len);
	build_payload(p, ret, text_len);
	l4_checksum(p, ret, l4, l4_len);
	while (ret->len < pad_to)
		append(ret, &p->pad_byte, 1);
}
