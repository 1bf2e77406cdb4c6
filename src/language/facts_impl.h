/*
 * What fact extraction and question parsing share: the pattern tables, subjects and their canonical names.
 */
#ifndef EIDOLON_LANGUAGE_FACTS_IMPL_H
#define EIDOLON_LANGUAGE_FACTS_IMPL_H

#include "base/map.h"
#include "language/facts.h"
#include "language/pattern.h"

/* One line of share/language/facts.txt; the pattern's tag is its index. */
struct fact_line {
    enum fact_kind kind;
    bool negated, past;
};

struct fact_tables {
    struct pattern_set *patterns;
    struct fact_line *lines;
    size_t line_count;
    struct map names; /* first names in lower case */
};

/* Loaded once, at the first use; any thread. */
const struct fact_tables *fact_tables(void);

static inline bool word_is(const struct words *w, size_t i, const char *norm)
{
    return i < w->count && str_eq(w->at[i].norm, str_c(norm));
}

/* A noun phrase after "my" at words [from, to): adjectives dropped, synonyms and plurals made one. */
struct str subject_canonical(struct arena *a, const struct words *w, size_t from, size_t to);
/* The end of the noun phrase that begins at `from`. */
size_t subject_end(const struct words *w, size_t from);

/* The kind that a noun names ("my AGE is", "how is my NAME"); FACT_OTHER for none. */
enum fact_kind attribute_kind(const struct words *w, size_t from, size_t to);

/* The bytes of words [from, to) as typed. */
struct str words_span(const struct words *w, size_t from, size_t to);

/* Whether one word can be a person's name at the end of "I'm ...". */
bool looks_like_name(const struct word *w);

#endif
