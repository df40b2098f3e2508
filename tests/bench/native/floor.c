/* The floors: what the bench itself costs, and the least that handing out numbers can cost. */
#include "tests/bench/native/plug.h"

/* null: a counter. Not an allocator, frames are handed out twice; its row is the cost of the bench's own loop. */
struct null {
	uint64_t next;
	uint64_t mask;
};

static void *null_open(size_t frames)
{
	struct null *n = plug_map(sizeof(*n));
	n->mask = frames - 1;
	return n;
}

static void null_close(void *self)
{
	plug_unmap(self, sizeof(struct null));
}

static uint64_t null_alloc(void *self, unsigned order)
{
	struct null *n = self;
	(void)order;
	return n->next++ & n->mask;
}

static void null_free(void *self, uint64_t pfn, unsigned order)
{
	(void)self, (void)pfn, (void)order;
}

static size_t null_meta_bytes(void *self)
{
	(void)self;
	return 0;
}

const struct plug plug_null = {
	.name = "null",
	.what = "a counter: the bench's own cost, to be subtracted",
	.max_order = 18,
	.locks = true, /* it stands for the loop alone */
	.open = null_open,
	.close = null_close,
	.alloc = null_alloc,
	.free = null_free,
	.meta_bytes = null_meta_bytes,
};

/* stack: a stack of 32-bit frame numbers. Single frames only, nothing merges, nothing is checked. */
struct stack {
	size_t frames;
	size_t top;
	uint32_t pfn[];
};

static size_t stack_bytes(size_t frames)
{
	return sizeof(struct stack) + frames * sizeof(uint32_t);
}

static void *stack_open(size_t frames)
{
	struct stack *s = plug_map(stack_bytes(frames));
	s->frames = s->top = frames;
	for (size_t i = 0; i < frames; i++)
		s->pfn[i] = (uint32_t)(frames - 1 - i);
	return s;
}

static void stack_close(void *self)
{
	plug_unmap(self, stack_bytes(((struct stack *)self)->frames));
}

static uint64_t stack_alloc(void *self, unsigned order)
{
	struct stack *s = self;
	(void)order;
	return s->top ? s->pfn[--s->top] : PLUG_NONE;
}

static void stack_free(void *self, uint64_t pfn, unsigned order)
{
	struct stack *s = self;
	(void)order;
	s->pfn[s->top++] = (uint32_t)pfn;
}

static size_t stack_meta_bytes(void *self)
{
	return stack_bytes(((struct stack *)self)->frames);
}

const struct plug plug_stack = {
	.name = "stack",
	.what = "a stack of 32-bit numbers, order 0 only: the floor",
	.max_order = 0,
	.open = stack_open,
	.close = stack_close,
	.alloc = stack_alloc,
	.free = stack_free,
	.meta_bytes = stack_meta_bytes,
};
