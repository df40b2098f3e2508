/* Names memory that nobody uses: a virtio-mem device (virtio 1.2, section 5.15) adds and takes away memory while the
 * machine runs, which the allocator can't do. The device is looked at and left alone.
 */
#include "drivers/drivers.h"
#include "drivers/virtio/virtio_pci.h"
#include "port/driver_port.h"

#define DEVICE_ID 0x1058u /* 0x1040 and device type 24 */

/* Section 5.15.4, in 32-bit words: two for each number. */
#define CONFIG_WORDS	   14u
#define CONFIG_REGION_SIZE 6u
#define CONFIG_PLUGGED	   10u

static bool match(const struct pci_function *f)
{
	return f->vendor_id == VIRTIO_VENDOR_ID && f->device_id == DEVICE_ID;
}

static uint64_t mib_at(const uint32_t *words, unsigned at)
{
	return (words[at] | (uint64_t)words[at + 1] << 32) >> 20;
}

static int start(struct mm *mm, const struct pci_function *f)
{
	uint32_t words[CONFIG_WORDS];
	struct virtio_pci v;

	(void)mm;
	if (virtio_pci_open(&v, f, "virtio-mem") < 0)
		return -1;
	const bool known = virtio_pci_config(&v, 0, words, CONFIG_WORDS) == 0;
	virtio_pci_close(&v);
	if (known)
		driver_port_log("virtio-mem: %s: %llu MiB plugged in of %llu aren't used: there is no driver for it",
				pci_name(f).text, (unsigned long long)mib_at(words, CONFIG_PLUGGED),
				(unsigned long long)mib_at(words, CONFIG_REGION_SIZE));
	else
		driver_port_log("virtio-mem: %s isn't used: there is no driver for it", pci_name(f).text);
	return 0;
}

DRIVER(virtio_mem, .name = "virtio-mem", .match = match, .start = start);
