// SPDX-License-Identifier: LGPL-2.1-only
/* Why nothing is cached: of an interface, of a server, of all together. */
#include "status.h"

#include "memcached.h"
#include "util.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MONTH_S (31ULL * 86400)

static int __attribute__((format(printf, 2, 3))) say(char *why, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(why, BMC_REASON_MAX, fmt, args);
	va_end(args);
	return 1;
}

/* The server is switched off. */
static int off_reason(const struct bmc_server_status *v, char *why)
{
	if (v->off & BMC_OFF_NO_MEMORY)
		return say(why, "a socket of memcached's could not be marked for lack of memory: "
				"stop and start");
	if (v->off & (BMC_OFF_UNSEEN | BMC_OFF_BUSY))
		return say(why, "a connection could not be followed: stop and start");
	if (v->off & BMC_OFF_PORTS)
		return say(why, "its process has, or had, a socket at another port too, or UDP "
				"here without TCP: what arrives at another port is not seen; give "
				"it one port, then stop and start bmc");
	if (v->off & BMC_OFF_MOVED)
		return say(
			why,
			"an interface was moved to another network namespace, where nothing may be "
			"answered: stop and start");
	if (v->off & BMC_OFF_PROXY)
		return say(why, "it " BMC_MEMCACHED_PROXY);
	if (v->off & BMC_OFF_TEXT_ONLY)
		return say(why, "it " BMC_MEMCACHED_TEXT_ONLY);
	if (v->off & BMC_OFF_UNTOLD)
		return say(why, "it came after start, and what it is could not be told: stop and "
				"start");
	if (v->off & BMC_OFF_STARTING)
		return say(why, "start did not finish with it");
	return 0;
}

/* Nothing that comes by an interface gets there: it listens on loopback alone. */
static int is_out_of_reach(const struct bmc_status *s, const struct bmc_server_status *v)
{
	for (int i = 0; i < s->n_ifaces; i++) {
		if (s->iface[i].loopback)
			return 0;
	}
	return v->has_udp && !v->reachable && !s->totals.count[BMC_STAT_FILLS];
}

/* What listens there is not what can be watched. */
static int socket_reason(const struct bmc_status *s, const struct bmc_server_status *v, char *why)
{
	char user[BMC_USER_MAX];

	if (!v->pid && !v->unseen && v->foreign)
		return say(why,
			   "what listens there runs as another user than %s: stop and start, or "
			   "run it as that user",
			   bmc_format_user(v->uid, user, sizeof(user)));
	if (!v->pid && !v->unseen)
		return say(why, "no memcached listens there");
	if (off_reason(v, why))
		return 1;
	if (v->other_pid)
		return say(why,
			   "a second process (%s, pid %d) has sockets of the port, so that it is "
			   "unknown which of them a request reaches: give it a port of its own",
			   v->other_process, v->other_pid);
	if (v->off & BMC_OFF_SHARED)
		return say(why, "it came while another process had sockets of the port: stop and "
				"start");
	if (!v->has_udp)
		return say(why, "memcached has no UDP: start it with -U %u", v->port);
	if (!v->sockets)
		return say(why, "its sockets are not watched: does it run below --cgroup?");
	if (is_out_of_reach(s, v))
		return say(why, "its UDP is on loopback only, where packets of the interfaces "
				"never come: give it an address with -l");
	return 0;
}

/* The first connection that is named and holds all fills. */
static const struct bmc_keeper *first_holder(const struct bmc_server_status *v)
{
	int i = 0;

	while (i + 1 < v->n_keepers && v->keeper[i].keeps == BMC_KEEPS_SILENT)
		i++;
	return &v->keeper[i];
}

/* Its fills are held. */
static int hold_reason(const struct bmc_status *s, const struct bmc_server_status *v, char *why)
{
	const struct bmc_keeper *first = first_holder(v);

	if (v->lost)
		return say(why,
			   "%d connection%s cannot be followed (%s from %s): fills are held until "
			   "%s closed, as 'bmcctl reset%s' does",
			   v->lost, v->lost == 1 ? "" : "s", first->why, first->peer,
			   v->lost == 1 ? "it is" : "they are", s->option);
	if (v->udp_held && v->udp_out == BMC_GEN_OUT_MAX)
		return say(why, "a command over UDP wrote keys that are not known: fills are held "
				"until memcached restarts");
	if (v->udp_held)
		return say(why,
			   "a command over UDP wrote keys that are not known: fills are held until "
			   "all commands over UDP are answered (%d are not), or memcached restarts",
			   v->udp_out);
	if (v->no_fill_for > MONTH_S)
		return say(why, "it got a flush_all whose delay cannot be read: fills are held "
				"until memcached restarts");
	if (v->no_fill_for)
		return say(why,
			   "a flush_all with a delay is under way: fills are held for %llu s more",
			   (unsigned long long)v->no_fill_for);
	if (v->held)
		return say(why, "fills are held by %s: %s", first->peer, first->why);
	if (v->holds)
		return say(why, "a write is not answered yet: fills are held");
	return 0;
}

