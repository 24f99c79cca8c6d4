/* SPDX-License-Identifier: LGPL-2.1-only */
/*
 * MARK and its end: which sockets are a server's. The first process of its user that binds the port has the server;
 * sockets of a second one are strangers, and while there are any nothing is cached: who is asked is not known.
 */
#ifndef BMC_OWNER_BPF_H
#define BMC_OWNER_BPF_H

#include "cmdline.bpf.h"
#include "server.bpf.h"

static __always_inline __u32 bmc_current_process(void)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	__u32 tgid = 0;

	return bpf_probe_read_kernel(&tgid, sizeof(tgid), &task->tgid) ? 0 : tgid;
}

/* Whether this process has the server, or has it from now on. */
static __always_inline int bmc_owner_is(struct bmc_server *s, __u32 process)
{
	__u64 life = bmc_word_life(BMC_READ_ONCE(s->word)), owner = BMC_READ_ONCE(s->owner);
	__u64 mine = life << BMC_OWNER_LIFE_SHIFT | process;

	if (owner >> BMC_OWNER_LIFE_SHIFT == life && (__u32)owner)
		return (__u32)owner == process || !process;
	owner = __sync_val_compare_and_swap(&s->owner, owner, mine);
	return owner >> BMC_OWNER_LIFE_SHIFT != life || !(__u32)owner || (__u32)owner == process;
}

/* A socket of a stranger's: first the count, then the server is off. */
static __always_inline void bmc_stranger_came(struct bmc_server *s, struct bmc_mark *mark,
					      __u64 cookie)
{
	mark->cookie = cookie;
	bmc_ordered(__sync_fetch_and_add(&s->strangers, 1));
	BMC_WRITE_ONCE(mark->taken, BMC_MARK_STRANGER);
	bmc_server_off(s, BMC_OFF_SHARED);
}

/* It is gone. What one that came meanwhile has set may be cleared here: so it is set again. */
static __always_inline void bmc_stranger_gone(struct bmc_server *s)
{
	if (bmc_ordered(__sync_fetch_and_add(&s->strangers, -1ULL)) != 1)
		return;
	bmc_epoch_up(s);
	bmc_ordered(__sync_fetch_and_and(&s->off, ~(__u64)BMC_OFF_SHARED));
	if (BMC_READ_ONCE(s->strangers))
		bmc_server_off(s, BMC_OFF_SHARED);
}

/*
 * This process has a socket at the port of `server` (-1: at one that is not served). Whether it has another server: that is
 * off now, since what comes by the one port changes items of the other.
 */
__noinline int bmc_owner_elsewhere(__u32 process, int server)
{
	int found = 0;

	for (__u32 i = 0; i < BMC_PORTS_MAX; i++) {
		struct bmc_server *s = bmc_server_get(i);
		__u64 owner = BMC_READ_ONCE(s->owner);

		if (i >= bmc_config.n_ports)
			break;
		if ((int)i == server || !process || (__u32)owner != process ||
		    owner >> BMC_OWNER_LIFE_SHIFT != bmc_word_life(BMC_READ_ONCE(s->word)))
			continue;
		bmc_server_off(s, BMC_OFF_PORTS);
		found = 1;
	}
	return found;
}

/*
 * What the last life's memcached was sent that comes later, a flush_all with a delay, is over with it, unless the one of
 * this life takes its items over. That one's clock may be some seconds more behind.
 */
__noinline int bmc_owner_heir(__u32 server, int takes_over)
{
	struct bmc_server *s = bmc_server_get(server);

	if (!takes_over) {
		BMC_WRITE_ONCE(s->no_fill_until, 0);
		BMC_WRITE_ONCE(s->unread, 0);
		BMC_WRITE_ONCE(s->udp_flush, 0);
		return 0;
	}
	bmc_flush_from_now(server, BMC_READ_ONCE(s->udp_flush));
	if (BMC_READ_ONCE(s->no_fill_until))
		bmc_no_fill_until(server, BMC_READ_ONCE(s->no_fill_until) +
						  BMC_SECONDS_LATE * BMC_SECOND_NS);
	return 0;
}

/*
 * The first socket of a life: what the process is, `start` has not asked. (Between two lives nothing is served: what the
 * last one was may be forgotten.)
 */
static __always_inline void bmc_owner_look(struct bmc_server *s, __u32 server)
{
	__u64 line = bmc_cmdline_look(), off = bmc_config.force ? 0 : line & BMC_OFF_KIND;

	bmc_owner_heir(server, (line & (BMC_CMDLINE_KEEPS | BMC_OFF_UNTOLD)) != 0);
	bmc_ordered(__sync_fetch_and_and(&s->off, ~(__u64)BMC_OFF_KIND));
	if (off)
		bmc_server_off(s, off);
}

