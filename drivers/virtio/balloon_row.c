/* The balloon as a driver of this kernel's: each device's state is a block of mm's, so there is room for any number. */
#include "drivers/drivers.h"
#include "drivers/virtio/balloon.h"
#include "drivers/virtio/balloon_parts.h"
#include "mm/mm.h"
#include "port/driver_port.h"

#define STATE_ORDER 1u
_Static_assert(sizeof(struct balloon) <= FRAME_SIZE << STATE_ORDER, "a balloon fits its block");

static int start(struct mm *mm, const struct pci_function *f)
{
	pfn_t pfn = mm_alloc(mm, STATE_ORDER, MM_ANY);
	struct balloon *b;

	if (pfn == MM_PFN_NONE) {
		driver_port_log("balloon: no memory for the driver of %s", pci_name(f).text);
		return -1;
	}
	b = driver_port_frame(pfn);
	if (balloon_start(b, mm, f) == 0)
		return 0;
	if (b->state == BALLOON_OFF)
		mm_free(mm, pfn, STATE_ORDER);
	return -1;
}

DRIVER(balloon, .name = "balloon", .absent = "reporting is off", .match = balloon_match, .start = start,
       .restart = balloon_restart);
