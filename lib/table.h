/* Tables of rows that are declared beside the code they describe.
 *
 * A row is a static constant struct; a pointer to it is put into a linker section named after the table, and a
 * reader walks the section. Pointers, not structs: compilers may pad structs in a section apart, so that a walk
 * with ++ would leave the rails. The section's name is a C identifier, so the linker gives its bounds as
 * __start_NAME and __stop_NAME. Rows have no order of their own: whoever prints a table sorts it by name.
 *
 * Nothing refers to a row, so what may drop it is dealt with here, and by mm_init, which looks for rows of its own:
 *
 *   the compiler     `used` keeps the pointer
 *   --gc-sections    `retain` marks the section as not to be collected, for any linker that knows the mark (GNU ld from
 *                    2.36 on, lld from 13 on); gcc 11 and clang 13 set it. Where the compiler can't, a linker script
 *                    must say KEEP(*(table_*)), as linker.ld does
 *   all of a table   the bounds aren't weak: without a section of that name the program doesn't link. So that a table
 *                    may have no row (a feature is left out), whoever declares it puts nothing, 0 bytes, into the
 *                    section
 *   a static library an object that nobody calls isn't taken out of it, rows and all: TABLE_FILE and TABLE_NEEDS
 *
 * Here are the rows that mm/ and drivers/ declare too. A table that only the kernel has (commands, benches) is
 * declared there with the same macros.
 */
#pragma once

#include "lib/frame.h"

