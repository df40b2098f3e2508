/* BOOTX64.EFI: puts the kernel into memory, leaves the firmware's boot services and enters it.
 *
 * What it hands over stands in boot_info.h. Everything it allocates is EfiLoaderData, which the kernel takes back, but
 * for the kernel's image and the page tables. When something is wrong it says what, and turns the machine off: there is
 * nobody to go back to, and a firmware's shell would wait for ever.
 */

#include <efi.h>
#include <efilib.h>

#include "boot/boot_info.h"
#include "boot/cmdline.h"
#include "boot/elf.h"
#include "boot/tables.h"

#define KERNEL_PATH	 L"\\kernel.elf"
#define KERNEL_BYTES_MAX (256ull << 20)
#define PADDR_MAX_32	 0xffffffffull
#define EXIT_TRIES	 8
#define MAP_SLACK	 32 /* descriptors that allocations between two looks at the map may add */
#define LEFT_TABLES	 5  /* that the direct map of what we leave may need: it lies below 4 GiB */

/* In enter.S: never returns. The page it lies on is mapped in both the firmware's tables and the kernel's. */
_Noreturn void enter_kernel(uint64_t cr3, uint64_t entry, uint64_t boot_info, uint64_t set_nx);
extern const char enter_kernel_end[];

struct memory_map {
	char *raw; /* as the firmware wrote it: descriptors of descriptor_bytes each */
	UINTN raw_capacity;
	UINTN raw_bytes;
	UINTN descriptor_bytes;
	UINTN key;
	struct boot_range *ranges; /* the same for the kernel */
	UINTN count;
};

static _Noreturn void power_off(void)
{
	RT->ResetSystem(EfiResetShutdown, EFI_SUCCESS, 0, NULL);
	for (;;)
		__asm__ volatile("cli; hlt");
}

#define FAIL(...)                       \
	do {                            \
		Print(L"\r\nloader: "); \
		Print(__VA_ARGS__);     \
		Print(L"\r\n");         \
		power_off();            \
	} while (0)

static UINTN pages_of(uint64_t bytes)
{
	return (bytes + EFI_PAGE_SIZE - 1) / EFI_PAGE_SIZE;
}

static void *allocate(uint64_t bytes, EFI_PHYSICAL_ADDRESS max, const CHAR16 *what)
{
	EFI_PHYSICAL_ADDRESS at = max;
	EFI_STATUS status = BS->AllocatePages(AllocateMaxAddress, EfiLoaderData, pages_of(bytes), &at);
	if (EFI_ERROR(status))
		FAIL(L"too little memory: no %ld KiB in one piece for %s (%r)", pages_of(bytes) * 4, what, status);
	return (void *)at;
}

/* The volume that this program was loaded from. */
static EFI_FILE_HANDLE open_volume(EFI_LOADED_IMAGE *self)
{
	EFI_FILE_IO_INTERFACE *volume;
	EFI_FILE_HANDLE root;
	EFI_STATUS status = BS->HandleProtocol(self->DeviceHandle, &FileSystemProtocol, (void **)&volume);
	if (!EFI_ERROR(status))
		status = volume->OpenVolume(volume, &root);
	if (EFI_ERROR(status))
		FAIL(L"the volume that this loader came from can't be read (%r)", status);
	return root;
}

/* A text file, which needn't be there. What is wrong with it is the kernel's to say: it has a log. */
static struct boot_file read_text(EFI_FILE_HANDLE root, CHAR16 *path)
{
	struct boot_file text = {0, BOOT_FILE_UNREADABLE};
	EFI_FILE_HANDLE file;
	EFI_STATUS status = root->Open(root, &file, path, EFI_FILE_MODE_READ, 0);
	if (status == EFI_NOT_FOUND)
		return (struct boot_file){0, 0};
	if (EFI_ERROR(status))
		return text;

	EFI_FILE_INFO *info = LibFileInfo(file);
	if (info && !(info->Attribute & EFI_FILE_DIRECTORY)) {
		UINTN bytes = info->FileSize;
		void *at = bytes <= BOOT_FILE_MAX ? allocate(bytes + 1, PADDR_MAX_32, path) : NULL;
		if (!at)
			text.bytes = info->FileSize;
		else if (!EFI_ERROR(file->Read(file, &bytes, at)) && bytes == info->FileSize)
			text = (struct boot_file){(uintptr_t)at, bytes};
	}
	if (info)
		FreePool(info);
	file->Close(file);
	return text;
}

