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

size_t cmdline_from_options(const void *options, size_t bytes, char *out, size_t out_bytes)
{
	const uint8_t *units = options;
	size_t length = 0;
	out[0] = 0;
	for (size_t i = 0; i + 1 < bytes; i += 2) {
		unsigned unit = units[i] | (unsigned)units[i + 1] << 8;
		if (unit == 0)
			break;
		if (unit < ' ' || unit > '~' || length + 1 >= out_bytes) {
			out[0] = 0;
			return 0;
		}
		out[length++] = (char)unit;
	}
	out[length] = 0;

	size_t name = program_name(out);
	for (size_t i = name; i <= length; i++)
		out[i - name] = out[i];
	return length - name;
}
