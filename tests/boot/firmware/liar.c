/* An EFI program that makes the firmware lie, and then starts the real loader: for boot tests, never in the product.
 *
 * It is put in the loader's place, \EFI\BOOT\BOOTX64.EFI; the loader lies beside it as \real.efi. What to lie about
 * stands as words in \lies.txt:
 *
 *   map-hole        three pages a quarter into the largest free range are in no entry; they are filled with 0x5a
 *   map-overlap     three entries more: free memory over all that is memory below 4 GiB, five reserved pages a quarter
 *                   into the largest free range, boot services' data ahead of them
 *   map-absurd      entries that are empty, unaligned, wrap round, lie beyond all address lines, or have odd types
 *   no-rsdp         the configuration table has no ACPI
 *   rsdp-sum xsdt-sum apic-sum mcfg-sum facp-sum dsdt-sum    that table's checksum is wrong
 *   no-mcfg         that table has another name
 *   mcfg-two        it has bus 0 in one window, and from bus 128 on in another one
 *   mcfg-nowhere    its window is where nothing answers, which reads as zeros
 *   mcfg-next       its window begins a bus too far
 *   mcfg-memory     its window is memory
 *   no-s5           the sleep state's package holds names instead of constants
 *   dead-pm1        the power management register's port leads nowhere
 *
 * The bytes of \options.bin, if it is there, are the loader's load options.
 */
#include <efi.h>
#include <efilib.h>
#include <stdbool.h>

#define LIES_MAX       512
#define OPTIONS_MAX    32768
#define ENTRIES_MORE   8 /* that any lie adds */
#define HOLE_PAGES     3
#define RESERVED_PAGES 5
#define DEAD_PORT      0x80 /* takes what is written, and does nothing */

static EFI_GET_MEMORY_MAP true_map;
static bool hole, overlap, absurd;
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

static EFIAPI EFI_STATUS false_map(UINTN *bytes, EFI_MEMORY_DESCRIPTOR *map, UINTN *key, UINTN *step, UINT32 *version)
{
	UINTN room = *bytes;
	EFI_STATUS status = true_map(bytes, map, key, step, version);
	UINTN more = ENTRIES_MORE * *step;
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
