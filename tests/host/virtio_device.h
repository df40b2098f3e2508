/* A PCI bus with a virtio balloon on it, made of C, for host tests: it behaves, or lies in the way the test sets. There
 * can be more of them, and the device can be a source of entropy instead.
 *
 * It is written from the specification and from what QEMU 7.2 does, not from the driver. While `police` is set it ends
 * the test at the first thing the driver does that the specification forbids; otherwise it counts them.
 *
 *   virtio_device_plug(&(struct virtio_device){0})   as QEMU's default: 1af4:1002 at 00:03.0, four queues
 */
#pragma once

#include "drivers/pci.h"
#include "lib/types.h"

#define DEVICE_QUEUES	    5u
#define DEVICE_RANGES_MAX   1024u
#define DEVICE_ECAM_BASE    0xb0000000ull
#define DEVICE_BUSES	    4u
#define DEVICE_FUNCTIONS    8u
#define DEVICE_CONFIG_BYTES 256u
#define DEVICE_ENTROPY	    0x5a

#define BALLOON_F_MUST_TELL_HOST (1ull << 0)
#define BALLOON_F_STATS_VQ	 (1ull << 1)
#define BALLOON_F_FREE_PAGE_HINT (1ull << 3)
#define BALLOON_F_PAGE_POISON	 (1ull << 4)
#define BALLOON_F_REPORTING	 (1ull << 5)

/* What it does wrong. */
enum device_lie {
	LIE_NONE,
	LIE_SILENT,	      /* takes buffers, never answers */
	LIE_NEVER_RESETS,     /* status doesn't go to 0 */
	LIE_REFUSES_FEATURES, /* FEATURES_OK doesn't stick */
	LIE_GENERATION,	      /* config_generation changes with every read */
	LIE_CONFIG_SHORT,     /* offers PAGE_POISON, and its configuration ends before poison_val */
	LIE_POISON_READ_ONLY, /* poison_val can't be changed */
	LIE_INDEX_JUMP,	      /* answers, and moves the used index further than that */
	LIE_ID_RANGE,	      /* answers with an id that no descriptor has */
	LIE_ID_UNKNOWN,	      /* answers with an id that isn't in flight */
	LIE_TWICE,	      /* gives each answer twice */
	LIE_LENGTH,	      /* says that it wrote 4 GiB - 1 */
	LIE_NOTIFY_OFFSET,    /* queue_notify_off leads out of the notification structure */
	LIE_NOTIFY_END,	      /* just out of it: the structure ends where the register would begin */
	LIE_NOTIFY_WRAPS,     /* far out of it, and back in when computed with 32 bits */
	LIE_NOTIFY_ODD,	      /* to an odd address */
	LIE_GONE,	      /* reads as ones from the moment it is given features */
	LIE_QUEUE_SHRINKS,    /* has fewer descriptors each time it is asked */
	LIE_QUEUE_SIZE_ODD,   /* queues of 33 descriptors */
	LIE_QUEUE_SIZE_HUGE,  /* queues of 0x8000 descriptors */
	LIE_QUEUES_MISSING,   /* queues of 0 descriptors */
	LIE_CAP_LOOP,	      /* the capability list runs in a circle */
	LIE_CAP_NONE,	      /* no vendor capability */
	LIE_CAP_LOW,	      /* a capability pointer into the header */
	LIE_CAP_SHORT,	      /* cap_len too small */
	LIE_CAP_END,	      /* the notification capability ends beyond the 256 bytes */
	LIE_CAP_BAR,	      /* BAR 6 */
	LIE_CAP_BAR_IO,	      /* BAR 0, which is I/O */
	LIE_CAP_OFFSET,	      /* offset + length beyond the BAR, wrapping in 32 bits */
	LIE_CAP_COMMON_SHORT, /* a common structure of 16 bytes */
	LIE_CAP_MISALIGNED,   /* a common structure at an odd offset */
	LIE_CAP_DEVICE,	      /* a device structure at an odd offset */
	LIE_CAP_EMPTY,	      /* a device structure of no bytes */
	LIE_BAR_UNASSIGNED,   /* the memory BAR holds 0 */
	LIE_BAR_SIZE,	      /* the BAR's size bits have a hole */
	LIE_COUNT,
};

