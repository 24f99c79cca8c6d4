// SPDX-License-Identifier: LGPL-2.1-only
#include "cmd.h"
#include "log.h"
#include "pins.h"
#include "stats_fmt.h"
#include "status.h"
#include "util.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#define TOO_LARGE_SHARE 0.1 /* of the gets: worth a word */

/* ---- text ---- */

/* Commands over UDP whose answers were not seen keep the keys out that were written over UDP, nothing else. */
static void print_udp(const struct bmc_server_status *v)
{
	if (!v->udp_out || v->udp_held)
		return;
	if (v->udp_out == BMC_GEN_OUT_MAX)
		puts("             over UDP: some commands are never answered, nothing held; keys "
		     "written over UDP are left to memcached until it restarts");
	else
		printf("             over UDP: %d command%s unanswered, nothing held; keys written "
		       "over UDP are left to memcached until all are answered or it restarts\n",
		       v->udp_out, v->udp_out == 1 ? "" : "s");
}

static void print_running(const struct bmc_server_status *v)
{
	printf("  server     port %u: ", v->port);
	if (v->pid)
		printf("%s, pid %d", v->process, v->pid);
	else
		printf("its process cannot be seen here");
	printf(", UDP %s", v->has_udp ? "on" : "off");
	if (v->udp_each > 1)
		printf(" (memcached-sr: %d sockets an address)", v->udp_each);
	for (int i = 0; i < v->n_addresses; i++)
		printf("%s%s", i ? ", " : "; ", v->address[i]);
	if (v->pid)
		printf("\n             connections: %d followed, %d not; holds: %u\n", v->in_step,
		       v->lost, v->holds);
	else
		printf("\n             connections: cannot be told (another PID namespace, or no "
		       "CAP_SYS_PTRACE); holds: %u\n",
		       v->holds);
	print_udp(v);
	for (int i = 0; i < v->n_keepers; i++)
		printf("             %s %s: %s\n",
		       v->keeper[i].keeps == BMC_KEEPS_LOST   ? "not followed" :
		       v->keeper[i].keeps == BMC_KEEPS_SILENT ? "not confirmed" :
								"holds fills",
		       v->keeper[i].peer, v->keeper[i].why);
	if (v->lost + v->held + v->silent > v->n_keepers)
		printf("             and %d more\n", v->lost + v->held + v->silent - v->n_keepers);
}

static void print_server(const struct bmc_status *s, const struct bmc_server_status *v)
{
	char user[BMC_USER_MAX];

	if (v->pid || v->unseen)
		print_running(v);
	else
		printf("  server     port %u: not running (as user %s)\n", v->port,
		       bmc_format_user(v->uid, user, sizeof(user)));
	if (v->unread && !v->lost)
		printf("             not all commands were read: items are served for --max-age at "
		       "most ('bmcctl reset%s' asks memcached whether a flush_all is to come)\n",
		       s->option);
	if (v->foreign)
		printf("             other users have %u socket%s at this port; UDP requests that "
		       "may be for %s are not answered by bmc (pass_others in stats)\n",
		       v->foreign, v->foreign == 1 ? "" : "s", v->foreign == 1 ? "it" : "them");
	if (*v->why_not)
		printf("             not cached: %s\n", v->why_not);
}

static void print_iface(const struct bmc_iface_status *i)
{
	printf("  interface  %s: ", i->name);
	if (i->xdp_id)
		printf("XDP program %u in %s mode", i->xdp_id, i->mode);
	else
		printf("no XDP program");
	if (i->tc_id)
		printf(", TC egress program %u\n", i->tc_id);
	else
		printf(", no TC egress program\n");
	if (*i->problem)
		printf("             not cached: %s\n", i->problem);
}

/*
 * Of those gets that were understood. Where many answers find no room, that is what there is to know: the rest is told by
 * `stats`.
 */
