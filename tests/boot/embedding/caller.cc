// A caller of mm/ in C++: every public header, at namespace scope and in a warning build; main of a program whose
// allocator is C. Built by test_embedding.py.
#include "lib/assert.h"
#include "lib/bits.h"
#include "lib/table.h"
#include "mm/mm.h"
#include "mm/report.h"
#include "mm/trace.h"
#include "mm/zero.h"

#include <cstdio>
#include <cstring>
#include <new>
#include <stdlib.h>
#include <vector>

extern "C" {
char *memory;
uint64_t now_ns = 1000000000;
bool wake_up_due;

void assert_failed(const char *file, int line, const char *cond)
{
	std::printf("%s:%d: %s doesn't hold\n", file, line, cond);
	abort();
}
}

namespace
{
unsigned submitted;

int submit(report_sink *sink, const report_range *, unsigned, unsigned tag)
{
	submitted++;
	report_done(sink, tag, REPORT_OK);
	return 0;
}

void poll(report_sink *)
{
}

bool reset(report_sink *)
{
	return true;
}

uint64_t cycles()
{
	return ++now_ns;
}

unsigned knobs()
{
	unsigned count = 0;

	TABLE_FOR_EACH (knob, struct knob_row, row)
		count += std::strlen(row->name) != 0;
	return count;
}
} // namespace

int main()
{
	const mm_range range = {512, 512 + 8192, MM_FRESH_DIRTY};
	const size_t bytes = mm_meta_bytes(&range, 1);
	void *meta = aligned_alloc(64, (bytes + 63) / 64 * 64);
	std::vector<trace_entry> ring(64);
	struct zero_ledger ledger;
	report_sink sink = {};
	uint64_t wake_ns;

	memory = static_cast<char *>(aligned_alloc(2 << 20, range.end << FRAME_SHIFT));
	if (mm_init(&mm_system, &range, 1, meta, bytes) != 0)
		return 2;
	trace_start(&mm_system, ring.data(), ring.size(), cycles);
	zero_now(&mm_system);
	while (zero_idle(&mm_system, &wake_ns) == ZERO_AGAIN)
		now_ns++;
	const pfn_t pfn = mm_alloc(&mm_system, MM_ORDER_AREA, MM_ZERO_COLD | MM_BELOW_4G);
	zero_ledger(&mm_system, &ledger);
	if (pfn == MM_PFN_NONE || ledger.hit_frames != 512 || trace_written() == 0)
		return 3;
	mm_free(&mm_system, pfn, MM_ORDER_AREA);
	trace_stop(&mm_system);
	sink.name = "caller";
	sink.capacity = 4;
	sink.in_flight_max = 1;
	sink.submit = submit;
	sink.poll = poll;
	sink.reset = reset;
	if (report_register(&mm_system, &sink) != 0)
		return 4;
	report_now(&mm_system);
	for (unsigned i = 0; i < 10 && submitted == 0; i++, now_ns += 1000000000)
		(void)report_step(&mm_system);
	if (submitted == 0 || report_unregister(&mm_system, &sink) != 0 || !mm_check(&mm_system))
		return 5;
	free(meta);
	free(memory);
	std::printf("%u knobs\nall good\n", knobs());
	return knobs() > 10 ? 0 : 6;
}
