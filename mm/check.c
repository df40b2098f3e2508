/* One function that walks everything: every count, ladder and index is derived anew from the bitmaps and compared. */
#include "port/mm_port.h"

#include "mm/cache.h"
#include "mm/index.h"
#include "mm/place.h"
#include "mm/timing.h"

#define EXPECT(cond, ...)                                       \
	do {                                                    \
		if (!(cond)) {                                  \
			mm_port_log("mm: check: " __VA_ARGS__); \
			return false;                           \
		}                                               \
	} while (0)

struct sums {
	uint64_t managed, free, zero, reported, reported_zero, fresh, isolated, cached;
};

/* A mapped area's frames: each in exactly one of the states, allocated blocks well-formed. Counts what it sees. */
static bool check_words(struct mm *mm, uint32_t a, struct sums *s)
{
	const struct mm_area *area = &mm->areas[a];
	const struct area_bits *bits = &mm->bits[a];
	unsigned free = 0, zero = 0, reported = 0, reported_zero = 0, fresh = 0, mibs = 0;

	for (unsigned w = 0; w < AREA_WORDS; w++) {
		const struct mm_word *word = &bits->word[w];
		uint64_t isolated = bits->isolated[w];
		uint64_t hole = isolated & word->start;
		EXPECT((word->free & (word->start | isolated)) == 0, "area %u word %u: frames both free and not", a, w);
		EXPECT(hole == 0 || (area->flags & AREA_HOLES) != 0, "area %u word %u: holes unflagged", a, w);
		free += bit_count(word->free);
		zero += bit_count(word_class(bits, w, CLASS_ZERO));
		reported_zero += bit_count(word_class(bits, w, CLASS_REPORTED_ZERO));
		reported += bit_count(word_class(bits, w, CLASS_REPORTED));
		fresh += bit_count(word_class(bits, w, CLASS_FRESH));
		s->isolated += bit_count(isolated & ~hole);
		s->managed += 64 - bit_count(hole);
		/* A frame that is none of free, isolated, or first of a block belongs to the block before it. */
		uint64_t body = ~(word->free | word->start | isolated);
		uint64_t before = w == 0 ? 0 : ~(bits->word[w - 1].free | bits->isolated[w - 1]) >> 63;
		uint64_t owned = ~(word->free | isolated);
		EXPECT((body & ~(owned << 1 | before)) == 0, "area %u word %u: a block without a first frame", a, w);
		/* A block of order 8 starts a half of the area that has no other first frame. */
		if (w % 4 == 0 && word->start == 1 && hole == 0 && word->free == 0 && isolated == 0) {
			uint64_t rest = 0;
			for (unsigned i = 1; i < 4; i++)
				rest |= word[i].start | word[i].free | bits->isolated[w + i];
			mibs += rest == 0 ? 1 : 0;
		}
	}
	EXPECT(mibs == (area->flags & AREA_MIBS) / AREA_MIB, "area %u: %u blocks of order 8, not %u", a,
	       (area->flags & AREA_MIBS) / AREA_MIB, mibs);
	reported += reported_zero;
	EXPECT(free == area->free && zero == area->zero && reported == area->reported &&
		       reported_zero == area->reported_zero && fresh == area->fresh,
	       "area %u counts %u free %u zero %u reported %u both %u fresh, has %u %u %u %u %u", a, area->free,
	       area->zero, area->reported, area->reported_zero, area->fresh, free, zero, reported, reported_zero,
	       fresh);
	return true;
}

static bool check_ladders(struct mm *mm, uint32_t a)
{
	const struct mm_area *area = &mm->areas[a];
	const struct area_bits *bits = &mm->bits[a];

	for (unsigned c = 0; c < CLASS_COUNT; c++) {
		uint64_t ladder = 0;
		if (area->pure != CLASS_MIXED && c != area->pure) {
			if (c >= STATE_COUNT)
				continue;
			for (unsigned w = 0; w < AREA_WORDS; w++)
				EXPECT(word_class(bits, w, c) == 0, "area %u isn't purely %u", a, area->pure);
			continue;
		}
		for (unsigned w = 0; w < AREA_WORDS; w++)
			ladder |= BIT(8 * run_fit(word_class(bits, w, c)) + w);
		EXPECT(ladder == *area_ladder(mm, a, c), "area %u class %u: ladder is %llx, not %llx", a, c,
		       (unsigned long long)*area_ladder(mm, a, c), (unsigned long long)ladder);
	}
	return true;
}

