/* What the machine is told at boot: the command line and the script, from whoever gives one.
 *
 * The command line comes from the first of these that has one, fw_cfg's even when it is empty:
 *   fw_cfg          opt/nought/cmdline
 *   by EFI          the load options, what the boot manager or the shell hands to the loader, unless they are empty;
 *                   then the boot volume's \nought\cmdline.txt
 *   by PVH          the start info's command line (QEMU's -append), unless it is empty
 * and so does the script, an empty one too:
 *   fw_cfg          opt/nought/script
 *   by EFI          the boot volume's \nought\script.txt
 *   by PVH          the module whose own command line is "script", or else the first module (QEMU's -initrd)
 * Two are never joined: a command line that isn't the first isn't looked at. What the host knows of the terminal,
 * settings too, comes from fw_cfg's opt/nought/terminal; the command line may say otherwise.
 */
#pragma once

#include "lib/types.h"

struct boot_info;

/* Copies the command line to out, terminated: at most max - 1 bytes, whole words. Words end at blanks, tabs and line
 * ends. What was dropped is logged. */
void boot_text_cmdline(const struct boot_info *info, char *out, size_t max);

/* Copies what the host knows of the terminal to out, terminated; what is over max - 1 bytes is ignored as a whole. */
void boot_text_terminal(char *out, size_t max);

/* Remembers the boot volume's script, or PVH's module, whose frames memory_map keeps (kernel/memory/memory.h): info is
 * gone later. */
void boot_text_keep(const struct boot_info *info);

/* Finds the script. Returns false when there is none. Otherwise *text is where it lies, and *bytes how long it is;
 * *text is NULL when it can't be had, which was said on the console. Called once, by a thread. */
bool boot_text_script(const char **text, size_t *bytes);
