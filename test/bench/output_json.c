// SPDX-License-Identifier: LGPL-2.1-only
#include <json-c/json.h>
#include <math.h>
#include <string.h>

#include "client/histogram.h"
#include "output.h"

static void put(struct json_object *o, const char *name, struct json_object *value)
{
	json_object_object_add(o, name, value);
}

static void put_text(struct json_object *o, const char *name, const char *text)
{
	put(o, name, text ? json_object_new_string(text) : NULL);
}

/* JSON has no NAN: null. */
static struct json_object *number(double value)
{
	return isnan(value) ? NULL : json_object_new_double(value);
}

static void put_summary(struct json_object *o, const struct bench_summary *s)
{
	put(o, "median", number(s->median));
	put(o, "low", number(s->low));
	put(o, "high", number(s->high));
}

static struct json_object *figure(const struct bench_figures *f, int at, int arm, int metric)
{
	struct json_object *o = json_object_new_object(), *rounds = json_object_new_array();
	struct bench_summary s;

	bench_figures_summary(f, at, arm, metric, &s);
	put_text(o, "case", f->measure->cases[at]);
	put_text(o, "arm", f->measure->arms[arm]);
	put_text(o, "metric", f->measure->metrics[metric].name);
	put_text(o, "unit", f->measure->metrics[metric].unit);
	put_summary(o, &s);
	for (int i = 0; i < f->n_rounds; i++)
		json_object_array_add(rounds, number(*bench_figures_at(f, at, arm, metric, i)));
	put(o, "rounds", rounds);
	return o;
}

struct judging {
	const struct bench_figures *f;
	struct json_object *list;
};

static void add_verdict(const struct bench_verdict *v, void *arg)
{
	struct judging *j = arg;
	struct json_object *o = json_object_new_object();

	put_text(o, "case", j->f->measure->cases[v->at]);
	put_text(o, "metric", v->target->metric);
	put_text(o, "arm", v->target->arm);
	put_text(o, "over", v->target->over);
	put_text(o, "over_case", v->target->over_case);
	put_text(o, "unit", bench_target_unit(j->f->measure, v->target));
	if (!j->f->is_without_bmc) {
		put_text(o, "why", v->target->why);
		put_text(o, "bound", v->target->bound == BENCH_AT_MOST ? "at most" : "at least");
		put(o, "limit", number(v->target->limit));
	}
	put_summary(o, &v->summary);
	put(o, "met", v->is_met < 0 ? NULL : json_object_new_boolean(v->is_met));
	json_object_array_add(j->list, o);
}

/* Shares of a distribution, dense towards its slow end. */
static const double shares[] = { 0,    0.01,  0.05,  0.1,   0.2,    0.3,    0.4,    0.5,   0.6,
				 0.7,  0.75,  0.8,   0.85,  0.9,    0.925,  0.95,   0.975, 0.98,
				 0.99, 0.995, 0.998, 0.999, 0.9995, 0.9998, 0.9999, 1 };

static struct json_object *distribution(const struct bench_figures *f, int at, int arm,
					const struct bench_histogram *h)
{
	struct json_object *o = json_object_new_object(), *points = json_object_new_array();

	put_text(o, "case", f->measure->cases[at]);
	put_text(o, "arm", f->measure->arms[arm]);
	put_text(o, "unit", "us");
	put(o, "count", json_object_new_int64((int64_t)h->count));
	for (size_t i = 0; i < BENCH_COUNT(shares); i++) {
		struct json_object *point = json_object_new_array();

		json_object_array_add(point, number(shares[i]));
		json_object_array_add(
			point, number((double)bench_histogram_quantile(h, shares[i]) / 1000));
		json_object_array_add(points, point);
	}
	put(o, "points", points);
	return o;
}

static struct json_object *distributions(const struct bench_figures *f)
{
	struct json_object *list = json_object_new_array();

	for (int at = 0; at < f->n_cases; at++) {
		for (int arm = 0; arm < f->n_arms; arm++) {
			const struct bench_histogram *h = bench_figures_distribution(f, at, arm);

			if (h && h->count)
				json_object_array_add(list, distribution(f, at, arm, h));
		}
	}
	return list;
}

static struct json_object *metrics(const struct bench_figures *f)
{
	struct json_object *list = json_object_new_array();

	for (int m = 0; m < f->n_metrics; m++) {
		struct json_object *o = json_object_new_object();

		put_text(o, "metric", f->measure->metrics[m].name);
		put_text(o, "unit", f->measure->metrics[m].unit);
		put_text(o, "what", f->measure->metrics[m].what);
		json_object_array_add(list, o);
	}
	return list;
}

struct json_object *bench_figures_json(const struct bench_figures *f)
{
	struct json_object *o = json_object_new_object(), *figures = json_object_new_array();
	struct judging j = { .f = f, .list = json_object_new_array() };

	put_text(o, "measure", f->measure->name);
	put_text(o, "what", f->measure->what);
	put(o, "metrics", metrics(f));
	for (int at = 0; at < f->n_cases; at++) {
		for (int arm = 0; arm < f->n_arms; arm++) {
			for (int m = 0; m < f->n_metrics; m++)
				json_object_array_add(figures, figure(f, at, arm, m));
		}
	}
	put(o, "figures", figures);
	if (f->distributions)
		put(o, "distributions", distributions(f));
	bench_figures_judge(f, add_verdict, &j);
	put(o, "targets", j.list);
	return o;
}
