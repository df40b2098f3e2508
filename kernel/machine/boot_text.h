/* What the machine is told at boot: the command line and the script, from whoever gives one.
 *
 * The command line comes from the first of these that has one, even an empty one:
 *   fw_cfg          opt/nought/cmdline
 *   load options    what the boot manager or the shell hands to the loader, unless they are empty
 *   boot volume     \nought\cmdline.txt
 * and the script from fw_cfg's opt/nought/script, or else the boot volume's \nought\script.txt. What the host knows of
 * the terminal, settings too, comes from fw_cfg's opt/nought/terminal; the command line may say otherwise.
 */
#pragma once

#include "lib/types.h"

struct boot_info;

/* Copies the command line to out, terminated: at most max - 1 bytes, whole words. Words end at blanks, tabs and line
 * ends. What was dropped is logged. */
void boot_text_cmdline(const struct boot_info *info, char *out, size_t max);

/* Copies what the host knows of the terminal to out, terminated; what is over max - 1 bytes is ignored as a whole. */
void boot_text_terminal(char *out, size_t max);

/* Remembers the boot volume's script, whose frames memory_map keeps (kernel/memory/memory.h): info is gone later. */
void boot_text_keep(const struct boot_info *info);

/* Finds the script. Returns false when there is none. Otherwise *text is where it lies, and *bytes how long it is;
 * *text is NULL when it can't be had, which was said on the console. Called once, by a thread. */
bool boot_text_script(const char **text, size_t *bytes);
