// SPDX-License-Identifier: LGPL-2.1-only
/* lincheck [FILE]: checks a history (history.h). Exit code 0: linearizable, 1: not, 2: cannot be read. */
#include <stdio.h>
#include <string.h>
#include <errno.h>

#include "history.h"

static int check_all(const struct histories *h)
{
	struct lin_verdict verdict;
	size_t violations = 0, n = 0;

	for (size_t i = 0; i < h->n; i++) {
		if (lin_check(h->list[i].ops, h->list[i].n, &verdict)) {
			fprintf(stderr, "lincheck: out of memory\n");
			return 2;
		}
		n += h->list[i].n;
		violations += verdict.violations;
		if (verdict.violations)
			history_explain(stdout, &h->list[i], &verdict);
	}
	printf("%zu keys, %zu operations, %zu violations\n", h->n, n, violations);
	return violations != 0;
}

int main(int argc, char **argv)
{
	FILE *file = argc > 1 ? fopen(argv[1], "re") : stdin;
	struct histories h;
	int code = 2;
	long line;

	if (argc > 2 || !file) {
		fprintf(stderr, "lincheck: %s\n",
			file ? "usage: lincheck [FILE]" : strerror(errno));
		return 2;
	}
	line = histories_read(file, &h);
	if (line > 0)
		fprintf(stderr, "lincheck: line %ld is not an operation\n", line);
	else if (line < 0)
		fprintf(stderr, "lincheck: out of memory\n");
	else
		code = check_all(&h);
	histories_free(&h);
	fclose(file);
	return code;
}
