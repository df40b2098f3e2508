/* fw_cfg through its two I/O ports: select an item, then read it byte by byte. All numbers in it are big-endian.
 */
#include "kernel/machine/fw_cfg.h"

#include <string.h>

#include "arch/x86_64/asm.h"

#define PORT_SELECT 0x510u
#define PORT_DATA   0x511u

#define ITEM_SIGNATURE 0x00u
#define ITEM_FILES     0x19u
#define FILES_MAX      4096u /* more than that can't be numbered from 0x20 on without running into other items */
#define NAME_BYTES     56u

static void read_bytes(void *buf, size_t count)
{
	uint8_t *p = buf;

	while (count--)
		*p++ = inb(PORT_DATA);
}

static uint32_t read_be32(void)
{
	uint8_t b[4];

	read_bytes(b, sizeof(b));
	return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static bool present(void)
{
	char signature[4];

	outw(PORT_SELECT, ITEM_SIGNATURE);
	read_bytes(signature, sizeof(signature));
	return memcmp(signature, "QEMU", 4) == 0;
}

/* Selects a file, so that its bytes can be read. Returns its size, or -1. */
static int64_t select_file(const char *name)
{
	if (!present())
		return -1;
	outw(PORT_SELECT, ITEM_FILES);
	uint32_t count = read_be32();
	for (uint32_t i = 0; i < count && i < FILES_MAX; i++) {
		char entry_name[NAME_BYTES];
		uint32_t size = read_be32();
		uint32_t selector = read_be32() >> 16; /* and 16 reserved bits */

		read_bytes(entry_name, sizeof(entry_name));
		entry_name[NAME_BYTES - 1] = '\0';
		if (strcmp(entry_name, name) == 0) {
			outw(PORT_SELECT, (uint16_t)selector);
			return size;
		}
	}
	return -1;
}

int64_t fw_cfg_size(const char *name)
{
	return select_file(name);
}

int64_t fw_cfg_read(const char *name, void *buf, size_t max)
{
	int64_t size = select_file(name);

	if (size < 0)
		return -1;
	size_t count = (uint64_t)size < max ? (size_t)size : max;
	read_bytes(buf, count);
	return (int64_t)count;
}
