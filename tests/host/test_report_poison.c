/* What the knob report.poison says: what is in force, whoever comes and goes as the reporter of mm_system. */
#include "host.h"
#include "kernel/shell/sorted.h"
#include "mm/report.h"
#include "mm/state.h"
#include "mm/zero.h"
#include "tests/unit/fake_sink.h"
#include "tests/unit/fixture.h"

static bool knob_is_on(void)
{
	const struct knob_row *row = TABLE_FIND(knob, "report.poison");

	CHECK(row);
	return *row->value != 0;
}

TEST(report_poison, the_knob_says_what_is_in_force)
{
	struct fake_sink *fake = fixture_bytes(sizeof(*fake));
	struct report_sink *sink = &fake->sink;

	*sink = (struct report_sink){.name = "fake", .capacity = 1, .in_flight_max = 1};
	host_log_clear();
	fixture_knob_word("report.poison", "off");
	report_settle(&mm_system);
	CHECK(!report_wants_zero_kept());
	CHECK(!host_log_has("report.poison"));

	/* nobody comes */
	fixture_knob_word("report.poison", "on");
	CHECK(report_wants_zero_kept() && knob_is_on());
	report_settle(&mm_system);
	CHECK(!knob_is_on());
	CHECK(host_log_has("report.poison is off: there is no reporter"));

	/* somebody comes later, who may be asked to keep zero, and goes */
	CHECK(report_wants_zero_kept());
	sink->keeps_zero = true;
	CHECK_EQ(report_register(&mm_system, sink), 0);
	CHECK(knob_is_on());
	report_settle(&mm_system);
	CHECK(knob_is_on());
	CHECK_EQ(report_unregister(&mm_system, sink), 0);
	CHECK(!knob_is_on());

	/* somebody who can't */
	CHECK(report_wants_zero_kept());
	sink->keeps_zero = false;
	CHECK_EQ(report_register(&mm_system, sink), 0);
	CHECK(!knob_is_on());
	CHECK_EQ(report_unregister(&mm_system, sink), 0);

	/* who can, where it isn't wanted */
	fixture_knob_word("report.poison", "off");
	CHECK(!report_wants_zero_kept());
	sink->keeps_zero = true;
	CHECK_EQ(report_register(&mm_system, sink), 0);
	CHECK(!knob_is_on());
	CHECK_EQ(report_unregister(&mm_system, sink), 0);
	CHECK(!report_wants_zero_kept());
}
