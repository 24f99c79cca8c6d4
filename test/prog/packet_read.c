// SPDX-License-Identifier: LGPL-2.1-only
/* The strict reader, and what a right answer is. */
#include "packet.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

static char why[256];

/* Where the IP header is; 0: not IP, or too short. */
static uint32_t find_l3(const struct frame *f, int *ret_tags, uint16_t *ret_type)
{
	uint32_t at = 14;
	int tags = 0;

	if (f->len < 14)
		return 0;
	*ret_type = pkt_get16(f->data + 12);
	while ((*ret_type == 0x8100 || *ret_type == 0x88a8) && tags < PKT_TAGS_MAX) {
		if (f->len < at + 4)
			return 0;
		*ret_type = pkt_get16(f->data + at + 2);
		at += 4;
		tags++;
	}
	*ret_tags = tags;
	return at;
}

static const char *read_ipv4(const struct frame *f, struct pkt_view *v, uint32_t *ret_end)
{
	const uint8_t *ip = f->data + v->l3;
	uint32_t header = (ip[0] & 15) * 4U, total;

	if (f->len < v->l3 + 20 || ip[0] >> 4 != 4 || header < 20 || f->len < v->l3 + header)
		return "IPv4 header";
	total = pkt_get16(ip + 2);
	if (total < header || f->len < v->l3 + total)
		return "IPv4 total length";
	if (pkt_fold(pkt_sum(ip, header, 0)))
		return "IPv4 header checksum";
	if (pkt_get16(ip + 6) & 0x3fff)
		return "a fragment";
	if (ip[9] != IPPROTO_UDP)
		return "not UDP";
	v->l4 = v->l3 + header;
	*ret_end = v->l3 + total;
	return NULL;
}

static const char *read_ipv6(const struct frame *f, struct pkt_view *v, uint32_t *ret_end)
{
	const uint8_t *ip = f->data + v->l3;

	if (f->len < v->l3 + 40 || ip[0] >> 4 != 6)
		return "IPv6 header";
	if (ip[6] != IPPROTO_UDP)
		return "not UDP";
	v->l4 = v->l3 + 40;
	*ret_end = v->l4 + pkt_get16(ip + 4);
	return *ret_end > f->len ? "IPv6 payload length" : NULL;
}

static uint32_t pseudo_sum(const struct frame *f, const struct pkt_view *v, uint32_t len)
{
	const uint8_t *ip = f->data + v->l3;
	uint32_t sum = v->family == 6 ? pkt_sum(ip + 8, 32, 0) : pkt_sum(ip + 12, 8, 0);

	return sum + IPPROTO_UDP + len;
}

static const char *read_checksum(const struct frame *f, int lenient, const struct pkt_view *v,
				 uint32_t len)
{
	uint16_t check = pkt_get16(f->data + v->l4 + 6);
	uint32_t sum = pseudo_sum(f, v, len);

	if (lenient && check + pkt_fold(sum) == 0xffff)
		return NULL;
	if (!check)
		return v->family == 6 || !lenient ? "no UDP checksum" : NULL;
	return pkt_fold(pkt_sum(f->data + v->l4, len, sum)) ? "UDP checksum" : NULL;
}

static const char *read_udp(const struct frame *f, int lenient, struct pkt_view *v, uint32_t end)
{
	uint32_t len;

	if (v->l4 + 8 > end)
		return "UDP header";
	len = pkt_get16(f->data + v->l4 + 4);
	if (len != end - v->l4)
		return "UDP length";
	v->payload = v->l4 + 8;
	v->payload_len = len - 8;
	return read_checksum(f, lenient, v, len);
}

const char *pkt_read(const struct frame *f, int lenient, struct pkt_view *ret)
{
	const char *wrong;
	uint16_t type = 0;
	uint32_t end = 0;

	memset(ret, 0, sizeof(*ret));
	ret->l3 = find_l3(f, &ret->tags, &type);
	if (!ret->l3 || (type != 0x0800 && type != 0x86dd))
		return "not IP";
	ret->family = type == 0x0800 ? 4 : 6;
	wrong = type == 0x0800 ? read_ipv4(f, ret, &end) : read_ipv6(f, ret, &end);
	if (!wrong)
		wrong = read_udp(f, lenient, ret, end);
	ret->extra = (int)f->len - (int)end;
	return wrong;
}

