// SPDX-License-Identifier: LGPL-2.1-only
#include "lives.h"

#include <stdio.h>
#include <string.h>

#include "test.h"

#define WARM_GETS 4
#define SERVED_S 5 /* in which the kernel answers for certain, */
#define NOT_SERVED_S 0.05 /* and as a rule */

void lives_add(struct lives *l, const char *const *keys, int n)
{
	for (int i = 0; i < n; i++) {
		assert_true(l->n < LIVES_KEYS_MAX);
		l->key[l->n++] = keys[i];
	}
}

void lives_say(struct tcp *t, const char *commands, int answers)
{
	struct text answer = {};

	tcp_send(t, commands, strlen(commands));
	for (int i = 0; i < answers; i++)
		assert_int_equal(tcp_receive(t, TEST_ANSWER_S, &answer), 0);
	text_free(&answer);
}

static int is_there(const struct text *answer)
{
	return answer->len > 5 && !memcmp(answer->data, "VALUE", 5);
}

void lives_warm(struct lives *l, const char *key)
{
	for (int i = 0; i < WARM_GETS; i++)
		udp_get(l->udp, key, &l->text);
}

int lives_is_cached(struct lives *l, const char *key, int expected)
{
	char line[300];
	int len = snprintf(line, sizeof(line), "get %s\r\n", key);

	udp_send(l->udp, line, (size_t)len);
	return !udp_receive(l->udp, l->udp->id, expected ? SERVED_S : NOT_SERVED_S, &l->text) &&
	       is_there(&l->text);
}

const char *lives_not_cached(struct lives *l, const char *const *keys, int n)
{
	const char *missing = NULL;

	for (int i = 0; i < n; i++)
		lives_warm(l, keys[i]);
	memcached_freeze(l->memcached);
	for (int i = 0; i < n && !missing; i++) {
		if (!lives_is_cached(l, keys[i], 1))
			missing = keys[i];
	}
	memcached_thaw(l->memcached);
	return missing;
}

void lives_assert_cached(struct lives *l, const char *const *keys, int n)
{
	const char *missing = lives_not_cached(l, keys, n);

	if (missing)
		fail_msg("'%s' is not cached", missing);
}

void lives_assert_after(struct lives *l, const char *const *keys, int n, double age, int served)
{
	for (int i = 0; i < n; i++)
		lives_warm(l, keys[i]);
	memcached_freeze(l->memcached);
	test_sleep(age);
	for (int i = 0; i < n; i++) {
		if (lives_is_cached(l, keys[i], served) != served)
			fail_msg("'%s' is %s after --max-age", keys[i],
				 served ? "not served" : "served");
	}
	memcached_thaw(l->memcached);
	for (int i = 0; i < n && !served; i++) /* those that waited */
		udp_receive(l->udp, l->udp->id, 0.05, &l->text);
}

static void watch_key(struct lives *l, const char *key)
{
	char line[300];
	int gone;

	snprintf(line, sizeof(line), "get %s\r\n", key);
	tcp_ask(l->tcp, line, &l->text);
	gone = !is_there(&l->text);
	udp_get(l->udp, key, &l->text);
	if (gone && is_there(&l->text))
		fail_msg("'%s' is over, and served", key);
}

void lives_watch(struct lives *const *servers, int n, double seconds)
{
	double until = test_now() + seconds;

	while (test_now() < until) {
		for (int i = 0; i < n; i++) {
			for (int k = 0; k < servers[i]->n; k++)
				watch_key(servers[i], servers[i]->key[k]);
		}
		test_sleep(0.02);
	}
}