/* Whether the 64 areas from a on are listed where their fit says, in each class's part maps and maps of whole areas,
 * and nowhere else. The maps that there should be are made of the fits and compared as they are: a bit at a time this
 * would be most of the walk. */
static bool check_listed(struct mm *mm, uint32_t a)
{
	const struct mm_gib *g = &mm->gibs[a / GIB_AREAS];
	struct mm_parts want = {0};
	uint64_t whole[CLASS_COUNT] = {0};

	for (unsigned i = 0; i < 64 && a + i < mm->area_count; i++) {
		const uint64_t fits = mm->areas[a + i].fit;
		unsigned kind = (fits & FIT_WHOLE(CLASS_ALL)) != 0 ? 2 : (fits & FIT_COARSE) != 0 ? 1 : 0;
		for (unsigned c = 0; fits != 0 && c < CLASS_COUNT; c++) {
			unsigned fit = mm_fit_of(fits, c);
			if (fit != 0 && fit <= MM_ORDER_AREA)
				want.map[c][kind * MM_ORDER_AREA + fit - 1] |= BIT(i);
			whole[c] |= (fits & FIT_WHOLE(c)) != 0 ? BIT(i) : 0;
		}
	}
	for (unsigned c = 0; c < CLASS_COUNT; c++) {
		for (unsigned part = 0; part < PART_COUNT; part++) {
			uint64_t wrong = mm->parts[a / 64].map[c][part] ^ want.map[c][part];
			EXPECT(wrong == 0, "area %u class %u part %u: listed %d", a + bit_first(wrong), c, part,
			       (want.map[c][part] & wrong) == 0);
		}
		uint64_t wrong = g->whole[c][a % GIB_AREAS / 64] ^ whole[c];
		EXPECT(wrong == 0, "area %u class %u: listed whole %d", a + bit_first(wrong), c,
		       (whole[c] & wrong) == 0);
	}
	return true;
}

/* Whether area.fit, how a mapped area is listed, is what its ladders say. */
static bool check_fit(struct mm *mm, uint32_t a, bool whole)
{
	const struct mm_area *area = &mm->areas[a];
	unsigned fit[CLASS_COUNT];

	for (unsigned c = 0; c < CLASS_COUNT; c++)
		fit[c] = area->pure == CLASS_MIXED || area->pure == c ? ladder_fit(*area_ladder(mm, a, c)) : 0;
	if (mm->loose == a) {
		EXPECT(area->pure != CLASS_MIXED && fit[area->pure] <= 1 && area->fit == 0, "area %u: loose, but more",
		       a);
		return true;
	}
	/* Runs of mixed states are listed where they are larger than those of one state. */
	uint64_t unreported = larger(fit[CLASS_DIRTY], fit[CLASS_ZERO]);
	uint64_t reported = larger(fit[CLASS_REPORTED], fit[CLASS_REPORTED_ZERO]);
	uint64_t any = larger(fit[CLASS_UNREPORTED], larger(reported, fit[CLASS_FRESH]));
	if (fit[CLASS_UNREPORTED] <= unreported || (area->fit & FIT_WHOLE(CLASS_UNREPORTED)) != 0)
		fit[CLASS_UNREPORTED] = 0;
	if (fit[CLASS_ALL] <= any || whole)
		fit[CLASS_ALL] = 0;
	for (unsigned c = 0; c < CLASS_COUNT; c++) {
		unsigned want = fit[c] > MM_ORDER_AREA ? MM_ORDER_AREA : fit[c]; /* a whole area that serves order 0 */
		EXPECT(mm_fit_of(area->fit, c) == want, "area %u class %u: listed with fit %u, not %u", a, c,
		       mm_fit_of(area->fit, c), want);
	}
	return true;
}

/* DEBUG: frames that are said to be zero are. */
static bool check_contents(struct mm *mm, uint32_t a)
{
	const struct mm_area *area = &mm->areas[a];

	for (unsigned i = 0; area->zero != 0 && i < AREA_FRAMES; i++) {
		bool zero = area->kind == AREA_FREE ||
			    ((word_class(&mm->bits[a], i / 64, CLASS_ZERO) >> (i % 64)) & 1) != 0;
		const uint64_t *at = mm_port_frame(area_pfn(mm, a) + i);
		for (size_t k = 0; zero && k < FRAME_SIZE / sizeof(*at); k++)
			EXPECT(at[k] == 0, "frame 0x%llx: in stock, but not zero",
			       (unsigned long long)(area_pfn(mm, a) + i));
	}
	return true;
}

