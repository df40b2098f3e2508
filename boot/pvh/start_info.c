/* Reads PVH's start info: see start_info.h. Fields are named as Xen names them. */
#include "boot/pvh/start_info.h"

#include <string.h>

#define PAGE_BITS 12u
#define PAGE	  (1ull << PAGE_BITS)
#define MIB	  (1ull << 20)

struct start_info {
	uint32_t magic;
	uint32_t version;
	uint32_t flags;
	uint32_t nr_modules;
	uint64_t modlist_paddr;
	uint64_t cmdline_paddr;
	uint64_t rsdp_paddr;
	/* since version 1 */
	uint64_t memmap_paddr;
	uint32_t memmap_entries;
	uint32_t reserved;
};

struct memmap_entry {
	uint64_t addr;
	uint64_t size;
	uint32_t type;
	uint32_t reserved;
};

struct module {
	uint64_t paddr;
	uint64_t size;
	uint64_t cmdline_paddr;
	uint64_t reserved;
};

#define VERSION_0_BYTES 40u
_Static_assert(sizeof(struct start_info) == 56, "the format's size");
_Static_assert(sizeof(struct memmap_entry) == 24, "the format's size");
_Static_assert(sizeof(struct module) == 32, "the format's size");

enum { E820_RAM = 1, E820_RESERVED, E820_ACPI, E820_NVS, E820_UNUSABLE, E820_DISABLED, E820_PERSISTENT };
/* UEFI specification 2.10, section 7.2.3. */
enum { EFI_RESERVED = 0, EFI_LOADER_DATA = 2, EFI_CONVENTIONAL = 7, EFI_UNUSABLE, EFI_ACPI, EFI_NVS };
enum { EFI_PERSISTENT = 14 };
#define EFI_MEMORY_WB 0x8ull /* which a map in this format doesn't tell: RAM can be cached */

static bool refuse(struct pvh_error *error, const char *what, uint64_t value, const char *rule)
{
	*error = (struct pvh_error){.what = what, .value = value, .rule = rule};
	return false;
}

/* Copies bytes of physical memory; false: they are out of reach. */
static bool copy(const struct pvh_reader *r, void *out, uint64_t paddr, uint64_t bytes)
{
	const void *from = r->map(paddr, bytes);

	if (from)
		memcpy(out, from, bytes);
	return from;
}

static uint32_t efi_type(uint32_t type)
{
	switch (type) {
	case E820_RAM:
		return EFI_CONVENTIONAL;
	case E820_ACPI:
		return EFI_ACPI;
	case E820_NVS:
		return EFI_NVS;
	case E820_UNUSABLE:
		return EFI_UNUSABLE;
	case E820_PERSISTENT:
		return EFI_PERSISTENT;
	default: /* reserved, disabled, and what nobody knows: perhaps no memory at all */
		return EFI_RESERVED;
	}
}

static void add(const struct pvh_reader *r, struct boot_info *info, uint32_t type, uint64_t first, uint64_t end)
{
	if (first < end)
		r->ranges[info->range_count++] = (struct boot_range){
			.paddr = first << PAGE_BITS,
			.pages = end - first,
			.type = type,
			.attributes = type == EFI_RESERVED ? 0 : EFI_MEMORY_WB,
		};
}

/* Bytes become pages: whole ones where they may be used, else all that are touched. Only what wraps round is told here,
 * and left out when it is memory; the rest is for the kernel to judge, which has all of the map. */
static void take_entry(const struct pvh_reader *r, struct boot_info *info, uint32_t n, const struct memmap_entry *e)
{
	const uint64_t last_page = ~0ull >> PAGE_BITS;
	const uint64_t low = MIB >> PAGE_BITS;
	const bool usable = e->type == E820_RAM || e->type == E820_ACPI;
	const bool wraps = e->size > ~0ull - e->addr;

	if (e->size == 0)
		return;
	if (wraps)
		r->say("PVH: memory map: entry %u, type %u: 0x%lx bytes at 0x%lx wrap round", (unsigned)n,
		       (unsigned)e->type, (unsigned long)e->size, (unsigned long)e->addr);
	if (wraps && usable)
		return;
	if (!usable) {
		const uint64_t last = wraps ? ~0ull : e->addr + e->size - 1;

		/* Without the very last page, behind which there is no address that could be an end. */
		add(r, info, efi_type(e->type), e->addr >> PAGE_BITS,
		    last >> PAGE_BITS < last_page ? (last >> PAGE_BITS) + 1 : last_page);
		return;
	}
	const uint64_t first = (e->addr >> PAGE_BITS) + (e->addr % PAGE != 0), end = (e->addr + e->size) >> PAGE_BITS;
	if (e->type == E820_RAM && first < low) {
		add(r, info, EFI_LOADER_DATA, first, end < low ? end : low);
		add(r, info, EFI_CONVENTIONAL, low, end);
	} else {
		add(r, info, efi_type(e->type), first, end);
	}
}