static void print_ratio(const struct bmc_totals *t)
{
	double large = (double)t->count[BMC_STAT_PASS_LARGE],
	       gets = (double)t->count[BMC_STAT_GETS];

	printf("  caching; %.1f %% of the gets that bmc understands were answered in the kernel\n",
	       100 * bmc_stats_hit_ratio(t));
	if (large > TOO_LARGE_SHARE * gets)
		printf("             %.1f %% had an answer with no room in a packet of their "
		       "interface (pass_large)\n",
		       100 * large / gets);
}

static void print_status(const struct bmc_status *s)
{
	char up[32], size[32], age[32];

	printf("instance %s, up %s, %s, max age %s\n", s->name,
	       bmc_format_uptime(s->uptime, up, sizeof(up)),
	       bmc_format_size(s->memory, size, sizeof(size)),
	       bmc_format_time(s->max_age_ns, age, sizeof(age)));
	if (s->forced)
		puts("  UNSAFE     started with --force: items may be served that memcached no "
		     "longer "
		     "has");
	if (s->unwatched)
		printf("  UNSAFE     %s was taken off the cgroup: items may be served that "
		       "memcached no longer has: run 'bmcctl stop%s', then start again\n",
		       s->unwatched, s->option);
	for (int i = 0; i < s->n_ifaces; i++)
		print_iface(&s->iface[i]);
	for (int i = 0; i < s->n_servers; i++)
		print_server(s, &s->server[i]);
	if (*s->why_not)
		printf("  nothing is cached: %s\n", s->why_not);
	else if (s->elsewhere)
		puts("  it is in another network namespace: ask there ('nsenter "
		     "--net=/run/netns/NAME bmcctl status')");
	else
		print_ratio(&s->totals);
}

/* ---- JSON ---- */
static void add_string(struct json_object *o, const char *key, const char *value)
{
	json_object_object_add(o, key, json_object_new_string(value));
}

static void add_number(struct json_object *o, const char *key, __u64 value)
{
	json_object_object_add(o, key, json_object_new_int64((int64_t)value));
}

static struct json_object *json_iface(const struct bmc_iface_status *i)
{
	struct json_object *o = json_object_new_object();

	add_string(o, "name", i->name);
	json_object_object_add(o, "gone", json_object_new_boolean(i->gone));
	add_string(o, "mode", i->mode);
	add_number(o, "xdp_program", i->xdp_id);
	add_number(o, "tc_program", i->tc_id);
	add_string(o, "why_nothing_is_cached", i->problem);
	return o;
}

static struct json_object *json_keeper(const struct bmc_keeper *k)
{
	struct json_object *o = json_object_new_object();

	add_string(o, "peer", k->peer);
	add_string(o, "keeps_out", k->keeps == BMC_KEEPS_SILENT ? "some keys" : "everything");
	add_string(o, "why", k->why);
	return o;
}

static struct json_object *json_server(const struct bmc_server_status *v)
{
	struct json_object *o = json_object_new_object(), *addresses = json_object_new_array(),
			   *keepers = json_object_new_array();
	char user[BMC_USER_MAX];

	add_number(o, "port", v->port);
	add_number(o, "uid", v->uid);
	add_string(o, "user", bmc_format_user(v->uid, user, sizeof(user)));
	add_number(o, "pid", (__u64)v->pid);
	add_string(o, "process", v->process);
	json_object_object_add(o, "process_unseen", json_object_new_boolean(v->unseen));
	json_object_object_add(o, "udp", json_object_new_boolean(v->has_udp));
	add_number(o, "udp_sockets_per_address", (__u64)v->udp_each);
	for (int i = 0; i < v->n_addresses; i++)
		json_object_array_add(addresses, json_object_new_string(v->address[i]));
	json_object_object_add(o, "addresses", addresses);
	add_number(o, "connections_in_step", (__u64)v->in_step);
	add_number(o, "connections_not_followed", (__u64)v->lost);
	add_number(o, "connections_holding", (__u64)v->held);
	add_number(o, "connections_not_confirmed", (__u64)v->silent);
	for (int i = 0; i < v->n_keepers; i++)
		json_object_array_add(keepers, json_keeper(&v->keeper[i]));
	json_object_object_add(o, "keepers", keepers);
	json_object_object_add(o, "not_all_read", json_object_new_boolean(v->unread));
	add_number(o, "marked_sockets", v->sockets);
	add_number(o, "sockets_of_others", v->foreign);
	add_number(o, "second_pid", (__u64)v->other_pid);
	add_number(o, "holds", v->holds);
	add_number(o, "udp_unanswered", (__u64)v->udp_out);
	json_object_object_add(o, "udp_holding", json_object_new_boolean(v->udp_held));
	add_number(o, "off", v->off);
	add_string(o, "why_nothing_is_cached", v->why_not);
	return o;
}