static bool check_area(struct mm *mm, uint32_t a, struct sums *s)
{
	const struct mm_area *area = &mm->areas[a];
	bool whole = area->kind == AREA_FREE ||
		     (area->kind == AREA_MAPPED && area->free == AREA_FRAMES && (area->flags & AREA_CURSORS) == 0);

	EXPECT(((area->fit & FIT_WHOLE(CLASS_ALL)) != 0) == whole, "area %u: whole or not", a);
	for (unsigned i = 0; i < ARRAY_LEN(mm->cursor); i++)
		EXPECT((area->flags >> i & AREA_CURSOR) == (mm->cursor[i] == a), "area %u: serves order 0 or not", a);
	switch (area->kind) {
	case AREA_HOLE:
		EXPECT(area->free == 0 && area->fit == 0, "area %u: a hole with free frames", a);
		break;
	case AREA_MAPPED:
		if (!check_words(mm, a, s) || !check_ladders(mm, a) || !check_fit(mm, a, whole))
			return false;
		break;
	case AREA_FREE:
		s->managed += AREA_FRAMES;
		EXPECT(area->free == AREA_FRAMES && area->zero == (area->pure == CLASS_ZERO ? AREA_FRAMES : 0) &&
			       area->reported == ((area->pure & 2) != 0 ? AREA_FRAMES : 0) &&
			       area->reported_zero == (area->pure == CLASS_REPORTED_ZERO ? AREA_FRAMES : 0) &&
			       area->fresh == (area->pure == CLASS_FRESH ? AREA_FRAMES : 0),
		       "area %u: uniform, but counted otherwise", a);
		break;
	default:
		s->managed += AREA_FRAMES;
		s->isolated += area->kind == AREA_ISOLATED ? AREA_FRAMES : 0;
		s->cached += area->kind == AREA_CACHED ? AREA_FRAMES : 0;
		EXPECT(area->free == 0 && area->zero == 0 && area->reported == 0 && area->fresh == 0 && area->fit == 0,
		       "area %u: taken whole, but counted as free", a);
		if (area->kind == AREA_HEAD)
			for (uint32_t i = 1; i < 1u << (area->order - MM_ORDER_AREA); i++)
				EXPECT(a + i < mm->area_count && mm->areas[a + i].kind == AREA_BODY,
				       "area %u: block of order %u has no area %u", a, area->order, i);
	}
	s->free += area->free;
	s->zero += area->zero;
	s->reported += area->reported;
	s->reported_zero += area->reported_zero;
	s->fresh += area->fresh;
	return !DEBUG || check_contents(mm, a);
}

/* What the lists of gibs say of themselves: whether a row is empty, and which words of it are. */
static bool check_rows(struct mm *mm)
{
	for (unsigned c = 0; c < CLASS_COUNT; c++) {
		for (unsigned slot = 0; slot < SLOT_COUNT; slot++) {
			const uint64_t *row = index_high(mm, c, slot);
			uint64_t words = 0;
			for (unsigned w = 0; w < mm->high_words; w++)
				words |= row[1 + w] != 0 ? BIT(w) : 0;
			EXPECT(mm->high_words == 0 || words == row[0], "class %u slot %u: words %llx, not %llx", c,
			       slot, (unsigned long long)row[0], (unsigned long long)words);
			EXPECT((mm->orders[1][c] >> slot & 1) == (words != 0), "class %u slot %u: above", c, slot);
			EXPECT((mm->orders[0][c] >> slot & 1) == (mm->low[c][slot] != 0), "class %u slot %u: below", c,
			       slot);
		}
	}
	return true;
}