static bool take_memmap(const struct pvh_reader *r, const struct start_info *s, struct boot_info *info,
			struct pvh_error *error)
{
	/* Of the entries none may be left out: it could be the one that reserves something. Each may become two. */
	if (s->memmap_entries == 0 || s->memmap_entries > r->ranges_max / 2)
		return refuse(error, "memmap_entries", s->memmap_entries, "1 to 0x200 are needed");
	for (uint32_t i = 0; i < s->memmap_entries; i++) {
		struct memmap_entry entry;

		if (s->memmap_paddr == 0 || !copy(r, &entry, s->memmap_paddr + i * sizeof(entry), sizeof(entry)))
			return refuse(error, "memmap_paddr", s->memmap_paddr, "the memory map can't be read there");
		take_entry(r, info, i, &entry);
	}
	return true;
}

/* How long the text at that address is, which must end within max bytes; -1: it doesn't, or is out of reach. */
static int64_t text_length(const struct pvh_reader *r, uint64_t paddr, uint64_t max)
{
	for (uint64_t done = 0; done < max;) {
		/* Not over a page's end: what lies behind may be out of reach. */
		const uint64_t at = paddr + done, room = PAGE - at % PAGE;
		const uint64_t bytes = room < max - done ? room : max - done;
		const char *text = at >= paddr ? r->map(at, bytes) : NULL;
		const char *end = text ? memchr(text, '\0', bytes) : NULL;

		if (!text)
			return -1;
		if (end)
			return (int64_t)(done + (uint64_t)(end - text));
		done += bytes;
	}
	return -1;
}

static struct boot_file take_cmdline(const struct pvh_reader *r, uint64_t paddr)
{
	const int64_t length = paddr ? text_length(r, paddr, PVH_CMDLINE_MAX) : 0;

	if (length < 0)
		r->say("PVH: the command line at 0x%lx has no end within %u bytes that can be read: ignored",
		       (unsigned long)paddr, PVH_CMDLINE_MAX);
	return length > 0 ? (struct boot_file){paddr, (uint64_t)length} : (struct boot_file){0, 0};
}

/* Whether the map calls every page from first to end memory, and none of them anything else. */
static bool is_memory(const struct pvh_reader *r, uint64_t count, uint64_t first, uint64_t end)
{
	uint64_t pages = end - first;

	for (uint64_t i = 0; i < count; i++) {
		const struct boot_range *range = &r->ranges[i];
		const uint64_t from = range->paddr >> PAGE_BITS, to = from + range->pages;
		const uint64_t common = (to < end ? to : end) - (from > first ? from : first);

		if (to <= first || from >= end)
			continue;
		if (range->type != EFI_CONVENTIONAL && range->type != EFI_LOADER_DATA)
			return false;
		if (common > pages)
			return false; /* the same page twice */
		pages -= common;
	}
	return pages == 0;
}

/* What is wrong with where a module lies, or NULL. */
static const char *module_fault(const struct pvh_reader *r, const struct boot_info *info, const struct module *m)
{
	const uint64_t first = m->paddr >> PAGE_BITS, end = ((m->paddr + m->size - 1) >> PAGE_BITS) + 1;
	const uint64_t kernel = info->kernel_paddr >> PAGE_BITS, kernel_pages = info->kernel_bytes >> PAGE_BITS;

	if (m->paddr == 0)
		return "has no address";
	if (m->size == 0)
		return NULL;
	if (m->size > ~0ull - m->paddr)
		return "wraps round";
	if (!is_memory(r, info->range_count, first, end))
		return "doesn't lie in what the map calls memory";
	if (first < kernel + kernel_pages && end > kernel)
		return "lies in the kernel";
	return NULL;
}