/* MARK: a socket of the server's user is bound, or listens. */
static __always_inline void bmc_mark_socket(struct bpf_sock *sk, __u32 server, __u64 cookie)
{
	struct bmc_server *s = bmc_server_get(server);
	struct bmc_mark *mark;
	__u32 process;
	int life, first;

	mark = bpf_sk_storage_get(&bmc_marks, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!mark) {
		bmc_server_off(s, BMC_OFF_NO_MEMORY);
		return;
	}
	if (BMC_READ_ONCE(mark->ready) || BMC_READ_ONCE(mark->taken) == BMC_MARK_STRANGER)
		return;
	mark->server = (__u8)server;
	process = bmc_current_process();
	if (!bmc_owner_is(s, process)) {
		bmc_stranger_came(s, mark, cookie);
		return;
	}
	first = !bmc_word_sockets(BMC_READ_ONCE(s->word));
	/* memcached binds TCP first: one whose first socket here is a UDP one has TCP at another port */
	if (bmc_owner_elsewhere(process, (int)server) || (sk->protocol == IPPROTO_UDP && first))
		bmc_server_off(s, BMC_OFF_PORTS);
	if (first)
		bmc_owner_look(s, server);
	life = bmc_socket_up(s);
	if (life < 0) {
		bmc_server_off(s, BMC_OFF_BUSY);
		return;
	}
	mark->cookie = cookie;
	mark->life = (__u16)life;
	mark->taken = 0; /* if another user tried to bind it before: that one stays counted */
	bmc_wmb();
	BMC_WRITE_ONCE(mark->ready, sk->protocol == IPPROTO_UDP ? BMC_READY_UDP : BMC_READY_TCP);
}

/* Another user's UDP sockets, one more or one less: hits are the last to see less, and need not look at once. */
static __always_inline void bmc_other_count(struct bmc_server *s, __u32 kind, __u64 delta)
{
	bmc_ordered(__sync_fetch_and_add(&s->others, delta));
	if (kind != BMC_MARK_OTHER_LOOPBACK)
		bmc_ordered(__sync_fetch_and_add(&s->others_wire, delta));
}

/* A socket with a mark is released: if it is its own, the server has one less. */
static __always_inline void bmc_mark_released(const struct bmc_mark *mark, __u64 cookie)
{
	if (mark->cookie != cookie)
		return;
	if (BMC_READ_ONCE(mark->ready))
		bmc_socket_gone(bmc_server_get(mark->server));
	else if (BMC_READ_ONCE(mark->taken) == BMC_MARK_STRANGER)
		bmc_stranger_gone(bmc_server_get(mark->server));
	else if (BMC_READ_ONCE(mark->taken) >= BMC_MARK_OTHER_LOOPBACK)
		bmc_other_count(bmc_server_get(mark->server), mark->taken, -1ULL);
}

/*
 * Another user's UDP socket: first the count, then the epoch, as fills and hits read them the other way round. One that
 * cannot be marked, or is bound a second time in another way, stays counted: nobody notices its end.
 */
