/* Counts rows; see pager.h. */
#include "kernel/pager.h"

static void take(struct pager *pager, char c)
{
	if (pager->escape) {
		pager->escape = c == '[' || c < '@';
	} else if (c == '\033') {
		pager->escape = true;
	} else if (c == '\n') {
		pager->row++;
		pager->column = 0;
	} else if (c == '\r') {
		pager->column = 0;
	} else if (pager->column++ == pager->columns) { /* the terminal wraps when there is one too many */
		pager->row++;
		pager->column = 1;
	}
}

size_t pager_take(struct pager *pager, const char *bytes, size_t count)
{
	size_t taken = 0;

	while (taken < count && pager->row + 1 < pager->rows)
		take(pager, bytes[taken++]);
	return taken;
}

void pager_more(struct pager *pager, unsigned rows)
{
	pager->row = rows + 1 < pager->rows ? pager->rows - 1 - rows : 0;
}
