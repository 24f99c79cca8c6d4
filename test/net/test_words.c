// SPDX-License-Identifier: LGPL-2.1-only
/* What bmcctl says to who sees it for the first time: which command, which instance, whose memcached, what is missing. */
#include <stdio.h>
#include <string.h>

#include "said.h"
#include "world.h"

#define START "start --name %s --iface " WORLD_IF " --memory 16M"

/* It hinted at `bmcctl --help`, which has no options. */
static void a_wrong_option_hints_at_its_command(void **state)
{
	struct world *w = *state;

	assert_int_equal(sh(w, "bmcctl stats --bogus"), 2);
	assert_says(said.err, "Try 'bmcctl stats --help'.");
	assert_int_equal(sh(w, "bmcctl start"), 2);
	assert_says(said.err, "Try 'bmcctl start --help'.");
	assert_int_equal(sh(w, "bmcctl bogus"), 2);
	assert_says(said.err, "Try 'bmcctl --help'.");
}

/* `help start` had no options of `start`. */
static void help_of_a_command_has_its_options(void **state)
{
	struct world *w = *state;

	assert_int_equal(sh(w, "bmcctl help start"), 0);
	assert_says(said.out, "Usage: bmcctl start ");
	assert_says(said.out, "--iface NAME");
	assert_int_equal(sh(w, "bmcctl --help stats"), 0);
	assert_says(said.out, "--prometheus");
	assert_int_equal(sh(w, "bmcctl help bogus"), 2);
	assert_says(said.err, "unknown command 'bogus'");
}

/* Its notes came before all results where both go to one place, as in the journal. */
static void notes_come_in_their_turn(void **state)
{
	struct world *w = *state;

	assert_int_equal(sh(w, "bmcctl " START " 2>&1", w->instance), 0);
	assert_says_before(said.out, "watching the cgroup", WORLD_IF " is a veth: skb mode");
	world_stop_bmc(w);
}

/* At a peer with a program it said what it needs, and not how to have it. */
static void how_a_veth_gets_native_mode_is_told(void **state)
{
	struct world *w = *state;

	assert_int_equal(sh(w, "bmcctl " START, w->instance), 0);
	assert_says(said.err, "if it has one: --mode native");
	world_stop_bmc(w);
	world_start_bmc(w, "");
}

/* Who asked for skb mode was told why it is not the native one. */
static void who_asks_for_skb_mode_is_not_told_why(void **state)
{
	struct world *w = *state;

	assert_int_equal(sh(w, "bmcctl " START " --mode skb", w->instance), 0);
	assert_says(said.out, "XDP in skb mode");
	assert_says_not(said.err, "is a veth");
	world_stop_bmc(w);
}

/* It said "learnt when 0 of 0 items expire", and that not all of them were. */
static void nothing_to_learn_is_said_once(void **state)
{
	struct world *w = *state;

	memcached_stop(&w->memcached);
	assert_int_equal(sh(w, "bmcctl " START " --learn --wait --user nobody", w->instance), 0);
	assert_says(said.out, "port 11211: nothing to learn: no memcached is there yet");
	assert_says_not(said.out, "learnt when");
	assert_says_not(said.err, "could be learnt");
}

/* It said how many have no room, and that there is no room. */
static void that_there_is_no_room_to_learn_is_said_once(void **state)
{
	struct world *w = *state;

	assert_int_equal(
		sh(w, "bash -c 'exec 3<>/dev/tcp/" WORLD_IP4 "/11211; awk \"BEGIN { for (; i < "
		      "200000; i++) printf \\\"set k%%d 0 9999 1 noreply\\\\r\\\\nx\\\\r\\\\n\\\", "
		      "i; printf \\\"mn\\\\r\\\\n\\\" }\" >&3; read -t 20 -u 3'"),
		0);
	assert_int_equal(sh(w, "bmcctl " START " --learn", w->instance), 0);
	assert_says(said.err, "there is no room for more: give more --memory");
	assert_says_not(said.err, "there was no room for the times");
}

/* They stood in the order in which bpffs has them. */
static void instances_stand_in_order(void **state)
{
	struct world *w = *state;
	char first[40], second[40];

	snprintf(first, sizeof(first), "%s-a", w->instance);
	snprintf(second, sizeof(second), "%s-b", w->instance);
	child_sh(&w->server, "ip link add a0 type veth peer name b0");
	for (int turn = 0; turn < 2; turn++) {
		const char *names[] = { turn ? first : second, turn ? second : first };

		for (int i = 0; i < 2; i++)
			assert_int_equal(sh(w,
					    "bmcctl start --name %s --iface %s0 --memory 16M "
					    "--wait --user nobody --port %d",
					    names[i], i ? "a" : "b", 5 + i),
					 0);
		sh(w, "bmcctl status"); /* others' instances may be at their start or stop */
		assert_int_equal(bmcctl(&w->server, "stop --name %s", first), 0);
		assert_int_equal(bmcctl(&w->server, "stop --name %s", second), 0);
		assert_says_before(said.out, first, second);
	}
}

