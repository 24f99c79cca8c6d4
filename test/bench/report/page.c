// SPDX-License-Identifier: LGPL-2.1-only
/* The page: its head, its style for light and dark, and its sections in turn. */
#include <json-c/json.h>

#include "chart.h"
#include "sections.h"

static const char head[] =
	"<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
	"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	"<title>bmc-bench</title>\n<style>\n"
	":root{color-scheme:light dark;--paper:#fff;--card:#f7f8fa;--ink:#1b1f24;--soft:#59636e;"
	"--rule:#dfe3e8;--axis:#8c959f;--good:#17713a;--bad:#b3261e;"
	"--plain:#7d8792;--sr:#c77d0a;--bmc:#1f63d6;--bmc-sr:#0b8f83;--echo:#a58fd0;--old:#8fb3ee;"
	"--ideal:#1b1f24;--other:#b0567f}\n"
	"@media(prefers-color-scheme:dark){:root{--paper:#14171b;--card:#1b1f25;--ink:#e8ebee;"
	"--soft:#9aa4af;--rule:#2d333b;--axis:#6c7681;--good:#5bd08a;--bad:#ff8a80;"
	"--plain:#8f9aa6;--sr:#e6a23c;--bmc:#5b9bff;--bmc-sr:#35c2b4;--echo:#b79fe6;--old:#33548a;"
	"--ideal:#e8ebee;--other:#dd85ad}}\n"
	"*{box-sizing:border-box}body{margin:0;background:var(--paper);color:var(--ink);"
	"font:16px/1.5 system-ui,-apple-system,\"Segoe UI\",\"Liberation Sans\",Arial,sans-serif}\n"
	"main{max-width:800px;margin:0 auto;padding:40px 20px 64px}\n"
	"h1{font-size:30px;line-height:1.2;margin:0 0 8px}h2{font-size:21px;margin:48px 0 4px}"
	"h3{font-size:15px;margin:24px 0 6px;font-weight:600}p{margin:0 0 8px;color:var(--soft)}\n"
	"dl{display:grid;grid-template-columns:max-content 1fr;gap:4px 16px;margin:20px 0 0;"
	"padding:16px 20px;background:var(--card);border:1px solid "
	"var(--rule);border-radius:8px;font-size:14px}"
	"dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}"
	"code{font-family:ui-monospace,\"Liberation Mono\",monospace;font-size:13px}\n"
	"svg{display:block;width:100%;height:auto;background:var(--card);border:1px solid "
	"var(--rule);"
	"border-radius:8px;padding:12px 8px}\n"
	"svg text{font:12px system-ui,\"Liberation Sans\",Arial,sans-serif;fill:var(--soft)}"
	"svg .name{font-size:13px;fill:var(--ink)}svg "
	".value{font-size:13px;font-weight:600;fill:var(--ink)}"
	"svg .label{font-size:12.5px}\n"
	".grid{stroke:var(--rule)}.axis{stroke:var(--axis)}.spread{stroke:var(--ink);stroke-width:"
	"1.5}"
	".line{fill:none;stroke:var(--c);stroke-width:2.2;stroke-linejoin:round}.dashed{stroke-"
	"dasharray:5 4}"
	".leader{fill:none;stroke:var(--c);opacity:.6}.fill{fill:var(--c)}\n"
	".c-plain{--c:var(--plain)}.c-sr{--c:var(--sr)}.c-bmc{--c:var(--bmc)}.c-bmc-sr{--c:var(--"
	"bmc-sr)}"
	".c-echo{--c:var(--echo)}.c-old{--c:var(--old)}.c-ideal{--c:var(--ideal)}.c-other{--c:var(-"
	"-other)}\n"
	".wide{overflow-x:auto}details .wide{margin:0 calc((100% - min(100vw - "
	"40px,1100px))/"
	"2)}td:first-child{white-space:nowrap}table{border-collapse:collapse;width:100%;font-size:"
	"13.5px;margin-"
	"top:8px}"
	"th,td{padding:6px 10px;text-align:left;border-bottom:1px solid "
	"var(--rule);vertical-align:top}"
	"th{color:var(--soft);font-weight:600;white-space:nowrap}.n{text-align:right;white-space:"
	"nowrap;"
	"font-variant-numeric:tabular-nums}small{display:block;color:var(--soft);font-size:11.5px;"
	"font-weight:400}\n"
	".met{color:var(--good);font-weight:600}.missed{color:var(--bad);font-weight:600}"
	".legend{font-size:13px;margin-top:8px}details{border-top:1px solid "
	"var(--rule);padding:10px 0}summary{cursor:pointer}\n"
	"@media print{details>*{display:block}}\n"
	"</style></head><body><main>\n";

static void put_row(FILE *f, const char *name, const char *text, const char *tag)
{
	if (!*text)
		return;
	fprintf(f, "<dt>%s</dt><dd><%s>", name, tag);
	chart_escape(f, text);
	fprintf(f, "</%s></dd>\n", tag);
}

/* One that is not new has only another command. */
static void put_machine(struct json_object *m, int is_new, void *arg)
{
	char cpus[160], rounds[96];
	FILE *f = arg;

	if (is_new) {
		snprintf(cpus, sizeof(cpus), "%s × %.120s", report_text(m, "cpus"),
			 report_text(m, "cpu"));
		snprintf(rounds, sizeof(rounds), "%s of %g s a case and peer",
			 report_text(m, "rounds"), report_number(m, "seconds"));
		put_row(f, "Machine", cpus, "span");
		put_row(f, "Kernel", report_text(m, "kernel"), "span");
		put_row(f, "Server", report_text(m, "memcached"), "span");
		put_row(f, "Rounds", rounds, "span");
	}
	put_row(f, "Command", report_text(m, "command"), "code");
}

static void count_machine(struct json_object *m, int is_new, void *arg)
{
	(void)m;
	(void)is_new;
	++*(int *)arg;
}

static void put_machines(FILE *f, const struct report *r)
{
	int n = 0;

	report_each_machine(r, count_machine, &n);
	if (!n)
		return;
	fputs("<dl>\n", f);
	report_each_machine(r, put_machine, f);
	fputs("</dl>\n", f);
}

void report_page(FILE *f, const struct report *r)
{
	fputs(head, f);
	fputs("<h1>bmc and its peers</h1>\n<p>Client and server in network namespaces of one "
	      "machine, all peers in turn, "
	      "round after round.</p>\n",
	      f);
	put_machines(f, r);
	section_throughput(f, r);
	section_latency(f, r);
	section_memory(f, r);
	section_targets(f, r);
	section_tables(f, r);
	fputs("</main></body></html>\n", f);
}
