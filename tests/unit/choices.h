/* Bytes that decide what happens: a fuzzer's input, or random ones. Bytes that are over read as 0.
 */
#pragma once

#include "lib/types.h"

struct choices {
	const uint8_t *at;
	const uint8_t *end;
};

static inline struct choices choices_of(const uint8_t *data, size_t bytes)
{
	return (struct choices){data, data + bytes};
}

static inline size_t choice_left(const struct choices *in)
{
	return (size_t)(in->end - in->at);
}

static inline unsigned choice_u8(struct choices *in)
{
	return in->at < in->end ? *in->at++ : 0;
}

static inline unsigned choice_u16(struct choices *in)
{
	unsigned low = choice_u8(in);

	return low | choice_u8(in) << 8;
}

static inline uint32_t choice_u32(struct choices *in)
{
	uint32_t low = choice_u16(in);

	return low | (uint32_t)choice_u16(in) << 16;
}

/* The next byte, below limit (at most 256). */
static inline unsigned choice_below(struct choices *in, unsigned limit)
{
	return choice_u8(in) % limit;
}
