/* The modern PCI transport of virtio 1.x: finds a device's registers, brings it up and takes it down (virtio 1.2,
 * section 4.1, "Virtio Over PCI Bus"). The legacy interface of transitional devices isn't used.
 *
 *   virtio_pci_open -> virtio_pci_negotiate -> virtio_queue_start ... -> virtio_pci_live -> ... -> virtio_queue_release
 *
 * Untrusted bytes  Every register and capability is the device's word: structures must lie within their BAR and be
 *          long enough, waits are bounded in time, and whatever makes no sense is an error that is logged and leaves
 *          the device off. A device that is gone reads as ones everywhere, which is handled as one that lies.
 * Locks    none: one thread at a time uses a device. Key: drivers/drivers.h.
 */
#pragma once

#include "drivers/pci.h"
#include "lib/types.h"

#define VIRTIO_VENDOR_ID 0x1af4u

/* How long a device gets to finish a reset that nobody waits for. */
#define VIRTIO_PCI_RESET_NS 1000000000ull

/* 6 Reserved Feature Bits */
#define VIRTIO_F_VERSION_1	 (1ull << 32)
#define VIRTIO_F_ACCESS_PLATFORM (1ull << 33)
#define VIRTIO_F_ORDER_PLATFORM	 (1ull << 36)

/* 2.1 Device Status Field */
#define VIRTIO_STATUS_ACKNOWLEDGE 0x01u
#define VIRTIO_STATUS_DRIVER	  0x02u
#define VIRTIO_STATUS_DRIVER_OK	  0x04u
#define VIRTIO_STATUS_FEATURES_OK 0x08u
#define VIRTIO_STATUS_NEEDS_RESET 0x40u
#define VIRTIO_STATUS_FAILED	  0x80u

/* What to do about a device that has nothing else, for the log. */
#define VIRTIO_PCI_LEGACY \
	"it has the legacy interface alone, which isn't used here; QEMU's has the modern one with disable-modern=off"

struct virtio_queue;

struct virtio_pci {
	struct pci_function function; /* (C) */
	const char *name;	      /* (C) for the log */
	volatile uint8_t *common;     /* (C) registers */
	volatile uint8_t *device;     /* (C) NULL: the device has no configuration of its own */
	uint32_t device_bytes;	      /* (C) */
	paddr_t notify_base;	      /* (C) */
	uint32_t notify_bytes;	      /* (C) */
	uint32_t notify_multiplier;   /* (C) */
	const char *const
		*own_features;	     /* (C) by bit: the names of its kind's, set behind virtio_pci_open, for the log */
	unsigned own_feature_count;  /* (C) */
	uint64_t offered;	     /* (C) feature bits, after virtio_pci_negotiate */
	uint64_t accepted;	     /* (C) the subset that is in force */
	struct virtio_queue *queues; /* (U) those that have frames: virtio_queue.c's */
};

/* Finds the device's structures and maps them, lets the device decode memory and master the bus, and resets it.
 *
 * name     for the log, must stay valid
 * Returns  0; -1 (logged) when it isn't a modern device, makes no sense, or doesn't finish its reset in a second: then
 *          bus mastering is off again. */
int virtio_pci_open(struct virtio_pci *v, const struct pci_function *f, const char *name);

/* Once more, for one that was opened and closed: lets it decode memory and master the bus, and resets it. Returns as
 * virtio_pci_open does. */
int virtio_pci_reopen(struct virtio_pci *v);

/* 3.1.1 Driver Requirements: Device Initialization, up to FEATURES_OK, after virtio_pci_open or _reset. VERSION_1 is
 * always required and accepted. ACCESS_PLATFORM and ORDER_PLATFORM are accepted where offered: devices are given
 * physical addresses, which is right as long as nothing translates, and Nought has nothing translate. Behind an IOMMU
 * that somebody else has set up, or that blocks what isn't set up, the device fails. What is missing, and what a
 * device insists on, is logged by name.
 *
 * needed   feature bits without which there is no point
 * wanted   further ones that are accepted where offered
 * Returns  0 with v->offered and v->accepted set; -1 (logged) when a needed feature isn't offered or the device refuses
 *          the choice. Then the device is to be taken down with virtio_queue_release. */
int virtio_pci_negotiate(struct virtio_pci *v, uint64_t needed, uint64_t wanted);

/* Reads count 32-bit words of the device's own configuration from offset, a multiple of 4, all of one generation
 * (2.5.1). Returns 0; -1 when it isn't that long, or changes faster than it can be read (16 tries). */
int virtio_pci_config(struct virtio_pci *v, unsigned offset, uint32_t *words, unsigned count);

/* Writes a 32-bit word of the device's own configuration, at a multiple of 4. Returns 0; -1 when it isn't that long. */
int virtio_pci_config_write(struct virtio_pci *v, unsigned offset, uint32_t word);

/* The device's status, and more bits of it. */
uint8_t virtio_pci_status(const struct virtio_pci *v);
void virtio_pci_status_add(struct virtio_pci *v, uint8_t bits);

/* DRIVER_OK: the device may use the queues, and be notified, from here on. */
void virtio_pci_live(struct virtio_pci *v);

/* Tells the device that the driver gave up on it (FAILED). It still needs virtio_queue_release. */
void virtio_pci_failed(struct virtio_pci *v);

/* Writes status 0 and waits until it reads 0, at most timeout_ns: then the device has forgotten its queues and touches
 * no memory of ours. Returns whether it did. */
bool virtio_pci_reset(struct virtio_pci *v, uint64_t timeout_ns);

/* After the last virtio_pci_reset: takes bus mastering away as well, so that even a device that never finished its
 * reset can't write to memory by itself. (The host behind it can, whatever we do.) */
void virtio_pci_close(struct virtio_pci *v);
