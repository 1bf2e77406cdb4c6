/*
 * What the files that read facts share (facts.c, fact_clause.c, fact_subject.c, fact_emit.c): the message
 * under work, one clause's predicate, and the steps between them. Private to src/language; any thread.
 */
#ifndef EIDOLON_LANGUAGE_FACTS_READ_H
#define EIDOLON_LANGUAGE_FACTS_READ_H

#include "language/facts_impl.h"

struct extraction {
    struct arena *arena;
    struct str text, asked;
    struct person_fact *out;
    size_t count, max;
    struct str third, third_as; /* the last person or thing spoken of, canonical and as typed */
    struct str subject_text;    /* the last clause's subject as typed, for left-out subjects */
    bool correction;
};

struct predicate {
    const struct words *w;
    size_t from;        /* first word of the predicate */
    struct str subject; /* canonical */
    struct str said_as;
    struct str clause;
    uint32_t at, end; /* bytes of the clause in the text */
};

/* fact_clause.c */
bool word_in_set(const char *set, struct str norm); /* one of the sets of share/language/facts.txt */
bool word_is_filler(const struct words *w, size_t i);
bool clause_begins(const struct words *w, size_t start, size_t i); /* at word i > start */
bool clause_verb_is_left_out(struct str norm); /* "I grew up in Accra, STUDIED in Leeds" */
bool clause_verb_is_shared(struct str norm);   /* "I live in Porto and WORK as a nurse" */
void fact_trim_tail(const struct words *w, size_t from, size_t *to);

/* fact_subject.c: true where the clause was one of theirs */
void fact_read_possessed(struct extraction *x, struct predicate *p, size_t from);
bool fact_read_naming(struct extraction *x, struct predicate *p);
bool fact_read_bare_name(struct extraction *x, struct predicate *p);

/* fact_emit.c */
size_t fact_name_end(const struct words *w, size_t from); /* of a name of up to three words */
struct person_fact *fact_emit(struct extraction *x, const struct predicate *p, enum fact_kind kind,
                              struct str value);
void fact_emit_name(struct extraction *x, const struct predicate *p, size_t from);
void fact_emit_other_names(struct extraction *x, const struct words *w, struct str clause, uint32_t at);
void fact_read_predicate(struct extraction *x, const struct predicate *p);

#endif
