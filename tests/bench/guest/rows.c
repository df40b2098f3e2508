/* What a bench prints: its conditions first, then a row for each figure. */
#include "tests/bench/guest/guest.h"

#include <cpuid.h>
#include <stdio.h>
#include <string.h>

#include "kernel/base/version.h"
#include "kernel/machine/fw_cfg.h"
#include "kernel/shell/json.h"
#include "kernel/shell/parse.h"
#include "kernel/shell/sorted.h"
#include "kernel/shell/work.h"
#include "kernel/shell/wrap.h"

#define TEXT_BYTES 96

/* CPUID's brand string, leaves 0x80000002 to 4: what QEMU was told with -cpu. */
static void cpu_model(char out[TEXT_BYTES])
{
	unsigned leaf[12], a, b, c, d;
	__cpuid(0x80000000u, a, b, c, d);
	if (a < 0x80000004u) {
		strcpy(out, "unknown");
		return;
	}
	for (unsigned i = 0; i < 3; i++)
		__cpuid(0x80000002u + i, leaf[4 * i], leaf[4 * i + 1], leaf[4 * i + 2], leaf[4 * i + 3]);
	parse_printable((const char *)leaf, strnlen((const char *)leaf, sizeof(leaf)), out, TEXT_BYTES);
}

/* CPUID leaf 0x40000000: "TCGTCGTCGTCG", "KVMKVMKVM". */
static void hypervisor(char out[TEXT_BYTES])
{
	unsigned a, b, c, d;
	__cpuid(1, a, b, c, d);
	if (!(c & (1u << 31))) {
		strcpy(out, "none");
		return;
	}
	unsigned name[3];
	__cpuid(0x40000000u, a, name[0], name[1], name[2]);
	parse_printable((const char *)name, strnlen((const char *)name, sizeof(name)), out, TEXT_BYTES);
}

/* What only the host knows: QEMU's version, what backs our memory. scripts/run writes it into this file. */
static void host_says(char out[TEXT_BYTES])
{
	char text[TEXT_BYTES];
	int64_t n = fw_cfg_read("opt/nought/conditions", text, sizeof(text));
	if (n <= 0)
		strcpy(out, "unknown: started without scripts/run");
	else
		parse_printable(text, (size_t)n, out, TEXT_BYTES);
}

void bench_head(const char *bench, bool json)
{
	char cpu[TEXT_BYTES], hyper[TEXT_BYTES], host[TEXT_BYTES];
	struct mm_totals t;
	struct work work = {0};
	const struct work_row *report = TABLE_FIND(work, "report");
	cpu_model(cpu);
	hypervisor(hyper);
	host_says(host);
	mm_totals(&mm_system, &t);
	if (report)
		report->look(&work);
	const char *sink = work.by ? work.by : "none";
	unsigned long mib = (unsigned long)(t.managed >> 8);
	if (json) {
		struct json j = json_begin();
		json_text(&j, "bench", bench);
		json_object(&j, "conditions");
		json_text(&j, "host", host);
		json_text(&j, "cpu", cpu);
		json_text(&j, "hypervisor", hyper);
		json_text(&j, "reporter", sink);
		json_u64(&j, "managed_mib", mib);
		json_text(&j, "version", NOUGHT_VERSION);
		json_close(&j);
		json_end(&j);
		return;
	}
	char guest[3 * TEXT_BYTES];
	sniprintf(guest, sizeof(guest), "%s, hypervisor %s, %lu MiB managed, reporter %s, Nought %s", cpu, hyper, mib,
		  sink, NOUGHT_VERSION);
	wrap_print((unsigned)iprintf("host: "), 7, host);
	wrap_print((unsigned)iprintf("guest: "), 7, guest);
	iprintf("%-28s %12s %-8s %7s %7s %3s\n", "row", "median", "unit", "STDEV", "max dev", "n");
}

static const char *tenths(uint64_t v, char text[TEXT_BYTES])
{
	sniprintf(text, TEXT_BYTES, "%llu.%llu", (unsigned long long)(v / 10), (unsigned long long)(v % 10));
	return text;
}

void bench_row(const char *bench, bool json, const char *row, const char *unit, const struct samples *s,
	       const char *note)
{
	struct summary r = samples_summary(s);
	if (json) {
		struct json j = json_begin();
		json_text(&j, "bench", bench);
		json_text(&j, "row", row);
		json_fixed(&j, "value", (int64_t)r.median, 1);
		json_text(&j, "unit", unit);
		json_fixed(&j, "min", (int64_t)r.min, 1);
		json_fixed(&j, "max", (int64_t)r.max, 1);
		json_u64(&j, "n", s->n);
		json_fixed(&j, "stdev_pct", (int64_t)r.stdev_permille, 1);
		json_fixed(&j, "max_dev_pct", (int64_t)r.deviation_permille, 1);
		json_end(&j);
		return;
	}
	char median[TEXT_BYTES], stdev[TEXT_BYTES], deviation[TEXT_BYTES];
	iprintf("%-28s %12s %-8s %6s%% %6s%% %3u\n", row, tenths(r.median, median), unit,
		tenths(r.stdev_permille, stdev), tenths(r.deviation_permille, deviation), s->n);
	if (note)
		iprintf("    %s\n", note);
}