static bool is_named_script(const struct pvh_reader *r, const struct module *m)
{
	char name[sizeof(PVH_SCRIPT_NAME)];

	return m->cmdline_paddr && copy(r, name, m->cmdline_paddr, sizeof(name)) &&
	       memcmp(name, PVH_SCRIPT_NAME, sizeof(name)) == 0;
}

static struct boot_file take_script(const struct pvh_reader *r, const struct start_info *s,
				    const struct boot_info *info)
{
	struct boot_file script = {0, 0};
	uint32_t count = s->nr_modules;

	if (count > PVH_MODULES_MAX) {
		r->say("PVH: only the first %u of %u modules are looked at", PVH_MODULES_MAX, (unsigned)count);
		count = PVH_MODULES_MAX;
	}
	for (uint32_t i = 0; i < count; i++) {
		const uint64_t at = s->modlist_paddr + i * sizeof(struct module);
		struct module m;

		if (s->modlist_paddr == 0 || !copy(r, &m, at, sizeof(m))) {
			r->say("PVH: module %u: the list at 0x%lx can't be read there", (unsigned)i,
			       (unsigned long)s->modlist_paddr);
			break;
		}
		const char *fault = module_fault(r, info, &m);
		if (fault) {
			r->say("PVH: module %u, 0x%lx bytes at 0x%lx, %s: ignored", (unsigned)i, (unsigned long)m.size,
			       (unsigned long)m.paddr, fault);
			continue;
		}
		const bool named = is_named_script(r, &m);
		if (named || !script.paddr)
			script = (struct boot_file){m.paddr, m.size};
		if (named)
			break;
	}
	/* Too much of it: only its size, for whoever would have read it. */
	if (script.bytes > BOOT_FILE_MAX)
		script.paddr = 0;
	return script;
}

static bool is_rsdp(const struct pvh_reader *r, uint64_t paddr)
{
	uint8_t bytes[20], sum = 0;

	if (!copy(r, bytes, paddr, sizeof(bytes)) || memcmp(bytes, "RSD PTR ", 8) != 0)
		return false;
	for (unsigned i = 0; i < sizeof(bytes); i++)
		sum = (uint8_t)(sum + bytes[i]);
	return sum == 0;
}

static uint64_t search_rsdp(const struct pvh_reader *r, uint64_t from, uint64_t to)
{
	for (uint64_t at = from; at < to; at += 16)
		if (is_rsdp(r, at))
			return at;
	return 0;
}

/* The first KiB of the extended BIOS data area, whose segment stands at 0x40e, and the BIOS's own memory. */
static uint64_t find_rsdp(const struct pvh_reader *r)
{
	uint16_t segment;
	uint64_t found = 0;

	if (copy(r, &segment, 0x40e, sizeof(segment)) && segment >= 0x40)
		found = search_rsdp(r, (uint64_t)segment << 4, ((uint64_t)segment << 4) + 1024);
	return found ? found : search_rsdp(r, 0xe0000, 0x100000);
}

bool pvh_start_info(const struct pvh_reader *r, struct boot_info *info, struct pvh_error *error)
{
	struct start_info s = {0};

	info->range_count = 0;
	if (!copy(r, &s, info->start_info, VERSION_0_BYTES))
		return refuse(error, "its address", info->start_info, "it can't be read there");
	if (s.magic != PVH_MAGIC)
		return refuse(error, "magic", s.magic, "0x336ec578 is needed");
	if (s.version == 0)
		return refuse(error, "version", 0, "0x1 is needed, which has a memory map");
	if (!copy(r, &s, info->start_info, sizeof(s)))
		return refuse(error, "its address", info->start_info, "not all of it can be read there");
	if (!take_memmap(r, &s, info, error))
		return false;
	info->cmdline_file = take_cmdline(r, s.cmdline_paddr);
	info->script_file = take_script(r, &s, info);
	info->rsdp = s.rsdp_paddr ? s.rsdp_paddr : find_rsdp(r);
	return true;
}
