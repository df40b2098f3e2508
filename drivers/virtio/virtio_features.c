/* Features: what is offered, what is accepted, and which a device insists on. */
#include "drivers/virtio/virtio_features.h"

#include "drivers/virtio/virtio_pci.h"
#include "port/driver_port.h"

/* 4.1.4.3 Common configuration structure layout */
#define COMMON_DEVICE_FEATURE_SELECT 0x00u
#define COMMON_DEVICE_FEATURE	     0x04u
#define COMMON_DRIVER_FEATURE_SELECT 0x08u
#define COMMON_DRIVER_FEATURE	     0x0cu

#define FEATURES 64u

/* 6 Reserved Feature Bits */
static const char *const reserved[] = {
	[24] = "NOTIFY_ON_EMPTY", [27] = "ANY_LAYOUT",	    [28] = "INDIRECT_DESC",	[29] = "EVENT_IDX",
	[32] = "VERSION_1",	  [33] = "ACCESS_PLATFORM", [34] = "RING_PACKED",	[35] = "IN_ORDER",
	[36] = "ORDER_PLATFORM",  [37] = "SR_IOV",	    [38] = "NOTIFICATION_DATA", [39] = "NOTIF_CONFIG_DATA",
	[40] = "RING_RESET",	  [41] = "ADMIN_VQ",
};

/* Two that concern how memory is reached. Nothing translates addresses here, and stores are in order for devices too,
 * so what is done without them is right with them. */
#define PLATFORM (VIRTIO_F_ACCESS_PLATFORM | VIRTIO_F_ORDER_PLATFORM)

static void append(struct virtio_feature_names *names, const char *text)
{
	for (; *text && names->length + 1 < sizeof(names->text); text++)
		names->text[names->length++] = *text;
}

struct virtio_feature_names virtio_feature_names(const struct virtio_pci *v, uint64_t features)
{
	struct virtio_feature_names names = {{0}, 0};

	for (unsigned bit = 0; bit < FEATURES; bit++) {
		const char *name = bit < v->own_feature_count  ? v->own_features[bit]
				   : bit < ARRAY_LEN(reserved) ? reserved[bit]
							       : NULL;
		const char digits[] = {bit < 10 ? '\0' : (char)('0' + bit / 10), (char)('0' + bit % 10), '\0'};

		if (!(features >> bit & 1))
			continue;
		append(&names, names.length ? ", " : "");
		append(&names, name ? name : "bit ");
		append(&names, name ? "" : digits + (bit < 10));
	}
	return names;
}

static uint64_t features_read(struct virtio_pci *v)
{
	uint64_t features = 0;

	for (unsigned word = 0; word < 2; word++) {
		driver_port_write32(v->common + COMMON_DEVICE_FEATURE_SELECT, word);
		features |= (uint64_t)driver_port_read32(v->common + COMMON_DEVICE_FEATURE) << (word * 32);
	}
	return features;
}

static void features_write(struct virtio_pci *v, uint64_t features)
{
	for (unsigned word = 0; word < 2; word++) {
		driver_port_write32(v->common + COMMON_DRIVER_FEATURE_SELECT, word);
		driver_port_write32(v->common + COMMON_DRIVER_FEATURE, (uint32_t)(features >> (word * 32)));
	}
}

/* 2.2.2: a device that can't do with this subset leaves FEATURES_OK clear. One that is gone reads as ones. */
static bool accepts(struct virtio_pci *v, uint64_t features)
{
	uint8_t status;

	features_write(v, features);
	virtio_pci_status_add(v, VIRTIO_STATUS_FEATURES_OK);
	status = virtio_pci_status(v);
	return (status & VIRTIO_STATUS_FEATURES_OK) && !(status & (VIRTIO_STATUS_NEEDS_RESET | VIRTIO_STATUS_FAILED));
}

static void greet(struct virtio_pci *v)
{
	virtio_pci_status_add(v, VIRTIO_STATUS_ACKNOWLEDGE);
	virtio_pci_status_add(v, VIRTIO_STATUS_DRIVER);
}

/* 1 or 0, or -1: it doesn't finish its reset. */
static int accepts_after_reset(struct virtio_pci *v, uint64_t features)
{
	if (!virtio_pci_reset(v, VIRTIO_PCI_RESET_NS))
		return -1;
	greet(v);
	return accepts(v, features);
}

/* Which it wants beyond what was accepted: all that it offers, less each that it can do without. Nothing is lost by
 * asking: it isn't live. 0: it refuses all that it offers, too, or doesn't let itself be asked. */
static uint64_t find_insisted(struct virtio_pci *v)
{
	uint64_t features = v->offered;

	if (accepts_after_reset(v, features) <= 0)
		return 0;
	for (unsigned bit = 0; bit < FEATURES; bit++) {
		const uint64_t one = features & ~v->accepted & 1ull << bit;
		const int without = one ? accepts_after_reset(v, features & ~one) : 0;

		if (without < 0)
			return 0;
		if (without)
			features &= ~one;
	}
	return features & ~v->accepted;
}

static void log_refusal(struct virtio_pci *v)
{
	const struct virtio_feature_names accepted = virtio_feature_names(v, v->accepted);
	const uint64_t insisted = find_insisted(v);

	if (insisted)
		driver_port_log("%s: insists on %s, which isn't used here", v->name,
				virtio_feature_names(v, insisted).text);
	else
		driver_port_log("%s: refuses the features %s, status %#x", v->name, accepted.text,
				virtio_pci_status(v));
}

int virtio_pci_negotiate(struct virtio_pci *v, uint64_t needed, uint64_t wanted)
{
	uint64_t missing;

	needed |= VIRTIO_F_VERSION_1;
	greet(v);
	v->offered = features_read(v);
	v->accepted = v->offered & (needed | wanted | PLATFORM);
	missing = needed & ~v->offered;
	if (missing) {
		driver_port_log("%s: doesn't offer %s, only %s%s", v->name, virtio_feature_names(v, missing).text,
				virtio_feature_names(v, v->offered).text,
				missing & VIRTIO_F_VERSION_1 ? ": " VIRTIO_PCI_LEGACY : "");
		return -1;
	}
	if (!accepts(v, v->accepted)) {
		log_refusal(v);
		return -1;
	}
	if (v->accepted & VIRTIO_F_ACCESS_PLATFORM)
		driver_port_log("%s: ACCESS_PLATFORM: an IOMMU may stand in its way; Nought sets none up and gives it "
				"physical addresses",
				v->name);
	return 0;
}
