/* bench pin: what it costs to get SIZE of zeroed memory in pages of one size, as the creator of a virtual machine
 * does, under each zeroing policy, on memory that the host backs already and on memory that it doesn't.
 *
 *   caller  what passes on the caller's clock while it allocates
 *   total   that, and what was spent before on zeroing these very pages, by the idle loop or when they were freed
 *   used    of absent memory: the caller's, and a first write to each frame: who hasn't stored zeroes meets the host's
 *           page fault only then
 *
 * Each repetition brings memory into the policy's starting state anew, the policies in turn, so that a change of the
 * host's mood meets all of them. resident: the pages' frames were written before; absent: they were reported, and
 * the host has dropped them. Zeroing ahead then makes the host back them ahead, and freeing zeroes what is dropped
 * afterwards: that is what these policies do. With report.poison what is reported is zeroed first, in every row; the
 * rows forget that again, as it is without, but for `kept`: pages that were used, freed, zeroed, reported, and are
 * asked for again. cost is what the zeroing took, saved what the caller of `alloc` in the same repetition took longer.
 */
#include <stdio.h>
#include <string.h>

#include "arch/x86_64/clock.h"
#include "kernel/console/console.h"
#include "kernel/shell/bench.h"
#include "kernel/shell/cmd.h"
#include "mm/zero.h"
#include "port/mm_port.h"
#include "tests/bench/guest/guest.h"

#define BATCH 512u /* pages asked for at once, where that is no more than 1 GiB */

enum policy { ALLOC, FREE, IDLE, KEPT, POLICIES };
static const char *const policy_name[POLICIES] = {"alloc", "free", "idle", "kept"};

struct pin {
	const char *page; /* 4k, 2m, 1g */
	unsigned order;
	uint64_t pages;
	struct list held;
	bool absent;
	enum policy policy;
	/* What the last repetition came to. */
	uint64_t caller_ns;
	uint64_t ahead_ns;
	uint64_t used_ns;
	uint64_t hit_frames;
};

static uint64_t frames(const struct pin *p)
{
	return p->pages << p->order;
}

static size_t batch(const struct pin *p, uint64_t at, uint64_t pages)
{
	size_t most = p->order == MM_ORDER_MAX ? 1 : BATCH;
	return pages - at < most ? pages - at : most;
}

/* Whether the user has had enough, looked at where a number of frames is a multiple of `every`. While the clock runs
 * that is a GiB, which nobody's figures notice. */
#define EVERY_TIMED   (GIB / FRAME_SIZE)
#define EVERY_UNTIMED (16 * MIB / FRAME_SIZE)
static bool interrupted(uint64_t frame, uint64_t every)
{
	return frame % every == 0 && console_interrupted("bench");
}

/* The first pages of the list. False: interrupted. They have gone back all the same, but not by the policy. */
static bool give_back(struct pin *p, uint64_t pages)
{
	bool good = true;
	for (uint64_t at = 0; at < pages; at += batch(p, at, pages)) {
		if (good && interrupted(at << p->order, EVERY_TIMED)) {
			still_policy("alloc");
			good = false;
		}
		mm_free_bulk(&mm_system, p->order, batch(p, at, pages), list_at(&p->held, at));
	}
	return good;
}

/* All or none, in batches; the pfns go straight to the list, whose blocks are a multiple of a batch long. */
static bool get(struct pin *p, unsigned want)
{
	for (uint64_t at = 0; at < p->pages; at += batch(p, at, p->pages)) {
		bool stop = interrupted(at << p->order, EVERY_TIMED);
		if (!stop && mm_alloc_bulk(&mm_system, p->order, want, batch(p, at, p->pages), list_at(&p->held, at)))
			continue;
		if (!stop)
			iprintf("bench pin: %llu pages of %s could not be had, only %llu\n",
				(unsigned long long)p->pages, p->page, (unsigned long long)at);
		still_policy("alloc");
		give_back(p, at);
		return false;
	}
	return true;
}

/* Writes a word to each frame: the host backs it from then on. False: interrupted. */
static bool touch(struct pin *p, uint64_t word, uint64_t every)
{
	for (uint64_t i = 0; i < p->pages; i++) {
		for (pfn_t f = 0; f < 1ull << p->order; f++) {
			if (interrupted((i << p->order) + f, every))
				return false;
			((volatile uint64_t *)mm_port_frame(*list_at(&p->held, i) + f))[1] = word;
		}
	}
	return true;
}

