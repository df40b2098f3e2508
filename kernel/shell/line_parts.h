/* What the files of the line editor share; line.h is for everybody else.
 *
 *   line.c            which key does what
 *   line_edit.c       the text, the cursor, and the row of the terminal that shows both
 *   line_history.c    earlier lines: browsing and searching
 *   line_complete.c   the rest of a word
 */
#pragma once

#include "kernel/shell/line.h"

void line_put(struct line *line, const char *bytes, size_t count);
void line_put_text(struct line *line, const char *text);

/* Writes the row anew: the label (the prompt, or what is searched for) and as much of the line as fits. */
void line_repaint(struct line *line);

/* The editing keys. Each leaves the terminal as the line is. */
void line_move(struct line *line, unsigned cursor);
void line_insert(struct line *line, char c);
void line_cut(struct line *line, unsigned from, unsigned to);

/* Where the word begins that ends at the cursor, blanks behind it skipped. */
unsigned line_word_start(const struct line *line);

/* Makes the line text, NUL-terminated and not too long. */
void line_set(struct line *line, const char *text, unsigned cursor);

/* The line that was entered before the one that is shown, or the one after it; behind the newest comes the draft. */
void line_older(struct line *line);
void line_newer(struct line *line);

/* Starts to search. While line->search.on, keys go to line_search first; false: the search is over, the line found is
 * the one that is edited now, and the key is still to be obeyed. */
void line_search_begin(struct line *line);
bool line_search(struct line *line, enum key key, char c);

/* Makes what stands ahead of the line during a search anew. */
void line_search_label(struct line *line);

/* The tab key. */
void line_complete(struct line *line);