#ifdef __cplusplus
extern "C" {
#endif

#ifndef TABLE_KEEP
#if __has_attribute(retain)
#define TABLE_KEEP used, retain
#else
#define TABLE_KEEP used
#endif
#endif

#define TABLE_ADD(table, row) \
	static const void *const table##_ptr_##row __attribute__((section("table_" #table), TABLE_KEEP)) = &(row)

/* The array of nothing makes sure that there is a section. */
#define TABLE_DECLARE(table)                              \
	extern const void *const __start_table_##table[]; \
	extern const void *const __stop_table_##table[];  \
	__extension__ static const void *const table##_any[0] __attribute__((section("table_" #table), TABLE_KEEP)) = {}

/* Runs the statement that follows with `const type *row` set to each row of the table in turn. */
#define TABLE_FOR_EACH(table, type, row)                                                                       \
	for (const void *const *row##_at = __start_table_##table; row##_at < __stop_table_##table; row##_at++) \
		for (const type *row = (const type *)*row##_at, *row##_once = row; row##_once; row##_once = NULL)

/* A file that has rows, and nothing that those who want the rows would call, says TABLE_FILE(name); a file that is
 * never without it says TABLE_NEEDS(name), and so brings it along out of a static library. */
#define TABLE_FILE(name)                     \
	extern const char table_file_##name; \
	const char table_file_##name = 0
#define TABLE_NEEDS(name)                    \
	extern const char table_file_##name; \
	static const char *const table_needs_##name __attribute__((used)) = &table_file_##name

/* A counter or gauge: shown by `stats`, read by stat_value. A row is of one of three kinds:
 *
 * value  where it is counted
 * array  the address of a pointer to an array, each of whose *count elements counts for itself: each CPU, say. The row
 *        is their sum. The counters lie offset bytes from an element's start, the elements stride bytes apart. Pointer
 *        and count are looked at anew each time; a pointer that is NULL yet counts as 0
 * get    a function that works it out */
struct stat_row {
	const char *name; /* subsystem.what_unit */
	const char *unit;
	const char *help;
	const uint64_t *value;
	const void *array;
	size_t offset;
	size_t stride;
	const uint32_t *count;
	uint64_t (*get)(void);
};

#define STAT(ident, name_, unit_, help_, value_)                                       \
	static const struct stat_row stat_##ident = {                                  \
		.name = (name_), .unit = (unit_), .help = (help_), .value = (value_)}; \
	TABLE_ADD(stat, stat_##ident)

/* The sum of a 64-bit field over an array: array_ is a variable that points to it, count_ one (uint32_t) that says how
 * many elements there are. */
#define STAT_SUM(ident, name_, unit_, help_, array_, count_, field_)                           \
	_Static_assert(sizeof((array_)->field_) == sizeof(uint64_t), "a counter has 64 bits"); \
	static const struct stat_row stat_##ident = {                                          \
		.name = (name_),                                                               \
		.unit = (unit_),                                                               \
		.help = (help_),                                                               \
		.array = &(array_),                                                            \
		.offset = offsetof(__typeof__(*(array_)), field_),                             \
		.stride = sizeof(*(array_)),                                                   \
		.count = &(count_),                                                            \
	};                                                                                     \
	TABLE_ADD(stat, stat_##ident)

#define STAT_GET(ident, name_, unit_, help_, get_)                                 \
	static const struct stat_row stat_##ident = {                              \
		.name = (name_), .unit = (unit_), .help = (help_), .get = (get_)}; \
	TABLE_ADD(stat, stat_##ident)

/* The sum of count counters that lie stride bytes apart. */
static inline uint64_t stat_sum(const void *first, size_t stride, uint32_t count)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < count; i++)
		sum += __atomic_load_n((const uint64_t *)((const char *)first + i * stride), __ATOMIC_RELAXED);
	return sum;
}

/* What a row says now. No lock: it may be a moment old, never torn (64-bit aligned). */
static inline uint64_t stat_value(const struct stat_row *row)
{
	const char *array;

	if (row->get)
		return row->get();
	if (!row->array)
		return __atomic_load_n(row->value, __ATOMIC_RELAXED);
	__builtin_memcpy(&array, row->array, sizeof(array));
	return array ? stat_sum(array + row->offset, row->stride, *row->count) : 0;
}

TABLE_DECLARE(stat);

/* A setting: shown and changed by `knob`, and on the kernel's command line as name=value.
 *
 * value    where it lives; written by the console only, read anywhere
 * choices  NULL for a number; otherwise a NULL-terminated list of words, value holds the index of one
 * min,max  bounds of a number, both allowed; 0 beside choices, which say themselves how many there are
 * boot     may be set on the command line only, since it is read once at boot
 * changed  called after a new value was stored, or NULL */
struct knob_row {
	const char *name;
	const char *unit;
	const char *help;
	uint64_t *value;
	uint64_t min;
	uint64_t max;
	const char *const *choices;
	bool boot;
	void (*changed)(void);
};

/* A number is a KNOB, a word out of a list a KNOB_CHOICE. The fields that such a row hasn't are set ahead of the
 * others, so that the compiler refuses choices in the first and bounds in the second: a field is initialised twice. */
#define KNOB(ident, ...)                                                            \
	static const struct knob_row knob_##ident = {.choices = NULL, __VA_ARGS__}; \
	TABLE_ADD(knob, knob_##ident)

#define KNOB_CHOICE(ident, choices_, ...)                                                                     \
	static const struct knob_row knob_##ident = {.choices = (choices_), .min = 0, .max = 0, __VA_ARGS__}; \
	TABLE_ADD(knob, knob_##ident)

TABLE_DECLARE(knob);

/* Several knobs set at once by `preset NAME`: settings is a NULL-terminated list of "name=value". */
struct preset_row {
	const char *name;
	const char *help;
	const char *const *settings;
};

#define PRESET(ident, name_, help_, ...)                                                \
	static const char *const preset_settings_##ident[] = {__VA_ARGS__, NULL};       \
	static const struct preset_row preset_##ident = {                               \
		.name = (name_), .help = (help_), .settings = preset_settings_##ident}; \
	TABLE_ADD(preset, preset_##ident)

TABLE_DECLARE(preset);

#ifdef __cplusplus
}
#endif
