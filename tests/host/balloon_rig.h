/* The balloon's driver on the device of virtio_device.h, with an allocator to report from. */
#pragma once

#include "drivers/virtio/balloon_parts.h"
#include "mm/mm.h"
#include "virtio_device.h"

#define RIG_FRAMES 4096u /* of the allocator: 16 MiB */

extern struct virtio_device rig_device;
extern struct balloon rig_balloon;
extern struct mm *rig_mm;

/* Plugs a copy of the device, and makes a new allocator. */
void rig_plug(const struct virtio_device *like);

/* Starts the driver. Returns what balloon_start said, 1 when there was no balloon. */
int rig_drive(void);

/* Both. */
int rig_start(const struct virtio_device *like);

/* Hands count blocks of that many frames to the driver, one after another from pfn on, as mm/report would. */
int rig_submit(pfn_t pfn, uint64_t frames, unsigned count, unsigned tag);

/* The name of who is registered as the reporter, or "none". */
const char *rig_reporter(void);

/* How many frames are allocated: the driver's rings. */
uint64_t rig_allocated(void);

/* It was taken down: the device has nothing of ours any more, the allocator has it all, and mm/report has lost it. */
void rig_check_off(void);
