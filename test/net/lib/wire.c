// SPDX-License-Identifier: LGPL-2.1-only
#include "wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ns.h"
#include "test.h"

#define FRAME 8 /* memcached's */
#define PACKET_MAX 1500

static void wire_mac(const struct ns *ns, const char *ifname, unsigned char *ret)
{
	int fd = ns_socket(ns, AF_INET, SOCK_DGRAM);
	struct ifreq ifr = {};

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", ifname);
	assert_return_code(ioctl(fd, SIOCGIFHWADDR, &ifr), errno);
	memcpy(ret, ifr.ifr_hwaddr.sa_data, 6);
	close(fd);
}

void wire_open(struct wire *w, const struct ns *ns, const char *ifname, const struct ns *peer,
	       const char *peer_if)
{
	w->fd = ns_socket(ns, AF_PACKET, SOCK_RAW);
	w->ifindex = (int)ns_ifindex(ns, ifname);
	wire_mac(ns, ifname, w->from);
	wire_mac(peer, peer_if, w->to);
}

void wire_close(struct wire *w)
{
	if (w->fd > 0)
		close(w->fd);
	w->fd = 0;
}

uint32_t wire_sum(const void *bytes, size_t len, uint32_t sum)
{
	const unsigned char *b = bytes;

	for (size_t i = 0; i < len; i++)
		sum += i % 2 ? b[i] : (uint32_t)b[i] << 8;
	return sum;
}

uint16_t wire_fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

static void wire_headers(struct iphdr *ip, struct udphdr *udp, const struct udp *u, size_t payload)
{
	struct sockaddr_in from = {}, to = {};
	socklen_t len = sizeof(from);
	uint32_t sum;

	assert_return_code(getsockname(u->fd, (struct sockaddr *)&from, &len), errno);
	len = sizeof(to);
	assert_return_code(getpeername(u->fd, (struct sockaddr *)&to, &len), errno);
	udp->source = from.sin_port;
	udp->dest = to.sin_port;
	udp->len = htons((uint16_t)(sizeof(*udp) + payload));
	*ip = (struct iphdr){ .version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_UDP };
	ip->tot_len = htons((uint16_t)(sizeof(*ip) + sizeof(*udp) + payload));
	ip->saddr = from.sin_addr.s_addr;
	ip->daddr = to.sin_addr.s_addr;
	ip->check = wire_fold(wire_sum(ip, sizeof(*ip), 0));
	sum = wire_sum(&ip->saddr, 8, IPPROTO_UDP + ntohs(udp->len));
	udp->check = wire_fold(wire_sum(udp, sizeof(*udp) + payload, sum));
}

void wire_send_udp(struct wire *w, struct udp *u, const char *request, size_t padding)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_ifindex = w->ifindex };
	unsigned char bytes[sizeof(struct ether_header) + PACKET_MAX] = {};
	struct ether_header *eth = (struct ether_header *)bytes;
	struct iphdr *ip = (struct iphdr *)(eth + 1);
	struct udphdr *udp = (struct udphdr *)(ip + 1);
	unsigned char *frame = (unsigned char *)(udp + 1);
	size_t len = FRAME + strlen(request);
	uint16_t id = htons(++u->id), one = htons(1);

	assert_in_range(len + padding, 0, PACKET_MAX - sizeof(*ip) - sizeof(*udp));
	memcpy(eth->ether_shost, w->from, 6);
	memcpy(eth->ether_dhost, w->to, 6);
	eth->ether_type = htons(ETHERTYPE_IP);
	memcpy(frame, &id, 2);
	memcpy(frame + 4, &one, 2);
	memcpy(frame + FRAME, request, strlen(request));
	wire_headers(ip, udp, u, len);
	memset(frame + len, 0xff, padding);
	len += (size_t)(frame - bytes) + padding;
	assert_int_equal(sendto(w->fd, bytes, len, 0, (struct sockaddr *)&to, sizeof(to)), len);
}
