/* An EFI program that makes the firmware lie, and then starts the real loader: for boot tests, never in the product.
 *
 * It is put in the loader's place, \EFI\BOOT\BOOTX64.EFI; the loader lies beside it as \real.efi. What to lie about
 * stands as words in \lies.txt:
 *
 *   map-hole        three pages a quarter into the largest free range are in no entry; they are filled with 0x5a
 *   map-overlap     three entries more: free memory over all that is memory below 4 GiB, five reserved pages a quarter
 *                   into the largest free range, boot services' data ahead of them
 *   map-absurd      entries that are empty, unaligned, wrap round, lie beyond all address lines, or have odd types
 *   map-many        1000 entries more, ahead of all others: two pages each of the largest free range, free and boot
 *                   services' by turns
 *   map-without-us  no entry speaks of what loaders have allocated
 *   map-uncached    16 MiB in the largest free range can't be cached
 *   map-special     16 MiB there are for a specific purpose
 *   no-rsdp         the configuration table has no ACPI
 *   rsdp-sum xsdt-sum apic-sum mcfg-sum facp-sum dsdt-sum    that table's checksum is wrong
 *   no-mcfg         that table has another name
 *   mcfg-two        it has bus 0 in one window, and from bus 128 on in another one
 *   mcfg-nowhere    its window is where nothing answers, which reads as zeros
 *   mcfg-next       its window begins a bus too far
 *   mcfg-memory     its window is memory
 *   no-s5           the sleep state's package holds names instead of constants
 *   dead-pm1        the power management register's port leads nowhere
 *   no-pm-timer     there is no such timer
 *   lapic-elsewhere the MADT has the local APIC where nothing is
 *   madt-twice fadt-twice mcfg-twice    at the end of the list there is a second table of that name: a local APIC where
 *                   nothing is; no registers; another address
 *   crowd           ahead of all other tables there are 300 of which nothing is read, and 50 entries of 0
 *
 * The bytes of \options.bin, if it is there, are the loader's load options.
 */
#include <efi.h>
#include <efilib.h>
#include <stdbool.h>

#define LIES_MAX       512
#define OPTIONS_MAX    32768
#define ENTRIES_MORE   8 /* that any lie adds but for map-many */
#define MANY	       1000
#define MANY_PAGES     2
#define OTHER_PAGES    4096    /* whose attributes are others */
#define SPECIFIC       0x40000 /* EFI_MEMORY_SP */
#define HOLE_PAGES     3
#define RESERVED_PAGES 5
#define DEAD_PORT      0x80 /* takes what is written, and does nothing */
#define NOWHERE	       0xfec80000
#define CROWD	       300
#define CROWD_EMPTY    50

static EFI_GET_MEMORY_MAP true_map;
static bool hole, overlap, absurd, many, uncached, special, without_us;
static UINT64 target; /* within the largest free range; the same in every map */

static char *read_file(EFI_FILE_HANDLE root, CHAR16 *path, UINTN max, UINTN *bytes)
{
	EFI_FILE_HANDLE file;
	char *text = AllocateZeroPool(max + 1);
	*bytes = max;
	if (EFI_ERROR(root->Open(root, &file, path, EFI_FILE_MODE_READ, 0)))
		return NULL;
	if (EFI_ERROR(file->Read(file, bytes, text)))
		return NULL;
	file->Close(file);
	return text;
}

static bool told(const char *lies, const char *word)
{
	UINTN length = strlena((const CHAR8 *)word);
	for (const char *at = lies; *at; at++)
		if ((at == lies || at[-1] <= ' ') && strncmpa((const CHAR8 *)at, (const CHAR8 *)word, length) == 0 &&
		    (unsigned char)at[length] <= ' ')
			return true;
	return false;
}

/* --- The memory map -------------------------------------------------------------------------------------------- */

static EFI_MEMORY_DESCRIPTOR *entry_at(void *map, UINTN i, UINTN step)
{
	return (EFI_MEMORY_DESCRIPTOR *)((char *)map + i * step);
}

static EFI_MEMORY_DESCRIPTOR *with_target(void *map, UINTN count, UINTN step)
{
	for (UINTN i = 0; i < count; i++) {
		EFI_MEMORY_DESCRIPTOR *d = entry_at(map, i, step);
		if (d->Type == EfiConventionalMemory && d->PhysicalStart <= target &&
		    target + 16 * EFI_PAGE_SIZE < d->PhysicalStart + d->NumberOfPages * EFI_PAGE_SIZE)
			return d;
	}
	return NULL;
}

