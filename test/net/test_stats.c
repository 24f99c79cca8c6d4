// SPDX-License-Identifier: LGPL-2.1-only
/* `bmcctl stats`: what the cache holds after fills, writes, deletes, expiry and flushes whose number is known. */
#include <bpf/bpf.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bmc_abi.h"
#include "leaks.h"
#include "said.h"
#include "world.h"

#define BYPASS_KEYS 100
#define BYPASS_ROUNDS 20

static void holds(struct world *w, long long items, long long bytes, long long voided)
{
	assert_int_equal(world_stat(w, "items"), items);
	assert_int_equal(world_stat(w, "bytes"), bytes);
	assert_int_equal(world_stat(w, "items_void"), voided);
}

static void items_are_counted_as_they_come_and_go(void **state)
{
	struct world *w = *state;

	holds(w, 0, 0, 0);
	world_cache(w, "one", "1");
	world_cache(w, "two", "22");
	world_cache(w, "three", "333");
	holds(w, 3, 3 + 1 + 3 + 2 + 5 + 3, 0);
	tcp_expect(&w->tcp, "delete two\r\n", "DELETED");
	holds(w, 2, 3 + 1 + 5 + 3, 0);
	/* written: out, until it is asked for again */
	tcp_set(&w->tcp, "one", "1234567890", 10);
	holds(w, 1, 5 + 3, 0);
	world_warm(w, &w->udp, "one");
	holds(w, 2, 3 + 10 + 5 + 3, 0);
	assert_int_equal(world_stat(w, "evictions"), 0);
	assert_int_equal(world_stat(w, "refused_cold"), 0);
}

static void a_flush_voids_all(void **state)
{
	struct world *w = *state;

	world_cache(w, "one", "1");
	world_cache(w, "two", "22");
	assert_int_equal(bmcctl(&w->server, "flush --name %s", w->instance), 0);
	holds(w, 0, 0, 2);
	world_warm(w, &w->udp, "one");
	holds(w, 1, 4, 1);
	tcp_expect(&w->tcp, "flush_all\r\n", "OK");
	holds(w, 0, 0, 2);
}

static struct json_object *get(struct json_object *o, const char *key)
{
	struct json_object *found = NULL;

	if (!json_object_object_get_ex(o, key, &found))
		fail_msg("stats --json has no \"%s\":\n%s", key, bmcctl_result.out);
	return found;
}

static void text_and_json_say_the_share(void **state)
{
	struct world *w = *state;
	struct json_object *o;
	double share;

	world_cache(w, "one", "1");
	assert_int_equal(bmcctl(&w->server, "stats --name %s --json", w->instance), 0);
	o = json_tokener_parse(bmcctl_result.out);
	assert_non_null(o);
	share = 4.0 / (double)json_object_get_int64(get(o, "memory_bytes"));
	assert_true(json_object_get_double(get(o, "memory_share")) > share * 0.999);
	assert_true(json_object_get_double(get(o, "memory_share")) < share * 1.001);
	assert_false(json_object_get_boolean(get(o, "items_estimated")));
	json_object_put(o);
	assert_int_equal(bmcctl(&w->server, "stats --name %s", w->instance), 0);
	if (!strstr(bmcctl_result.out, "\nholds 1 item, 4 B of keys and values: 0.0 % of "))
		fail_msg("stats says:\n%s", bmcctl_result.out);
}

/* It was 0.80000000000000004. */
static void ratios_have_no_more_digits_than_tell_something(void **state)
{
	struct world *w = *state;

	world_cache(w, "one", "1");
	for (int i = 0; i < 10; i++) {
		double ratio;
		const char *at;

		udp_get(&w->udp, "one", &w->text);
		ratio = (double)world_stat(w, "hits") / (double)world_stat(w, "gets");
		at = strstr(bmcctl_result.out, "\"hit_ratio\":");
		assert_non_null(at);
		at += strlen("\"hit_ratio\":");
		assert_in_range(strcspn(at, ",}"), 1, strlen("0.123456"));
		assert_true(strtod(at, NULL) > ratio - 1e-5 && strtod(at, NULL) < ratio + 1e-5);
	}
}

static const char *const counters[] = {
#define NAME(id, name, what) name,
	BMC_STATS(NAME)
#undef NAME
};

static void has_metric(struct world *w, const char *name, const char *type, long long value)
{
	char type_line[128], sample[128];

	snprintf(type_line, sizeof(type_line), "\n# TYPE bmc_%s %s\n", name, type);
	snprintf(sample, sizeof(sample), "\nbmc_%s{name=\"%s\"} %lld\n", name, w->instance, value);
	if (!strstr(said.out, type_line) || !strstr(said.out, sample))
		fail_msg("stats --prometheus has no%sor no%s:\n%s", type_line, sample, said.out);
}

