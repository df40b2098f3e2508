/* Tests that run on the host and in the guest alike: rows of a table, like everything else.
 *
 *   TEST(area, split_keeps_both_halves_exact)
 *   {
 *           CHECK_EQ(mm_frame_state(mm, pfn), MM_STATE_ZERO);
 *   }
 *
 * A failed check ends its test. On the host cmocka runs the table (tests/host/runner.c), in the guest the console's
 * `test` command does; test_port.h names what each of them does in its own way.
 */
#pragma once

#include "lib/table.h"
#include "lib/types.h"
#include "tests/unit/test_port.h"

struct test_row {
	const char *suite;
	const char *name;
	void (*run)(void);
};

TABLE_DECLARE(test);

#define TEST(suite_, name_)                                                        \
	static void test_##suite_##_##name_(void);                                 \
	static const struct test_row test_row_##suite_##_##name_ = {               \
		.suite = #suite_, .name = #name_, .run = test_##suite_##_##name_}; \
	TABLE_ADD(test, test_row_##suite_##_##name_);                              \
	static void test_##suite_##_##name_(void)

#define CHECK(cond)                                                      \
	do {                                                             \
		test_port_breathe();                                     \
		if (!(cond))                                             \
			test_port_fail(__FILE__, __LINE__, "%s", #cond); \
	} while (0)

/* Integers up to 64 bits; the message shows both. */
#define CHECK_EQ(a, b)                                                                                              \
	do {                                                                                                        \
		test_port_breathe();                                                                                \
		unsigned long long check_a_ = (unsigned long long)(a), check_b_ = (unsigned long long)(b);          \
		if (check_a_ != check_b_)                                                                           \
			test_port_fail(__FILE__, __LINE__, "%s is %llu, not %s, %llu", #a, check_a_, #b, check_b_); \
	} while (0)

#define CHECK_STR(a, b)                                                                                         \
	do {                                                                                                    \
		const char *check_a_ = (a), *check_b_ = (b);                                                    \
		if (__builtin_strcmp(check_a_, check_b_) != 0)                                                  \
			test_port_fail(__FILE__, __LINE__, "%s is \"%s\", not \"%s\"", #a, check_a_, check_b_); \
	} while (0)

/* Expects the statement to end in mm_port_panic or a failed ASSERT whose message contains text. */
#define CHECK_PANIC(statement, text)                                             \
	do {                                                                     \
		if (test_port_panic_begin()) {                                   \
			statement;                                               \
			test_port_panic_missing(__FILE__, __LINE__, #statement); \
		}                                                                \
		test_port_panic_check(__FILE__, __LINE__, text);                 \
	} while (0)