static void add(void *map, UINTN *count, UINTN step, UINT32 type, UINT64 at, UINT64 pages)
{
	EFI_MEMORY_DESCRIPTOR *d = entry_at(map, (*count)++, step);
	*d = (EFI_MEMORY_DESCRIPTOR){
		.Type = type, .PhysicalStart = at, .NumberOfPages = pages, .Attribute = EFI_MEMORY_WB};
}

static void add_overlaps(void *map, UINTN *count, UINTN step)
{
	UINT64 top = 0;
	for (UINTN i = 0; i < *count; i++) {
		const EFI_MEMORY_DESCRIPTOR *d = entry_at(map, i, step);
		UINT64 end = d->PhysicalStart + d->NumberOfPages * EFI_PAGE_SIZE;
		if (d->Type >= EfiLoaderCode && d->Type <= EfiACPIMemoryNVS && end <= 1ull << 32 && end > top)
			top = end;
	}
	const EFI_MEMORY_DESCRIPTOR largest = *with_target(map, *count, step);
	add(map, count, step, EfiConventionalMemory, 1 << 20, (top - (1 << 20)) / EFI_PAGE_SIZE);
	add(map, count, step, EfiReservedMemoryType, target, RESERVED_PAGES);
	add(map, count, step, EfiBootServicesData, largest.PhysicalStart,
	    (target - largest.PhysicalStart) / EFI_PAGE_SIZE);
}

static void add_absurd(void *map, UINTN *count, UINTN step)
{
	add(map, count, step, EfiConventionalMemory, 0x123000, 0);
	add(map, count, step, EfiConventionalMemory, ~0xfffull, 16);
	add(map, count, step, EfiConventionalMemory, 1ull << 52, 1 << 20);
	add(map, count, step, 0x70000000, 1ull << 50, 16);
	add(map, count, step, EfiReservedMemoryType, target + 123, 1); /* so it covers two pages */
}

/* Cuts the range that the target lies in, so that what begins there has attributes of its own. */
static void add_attributes(void *map, UINTN *count, UINTN step, UINT64 attributes)
{
	EFI_MEMORY_DESCRIPTOR *d = with_target(map, *count, step);
	UINT64 after = target + OTHER_PAGES * EFI_PAGE_SIZE;
	add(map, count, step, EfiConventionalMemory, after,
	    d->NumberOfPages - (after - d->PhysicalStart) / EFI_PAGE_SIZE);
	d->NumberOfPages = (target - d->PhysicalStart) / EFI_PAGE_SIZE;
	add(map, count, step, EfiConventionalMemory, target, OTHER_PAGES);
	entry_at(map, *count - 1, step)->Attribute = attributes;
}

static void drop_loaders(void *map, UINTN *count, UINTN step)
{
	UINTN kept = 0;
	for (UINTN i = 0; i < *count; i++) {
		const EFI_MEMORY_DESCRIPTOR *d = entry_at(map, i, step);
		if (d->Type == EfiLoaderData || d->Type == EfiLoaderCode)
			continue;
		if (kept != i)
			CopyMem(entry_at(map, kept, step), entry_at(map, i, step), step);
		kept++;
	}
	*count = kept;
}

static void add_many(void *map, UINTN *count, UINTN step)
{
	EFI_MEMORY_DESCRIPTOR *d = with_target(map, *count, step);
	UINT64 at = d->PhysicalStart;
	d->PhysicalStart += MANY * MANY_PAGES * EFI_PAGE_SIZE;
	d->NumberOfPages -= MANY * MANY_PAGES;
	for (UINTN i = *count * step; i-- > 0;) /* to behind the new ones */
		((char *)map)[i + MANY * step] = ((char *)map)[i];
	UINTN n = 0;
	while (n < MANY)
		add(map, &n, step, n % 2 ? EfiBootServicesData : EfiConventionalMemory,
		    at + n * MANY_PAGES * EFI_PAGE_SIZE, MANY_PAGES);
	*count += MANY;
}

