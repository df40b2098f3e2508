/* Where a page of output ends on a terminal of so many rows and columns. Pure: it looks at bytes on their way.
 */
#pragma once

#include "lib/types.h"

struct pager {
	unsigned rows; /* set by the owner: at least 2 */
	unsigned columns;
	unsigned row; /* rows of this page that are written */
	unsigned column;
	bool escape;  /* within a control sequence, which takes no room */
	bool wrapped; /* the page ended within a line: the terminal's cursor is still behind a full row */
};

/* How many of the bytes this page has room for, which count as written then. The last row stays free: a line that would
 * wrap into it ends the page, too. */
size_t pager_take(struct pager *pager, const char *bytes, size_t count);

/* Makes room for so many rows more, at most a page. */
void pager_more(struct pager *pager, unsigned rows);