enum device_numbering {
	NUMBERING_QEMU,	 /* stats always there; reporting after it, or after hints when offered */
	NUMBERING_SPEC,	 /* reporting is 4, always */
	NUMBERING_DENSE, /* counts only what was negotiated */
};

struct device_queue {
	uint16_t size, enable;
	uint64_t desc, driver, device;
	uint16_t avail_idx, used_idx; /* the device's own count */
	bool no_notify;
};

struct virtio_device {
	/* Set by the test before virtio_device_plug; 0 is QEMU's default. */
	uint16_t device_id; /* 0: 0x1002 */
	bool entropy;	    /* 5.4 Entropy Device: queue 0 alone, whose buffers it fills with DEVICE_ENTROPY */
	uint64_t without;   /* feature bits not offered */
	uint64_t with;	    /* more feature bits offered */
	uint64_t insists;   /* feature bits that it can't do without; offered by with */
	enum device_numbering numbering;
	unsigned queue_size; /* 0: 32 for reporting, 128 for others */
	uint32_t num_pages;
	uint32_t poison_val;
	bool behind_bridge; /* on bus 1, behind a bridge that is on bus 0 */
	bool by_ports;	    /* configuration space through ports 0xCF8/0xCFC, not ECAM */
	bool with_ports;    /* through both */
	bool wants_stats;   /* uses the statistics buffer each time it is given one */
	bool holds;	    /* keeps reports until virtio_device_answer */
	bool police;
	/* May be changed while it runs. */
	enum device_lie lie;
	bool heals; /* a reset ends the lie */

	/* What it saw. */
	unsigned resets; /* writes of status 0 */
	unsigned size_reads;
	bool failed_seen; /* the driver set FAILED */
	unsigned broken_rules;
	uint64_t accepted;
	unsigned poison_writes; /* since the last reset */
	unsigned notifications;
	unsigned reporting_index; /* the queue that reports, once features were accepted */
	unsigned chains;	  /* reports taken */
	unsigned longest_chain;
	uint64_t longest_bytes;
	unsigned stats_buffers;
	uint64_t stats_free_bytes; /* tag 4 of the newest */
	unsigned stats_entries;
	struct {
		uint64_t addr, bytes;
	} ranges[DEVICE_RANGES_MAX];
	unsigned range_count;

	/* Its registers. */
	uint32_t config_address; /* of the ports */
	uint8_t status, generation;
	uint32_t device_feature_select, driver_feature_select;
	uint16_t queue_select;
	struct device_queue queues[DEVICE_QUEUES];
	struct device_function {
		uint8_t bus, device, function;
		uint8_t config[DEVICE_CONFIG_BYTES];
		uint64_t bar_bytes[6]; /* 0: none; a 64-bit one has its size in the first of its two */
	} functions[DEVICE_FUNCTIONS];
	unsigned function_count;
	unsigned slot;		    /* on the bus: which of the devices it is */
	struct virtio_device *next; /* on the same bus */
};

/* Puts d on an empty bus, together with a host bridge; the bus answers at virtio_device_ecam. d must stay valid. */
void virtio_device_plug(struct virtio_device *d);

/* Puts one more device on the bus of one that is plugged, at 00:04.0, 00:05.0 and so on. by_ports and behind_bridge are
 * the first one's alone. */
void virtio_device_plug_beside(struct virtio_device *first, struct virtio_device *d);

/* The window to hand to pci_scan or drivers_start. */
struct pci_ecam virtio_device_ecam(void);

/* One more window onto the buses of d, which needn't be plugged: base is bus 0's. */
void virtio_device_window(struct virtio_device *d, paddr_t base, unsigned buses);

/* Adds a function to the bus. Returns it, to be given more. */
struct device_function *virtio_device_function(struct virtio_device *d, uint8_t bus, uint8_t device, uint8_t function,
					       uint16_t vendor_id, uint16_t device_id);

/* Answers up to max reports that it holds, oldest first. Returns how many. */
unsigned virtio_device_answer(struct virtio_device *d, unsigned max);

/* Whether the device could touch memory of the driver's: a queue is enabled since the last reset. */
bool virtio_device_has_memory(const struct virtio_device *d);

/* Whether all 4 KiB frames of the range were reported since plugged, and by how many ranges the first one. */
unsigned virtio_device_reported(const struct virtio_device *d, pfn_t pfn);