static void iface_reason(const struct bmc_status *s, struct bmc_iface_status *i)
{
	const __u64 *count = s->totals.count;
	__u64 judged = count[BMC_STAT_FILLS];

	for (int k = BMC_STAT_REFUSED_FLIGHT; k <= BMC_STAT_REFUSED_PLACE; k++)
		judged += count[k];
	if (i->moved)
		say(i->problem,
		    "it was moved to another network namespace: run 'bmcctl stop%s', then start "
		    "again",
		    s->option);
	else if (i->gone)
		say(i->problem, "it is gone: run 'bmcctl stop%s', then start again", s->option);
	else if (!i->xdp_id || !i->tc_id)
		say(i->problem, "%s was taken off: run 'bmcctl stop%s', then start again",
		    i->xdp_id ? "TC egress" : "XDP", s->option);
	else if (i->renumbered)
		say(i->problem,
		    "it was in another network namespace: run 'bmcctl stop%s', then start again",
		    s->option);
	else if (i->down)
		say(i->problem, "it is down: 'ip link set dev %s up'", i->name);
	else if (i->in_front_of_all && count[BMC_STAT_STAMPS] && !judged)
		say(i->problem,
		    "program %u at tcx egress, which comes before ours, ends memcached's replies: "
		    "attach it behind, or let it pass them on",
		    i->in_front_of_all);
	else if (i->in_front && count[BMC_STAT_STAMPS] && !judged)
		say(i->problem,
		    "the egress filter of priority %u, which comes before ours, ends memcached's "
		    "replies: move it behind, or let it pass them on",
		    i->in_front);
}

/* Nothing is wrong, or not everywhere: what has not happened yet? */
static void traffic_reason(struct bmc_status *s, int is_all_right)
{
	const __u64 *count = s->totals.count;
	__u64 looked = count[BMC_STAT_STAMPS] + count[BMC_STAT_STAMP_NOTHING] +
		       count[BMC_STAT_STAMP_BYPASSED];

	if (!count[BMC_STAT_REQUESTS])
		say(s->why_not, "no UDP request has come in by an interface of this instance yet "
				"(requests of this machine to itself come in by lo)");
	else if (!is_all_right)
		return; /* what is wrong is told where it is */
	else if (!looked && count[BMC_STAT_STAMP_MARKED])
		say(s->why_not, "memcached's UDP replies have packet marks of somebody else's "
				"(SO_MARK, nftables), which is where bmc keeps theirs");
	else if (!looked && !count[BMC_STAT_STAMP_ELSEWHERE] && !count[BMC_STAT_NO_STAMP])
		say(s->why_not,
		    "none of memcached's UDP replies has been seen yet: does it answer? (Sockets "
		    "that it made before it came below --cgroup are not watched.)");
	else if (!looked)
		say(s->why_not,
		    "memcached's UDP replies do not leave by an interface of this instance");
	else if (!count[BMC_STAT_STAMPS] && !count[BMC_STAT_STAMP_BYPASSED] &&
		 count[BMC_STAT_STAMP_NOTHING])
		say(s->why_not,
		    "none of memcached's UDP replies has held an item that fits one datagram yet: "
		    "does it have the keys that clients ask for?");
	else if (!count[BMC_STAT_FILLS])
		say(s->why_not,
		    "none of memcached's replies could be cached yet ('bmcctl stats' counts why)");
}

/* Of all together: if every interface has one, or every server, the first one's. */
static void common_reason(struct bmc_status *s)
{
	int ifaces = 0, servers = 0;

	for (int i = 0; i < s->n_ifaces; i++)
		ifaces += *s->iface[i].problem != 0;
	for (int i = 0; i < s->n_servers; i++)
		servers += *s->server[i].why_not != 0;
	if (s->n_ifaces && ifaces == s->n_ifaces)
		say(s->why_not, "%s: %.200s", s->iface[0].name, s->iface[0].problem);
	else if (s->n_servers && servers == s->n_servers)
		say(s->why_not, "port %u: %.300s", s->server[0].port, s->server[0].why_not);
	else
		traffic_reason(s, !ifaces && !servers);
}

void bmc_status_find_reasons(struct bmc_status *s)
{
	if (s->busy) {
		say(s->why_not, "another bmcctl starts or stops it just now");
		return;
	}
	if (!s->complete) {
		say(s->why_not, "start did not finish: run 'bmcctl stop%s', then start again",
		    s->option);
		return;
	}
	if (s->elsewhere && s->gone)
		say(s->why_not,
		    "its interfaces are gone, as with their network namespace: run 'bmcctl "
		    "stop%s', "
		    "then start again",
		    s->option);
	if (s->elsewhere)
		return; /* more cannot be told from here */
	for (int i = 0; i < s->n_ifaces; i++)
		iface_reason(s, &s->iface[i]);
	for (int i = 0; i < s->n_servers; i++) {
		struct bmc_server_status *v = &s->server[i];

		if (!socket_reason(s, v, v->why_not))
			hold_reason(s, v, v->why_not);
	}
	common_reason(s);
}