/* The whole of kernel.elf. */
static void *read_kernel(EFI_FILE_HANDLE root, UINTN *bytes)
{
	EFI_FILE_HANDLE file;
	EFI_STATUS status = root->Open(root, &file, KERNEL_PATH, EFI_FILE_MODE_READ, 0);
	if (status == EFI_NOT_FOUND)
		FAIL(L"kernel.elf: not found on this volume");
	if (EFI_ERROR(status))
		FAIL(L"kernel.elf: can't be opened (%r)", status);

	EFI_FILE_INFO *info = LibFileInfo(file);
	if (!info)
		FAIL(L"kernel.elf: its size can't be read");
	if (info->Attribute & EFI_FILE_DIRECTORY)
		FAIL(L"kernel.elf: is a directory");
	if (info->FileSize == 0 || info->FileSize > KERNEL_BYTES_MAX)
		FAIL(L"kernel.elf: its size is %ld bytes, 1 to %ld is allowed", info->FileSize, KERNEL_BYTES_MAX);

	void *buffer = allocate(info->FileSize, PADDR_MAX_32, L"kernel.elf");
	*bytes = info->FileSize;
	status = file->Read(file, bytes, buffer);
	if (EFI_ERROR(status))
		FAIL(L"kernel.elf: can't be read (%r)", status);
	if (*bytes != info->FileSize)
		FAIL(L"kernel.elf: %ld bytes could be read of %ld", *bytes, info->FileSize);
	FreePool(info);
	file->Close(file);
	return buffer;
}

/* gnu-efi prints hexadecimal in capitals. */
static const char *hex(uint64_t value, char out[17])
{
	char *at = out + 16;
	*at = 0;
	do
		*--at = "0123456789abcdef"[value & 15];
	while (value >>= 4);
	return at;
}

/* Copies the segments to where they will run, one physical run in the order of their addresses. */
static void *place_kernel(const char *file, UINTN bytes, struct elf_image *image)
{
	struct elf_error error;
	char value[17];
	if (!elf_check(file, bytes, image, &error)) {
		if (error.header >= 0)
			FAIL(L"kernel.elf: program header %d: %a is 0x%a, %a", error.header, error.field,
			     hex(error.value, value), error.rule);
		FAIL(L"kernel.elf: %a is 0x%a, %a", error.field, hex(error.value, value), error.rule);
	}

	char *memory = allocate(image->end - image->start, PADDR_MAX_32, L"the kernel");
	ZeroMem(memory, image->end - image->start);
	for (unsigned i = 0; i < image->segment_count; i++) {
		const struct elf_segment *s = &image->segments[i];
		CopyMem(memory + (s->vaddr - image->start), file + s->file_offset, s->file_bytes);
	}
	return memory;
}

static uint64_t find_rsdp(void)
{
	EFI_GUID acpi2 = ACPI_20_TABLE_GUID, acpi1 = ACPI_TABLE_GUID;
	uint64_t old = 0;
	for (UINTN i = 0; i < ST->NumberOfTableEntries; i++) {
		EFI_CONFIGURATION_TABLE *table = &ST->ConfigurationTable[i];
		if (CompareGuid(&table->VendorGuid, &acpi2) == 0)
			return (uintptr_t)table->VendorTable;
		if (CompareGuid(&table->VendorGuid, &acpi1) == 0)
			old = (uintptr_t)table->VendorTable;
	}
	return old;
}

/* Takes the firmware's map. The buffers grow when it has grown: after a failed ExitBootServices this and memory
 * allocation are the only boot services that may still be called. */