static void prometheus_has_all_counters(struct world *w)
{
	char name[64];

	for (size_t i = 0; i < TEST_COUNT(counters); i++) {
		snprintf(name, sizeof(name), "%s_total", counters[i]);
		has_metric(w, name, "counter", world_stat(w, counters[i]));
	}
	has_metric(w, "items", "gauge", 1);
	has_metric(w, "bytes", "gauge", 4);
	has_metric(w, "memory_bytes", "gauge", world_stat(w, "memory_bytes"));
}

/* Of each metric HELP, TYPE and one sample, all three of one name. */
static void prometheus_has_what_json_has(void **state)
{
	struct world *w = *state;
	char help[64], type[64], sample[64];
	int n = 0;

	world_cache(w, "one", "1");
	assert_int_equal(sh(w, "bmcctl stats --name %s --prometheus", w->instance), 0);
	prometheus_has_all_counters(w);
	for (const char *at = said.out; *at; n++) {
		assert_int_equal(
			sscanf(at, "# HELP %63[a-z_] %*[^\n]\n# TYPE %63[a-z_] %*[a-z]\n%63[a-z_]{",
			       help, type, sample),
			3);
		assert_string_equal(help, type);
		assert_string_equal(help, sample);
		for (int lines = 0; lines < 3; lines++)
			at = strchr(at, '\n') + 1;
	}
	assert_int_equal(n, TEST_COUNT(counters) + 5);
	assert_int_equal(sh(w, "bmcctl stats --name %s --prometheus --json", w->instance), 2);
}

static void an_instance_of_another_name_is_told(void **state)
{
	struct world *w = *state;

	assert_int_equal(bmcctl(&w->server, "stats --name %sx", w->instance), 1);
	assert_non_null(strstr(bmcctl_result.err, "is running, but '"));
}

/*
 * Another version's counters are more than this one's: the kernel would copy them all. (They were copied, over the end
 * of the buffer, and bmcctl died of it.)
 */
static void counters_of_another_version_are_not_read(void **state)
{
	struct world *w = *state;
	char path[300], pin[340];
	int fd = bpf_map_create(BPF_MAP_TYPE_PERCPU_ARRAY, "bmc_stats", 4,
				sizeof(struct bmc_stats) + 4096, 1, NULL);

	assert_true(fd >= 0);
	leaks_pins_path(w->instance, path, sizeof(path));
	snprintf(pin, sizeof(pin), "%s/maps/bmc_stats", path);
	assert_int_equal(unlink(pin), 0);
	assert_int_equal(bpf_obj_pin(fd, pin), 0);
	close(fd);
	assert_int_equal(bmcctl(&w->server, "stats --name %s", w->instance), 1);
	assert_non_null(strstr(bmcctl_result.err, "another version of bmcctl"));
	assert_int_equal(bmcctl(&w->server, "status --name %s", w->instance), 1);
	assert_non_null(
		strstr(bmcctl_result.err, "another version of bmcctl: 'bmcctl stop --name "));
}

/* With --max-age 0s, of items whose times are not known, none is a hit: after some hundred fills few replies do. */
static void what_is_never_asked_for_again_fills_seldom(void **state)
{
	struct world *w = *state;
	long long bypassed, fills;
	char key[16];

	world_stop_bmc(w);
	for (int i = 0; i < BYPASS_KEYS; i++) {
		snprintf(key, sizeof(key), "k%d", i);
		tcp_set(&w->tcp, key, "value", 5);
	}
	world_start_bmc(w, "--max-age 0s");
	for (int i = 0; i < BYPASS_KEYS * BYPASS_ROUNDS; i++) {
		snprintf(key, sizeof(key), "k%d", i % BYPASS_KEYS);
		assert_false(world_get(w, &w->udp, key));
		assert_memory_equal(w->text.data, "VALUE ", 6);
	}
	bypassed = world_stat(w, "stamp_bypassed");
	fills = world_stat(w, "fills");
	assert_true(bypassed > BYPASS_KEYS * BYPASS_ROUNDS / 2);
	assert_true(fills > 0 && fills < BYPASS_KEYS * BYPASS_ROUNDS / 2);
}

static const struct CMUnitTest tests[] = {
	WORLD_TEST(what_is_never_asked_for_again_fills_seldom),
	WORLD_TEST(items_are_counted_as_they_come_and_go),
	WORLD_TEST(a_flush_voids_all),
	WORLD_TEST(text_and_json_say_the_share),
	WORLD_TEST(ratios_have_no_more_digits_than_tell_something),
	WORLD_TEST(prometheus_has_what_json_has),
	WORLD_TEST(an_instance_of_another_name_is_told),
	WORLD_TEST(counters_of_another_version_are_not_read),
};

TEST_MAIN(tests, NULL, NULL)
