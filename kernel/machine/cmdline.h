/* The kernel's command line: settings that are in force before anything starts.
 */
#pragma once

/* Sets the knobs of a command line; each word that is refused is named in the log. Cuts cmdline into pieces. */
void cmdline_apply(char *cmdline);