/* A gib's ladders against its maps, and the lists above against the gib. */
static bool check_gib(struct mm *mm, uint32_t gi)
{
	const struct mm_gib *g = &mm->gibs[gi];
	const uint32_t areas = mm->area_count - gi * GIB_AREAS; /* or more than a gib has */
	bool high = gi >= mm->gib_low;

	unsigned unzeroed = 0;
	for (unsigned w = 0; w < AREA_WORDS; w++)
		unzeroed |= (g->whole[CLASS_UNREPORTED][w] & ~g->whole[CLASS_ZERO][w]) != 0 ? 1u << w : 0;
	EXPECT(unzeroed == g->unzeroed && (mm->unzeroed[gi / 64] >> (gi % 64) & 1) == (unzeroed != 0),
	       "gib %u: unzeroed in words 0x%x, not 0x%x", gi, unzeroed, g->unzeroed);
	for (unsigned c = 0; c < CLASS_COUNT; c++) {
		uint64_t ladder = 0;
		for (unsigned w = 0; w < AREA_WORDS; w++)
			ladder |= BIT(8 * run_fit(g->whole[c][w]) + w);
		EXPECT(ladder_fit(ladder) == g->largest[c], "gib %u class %u: largest is %u", gi, c, g->largest[c]);
		EXPECT(ladder == g->ladder[c], "gib %u class %u: ladder is %llx, not %llx", gi, c,
		       (unsigned long long)g->ladder[c], (unsigned long long)ladder);
		for (unsigned slot = 0; slot < SLOT_COUNT; slot++) {
			bool want = (SLOTS_WHOLE >> slot & 1) != 0 && g->fit[c] == slot - MM_ORDER_AREA + 1;
			if (((SLOTS_PART | SLOTS_MIXED) >> slot & 1) != 0) {
				unsigned part = part_of_slot(slot);
				unsigned words = 0;
				for (unsigned w = 0; w < AREA_WORDS && w * 64 < areas; w++) {
					uint64_t listed = mm->parts[gi * AREA_WORDS + w].map[c][part];
					uint64_t ours = bits_low(areas - w * 64);
					EXPECT((listed & ~ours) == 0, "gib %u class %u slot %u: no such area", gi, c,
					       slot);
					words |= listed != 0 ? 1u << w : 0;
				}
				EXPECT(words == g->part_words[c][part], "gib %u class %u slot %u: words", gi, c, slot);
				want = words != 0;
			}
			uint64_t row = high ? index_high(mm, c, slot)[1 + gi / 64] : mm->low[c][slot];
			bool listed = (row >> (gi % 64) & 1) != 0;
			EXPECT(want == listed, "gib %u class %u slot %u: listed %d", gi, c, slot, listed);
		}
	}
	return true;
}

#define CACHE_PLACES (HOT_FRAMES + LATE_FRAMES + NEXT_FRAMES)

/* The frames in a CPU's cache: as many as counted, each once and an allocated block, and the column of kept rows that
 * tells of them. */
static bool check_cache(struct mm *mm, unsigned i, struct sums *s)
{
	const struct mm_cpu *cpu = &mm->cpu[i];
	uint32_t place[CACHE_PLACES];
	uint64_t frames = 0, marks = 0;

	memcpy(place, cpu->hot, sizeof(cpu->hot));
	memcpy(place + HOT_FRAMES, cpu->late, sizeof(cpu->late));
	memcpy(place + HOT_FRAMES + LATE_FRAMES, cpu->next, sizeof(cpu->next));
	for (unsigned k = 0; k < CACHE_PLACES; k++) {
		const pfn_t pfn = place[k];
		unsigned in_row = 0;
		if (pfn == 0)
			continue;
		frames++;
		for (unsigned j = 0; j < CACHE_PLACES; j++) {
			EXPECT(j == k || place[j] != pfn, "CPU %u keeps pfn 0x%x twice", i, place[k]);
			in_row += place[j] != 0 && place[j] % KEPT_ROWS == pfn % KEPT_ROWS ? 1 : 0;
		}
		EXPECT(*kept_count(cpu, pfn) == in_row, "CPU %u keeps pfn 0x%x, its row says %u, not %u", i, place[k],
		       *kept_count(cpu, pfn), in_row);
		EXPECT(mm_frame_state(mm, pfn) == MM_STATE_CACHED, "CPU %u keeps pfn 0x%x, which is %s", i, place[k],
		       mm_state_name(mm_frame_state(mm, pfn)));
		EXPECT((mm_word_of(mm, mm_area_of(mm, pfn), pfn)->start >> (pfn % 64) & 1) != 0,
		       "CPU %u keeps pfn 0x%x, which isn't a block", i, place[k]);
	}
	for (pfn_t row = 0; row < KEPT_ROWS; row++)
		marks += *kept_count(cpu, row);
	EXPECT(frames == mm_cache_frames(cpu) && frames == marks,
	       "CPU %u counts %llu frames kept and marks %llu, has %llu", i, (unsigned long long)mm_cache_frames(cpu),
	       (unsigned long long)marks, (unsigned long long)frames);
	s->cached += frames;
	return true;
}

