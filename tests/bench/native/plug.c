/* Memory for the allocators' metadata. */
#include "tests/bench/native/plug.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "lib/bits.h"

/* Huge pages for what is large only: two dozen small tables each at the start of a huge page of its own would all fall
 * into the same sets of the cache. The mapping is 2 MiB larger than asked for, since mmap aligns to 4 KiB only and an
 * unaligned start or end would fall on small pages, now in one run and now not. */
static size_t mapped(size_t bytes)
{
	return align_up(bytes, 2 * MIB) + 2 * MIB;
}

void *plug_map(size_t bytes)
{
	char *raw =
		mmap(NULL, mapped(bytes), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (raw == MAP_FAILED) {
		perror("bench: mmap");
		exit(2);
	}
	size_t lead = align_up((uintptr_t)raw + 1, 2 * MIB) - (uintptr_t)raw;
	char *mem = raw + lead;
	((char **)mem)[-1] = raw;
	size_t body = mapped(bytes) - lead;
	if (bytes >= 2 * MIB)
		madvise(mem, align_down(body, 2 * MIB), MADV_HUGEPAGE);
	memset(mem, 0, bytes);
	return mem;
}

void plug_unmap(void *mem, size_t bytes)
{
	munmap(((char **)mem)[-1], mapped(bytes));
}
