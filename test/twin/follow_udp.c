// SPDX-License-Identifier: LGPL-2.1-only
#include "follow_udp.h"

#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>
#include <linux/bpf.h>
#include <arpa/inet.h>

/* shim.h has an skb of its own. */
#define __sk_buff twin_skb
#include "bmc_bucket.h"
#include "shim.h"

__u64 twin_hash[TWIN_KEYS];
struct twin_seen twin_seen;

static struct follow_out out;
static struct bmc_work work;

/* ---- what bpf/udp_watch.bpf.h needs of the layers below it ---- */
#define BMC_PKT_BPF_H
#define BMC_UDP_WRITER_BPF_H

#define bpf_htons htons
#define bpf_ntohs ntohs

struct bmc_pkt {
	__u32 l3;
	__u32 l4;
	__u8 family;
};

struct bmc_udp_ask {
	__u8 peer[16];
	__u16 port;
	__u16 id;
	__u32 server;
};

struct bmc_udp_asked {
	__u32 gen;
	__u32 left;
};

enum { bmc_udp_asked };
enum { BMC_WORK_INGRESS };

#define TWIN_TRANSPORT_transport_header sizeof(struct iphdr)
#define TWIN_TRANSPORT_network_header 0
#define BPF_CORE_READ(of, what) ((void)(of), TWIN_TRANSPORT_##what)

static int bmc_pkt_ip(const void *data, const void *end, __u16 proto, __u32 l3, int tail,
		      struct bmc_pkt *ret)
{
	ret->l3 = l3;
	ret->family = 4;
	return 0;
}

static __u64 bmc_udp_out(__u32 server, __u32 life, int ends)
{
	out.ends += ends;
	out.for_good |= !ends;
	return 1ULL << BMC_GEN_SHIFT;
}

static __u32 bmc_gen_of(__u64 word)
{
	return (__u32)(word >> BMC_GEN_SHIFT);
}

static void bmc_udp_hold(__u32 server, __u32 life)
{
}

static void bmc_udp_unknown(__u32 server, __u32 life)
{
	twin_seen.all = 1;
}

static void bmc_server_unread(__u32 server)
{
	twin_seen.lost = 1;
}

static __u64 bmc_flight_what(__u64 state, __u32 server, __u32 life, __u32 ord)
{
	out.for_good |= state == BMC_FLIGHT_NEVER;
	return state;
}

static int bmc_udp_write_seen(__u64 hash, __u64 who, __u64 what)
{
	return bmc_write_seen(NULL, hash, 0);
}

static int bmc_time_up(__u64 *word, __u64 time)
{
	return 0;
}

static void bmc_server_off(struct twin_server *server, __u64 why)
{
}

static void twin_remember(const struct bmc_udp_asked *asked)
{
	out.remembered = (int)asked->left;
}

#define bpf_map_lookup_elem(map, ask) ((struct bmc_udp_asked *)((void)(ask), NULL))
#define bpf_map_update_elem(map, ask, asked, how) twin_remember(asked)

static struct bmc_work *bmc_work_enter(int which)
{
	return &work;
}

static void bmc_work_leave(struct bmc_work *w)
{
}

#include "udp_watch.bpf.h"

/* ---- */

void follow_version(uint32_t version)
{
	bmc_config.version[0] = version;
}

uint64_t follow_hash(const void *key, size_t len)
{
	struct mc_key k = { 0 };

	memcpy(work.win.bytes, key, len);
	mc_key_hash(&work.win, 0, (__u32)len, (const struct mc_seed *)bmc_shared.seed, &k);
	return k.hash;
}

void follow_begin(void)
{
	memset(&twin_seen, 0, sizeof(twin_seen));
}

struct follow_out follow_datagram(const void *bytes, size_t len)
{
	static unsigned char packet[1 << 16] __attribute__((aligned(8)));
	size_t head = sizeof(struct iphdr) + sizeof(struct udphdr);
	struct __sk_buff skb = { packet,
				 (__u32)(head + len),
				 1,
				 (__u64)(uintptr_t)packet,
				 (__u64)(uintptr_t)packet + head + len,
				 0 };

	memset(&out, 0, sizeof(out));
	memcpy(packet + head, bytes, len);
	bmc_udp_in(&skb, 0, 0, sizeof(struct iphdr));
	return out;
}

int follow_is_no_gets(const unsigned char *bytes, size_t len)
{
	const struct mc_udp_frame *frame = (const void *)bytes;
	__u64 word = 0;

	if (len <= sizeof(*frame) || frame->seq || !frame->total)
		return 0;
	len -= sizeof(*frame);
	memcpy(&word, bytes + sizeof(*frame), len < sizeof(word) ? len : sizeof(word));
	return mc_answer_is_no_gets(word);
}
