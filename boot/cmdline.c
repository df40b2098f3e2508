/* Turns EFI load options into a command line: see cmdline.h. */

#include "boot/cmdline.h"

/* The length of a first word that ends in ".efi" and of the blanks behind it, or 0. */
static size_t program_name(const char *s)
{
	size_t end = 0;
	while (s[end] && s[end] != ' ')
		end++;
	if (end < 4 || s[end - 4] != '.' || (s[end - 3] | 32) != 'e' || (s[end - 2] | 32) != 'f' ||
	    (s[end - 1] | 32) != 'i')
		return 0;
	while (s[end] == ' ')
		end++;
	return end;
}

static unsigned unit_at(const void *options, size_t i)
{
	const uint8_t *bytes = options;
	return bytes[2 * i] | (unsigned)bytes[2 * i + 1] << 8;
}

enum boot_options_fault cmdline_from_options(const void *options, size_t bytes, char *out, size_t out_bytes,
					     uint32_t *value)
{
	size_t length = 0;
	out[0] = 0;
	*value = 0;
	for (; length < bytes / 2 && unit_at(options, length) != 0; length++) {
		unsigned unit = unit_at(options, length);
		if (unit < ' ' || unit > '~') {
			out[0] = 0;
			*value = unit;
			return BOOT_OPTIONS_CHAR;
		}
		if (length < out_bytes)
			out[length] = (char)unit;
	}
	if (length >= out_bytes) {
		out[0] = 0;
		*value = (uint32_t)length;
		return BOOT_OPTIONS_LONG;
	}
	out[length] = 0;

	size_t name = program_name(out);
	for (size_t i = name; i <= length; i++)
		out[i - name] = out[i];
	return BOOT_OPTIONS_SOUND;
}
