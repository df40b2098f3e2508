/* How far a word is from names; see nearest.h. */
#include "kernel/shell/nearest.h"

#include <stdio.h>
#include <string.h>

#define SLIP	  2u /* a slip counts twice as much as what is below */
#define BEGINNING 1u /* more follows in the name */
#define BEHIND	  1u /* something is ahead in the name, up to a dot */
#define WITHIN	  3u /* behind an underline */
#define NOISE	  2u /* how much farther than the nearest one may be */
#define FAR	  1000u

static char small(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static unsigned slips_allowed(size_t length)
{
	return length < 3 ? 0 : length < 6 ? 1 : length < 9 ? 2 : 3;
}

static unsigned lesser(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* Slips between the word and all of the name; *beginning: and the beginning of it that is nearest. The restricted
 * distance of Damerau and Levenshtein: column by column of the name, the last two of which are kept. Ends where both
 * have nothing below more than are allowed, as no later one has then: most names are done with in a few letters. */
static unsigned slips(const struct nearest *n, const char *name, unsigned allowed, unsigned *beginning)
{
	unsigned column[3][NEAREST_WORD_MAX + 1];
	unsigned *before = column[0], *last = column[1], *next = column[2];
	unsigned least_before = 0, least = 0;

	for (unsigned i = 0; i <= n->length; i++)
		last[i] = i;
	*beginning = last[n->length];
	for (unsigned j = 0; name[j] != '\0'; j++) {
		if (least > allowed && least_before > allowed)
			return FAR;
		least_before = least;
		least = next[0] = j + 1;
		for (unsigned i = 1; i <= n->length; i++) {
			bool same = n->word[i - 1] == small(name[j]);
			next[i] = lesser(lesser(next[i - 1], last[i]) + 1, last[i - 1] + (same ? 0 : 1));
			if (i > 1 && j > 0 && n->word[i - 1] == small(name[j - 1]) && n->word[i - 2] == small(name[j]))
				next[i] = lesser(next[i], before[i - 2] + 1);
			least = lesser(least, next[i]);
		}
		*beginning = lesser(*beginning, next[n->length]);
		unsigned *free = before;
		before = last;
		last = next;
		next = free;
	}
	return last[n->length];
}

/* How far the word is from a name, or from what is behind its dot. */
static unsigned far_from(const struct nearest *n, const char *name)
{
	unsigned allowed = slips_allowed(n->length), beginning, far = FAR;
	unsigned whole = slips(n, name, allowed, &beginning);

	if (whole <= allowed)
		far = whole * SLIP;
	/* Short words begin too many names but for a slip. */
	if (beginning <= (n->length < 4 ? 0 : allowed))
		far = lesser(far, beginning * SLIP + BEGINNING);
	return far;
}

/* Whether the word stands in the name behind an underline. */
static bool is_within(const struct nearest *n, const char *name)
{
	if (n->length < 3)
		return false;
	for (const char *at = strchr(name, '_'); at; at = strchr(at + 1, '_')) {
		size_t i = 0;
		while (i < n->length && small(at[1 + i]) == n->word[i])
			i++;
		if (i == n->length)
			return true;
	}
	return false;
}

static unsigned farness(const struct nearest *n, const char *name)
{
	unsigned far = far_from(n, name);
	const char *dot = strchr(name, '.');

	if (dot && dot[1] != '\0')
		far = lesser(far, far_from(n, dot + 1) + BEHIND);
	if (is_within(n, name))
		far = lesser(far, WITHIN);
	return far;
}

void nearest_begin(struct nearest *n, const char *word)
{
	n->how = "";
	n->count = 0;
	n->length = strlen(word) <= NEAREST_WORD_MAX ? strlen(word) : 0;
	for (size_t i = 0; i < n->length; i++)
		n->word[i] = small(word[i]);
	n->word[n->length] = '\0';
}

static bool is_behind(const struct nearest_found *found, unsigned far, const char *name)
{
	return found->far > far || (found->far == far && strcmp(found->name, name) > 0);
}

void nearest_offer(void *to, const char *name)
{
	struct nearest *n = to;
	unsigned far, at;

	if (n->length == 0 || strlen(name) >= NEAREST_NAME_BYTES)
		return;
	for (unsigned i = 0; i < n->count; i++)
		if (strcmp(n->found[i].name, name) == 0)
			return;
	far = farness(n, name);
	if (far >= FAR)
		return;
	for (at = n->count; at > 0 && is_behind(&n->found[at - 1], far, name); at--)
		if (at < NEAREST_MAX)
			n->found[at] = n->found[at - 1];
	if (at == NEAREST_MAX)
		return;
	n->found[at] = (struct nearest_found){.far = far, .how = n->how};
	strcpy(n->found[at].name, name);
	if (n->count < NEAREST_MAX)
		n->count++;
}

void nearest_rows(struct nearest *n, const void *const *start, const void *const *stop)
{
	for (const void *const *at = start; at < stop; at++)
		nearest_offer(n, *(const char *const *)*at);
}

void nearest_words(struct nearest *n, const char *const *words)
{
	for (; *words; words++)
		nearest_offer(n, *words);
}

bool nearest_is_nearer(const struct nearest *a, const struct nearest *b)
{
	return a->count > 0 && (b->count == 0 || a->found[0].far < b->found[0].far);
}

const char *nearest_text(const struct nearest *n, const char *otherwise, char *out, size_t size)
{
	size_t used = 0;

	out[0] = '\0';
	for (unsigned i = 0; i < n->count && n->found[i].far <= n->found[0].far + NOISE; i++) {
		const struct nearest_found *found = &n->found[i];
		const char *glue = i == 0 ? "; nearest: " : ", ";
		size_t length = strlen(glue) + strlen(found->how) + strlen(found->name);
		if (used + length >= size)
			break;
		sniprintf(out + used, size - used, "%s%s%s", glue, found->how, found->name);
		used += length;
	}
	if (used == 0)
		sniprintf(out, size, "%s", otherwise);
	return out;
}
