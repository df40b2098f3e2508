/* See balloon_rig.h. */
#include "balloon_rig.h"

#include <string.h>

#include "drivers/drivers.h"
#include "host.h"
#include "host_mmio.h"
#include "mm/report.h"
#include "tests/unit/fixture.h"
#include "tests/unit/test.h"

struct virtio_device rig_device;
struct balloon rig_balloon;
struct mm *rig_mm;

static bool start_first(const struct pci_function *f, void *arg)
{
	int *result = arg;

	if (!balloon_match(f))
		return true;
	*result = balloon_start(&rig_balloon, rig_mm, f);
	return false;
}

void rig_plug(const struct virtio_device *like)
{
	rig_device = *like;
	rig_mm = fixture_mm(RIG_FRAMES, MM_FRESH_DIRTY);
	virtio_device_plug(&rig_device);
}

int rig_drive(void)
{
	struct pci_ecam ecam = virtio_device_ecam();
	int result = 1;

	pci_scan(&ecam, start_first, &result);
	return result;
}

int rig_start(const struct virtio_device *like)
{
	rig_plug(like);
	return rig_drive();
}

uint64_t rig_allocated(void)
{
	struct mm_totals totals;

	mm_totals(rig_mm, &totals);
	return totals.allocated;
}

int rig_submit(pfn_t pfn, uint64_t frames, unsigned count, unsigned tag)
{
	struct report_range ranges[VIRTQ_SIZE_MAX];

	for (unsigned i = 0; i < count; i++)
		ranges[i] = (struct report_range){.pfn = pfn + i * frames, .frames = frames};
	return rig_balloon.sink.submit(&rig_balloon.sink, ranges, count, tag);
}

const char *rig_reporter(void)
{
	struct report_status status;

	report_status(rig_mm, &status);
	return status.sink ? status.sink : "none";
}

void rig_check_off(void)
{
	CHECK_EQ(rig_balloon.state, BALLOON_OFF);
	CHECK(!virtio_device_has_memory(&rig_device));
	CHECK_EQ(rig_allocated(), 0);
	CHECK_EQ(rig_submit(0, 1, 1, 0), -1);
	rig_balloon.sink.poll(&rig_balloon.sink);
	CHECK(rig_balloon.sink.reset(&rig_balloon.sink));
	report_step(rig_mm);
	CHECK(strcmp(rig_reporter(), rig_balloon.sink.name) != 0);
	CHECK(mm_check(rig_mm));
}