/* That it was stopped between two looks was damage, sometimes. */
static void an_instance_that_is_just_stopped_is_not_damaged(void **state)
{
	struct world *w = *state;
	char what[64];

	assert_int_equal(sh(w,
			    "(for i in 1 2 3; do " BMC_BMCCTL " " START "; " BMC_BMCCTL
			    " stop --name %s; done) >/dev/null 2>&1 & "
			    "while kill -0 $! 2>/dev/null; do bmcctl status >/dev/null; done; "
			    "wait",
			    w->instance, w->instance),
			 0);
	/* `status` has those of other tests as well, some of which are */
	snprintf(what, sizeof(what), "instance '%s' is damaged", w->instance);
	assert_says_not(said.err, what);
}

/* "user id 65534". */
static void a_user_has_its_name(void **state)
{
	struct world *w = *state;

	assert_int_equal(sh(w, "bmcctl " START " --wait --user daemon", w->instance), 0);
	assert_says(said.err, "user nobody listens on port 11211, who is not --user daemon");
	assert_int_equal(sh(w, "bmcctl status --name %s", w->instance), 0);
	assert_says(said.out, "not running (as user daemon)");
	assert_says(said.out, "runs as another user than daemon");
	assert_int_equal(sh(w, "bmcctl status --name %s --json", w->instance), 0);
	assert_says(said.out, "\"user\":\"daemon\"");
}

/* `start` refuses it; of one that came later `status` said only that there are no requests. */
static void a_memcached_on_loopback_alone_is_told_later_too(void **state)
{
	struct world *w = *state;

	memcached_stop(&w->memcached);
	assert_int_equal(sh(w, "bmcctl " START " --wait --user nobody", w->instance), 0);
	memcached_start(&w->memcached, &w->server, WORLD_PORT, "-l 127.0.0.1");
	assert_int_equal(sh(w, "bmcctl status --name %s", w->instance), 0);
	assert_says(said.out, "not cached: its UDP is on loopback only");
	assert_says(said.out, "nothing is cached: port 11211: its UDP is on loopback only");
}

/* With one of two servers down it said "caching; 0.0 %" to who had sent no request yet. */
static void that_no_request_has_come_is_told_beside_what_is_wrong(void **state)
{
	struct world *w = *state;

	assert_int_equal(sh(w, "bmcctl " START " --wait --user nobody --port 11211 --port 11212",
			    w->instance),
			 0);
	assert_int_equal(sh(w, "bmcctl status --name %s", w->instance), 0);
	assert_says(said.out, "not cached: no memcached listens there");
	assert_says(said.out, "nothing is cached: no UDP request has come in");
	assert_says(said.out, "(requests of this machine to itself come in by lo)");
	assert_says_not(said.out, "caching;");
}

/* "XDP program 0 in native mode", and a stop of another instance. */
static void what_to_stop_has_the_name_of_the_instance(void **state)
{
	struct world *w = *state;
	char what[64];

	snprintf(what, sizeof(what), "run 'bmcctl stop --name %s', then", w->instance);
	child_sh(&w->server, "ip link del " WORLD_IF);
	assert_int_equal(sh(w, "bmcctl status --name %s", w->instance), 0);
	assert_says(said.out, WORLD_IF ": no XDP program, no TC egress program");
	assert_says(said.out, what);
	assert_int_equal(sh(w, "bmcctl status --name %s --json", w->instance), 0);
	assert_says(said.out, "\"gone\":true");
}

/* Nothing told with which --max-age an instance runs. */
static void status_has_the_max_age(void **state)
{
	struct world *w = *state;

	assert_int_equal(sh(w, "bmcctl " START " --max-age 500ms", w->instance), 0);
	assert_int_equal(sh(w, "bmcctl status --name %s", w->instance), 0);
	assert_says(said.out, ", max age 0.5 s\n");
	assert_int_equal(sh(w, "bmcctl status --name %s --json", w->instance), 0);
	assert_says(said.out, "\"max_age_seconds\":0.5,");
}

/* On veth large values are never answered in the kernel, and `status` said "caching; 0.0 %". */
static void answers_without_room_are_told(void **state)
{
	struct world *w = *state;
	char value[1001];

	memset(value, 'v', 1000);
	value[1000] = 0;
	assert_int_equal(sh(w, "bmcctl " START " --mode skb", w->instance), 0);
	world_open_clients(w);
	tcp_set(&w->tcp, "k", value, 1000);
	for (int i = 0; i < 10; i++)
		world_get(w, &w->udp, "k");
	assert_int_equal(sh(w, "bmcctl status --name %s", w->instance), 0);
	assert_says_before(said.out, "caching; ", "% had an answer with no room in a packet");
}

