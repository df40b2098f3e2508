/* docs/CONSOLE.md, printed by the kernel that it describes: whatever is a row of a table is in it, so it is never
 * written by hand. scripts/console-doc makes the file, tests/boot/test_doc.py says when it is stale.
 */
#pragma once

void help_page_print(void);
