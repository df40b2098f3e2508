/* Counts rows; see pager.h. */
#include "kernel/shell/pager.h"

/* Whether the terminal goes to the next row before it shows c: a full row is left only then. */
static bool wraps(const struct pager *pager, char c)
{
	return !pager->escape && (unsigned char)c >= ' ' && pager->column >= pager->columns;
}

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
	} else {
		pager->column++;
	}
}

size_t pager_take(struct pager *pager, const char *bytes, size_t count)
{
	size_t taken = 0;

	pager->wrapped = false;
	while (taken < count && pager->row + 1 < pager->rows) {
		pager->wrapped = wraps(pager, bytes[taken]);
		if (pager->wrapped) {
			pager->row++;
			pager->column = 0;
		} else {
			take(pager, bytes[taken++]);
		}
	}
	return taken;
}

void pager_more(struct pager *pager, unsigned rows)
{
	pager->row = rows + 1 < pager->rows ? pager->rows - 1 - rows : 0;
}