static __always_inline void bmc_other_came(struct bpf_sock *sk, __u32 server, __u32 kind)
{
	struct bmc_server *s = bmc_server_get(server);
	struct bmc_mark *mark;

	mark = bpf_sk_storage_get(&bmc_marks, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (mark && mark->server == server && BMC_READ_ONCE(mark->taken) == kind) {
		bmc_epoch_up(
			s); /* counted already: by `start`, or when another program refused it */
		return;
	}
	bmc_other_count(s, kind, 1);
	if (mark && !BMC_READ_ONCE(mark->ready) && !BMC_READ_ONCE(mark->taken)) {
		mark->cookie = bpf_get_socket_cookie(sk);
		mark->server = (__u8)server;
		BMC_WRITE_ONCE(mark->taken, kind);
	}
	bmc_epoch_up(s);
}

/* `family` is the hook's: each has its own address only. */
static __always_inline int bmc_bound_is_loopback(const struct bpf_sock *sk, int family)
{
	if (family == 4)
		return (sk->src_ip4 & 0xff) == 127;
	return !(sk->src_ip6[0] | sk->src_ip6[1] | sk->src_ip6[2] |
		 (sk->src_ip6[3] ^ bpf_htonl(1)));
}

/*
 * A socket is bound. At a port that is not ours it matters only if its process has a server. At one of ours, another user's
 * is not memcached's; but if it takes datagrams, those for one of memcached's addresses may be its from now on: what was
 * filled for them goes, and fills and hits look whose theirs is.
 */
static __always_inline void bmc_bound(struct bpf_sock *sk, int family)
{
	int server = bmc_config_server(bpf_htons((__u16)sk->src_port));

	if (bpf_get_netns_cookie(sk) != bmc_config.netns_cookie)
		return;
	if (server < 0) {
		bmc_owner_elsewhere(bmc_current_process(), server);
		return;
	}
	if ((__u32)bpf_get_current_uid_gid() == bmc_config.uid[server & (BMC_PORTS_MAX - 1)])
		bmc_mark_socket(sk, (__u32)server, bpf_get_socket_cookie(sk));
	else if (sk->protocol == IPPROTO_UDP)
		bmc_other_came(sk, (__u32)server,
			       bmc_bound_is_loopback(sk, family) ? BMC_MARK_OTHER_LOOPBACK :
								   BMC_MARK_OTHER);
}

/* A socket listens. One that was bound before the programs were there has no mark yet. */
static __always_inline void bmc_listens(struct bpf_sock_ops *ops)
{
	int server = bmc_config_server(bpf_htons((__u16)ops->local_port));
	struct bpf_sock *sk = ops->sk;
	struct tcp_sock *tcp;

	if (server < 0 || !sk || bpf_get_netns_cookie(ops) != bmc_config.netns_cookie)
		return;
	tcp = bpf_skc_to_tcp_sock(sk);
	if (tcp &&
	    tcp->inet_conn.icsk_inet.sk.sk_uid.val == bmc_config.uid[server & (BMC_PORTS_MAX - 1)])
		bmc_mark_socket(sk, (__u32)server, bpf_get_socket_cookie(ops));
}

/* ---- a UDP socket that has a port of ours and no mark ---- */

struct net___bound {
	__u64 net_cookie;
} __attribute__((preserve_access_index));

struct sock___bound {
	struct {
		struct {
			struct net___bound *net;
		} skc_net;
	} __sk_common;
	__u16 sk_protocol;
	struct {
		__u32 val;
	} sk_uid;
} __attribute__((preserve_access_index));

struct sk_buff___bound {
	struct sock___bound *sk;
} __attribute__((preserve_access_index));

/* Whether the socket that has this packet is a UDP one, in the server's network namespace. */
static __always_inline int bmc_bound_is_udp(struct __sk_buff *skb)
{
	struct sk_buff___bound *kernel = (struct sk_buff___bound *)skb;

	return BPF_CORE_READ(kernel, sk, sk_protocol) == IPPROTO_UDP &&
	       BPF_CORE_READ(kernel, sk, __sk_common.skc_net.net, net_cookie) ==
		       bmc_config.netns_cookie;
}

static __always_inline int bmc_bound_is_users(struct __sk_buff *skb, __u32 server)
{
	struct sk_buff___bound *kernel = (struct sk_buff___bound *)skb;

	return BPF_CORE_READ(kernel, sk, sk_uid.val) ==
	       bmc_config.uid[server & (BMC_PORTS_MAX - 1)];
}

/*
 * Another user's, that was never bound: the kernel gave it the port as it was connected or sent, and post_bind does not come.
 * It is noticed by the first datagram that it sends or gets.
 */
static __always_inline void bmc_other_unasked(struct __sk_buff *skb, struct bpf_sock *sk,
					      __u32 server)
{
	struct bmc_server *s = bmc_server_get(server);
	struct bmc_mark *mark;

	mark = bpf_sk_storage_get(&bmc_marks, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!mark)
		mark = bpf_sk_storage_get(&bmc_marks, sk, 0, 0);
	if (!mark) {
		bmc_server_off(s, BMC_OFF_NO_MEMORY);
		return;
	}
	mark->cookie = bpf_get_socket_cookie(skb);
	mark->server = (__u8)server;
	if (__sync_val_compare_and_swap(&mark->taken, 0, BMC_MARK_OTHER))
		return; /* another CPU has counted it */
	bmc_other_count(s, BMC_MARK_OTHER, 1);
	bmc_epoch_up(s);
}

/*
 * The server of a datagram's socket that has no mark. A socket takes datagrams as soon as it has its port, and post_bind
 * comes behind that. -1: of none, or `start` sees to it: it knows which ones came before it marked the sockets that were
 * there, and of later ones by their number (`missed`).
 */
__noinline int bmc_bound_soon(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;
	struct bmc_mark *mark;
	struct bmc_server *s;
	int server;

	if (!sk)
		return -1;
	server = bmc_config_server(bpf_htons((__u16)sk->src_port));
	if (server < 0)
		return -1;
	mark = bpf_sk_storage_get(&bmc_marks, sk, 0, 0);
	if (mark && !BMC_READ_ONCE(mark->ready) && BMC_READ_ONCE(mark->taken))
		return -1; /* a stranger's, or another user's */
	if (!bmc_bound_is_udp(skb))
		return -1;
	if (!bmc_bound_is_users(skb, (__u32)server)) {
		if (!mark)
			bmc_other_unasked(skb, sk, (__u32)server);
		return -1;
	}
	s = bmc_server_get((__u32)server);
	if (!(BMC_READ_ONCE(s->missed) & BMC_MISSED_COUNTS))
		return server;
	bmc_ordered(__sync_fetch_and_add(&s->missed, 1));
	return -1;
}

/* A packet leaves from one of our ports, of a socket without a mark that is ready. */
__noinline int bmc_other_sends(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;
	int server;

	if (!sk)
		return 0;
	server = bmc_config_server(bpf_htons((__u16)sk->src_port));
	if (server < 0 || bpf_sk_storage_get(&bmc_marks, sk, 0, 0) || !bmc_bound_is_udp(skb) ||
	    bmc_bound_is_users(skb, (__u32)server))
		return 0;
	bmc_other_unasked(skb, sk, (__u32)server);
	return 0;
}

#endif