static EFIAPI EFI_STATUS false_map(UINTN *bytes, EFI_MEMORY_DESCRIPTOR *map, UINTN *key, UINTN *step, UINT32 *version)
{
	UINTN room = *bytes;
	EFI_STATUS status = true_map(bytes, map, key, step, version);
	UINTN more = (ENTRIES_MORE + (many ? MANY : 0)) * *step;
	if (status == EFI_BUFFER_TOO_SMALL || (!EFI_ERROR(status) && room - *bytes < more)) {
		*bytes += more;
		return EFI_BUFFER_TOO_SMALL;
	}
	if (EFI_ERROR(status))
		return status;

	UINTN count = *bytes / *step;
	EFI_MEMORY_DESCRIPTOR *d = with_target(map, count, *step);
	if (hole && d) {
		UINT64 after = target + HOLE_PAGES * EFI_PAGE_SIZE;
		add(map, &count, *step, EfiConventionalMemory, after,
		    d->NumberOfPages - (after - d->PhysicalStart) / EFI_PAGE_SIZE);
		d->NumberOfPages = (target - d->PhysicalStart) / EFI_PAGE_SIZE;
	}
	if (overlap && d)
		add_overlaps(map, &count, *step);
	if (absurd && d)
		add_absurd(map, &count, *step);
	if (without_us)
		drop_loaders(map, &count, *step);
	if (uncached && d)
		add_attributes(map, &count, *step, EFI_MEMORY_UC | EFI_MEMORY_WC);
	if (special && d)
		add_attributes(map, &count, *step, EFI_MEMORY_WB | SPECIFIC);
	if (many && d)
		add_many(map, &count, *step);
	*bytes = count * *step;
	return EFI_SUCCESS;
}

/* Takes a place within the largest free range, a few pages off any large page's edge. */
static void lie_about_memory(void)
{
	UINTN count, key, step, largest = 0;
	UINT32 version;
	EFI_MEMORY_DESCRIPTOR *map = LibMemoryMap(&count, &key, &step, &version);
	for (UINTN i = 0; i < count; i++) {
		const EFI_MEMORY_DESCRIPTOR *d = entry_at(map, i, step);
		if (d->Type == EfiConventionalMemory && d->NumberOfPages > largest) {
			largest = d->NumberOfPages;
			target = d->PhysicalStart + (largest / 4 + 5) * EFI_PAGE_SIZE;
		}
	}
	FreePool(map);
	if (hole)
		SetMem((void *)target, HOLE_PAGES * EFI_PAGE_SIZE, 0x5a);
	if (hole || overlap || absurd)
		Print(L"liar: about 0x%lx\r\n", target);
	true_map = BS->GetMemoryMap;
	BS->GetMemoryMap = false_map;
}

/* --- ACPI ------------------------------------------------------------------------------------------------------ */

static UINT32 u32_at(const UINT8 *p)
{
	return p[0] | p[1] << 8 | p[2] << 16 | (UINT32)p[3] << 24;
}

static UINT64 u64_at(const UINT8 *p)
{
	return u32_at(p) | (UINT64)u32_at(p + 4) << 32;
}

static UINT8 *find_rsdp(void)
{
	EFI_GUID acpi2 = ACPI_20_TABLE_GUID;
	for (UINTN i = 0; i < ST->NumberOfTableEntries; i++)
		if (CompareGuid(&ST->ConfigurationTable[i].VendorGuid, &acpi2) == 0)
			return ST->ConfigurationTable[i].VendorTable;
	return NULL;
}

static void hide_rsdp(void)
{
	EFI_GUID acpi2 = ACPI_20_TABLE_GUID, acpi1 = ACPI_TABLE_GUID;
	for (UINTN i = 0; i < ST->NumberOfTableEntries; i++)
		if (CompareGuid(&ST->ConfigurationTable[i].VendorGuid, &acpi2) == 0 ||
		    CompareGuid(&ST->ConfigurationTable[i].VendorGuid, &acpi1) == 0)
			ST->ConfigurationTable[i].VendorGuid.Data1++;
}

static UINT8 *find_table(UINT8 *rsdp, const char *name)
{
	UINT8 *xsdt = (UINT8 *)u64_at(rsdp + 24);
	if (strncmpa((const CHAR8 *)name, (const CHAR8 *)"XSDT", 4) == 0)
		return xsdt;
	for (UINT32 at = 36; at + 8 <= u32_at(xsdt + 4); at += 8) {
		UINT8 *table = (UINT8 *)u64_at(xsdt + at);
		if (CompareMem(table, name, 4) == 0)
			return table;
	}
	return NULL;
}

static void mend_sum(UINT8 *table)
{
	UINT8 sum = 0;
	table[9] = 0;
	for (UINT32 i = 0; i < u32_at(table + 4); i++)
		sum += table[i];
	table[9] = -sum;
}

