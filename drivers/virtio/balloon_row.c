/* The balloon as a driver of this kernel's: the one device that it drives. */
#include "drivers/drivers.h"
#include "drivers/virtio/balloon.h"

static struct balloon the_balloon;

static int start(struct mm *mm, const struct pci_function *f)
{
	return balloon_start(&the_balloon, mm, f);
}

DRIVER(balloon, .name = "balloon", .absent = "reporting is off", .match = balloon_match, .start = start);
