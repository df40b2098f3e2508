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
#define VIRTIO_F_VERSION_1 (1ull << 32)

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
	uint64_t offered;	      /* (C) feature bits, after virtio_pci_negotiate */
	uint64_t accepted;	      /* (C) the subset that is in force */
	struct virtio_queue *queues;  /* (U) those that have frames: virtio_queue.c's */
};

/* Finds the device's structures and maps them, lets the device decode memory and master the bus, and resets it.
 *
 * name     for the log, must stay valid
 * Returns  0; -1 (logged) when it isn't a modern device, makes no sense, or doesn't finish its reset in a second: then
 *          bus mastering is off again. */
int virtio_pci_open(struct virtio_pci *v, const struct pci_function *f, const char *name);

/* 3.1.1 Driver Requirements: Device Initialization, up to FEATURES_OK, after virtio_pci_open or _reset. VERSION_1 is
 * always required and accepted.
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