/* It said only that no reply was one plain item, to who asked for keys that are not there. */
static void keys_that_are_not_there_are_told(void **state)
{
	struct world *w = *state;

	assert_int_equal(sh(w, "bmcctl " START, w->instance), 0);
	world_open_clients(w);
	world_get(w, &w->udp, "nothing");
	assert_int_equal(sh(w, "bmcctl status --name %s", w->instance), 0);
	assert_says(said.out, "nothing is cached: none of memcached's UDP replies has held an "
			      "item that fits one datagram yet: does it have the keys");
}

/* A counter's HELP said "of these", which Prometheus shows by itself. */
static void the_help_of_a_metric_stands_alone(void **state)
{
	struct world *w = *state;

	assert_int_equal(sh(w, "bmcctl " START, w->instance), 0);
	assert_int_equal(sh(w, "bmcctl stats --name %s --prometheus", w->instance), 0);
	assert_says(said.out, "# HELP bmc_miss_expired_total misses ");
	assert_says_not(said.out, "of these");
}

/* It was attached to in silence, and `status` said only that there are no requests. */
static void an_interface_that_is_down_is_told(void **state)
{
	struct world *w = *state;

	child_sh(&w->server, "ip link set " WORLD_IF " down");
	assert_int_equal(sh(w, "bmcctl " START, w->instance), 0);
	assert_says(said.err, WORLD_IF " is down");
	assert_int_equal(sh(w, "bmcctl status --name %s", w->instance), 0);
	assert_says(said.out, "nothing is cached: " WORLD_IF ": it is down");
	assert_int_equal(
		sh(w, "ip link set " WORLD_IF " up && bmcctl status --name %s", w->instance), 0);
	assert_says_not(said.out, "down");
}

static const char *manual(void)
{
	static char text[1 << 16];
	FILE *f = fopen(BMC_MANUAL, "re");

	assert_non_null(f);
	text[fread(text, 1, sizeof(text) - 1, f)] = 0;
	fclose(f);
	return text;
}

/* The keys of what was said, each of which is a word of the manual. */
static void assert_explained(const char *man)
{
	for (const char *at = strstr(said.out, "\":"); at; at = strstr(at + 1, "\":")) {
		const char *begin = at;
		char key[64], *place;

		while (begin > said.out && begin[-1] != '"')
			begin--;
		snprintf(key, sizeof(key), "%.*s", (int)(at - begin), begin);
		for (place = strstr(man, key); place; place = strstr(place + 1, key)) {
			if (!strchr("_abcdefghijklmnopqrstuvwxyz", place[strlen(key)]) &&
			    !strchr("_abcdefghijklmnopqrstuvwxyz", place[-1]))
				break;
		}
		if (!place)
			fail_msg("'%s' is not in the manual", key);
	}
}

/* What `status --json` prints was told nowhere. */
static void the_manual_has_all_keys_of_the_json(void **state)
{
	struct world *w = *state;
	const char *man = manual();

	assert_int_equal(sh(w, "bmcctl " START " --strict", w->instance), 0);
	assert_int_equal(sh(w, "bmcctl stats --name %s --json", w->instance), 0);
	assert_explained(man);
	assert_int_equal(sh(w, "bmcctl status --name %s --json", w->instance), 0);
	assert_explained(man);
}

#define WITHOUT_BMC(name)                                                                          \
	cmocka_unit_test_setup_teardown(name, world_setup_memcached, world_teardown)

static const struct CMUnitTest tests[] = {
	WITHOUT_BMC(a_wrong_option_hints_at_its_command),
	WITHOUT_BMC(help_of_a_command_has_its_options),
	WITHOUT_BMC(notes_come_in_their_turn),
	WITHOUT_BMC(how_a_veth_gets_native_mode_is_told),
	WITHOUT_BMC(who_asks_for_skb_mode_is_not_told_why),
	WITHOUT_BMC(nothing_to_learn_is_said_once),
	WITHOUT_BMC(that_there_is_no_room_to_learn_is_said_once),
	WITHOUT_BMC(instances_stand_in_order),
	WITHOUT_BMC(an_instance_that_is_just_stopped_is_not_damaged),
	WITHOUT_BMC(a_user_has_its_name),
	WITHOUT_BMC(a_memcached_on_loopback_alone_is_told_later_too),
	WITHOUT_BMC(that_no_request_has_come_is_told_beside_what_is_wrong),
	WORLD_TEST(what_to_stop_has_the_name_of_the_instance),
	WITHOUT_BMC(status_has_the_max_age),
	WITHOUT_BMC(answers_without_room_are_told),
	WITHOUT_BMC(keys_that_are_not_there_are_told),
	WITHOUT_BMC(the_help_of_a_metric_stands_alone),
	WITHOUT_BMC(an_interface_that_is_down_is_told),
	WITHOUT_BMC(the_manual_has_all_keys_of_the_json),
};

TEST_MAIN(tests, NULL, NULL)