/* A CPU's hold: blocks that are isolated, as many frames as it says. */
static bool check_hold(struct mm *mm, unsigned i)
{
	const struct page_hold *hold = &mm->hold[i];
	uint64_t frames = 0;

	EXPECT(hold->state != PAGE_HOLD_NONE || hold->batch.count == 0, "CPU %u holds nothing, but %u blocks", i,
	       hold->batch.count);
	for (unsigned k = 0; k < hold->batch.count; k++) {
		const struct mm_block block = hold->batch.block[k];
		EXPECT(mm_frame_state(mm, block.pfn) == MM_STATE_ISOLATED, "CPU %u holds pfn 0x%llx, which is %s", i,
		       (unsigned long long)block.pfn, mm_state_name(mm_frame_state(mm, block.pfn)));
		frames += 1ull << block.order;
	}
	EXPECT(frames == hold->batch.frames, "CPU %u counts %llu frames held, has %llu", i,
	       (unsigned long long)hold->batch.frames, (unsigned long long)frames);
	return true;
}

/* After so many areas, 64 MiB, whoever waits is asked whether it still wants to. */
#define ASK_AREAS 32u

/* Every area; *stopped: not all of them. */
static bool check_areas(struct mm *mm, struct sums *s, const struct mm_stop *stop, bool *stopped)
{
	for (uint32_t a = 0; a < mm->area_count && !*stopped; a++) {
		if (!check_area(mm, a, s) || (a % 64 == 0 && !check_listed(mm, a)))
			return false;
		*stopped = stop && a % ASK_AREAS == 0 && stop->asked(stop->arg);
	}
	return true;
}

static bool check_all(struct mm *mm, const struct mm_stop *stop, bool *stopped)
{
	struct sums s = {0};
	uint64_t cached = 0;

	if (!check_areas(mm, &s, stop, stopped))
		return false;
	if (*stopped)
		return true;
	for (uint32_t g = 0; g < mm->gib_count; g++)
		if (!check_gib(mm, g))
			return false;
	if (!check_rows(mm))
		return false;
	for (unsigned i = 0; i < mm->cpu_count; i++) {
		if (!check_cache(mm, i, &s) || !check_hold(mm, i))
			return false;
		cached += mm_cache_frames(&mm->cpu[i]) + (mm->cpu[i].hot_area != MM_PFN_NONE ? AREA_FRAMES : 0);
	}
	EXPECT(s.managed == mm->managed && s.free == mm->free && s.zero == mm->zero && s.reported == mm->reported &&
		       s.reported_zero == mm->reported_zero && s.fresh == mm->fresh && s.isolated == mm->isolated &&
		       s.cached == cached,
	       "totals are %llu managed %llu free %llu zero %llu reported %llu fresh %llu isolated %llu cached, "
	       "areas have %llu %llu %llu %llu %llu %llu %llu",
	       (unsigned long long)mm->managed, (unsigned long long)mm->free, (unsigned long long)mm->zero,
	       (unsigned long long)mm->reported, (unsigned long long)mm->fresh, (unsigned long long)mm->isolated,
	       (unsigned long long)cached, (unsigned long long)s.managed, (unsigned long long)s.free,
	       (unsigned long long)s.zero, (unsigned long long)s.reported, (unsigned long long)s.fresh,
	       (unsigned long long)s.isolated, (unsigned long long)s.cached);
	EXPECT(s.free + s.isolated + cached <= s.managed, "more free and isolated frames than managed ones");
	return true;
}

enum mm_checked mm_check_until(struct mm *mm, const struct mm_stop *stop)
{
	bool stopped = false;

	mm_port_lock(&mm->lock);
	bool good = check_all(mm, stop, &stopped);
	mm_port_unlock(&mm->lock);
	return !good ? MM_CHECKED_BROKEN : stopped ? MM_CHECKED_NOT : MM_CHECKED_GOOD;
}

bool mm_check(struct mm *mm)
{
	return mm_check_until(mm, NULL) == MM_CHECKED_GOOD;
}