void pkt_fix_checksums(struct frame *f)
{
	struct pkt_view v = { 0 };
	uint16_t type = 0;
	uint32_t end = 0, len;

	v.l3 = find_l3(f, &v.tags, &type);
	if (!v.l3 || (type != 0x0800 && type != 0x86dd))
		return;
	v.family = type == 0x0800 ? 4 : 6;
	if (v.family == 4 && f->len >= v.l3 + 60) {
		uint8_t *ip = f->data + v.l3;

		pkt_put16(ip + 10, 0);
		pkt_put16(ip + 10, pkt_fold(pkt_sum(ip, (ip[0] & 15) * 4U, 0)));
	}
	if (v.family == 4 ? !!read_ipv4(f, &v, &end) : !!read_ipv6(f, &v, &end))
		return;
	len = end - v.l4;
	if (len < 8)
		return;
	pkt_put16(f->data + v.l4 + 6, 0);
	pkt_put16(f->data + v.l4 + 6,
		  pkt_fold(pkt_sum(f->data + v.l4, len, pseudo_sum(f, &v, len))));
}

/* ---- the right answer ---- */
static const char *check_ethernet(const struct frame *req, const struct frame *rep, uint32_t l3)
{
	if (memcmp(req->data, rep->data + 6, 6) || memcmp(req->data + 6, rep->data, 6))
		return "MAC addresses are not exchanged";
	return memcmp(req->data + 12, rep->data + 12, l3 - 12) ? "VLAN tags or EtherType differ" :
								 NULL;
}

static const char *check_ip(const uint8_t *req, const uint8_t *rep, int family)
{
	uint32_t src = family == 6 ? 8 : 12, size = family == 6 ? 16 : 4,
		 hops = family == 6 ? 7 : 8;

	if (memcmp(req + src, rep + src + size, size) || memcmp(req + src + size, rep + src, size))
		return "IP addresses are not exchanged";
	return rep[hops] < 32 ? "few hops left" : NULL;
}

static const char *check_frame(const uint8_t *req, const uint8_t *rep)
{
	if (memcmp(req, rep, 2))
		return "the request's id is not the reply's";
	return memcmp(rep + 2, "\0\0\0\1\0\0", 6) ? "the frame is not 0 of 1" : NULL;
}

static const char *check_text(const uint8_t *got, size_t got_len, const uint8_t *want, size_t len)
{
	size_t at = 0;

	if (got_len != len) {
		snprintf(why, sizeof(why), "%zu bytes of text, not %zu: '%.*s'", got_len, len,
			 got_len > 60 ? 60 : (int)got_len, (const char *)got);
		return why;
	}
	while (at < len && got[at] == want[at])
		at++;
	if (at == len)
		return NULL;
	snprintf(why, sizeof(why), "byte %zu of the text is 0x%02x, not 0x%02x", at, got[at],
		 want[at]);
	return why;
}

const char *pkt_check_reply(const struct frame *request, const struct frame *reply,
			    const void *text, size_t len)
{
	struct pkt_view req, rep;
	const char *wrong = pkt_read(request, 1, &req);

	if (wrong) {
		snprintf(why, sizeof(why), "the request should have been left alone: %s", wrong);
		return why;
	}
	wrong = pkt_read(reply, 0, &rep);
	if (wrong) {
		snprintf(why, sizeof(why), "the reply is broken: %s", wrong);
		return why;
	}
	if (rep.extra)
		return "bytes behind the reply";
	if (req.l3 != rep.l3 || req.family != rep.family)
		return "another kind of packet";
	wrong = check_ethernet(request, reply, req.l3);
	if (!wrong)
		wrong = check_ip(request->data + req.l3, reply->data + rep.l3, req.family);
	if (!wrong && (memcmp(request->data + req.l4, reply->data + rep.l4 + 2, 2) ||
		       memcmp(request->data + req.l4 + 2, reply->data + rep.l4, 2)))
		wrong = "UDP ports are not exchanged";
	if (!wrong && (req.payload_len < 8 || rep.payload_len < 8))
		wrong = "no frame";
	if (!wrong)
		wrong = check_frame(request->data + req.payload, reply->data + rep.payload);
	if (!wrong)
		wrong = check_text(reply->data + rep.payload + 8, rep.payload_len - 8, text, len);
	return wrong;
}