/* A copy that lies where the kernel reads it too: memory of the boot services goes to the allocator later. */
static UINT8 *copy_of(const UINT8 *table)
{
	UINT8 *copy = AllocatePool(u32_at(table + 4));
	CopyMem(copy, table, u32_at(table + 4));
	return copy;
}

static void put_u32(UINT8 *p, UINT32 v)
{
	CopyMem(p, &v, 4);
}

/* Another XSDT: `before` entries of that, those that were, and one of `last`. NULL is an entry of 0, or of none. */
static void list_anew(UINT8 *rsdp, UINTN before, const UINT8 *first, UINTN empty, const UINT8 *last)
{
	const UINT8 *old = find_table(rsdp, "XSDT");
	const UINTN held = (u32_at(old + 4) - 36) / 8;
	UINT8 *xsdt = AllocateZeroPool(36 + 8 * (before + empty + held + 1));
	UINT64 *entry = (UINT64 *)(xsdt + 36), *const from = entry;
	CopyMem(xsdt, old, 36);
	for (UINTN i = 0; i < before; i++)
		*entry++ = (UINT64)first;
	entry += empty;
	CopyMem(entry, old + 36, 8 * held);
	entry += held;
	if (last)
		*entry++ = (UINT64)last;
	put_u32(xsdt + 4, 36 + 8 * (UINT32)(entry - from));
	mend_sum(xsdt);
	UINT64 at = (UINT64)xsdt;
	CopyMem(rsdp + 24, &at, 8);
	UINT8 sum = 0;
	rsdp[32] = 0;
	for (UINTN i = 0; i < 36; i++)
		sum += rsdp[i];
	rsdp[32] = -sum;
}

static void lie_by_lists(const char *lies, UINT8 *rsdp)
{
	static const struct {
		const char *word, *table;
		UINT32 from, bytes, value; /* what is other in the second one */
	} twice[] = {
		{"madt-twice", "APIC", 36, 4, NOWHERE},
		{"fadt-twice", "FACP", 40, 60, 0},
		{"mcfg-twice", "MCFG", 44, 4, NOWHERE & ~0xfffff},
	};
	for (UINTN i = 0; i < sizeof(twice) / sizeof(twice[0]); i++) {
		const UINT8 *table = find_table(rsdp, twice[i].table);
		if (!told(lies, twice[i].word) || !table)
			continue;
		UINT8 *second = copy_of(table);
		SetMem(second + twice[i].from, twice[i].bytes, 0);
		put_u32(second + twice[i].from, twice[i].value);
		mend_sum(second);
		list_anew(rsdp, 0, NULL, 0, second);
	}
	if (told(lies, "crowd")) {
		UINT8 *ssdt = AllocateZeroPool(36);
		CopyMem(ssdt, "SSDT", 4);
		ssdt[4] = 36;
		mend_sum(ssdt);
		list_anew(rsdp, CROWD, ssdt, CROWD_EMPTY, NULL);
	}
	UINT8 *madt = find_table(rsdp, "APIC"), *fadt = find_table(rsdp, "FACP");
	if (told(lies, "lapic-elsewhere") && madt) {
		put_u32(madt + 36, NOWHERE);
		mend_sum(madt);
	}
	if (told(lies, "no-pm-timer") && fadt) {
		put_u32(fadt + 76, 0);
		SetMem(fadt + 208, u32_at(fadt + 4) >= 220 ? 12 : 0, 0);
		mend_sum(fadt);
	}
}

static void put(UINT8 *p, UINT64 value, UINTN bytes)
{
	for (UINTN i = 0; i < bytes; i++)
		p[i] = (UINT8)(value >> 8 * i);
}

/* A copy of a table with more bytes behind it, in its place. */
static UINT8 *longer_table(UINT8 *rsdp, UINT8 *table, UINTN more)
{
	UINT8 *xsdt = find_table(rsdp, "XSDT"), *copy;
	UINT32 bytes = u32_at(table + 4);
	if (EFI_ERROR(BS->AllocatePool(EfiACPIReclaimMemory, bytes + more, (void **)&copy)))
		return table;
	CopyMem(copy, table, bytes);
	SetMem(copy + bytes, more, 0);
	put(copy + 4, bytes + more, 4);
	for (UINT32 at = 36; at + 8 <= u32_at(xsdt + 4); at += 8)
		if ((UINT8 *)u64_at(xsdt + at) == table)
			put(xsdt + at, (UINT64)copy, 8);
	mend_sum(xsdt);
	return copy;
}

