/* Feature bits by name, for the log. virtio_pci_negotiate, in virtio_pci.h, is virtio_features.c's as well. */
#pragma once

#include "lib/types.h"

struct virtio_pci;

/* As many names as fit, with commas; "bit 55" for one that has none. */
struct virtio_feature_names {
	char text[240];
	unsigned length;
};
struct virtio_feature_names virtio_feature_names(const struct virtio_pci *v, uint64_t features);