/* The promise, looked at in three places of each frame, after the clock was stopped. False: broken, or interrupted. */
static bool is_zero(struct pin *p)
{
	for (uint64_t i = 0; i < p->pages; i++) {
		for (pfn_t f = 0; f < 1ull << p->order; f++) {
			if (interrupted((i << p->order) + f, EVERY_UNTIMED))
				return false;
			pfn_t pfn = *list_at(&p->held, i) + f;
			const uint64_t *word = mm_port_frame(pfn);
			if (word[0] | word[256] | word[511]) {
				iprintf("bench pin: frame 0x%llx isn't zero\n", (unsigned long long)pfn);
				return false;
			}
		}
	}
	return true;
}

/* ns for zeroing as many frames as the pin has, from the ledger's change since before. */
static uint64_t share(const struct pin *p, uint64_t ns, uint64_t done_frames)
{
	return done_frames ? ns * frames(p) / done_frames : 0;
}

/* Memory that was used and is free now: under the policy `free` zeroed on its way. */
static bool use_and_free(struct pin *p)
{
	struct zero_ledger before, after;
	if (!get(p, MM_ANY))
		return false;
	bool good = touch(p, ~0ull, EVERY_UNTIMED);
	if (p->policy == FREE && good)
		still_policy("free");
	zero_ledger(&mm_system, &before);
	good &= give_back(p, p->pages);
	zero_ledger(&mm_system, &after);
	if (p->policy == FREE)
		p->ahead_ns = share(p, after.free_ns - before.free_ns, after.free_frames - before.free_frames);
	return good;
}

static bool zero_ahead(struct pin *p)
{
	struct zero_ledger before, after;
	struct mm_totals t;
	mm_totals(&mm_system, &t);
	/* Reported memory is zeroed only as far as the low mark asks for it: the pin's size, and 5% for
	 * what it gets in pieces that are too small. */
	uint64_t low = p->absent ? frames(p) * 100 / t.managed + 5 : 0;
	zero_ledger(&mm_system, &before);
	if (!still_zero(low > 100 ? 100 : low))
		return false;
	zero_ledger(&mm_system, &after);
	p->ahead_ns = share(p, after.idle_ns - before.idle_ns, after.idle_frames - before.idle_frames);
	return true;
}

/* As the reporter wants it: zeroed, then reported, and still known to be zero. */
static bool zero_and_report(struct pin *p)
{
	struct zero_ledger before, after;
	if (!use_and_free(p))
		return false;
	zero_ledger(&mm_system, &before);
	if (!still_report())
		return false;
	zero_ledger(&mm_system, &after);
	p->ahead_ns = share(p, after.idle_ns - before.idle_ns, after.idle_frames - before.idle_frames);
	return true;
}

static bool prepare(struct pin *p)
{
	p->ahead_ns = 0;
	if (!p->absent)
		still_dirty();
	else if (!still_clean())
		return false;
	if (p->policy == KEPT)
		return zero_and_report(p);
	/* The policies that meet absent memory as it is need no use before it; `free` does, and reports afterwards. */
	if (!p->absent || p->policy == FREE) {
		if (!use_and_free(p))
			return false;
		if (p->absent && !still_clean())
			return false;
	}
	if (p->policy == IDLE)
		return zero_ahead(p);
	still_policy(policy_name[p->policy]);
	return true;
}

static bool measure(struct pin *p)
{
	struct zero_ledger before, after;
	if (!prepare(p))
		return false;
	zero_ledger(&mm_system, &before);
	uint64_t start = clock_ns();
	if (!get(p, MM_ZERO_COLD))
		return false;
	p->caller_ns = clock_ns() - start;
	zero_ledger(&mm_system, &after);
	p->hit_frames = after.hit_frames - before.hit_frames;
	bool good = true;
	if (p->absent) {
		start = clock_ns();
		good = touch(p, 0, EVERY_TIMED);
		p->used_ns = p->caller_ns + clock_ns() - start;
	}
	good = good && is_zero(p);
	still_policy("alloc");
	return give_back(p, p->pages) && good;
}

struct result {
	struct samples caller, total, used;
	uint64_t hit_frames;
};

/* Of KEPT, in ms/GiB. */
struct worth {
	struct samples cost, saved;
};

static void per_gib(const struct pin *p, struct samples *s, uint64_t ns)
{
	samples_add(s, ns * (GIB / FRAME_SIZE) / 1000, frames(p) * 1000);
}

static void print(const struct pin *p, enum policy policy, const struct result *r, unsigned reps, bool json)
{
	char row[48], note[48];
	const char *backing = p->absent ? "absent" : "resident";
	uint64_t tenths = r->hit_frames * 1000 / (frames(p) * reps);
	sniprintf(note, sizeof(note), "%llu.%llu%% from stock", (unsigned long long)(tenths / 10),
		  (unsigned long long)(tenths % 10));
	sniprintf(row, sizeof(row), "%s.%s.%s.caller", p->page, policy_name[policy], backing);
	bench_row("pin", json, row, "ns/page", &r->caller, note);
	sniprintf(row, sizeof(row), "%s.%s.%s.total", p->page, policy_name[policy], backing);
	bench_row("pin", json, row, "ns/page", &r->total, NULL);
	if (!p->absent)
		return;
	sniprintf(row, sizeof(row), "%s.%s.%s.used", p->page, policy_name[policy], backing);
	bench_row("pin", json, row, "ns/page", &r->used, NULL);
}

