/* What the device may say at any time without being asked: that the host wants frames, and that it has failed. */
#include "drivers/virtio/balloon_parts.h"
#include "port/driver_port.h"

/* 5.5.4 Device configuration layout */
#define CONFIG_NUM_PAGES 0u

#define WATCH_NS 100000000u

/* Inflating isn't done yet: say so to whoever asks for it, and again when it asks for something else. */
static void take_target(struct balloon *b, uint32_t frames)
{
	if (frames == b->sink.target_frames)
		return;
	balloon_counters.target_frames += (uint64_t)frames - b->sink.target_frames;
	b->sink.target_frames = frames;
	if (frames)
		driver_port_log("balloon: the host asks for %u frames, which is not obeyed", frames);
	else
		driver_port_log("balloon: the host asks for no frames any more");
}

void balloon_watch_start(struct balloon *b)
{
	uint32_t frames;

	b->watch_ns = driver_port_now_ns() + WATCH_NS;
	if (virtio_pci_config(&b->pci, CONFIG_NUM_PAGES, &frames, 1))
		driver_port_log("balloon: its configuration can't be read");
	else
		take_target(b, frames);
}

bool balloon_watch(struct balloon *b)
{
	const uint64_t now = driver_port_now_ns();
	uint32_t frames;

	if (now < b->watch_ns)
		return true;
	b->watch_ns = now + WATCH_NS;
	if (virtio_pci_status(&b->pci) & VIRTIO_STATUS_NEEDS_RESET)
		return false;
	if (virtio_pci_config(&b->pci, CONFIG_NUM_PAGES, &frames, 1) == 0)
		take_target(b, frames);
	return true;
}
