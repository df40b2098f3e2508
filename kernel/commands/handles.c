/* Memory that was asked for on the console. */
#include "kernel/commands/handles.h"

#include <stdlib.h>
#include <string.h>

#include "kernel/console/console.h"
#include "kernel/sched/thread.h"
#include "lib/assert.h"
#include "mm/mm.h"
#include "port/mm_port.h"

/* How much is written or read, and freed, at a time before other threads get a turn. */
#define SLICE_BYTES	   (4 * MIB)
#define FREED_SLICE_BLOCKS 4096u
#define FREED_SLICE_FRAMES (1u << 16)

static struct handle *first;	      /* (T) */
static struct handle **last = &first; /* (T) */
static uint64_t next_id = 1;	      /* (T) */

static bool alloc_interrupted(void *interrupted)
{
	return *(bool *)interrupted = console_interrupted("alloc");
}

enum handle_error handle_alloc(unsigned order, unsigned want, uint64_t count, struct handle **out)
{
	/* The list comes first: it takes memory that then isn't there for the blocks, and is given back if they
	 * fail. */
	struct handle *handle = malloc(sizeof(*handle));
	pfn_t *pfns = count <= SIZE_MAX / sizeof(*pfns) ? malloc(count * sizeof(*pfns)) : NULL;
	enum handle_error error = HANDLE_NO_LIST;
	bool interrupted = false;
	const struct mm_stop stop = {.asked = alloc_interrupted, .arg = &interrupted};

	if (handle && pfns) {
		if (mm_alloc_bulk_until(&mm_system, order, want, count, pfns, &stop)) {
			*handle = (struct handle){
				.id = next_id++, .order = order, .want = want, .count = count, .pfns = pfns};
			*last = handle;
			last = &handle->next;
			*out = handle;
			return HANDLE_OK;
		}
		error = interrupted ? HANDLE_STOPPED : HANDLE_NO_BLOCKS;
	}
	free(pfns);
	free(handle);
	return error;
}

struct handle *handle_first(void)
{
	return first;
}

struct handle *handle_find(uint64_t id)
{
	struct handle *handle = first;
	while (handle && handle->id != id)
		handle = handle->next;
	return handle;
}

/* How many blocks of an order are freed at a time: freeing can mean zeroing them. */
static uint64_t freed_slice(unsigned order)
{
	uint64_t blocks = FREED_SLICE_FRAMES >> order;

	return blocks == 0 ? 1 : blocks < FREED_SLICE_BLOCKS ? blocks : FREED_SLICE_BLOCKS;
}

bool handle_free(struct handle *handle)
{
	while (handle->count != 0) {
		uint64_t most = freed_slice(handle->order), slice = handle->count < most ? handle->count : most;
		handle->count -= slice;
		mm_free_bulk(&mm_system, handle->order, slice, handle->pfns + handle->count);
		thread_yield();
		if (handle->count != 0 && console_interrupted("free"))
			return false;
	}
	struct handle **at = &first;
	while (*at != handle)
		at = &(*at)->next;
	*at = handle->next;
	if (last == &handle->next)
		last = at;
	free(handle->pfns);
	free(handle);
	return true;
}

bool handle_thin(struct handle *handle, uint64_t keep)
{
	pfn_t freed[64];
	uint64_t most = freed_slice(handle->order) < ARRAY_LEN(freed) ? freed_slice(handle->order) : ARRAY_LEN(freed);
	uint64_t kept = 0, waiting = 0, at = 0;
	bool interrupted = false;

	ASSERT(keep >= 2);
	while (at < handle->count && !interrupted) {
		if (at % keep == 0)
			handle->pfns[kept++] = handle->pfns[at];
		else
			freed[waiting++] = handle->pfns[at];
		at++;
		if (waiting < most && at < handle->count)
			continue;
		mm_free_bulk(&mm_system, handle->order, waiting, freed);
		waiting = 0;
		thread_yield();
		interrupted = at < handle->count && console_interrupted("free");
	}
	memmove(handle->pfns + kept, handle->pfns + at, (handle->count - at) * sizeof(*handle->pfns));
	handle->count -= at - kept;
	return !interrupted;
}

/* After so many bytes: other threads get a turn, and the user may have had enough. */
static bool go_on(const char *cmd, uint64_t bytes, uint64_t *since)
{
	*since += bytes;
	if (*since < SLICE_BYTES)
		return true;
	*since = 0;
	thread_yield();
	return !console_interrupted(cmd);
}

bool handle_fill(const struct handle *handle, uint8_t byte)
{
	uint64_t block = FRAME_SIZE << handle->order;
	uint64_t since = 0;

	for (uint64_t i = 0; i < handle->count; i++) {
		uint8_t *bytes = mm_port_frame(handle->pfns[i]);
		for (uint64_t done = 0; done < block;) {
			uint64_t slice = block - done < SLICE_BYTES ? block - done : SLICE_BYTES;
			memset(bytes + done, byte, slice);
			done += slice;
			if (!go_on("fill", slice, &since))
				return false;
		}
	}
	return true;
}

/* Eight bytes at a time; the place of the first wrong byte, or FRAME_SIZE. */
static uint64_t first_wrong(const void *frame, uint8_t byte)
{
	const uint64_t *words = frame;
	const uint8_t *bytes = frame;
	uint64_t pattern = 0x0101010101010101ull * byte;

	for (size_t i = 0; i < FRAME_SIZE / sizeof(*words); i++) {
		if (likely(words[i] == pattern))
			continue;
		size_t at = i * sizeof(*words);
		while (bytes[at] == byte)
			at++;
		return at;
	}
	return FRAME_SIZE;
}

enum handle_found handle_verify(const struct handle *handle, uint8_t byte, pfn_t *pfn, uint64_t *offset, uint8_t *found)
{
	uint64_t since = 0;

	for (uint64_t i = 0; i < handle->count; i++) {
		for (uint64_t frame = 0; frame < 1ull << handle->order; frame++) {
			pfn_t at = handle->pfns[i] + frame;
			const uint8_t *bytes = mm_port_frame(at);
			uint64_t wrong = first_wrong(bytes, byte);
			if (wrong < FRAME_SIZE) {
				*pfn = at;
				*offset = wrong;
				*found = bytes[wrong];
				return HANDLE_OTHER;
			}
			if (!go_on("verify", FRAME_SIZE, &since))
				return HANDLE_INTERRUPTED;
		}
	}
	return HANDLE_SAME;
}