static void lie_about_mcfg(const char *lies, UINT8 *rsdp, UINT8 *mcfg)
{
	UINT64 base = u64_at(mcfg + 44);
	if (told(lies, "mcfg-two")) {
		mcfg = longer_table(rsdp, mcfg, 16);
		CopyMem(mcfg + 60, mcfg + 44, 16);
		mcfg[55] = 0;
		mcfg[70] = 128;
	}
	if (told(lies, "mcfg-nowhere"))
		put(mcfg + 44, 0x3000000000, 8);
	if (told(lies, "mcfg-next")) {
		put(mcfg + 44, base + (1 << 20), 8);
		mcfg[55]--;
	}
	if (told(lies, "mcfg-memory"))
		put(mcfg + 44, 16 << 20, 8);
	if (told(lies, "no-mcfg"))
		mcfg[0] = 'X';
	mend_sum(mcfg);
}

static void lie_about_acpi(const char *lies)
{
	static const struct {
		const char *word, *table;
	} sums[] = {{"xsdt-sum", "XSDT"}, {"apic-sum", "APIC"}, {"mcfg-sum", "MCFG"}, {"facp-sum", "FACP"}};
	UINT8 *rsdp = find_rsdp();
	if (!rsdp)
		return;
	UINT8 *fadt = find_table(rsdp, "FACP"), *mcfg = find_table(rsdp, "MCFG");
	UINT8 *dsdt = fadt ? (UINT8 *)(UINT64)u32_at(fadt + 40) : NULL;

	lie_by_lists(lies, rsdp);
	if (mcfg)
		lie_about_mcfg(lies, rsdp, mcfg);
	if (told(lies, "dead-pm1") && fadt) {
		fadt[64] = fadt[176] = DEAD_PORT;
		fadt[65] = fadt[177] = 0;
		mend_sum(fadt);
	}
	for (UINT32 i = 36; told(lies, "no-s5") && dsdt && i + 8 < u32_at(dsdt + 4); i++) {
		if (CompareMem(dsdt + i, "_S5_\x12", 5) == 0) {
			SetMem(dsdt + i + 7, 2, 'X');
			mend_sum(dsdt);
		}
	}
	for (UINTN i = 0; i < sizeof(sums) / sizeof(sums[0]); i++)
		if (told(lies, sums[i].word) && find_table(rsdp, sums[i].table))
			find_table(rsdp, sums[i].table)[9]++;
	if (told(lies, "dsdt-sum") && dsdt)
		dsdt[9]++;
	if (told(lies, "rsdp-sum"))
		rsdp[8]++;
	if (told(lies, "no-rsdp"))
		hide_rsdp();
}

EFI_STATUS efi_main(EFI_HANDLE handle, EFI_SYSTEM_TABLE *system)
{
	InitializeLib(handle, system);

	EFI_LOADED_IMAGE *self, *loader;
	EFI_HANDLE image;
	UINTN bytes, options_bytes;
	EFI_STATUS status = BS->HandleProtocol(handle, &LoadedImageProtocol, (void **)&self);
	EFI_FILE_HANDLE root = EFI_ERROR(status) ? NULL : LibOpenRoot(self->DeviceHandle);
	char *lies = root ? read_file(root, L"\\lies.txt", LIES_MAX, &bytes) : NULL;
	if (!lies) {
		Print(L"liar: there is no \\lies.txt\r\n");
		return EFI_NOT_FOUND;
	}
	void *options = read_file(root, L"\\options.bin", OPTIONS_MAX, &options_bytes);

	hole = told(lies, "map-hole");
	overlap = told(lies, "map-overlap");
	absurd = told(lies, "map-absurd");
	many = told(lies, "map-many");
	uncached = told(lies, "map-uncached");
	special = told(lies, "map-special");
	without_us = told(lies, "map-without-us");
	lie_about_acpi(lies);
	status = BS->LoadImage(FALSE, handle, FileDevicePath(self->DeviceHandle, L"\\real.efi"), NULL, 0, &image);
	if (!EFI_ERROR(status))
		status = BS->HandleProtocol(image, &LoadedImageProtocol, (void **)&loader);
	if (EFI_ERROR(status)) {
		Print(L"liar: \\real.efi can't be loaded (%r)\r\n", status);
		return status;
	}
	if (options) {
		loader->LoadOptions = options;
		loader->LoadOptionsSize = (UINT32)options_bytes;
	}
	lie_about_memory();
	return BS->StartImage(image, NULL, NULL);
}
