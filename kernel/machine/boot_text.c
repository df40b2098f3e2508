/* Looks for command line and script, in the order that the header gives.
 */
#include "kernel/machine/boot_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/x86_64/paging.h"
#include "boot/boot_info.h"
#include "kernel/base/log.h"
#include "kernel/machine/fw_cfg.h"

#define CMDLINE_FILE  "opt/nought/cmdline"
#define SCRIPT_FILE   "opt/nought/script"
#define TERMINAL_FILE "opt/nought/terminal"

static struct boot_file script_file; /* (B) */
static const char *script_name;	     /* (B) */

static bool ends_word(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* got bytes of size are in text, which has room for one more. */
static void finish_cmdline(char *text, size_t got, uint64_t size)
{
	/* Half a word could be a good one with another meaning. */
	while (got && got < size && !ends_word(text[got - 1]))
		got--;
	if (got < size)
		log_printf("command line: %lu bytes, only the first %lu are read, at most %u are allowed", size, got,
			   BOOT_CMDLINE_MAX);
	/* A NUL would hide the words behind it; so the word that has one is refused, and shown. */
	for (size_t i = 0; i < got; i++)
		if (text[i] == '\0')
			text[i] = '?';
	text[got] = '\0';
	/* Editors on Windows put a byte order mark ahead of a file. */
	if (memcmp(text, "\xef\xbb\xbf", 3) == 0)
		memset(text, ' ', 3);
}

static void complain_options(const struct boot_info *info)
{
	if (info->options_fault == BOOT_OPTIONS_LONG)
		log_printf("command line: the EFI load options have %u characters, at most %u are allowed: ignored",
			   info->options_value, BOOT_CMDLINE_MAX);
	if (info->options_fault == BOOT_OPTIONS_CHAR)
		log_printf("command line: the EFI load options hold the character 0x%04x, printable ASCII is allowed: "
			   "ignored",
			   info->options_value);
}

/* The boot volume's, or PVH's, which says itself what can't be read. */
static void from_file(const struct boot_file *file, char *out, size_t max)
{
	if (file->paddr) {
		size_t got = file->bytes < max - 1 ? (size_t)file->bytes : max - 1;

		memcpy(out, phys_to_virt(file->paddr), got);
		finish_cmdline(out, got, file->bytes);
	} else if (file->bytes == BOOT_FILE_UNREADABLE) {
		log_printf("command line: " BOOT_CMDLINE_PATH " can't be read");
	} else if (file->bytes) {
		log_printf("command line: " BOOT_CMDLINE_PATH " has %lu bytes, at most %u are allowed: ignored",
			   file->bytes, BOOT_CMDLINE_MAX);
	}
}

void boot_text_cmdline(const struct boot_info *info, char *out, size_t max)
{
	const int64_t size = fw_cfg_size(CMDLINE_FILE);

	complain_options(info);
	out[0] = '\0';
	if (size >= 0) {
		int64_t got = fw_cfg_read(CMDLINE_FILE, out, max - 1);

		finish_cmdline(out, got < 0 ? 0 : (size_t)got, (uint64_t)size);
	} else if (info->cmdline) {
		strlcpy(out, phys_to_virt(info->cmdline), max);
	} else {
		from_file(&info->cmdline_file, out, max);
	}
}

void boot_text_terminal(char *out, size_t max)
{
	const int64_t size = fw_cfg_size(TERMINAL_FILE);
	int64_t got = size < (int64_t)max ? fw_cfg_read(TERMINAL_FILE, out, max - 1) : -1;

	out[got < 0 ? 0 : got] = '\0';
}

void boot_text_keep(const struct boot_info *info)
{
	script_file = info->script_file;
	script_name = info->way == BOOT_BY_PVH ? "the module" : BOOT_SCRIPT_PATH;
}

bool boot_text_script(const char **text, size_t *bytes)
{
	const int64_t size = fw_cfg_size(SCRIPT_FILE);

	*text = NULL;
	if (size >= 0) {
		char *copy = size <= BOOT_FILE_MAX ? malloc((size_t)size + 1) : NULL;

		*bytes = (size_t)size;
		if (copy && fw_cfg_read(SCRIPT_FILE, copy, *bytes) == size)
			*text = copy;
		else
			iprintf("script: can't read its %ld bytes, at most %u are allowed\n", size, BOOT_FILE_MAX);
		return true;
	}
	*bytes = (size_t)script_file.bytes;
	if (script_file.paddr)
		*text = phys_to_virt(script_file.paddr);
	else if (script_file.bytes == BOOT_FILE_UNREADABLE)
		iprintf("script: %s can't be read\n", script_name);
	else if (script_file.bytes)
		iprintf("script: %s has %lu bytes, at most %u are allowed\n", script_name, script_file.bytes,
			BOOT_FILE_MAX);
	return script_file.paddr || script_file.bytes;
}