static EFI_STATUS take_map(struct memory_map *map)
{
	UINT32 version;
	for (;;) {
		map->raw_bytes = map->raw_capacity;
		EFI_STATUS status = BS->GetMemoryMap(&map->raw_bytes, (EFI_MEMORY_DESCRIPTOR *)map->raw, &map->key,
						     &map->descriptor_bytes, &version);
		if (status != EFI_BUFFER_TOO_SMALL)
			return status;
		map->raw_capacity = map->raw_bytes + MAP_SLACK * map->descriptor_bytes;
		EFI_PHYSICAL_ADDRESS at = PADDR_MAX_32;
		status = BS->AllocatePages(AllocateMaxAddress, EfiLoaderData, 2 * pages_of(map->raw_capacity), &at);
		if (EFI_ERROR(status))
			return status;
		map->raw = (char *)at;
		map->ranges = (struct boot_range *)(at + pages_of(map->raw_capacity) * EFI_PAGE_SIZE);
	}
}

/* A descriptor may be larger than the structure we know (UEFI specification 2.10, 7.2.3, GetMemoryMap). */
_Static_assert(sizeof(struct boot_range) <= sizeof(EFI_MEMORY_DESCRIPTOR), "ranges fit where the raw map did");

static void convert_map(struct memory_map *map)
{
	map->count = map->raw_bytes / map->descriptor_bytes;
	for (UINTN i = 0; i < map->count; i++) {
		const EFI_MEMORY_DESCRIPTOR *d = (const void *)(map->raw + i * map->descriptor_bytes);
		map->ranges[i] = (struct boot_range){.paddr = d->PhysicalStart,
						     .pages = d->NumberOfPages,
						     .type = d->Type,
						     .attributes = d->Attribute};
	}
}

static void first_map(struct memory_map *map)
{
	EFI_STATUS status = take_map(map);
	if (EFI_ERROR(status))
		FAIL(L"the firmware's memory map can't be read (%r)", status);
	if (map->descriptor_bytes < sizeof(EFI_MEMORY_DESCRIPTOR))
		FAIL(L"the firmware's memory descriptors have %ld bytes, at least %ld are needed",
		     map->descriptor_bytes, (UINTN)sizeof(EFI_MEMORY_DESCRIPTOR));
	convert_map(map);
}

/* Leaves boot services. The key must be that of the latest map, and asking for it is apt to be overtaken by an event
 * handler that allocates: so again with a new map, as the specification says (UEFI 2.10, 7.4.6). */
static void exit_boot_services(EFI_HANDLE self, struct memory_map *map)
{
	EFI_STATUS status = EFI_SUCCESS;
	for (unsigned i = 0; i < EXIT_TRIES; i++) {
		status = take_map(map);
		if (!EFI_ERROR(status))
			status = BS->ExitBootServices(self, map->key);
		if (!EFI_ERROR(status)) {
			convert_map(map);
			return;
		}
		if (status != EFI_INVALID_PARAMETER)
			break;
	}
	FAIL(L"boot services can't be left (%r)", status);
}

static void cpuid(uint32_t leaf, uint32_t *eax, uint32_t *edx)
{
	uint32_t ebx, ecx = 0;
	*eax = leaf;
	__asm__ volatile("cpuid" : "+a"(*eax), "=b"(ebx), "+c"(ecx), "=d"(*edx));
}

/* What the CPU offers for page tables. The firmware must have left it with four levels of them. */
static void look_at_cpu(struct tables *t)
{
	uint64_t cr4;
	uint32_t eax, edx = 0;
	__asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
	if (cr4 & 1ull << 12)
		FAIL(L"the firmware runs with five levels of page tables, four are needed");
	cpuid(0x80000000, &eax, &edx);
	if (eax >= 0x80000001)
		cpuid(0x80000001, &eax, &edx);
	else
		edx = 0;
	t->nx = edx >> 20 & 1;
	t->gib_pages = edx >> 26 & 1;
}

static void make_tables(struct tables *t, const struct memory_map *map, const struct elf_image *image, uint64_t paddr)
{
	look_at_cpu(t);
	t->frames = tables_frames(map->ranges, map->count, image->end - image->start) + LEFT_TABLES;
	t->memory = allocate(t->frames * EFI_PAGE_SIZE, PADDR_MAX_32, L"page tables");
	t->paddr = (uintptr_t)t->memory;
	tables_init(t);

	uint64_t entry_page = (uintptr_t)enter_kernel & ~(uint64_t)EFI_PAGE_MASK;
	bool ok = tables_direct_map(t, map->ranges, map->count) &&
		  tables_map(t, entry_page, entry_page, (uintptr_t)enter_kernel_end - entry_page, TABLES_EXECUTE);
	for (unsigned i = 0; i < image->segment_count; i++) {
		const struct elf_segment *s = &image->segments[i];
		unsigned rights = (s->write ? TABLES_WRITE : 0) | (s->execute ? TABLES_EXECUTE : 0);
		ok = ok && tables_map(t, s->vaddr, paddr + (s->vaddr - image->start), s->mem_bytes, rights);
	}
	if (!ok)
		FAIL(L"%ld page tables aren't enough for this memory map", t->frames);
}