static struct json_object *json_status(const struct bmc_status *s)
{
	struct json_object *o = json_object_new_object(), *ifaces = json_object_new_array(),
			   *servers = json_object_new_array();

	add_string(o, "instance", s->name);
	json_object_object_add(o, "complete", json_object_new_boolean(s->complete));
	json_object_object_add(o, "busy", json_object_new_boolean(s->busy));
	json_object_object_add(o, "forced", json_object_new_boolean(s->forced));
	add_string(o, "taken_off_the_cgroup", s->unwatched ? s->unwatched : "");
	json_object_object_add(o, "elsewhere", json_object_new_boolean(s->elsewhere));
	add_number(o, "uptime_seconds", s->uptime);
	add_number(o, "memory_bytes", s->memory);
	json_object_object_add(o, "max_age_seconds", bmc_json_ratio((double)s->max_age_ns * 1e-9));
	for (int i = 0; i < s->n_ifaces; i++)
		json_object_array_add(ifaces, json_iface(&s->iface[i]));
	json_object_object_add(o, "interfaces", ifaces);
	for (int i = 0; i < s->n_servers; i++)
		json_object_array_add(servers, json_server(&s->server[i]));
	json_object_object_add(o, "servers", servers);
	json_object_object_add(o, "hit_ratio", bmc_json_ratio(bmc_stats_hit_ratio(&s->totals)));
	add_string(o, "why_nothing_is_cached", s->why_not);
	return o;
}

/* ---- which instances ---- */
struct show {
	struct json_object *list; /* NULL: text */
	int n;
	int code;
};

static int read_status(const char *name, void *ret)
{
	return bmc_status_read(name, ret);
}

static int show_one(const char *name, void *arg)
{
	static struct bmc_status status;
	struct show *show = arg;
	int err = bmc_cmd_read(name, read_status, &status);

	if (err && !bmc_pins_exist(name))
		return 0; /* another bmcctl has just stopped it */
	show->n++;
	if (err == -EPROTO) {
		show->code = bmc_fail(BMC_PINS_OTHER_VERSION, name, name);
		return 0;
	}
	if (err == -EBUSY) {
		show->code = bmc_fail(BMC_PINS_LOCKED, name);
		return 0;
	}
	if (err) {
		show->code = bmc_fail(
			"instance '%s' is damaged (%s): 'bmcctl stop --name %s' removes it", name,
			strerror(-err), name);
		return 0;
	}
	if (show->list)
		json_object_array_add(show->list, json_status(&status));
	else
		print_status(&status);
	return 0;
}

int bmc_cmd_status(const struct bmc_options *options)
{
	struct show show = { 0 };
	int code = bmc_cmd_check_rights();

	if (code)
		return code;
	if (bmc_pins_unusable())
		return bmc_fail("%s", bmc_pins_unusable());
	if (options->json)
		show.list = json_object_new_array();
	if (!options->name_given)
		bmc_pins_instances(show_one, &show);
	else if (bmc_pins_exist(options->name))
		show_one(options->name, &show);
	if (options->name_given && !show.n)
		show.code = bmc_cmd_fail_not_there(options->name);
	if (options->json)
		puts(json_object_to_json_string_ext(
			show.list, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
	else if (!show.n && !show.code)
		puts("no instance is running; 'bmcctl start --iface NAME' starts one");
	json_object_put(show.list);
	return show.code;
}