static void print_worth(const struct pin *p, const struct worth *w, bool json)
{
	char row[48];
	sniprintf(row, sizeof(row), "%s.kept.absent.cost", p->page);
	bench_row("pin", json, row, "ms/GiB", &w->cost, "zeroed to be reported");
	sniprintf(row, sizeof(row), "%s.kept.absent.saved", p->page);
	bench_row("pin", json, row, "ms/GiB", &w->saved, "against alloc, to the caller");
}

static bool backing(struct pin *p, unsigned reps, bool json)
{
	static struct result result[POLICIES];
	static struct worth worth;
	enum policy end = KEPT;
	memset(result, 0, sizeof(result));
	memset(&worth, 0, sizeof(worth));
	/* With all else reported, the pages that were used and freed are the only ones that are dirty, and those that
	 * an allocation takes first: so once they are resident they stay so from one repetition to the next. */
	if (!p->absent && !still_clean())
		return false;
	for (unsigned rep = 0; rep < reps; rep++) {
		uint64_t alloc_ns = 0;
		for (p->policy = ALLOC; p->policy < end; p->policy++) {
			struct result *r = &result[p->policy];
			if (console_interrupted("bench") || !measure(p))
				return false;
			samples_add(&r->caller, p->caller_ns, p->pages);
			samples_add(&r->total, p->caller_ns + p->ahead_ns, p->pages);
			samples_add(&r->used, p->used_ns, p->pages);
			r->hit_frames += p->hit_frames;
			if (p->policy == ALLOC)
				alloc_ns = p->caller_ns;
			if (p->absent && still_keeps_zero())
				end = POLICIES;
			if (p->policy != KEPT)
				continue;
			per_gib(p, &worth.cost, p->ahead_ns);
			per_gib(p, &worth.saved, alloc_ns > p->caller_ns ? alloc_ns - p->caller_ns : 0);
		}
	}
	for (enum policy i = ALLOC; i < end; i++)
		print(p, i, &result[i], reps, json);
	if (end == POLICIES)
		print_worth(p, &worth, json);
	else if (p->absent && !json)
		iprintf("report.poison isn't on: no rows for memory that stays zero\n");
	return true;
}

static int bench_pin(int argc, char **argv, bool json)
{
	static const char *const pages[] = {"4k", "2m", "1g", NULL};
	static const unsigned orders[] = {0, MM_ORDER_AREA, MM_ORDER_MAX};
	const char *reps_text = NULL;
	const struct cmd_option options[] = {{'n', "REPS", NULL, &reps_text}, {0}};
	uint64_t bytes, reps = BENCH_REPS;
	struct mm_totals t;
	struct pin p = {0};

	if (cmd_args(argc, argv, options, "SIZE and 4k, 2m or 1g", 2, 2) < 0)
		return CMD_FAILED;
	if (reps_text && cmd_number(argv[0], "REPS", reps_text, parse_numbers(1, BENCH_REPS_MAX), &reps))
		return CMD_FAILED;
	int size = cmd_choice(argv[0], argv[2], pages);
	if (size < 0)
		return CMD_FAILED;
	p.page = pages[size];
	p.order = orders[size];
	mm_totals(&mm_system, &t);
	uint64_t page_bytes = FRAME_SIZE << p.order;
	if (t.free << FRAME_SHIFT < page_bytes) {
		iprintf("%s: %s is more than the %llu bytes that are free\n", argv[0], p.page,
			(unsigned long long)(t.free << FRAME_SHIFT));
		return CMD_FAILED;
	}
	if (cmd_number(argv[0], "SIZE", argv[1], parse_sizes(page_bytes, t.free << FRAME_SHIFT), &bytes))
		return CMD_FAILED;
	p.pages = bytes / page_bytes;

	struct still still;
	bool good = list_make(&p.held, p.pages);
	if (!good)
		return CMD_FAILED;
	still_begin(&still);
	bench_head("pin", json);
	good = backing(&p, (unsigned)reps, json);
	p.absent = true;
	if (good && still_has_reporter())
		good = backing(&p, (unsigned)reps, json);
	else if (good && !json)
		iprintf("no reporter: no rows for absent memory\n");
	still_end(&still);
	list_drop(&p.held);
	return good ? 0 : CMD_FAILED;
}

BENCH(pin, "pin", "SIZE 4k|2m|1g [-n REPS]", "get SIZE of zeroed memory under each zeroing policy", bench_pin);