/* Maps what the kernel is going to read of ours, whatever the firmware's map says of it. */
static void map_what_is_left(struct tables *t, const struct boot_info *info, const struct memory_map *map)
{
	const struct boot_file at[] = {
		{(uintptr_t)info, sizeof(*info) + BOOT_CMDLINE_MAX + 1},
		{(uintptr_t)map->ranges, map->count * sizeof(*map->ranges)},
		info->cmdline_file,
		info->script_file,
		{t->paddr, t->frames * EFI_PAGE_SIZE},
	};
	for (UINTN i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		const uint64_t first = at[i].paddr & ~(uint64_t)EFI_PAGE_MASK;
		const struct boot_range range = {
			.paddr = first, .pages = pages_of(at[i].paddr - first + at[i].bytes), .type = EfiLoaderData};
		if (at[i].paddr && !tables_direct_map(t, &range, 1))
			power_off();
	}
}

EFI_STATUS efi_main(EFI_HANDLE handle, EFI_SYSTEM_TABLE *system)
{
	uint64_t entry_tsc = __builtin_ia32_rdtsc();
	InitializeLib(handle, system);

	EFI_LOADED_IMAGE *self;
	EFI_STATUS status = BS->HandleProtocol(handle, &LoadedImageProtocol, (void **)&self);
	if (EFI_ERROR(status))
		FAIL(L"the firmware doesn't say where this loader came from (%r)", status);

	UINTN file_bytes;
	struct elf_image image;
	EFI_FILE_HANDLE root = open_volume(self);
	char *file = read_kernel(root, &file_bytes);
	uint64_t kernel = (uintptr_t)place_kernel(file, file_bytes, &image);
	BS->FreePages((uintptr_t)file, pages_of(file_bytes));

	struct boot_info *info = allocate(sizeof(*info) + BOOT_CMDLINE_MAX + 1, PADDR_MAX_32, L"the boot information");
	char *cmdline = (char *)(info + 1);
	UINTN options_bytes = self->LoadOptions ? self->LoadOptionsSize : 0;
	uint32_t options_value;
	uint32_t fault =
		cmdline_from_options(self->LoadOptions, options_bytes, cmdline, BOOT_CMDLINE_MAX + 1, &options_value);
	struct boot_file cmdline_file = read_text(root, L"" BOOT_CMDLINE_PATH);
	struct boot_file script_file = read_text(root, L"" BOOT_SCRIPT_PATH);
	root->Close(root);

	/* Which addresses are memory doesn't change any more, only what it is used for. */
	struct memory_map map = {0};
	struct tables tables = {0};
	first_map(&map);
	make_tables(&tables, &map, &image, kernel);

	*info = (struct boot_info){.magic = BOOT_INFO_MAGIC,
				   .version = BOOT_INFO_VERSION,
				   .way = BOOT_BY_EFI,
				   .entry_tsc = entry_tsc,
				   .reach = TABLES_PADDR_LIMIT,
				   .rsdp = find_rsdp(),
				   .reset_system = (uintptr_t)RT->ResetSystem,
				   .cmdline = cmdline[0] ? (uintptr_t)cmdline : 0,
				   .options_fault = fault,
				   .options_value = options_value,
				   .cmdline_file = cmdline_file,
				   .script_file = script_file,
				   .kernel_paddr = kernel,
				   .kernel_bytes = image.end - image.start,
				   .tables_paddr = tables.paddr,
				   .tables_bytes = tables.frames * EFI_PAGE_SIZE};
	exit_boot_services(handle, &map);
	info->ranges = (uintptr_t)map.ranges;
	info->range_count = map.count;
	map_what_is_left(&tables, info, &map);

	enter_kernel(tables.paddr, image.entry, DIRECT_MAP_BASE + (uintptr_t)info, tables.nx);
}
