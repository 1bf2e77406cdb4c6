/*
 * What the files that read questions share (question.c, question_lead.c, question_about.c): the question
 * under work, and tests of its words. Private to src/language; any thread.
 */
#ifndef EIDOLON_LANGUAGE_QUESTION_READ_H
#define EIDOLON_LANGUAGE_QUESTION_READ_H

#include "language/facts_impl.h"

struct ask {
    struct arena *arena;
    const struct words *w;
    size_t from;
    bool told; /* "did I tell you", "do you remember": surely about memory */
    struct person_question *out;
};

/* question.c: runs of words ("did i tell"), and lists of single ones (" who whose ") */
bool ask_seq(const struct words *w, size_t at, const char *words);
bool ask_seq_anywhere(const struct words *w, const char *words);
bool ask_holds(const struct ask *q, const char *words);
bool ask_any_of(const struct ask *q, const char *list);

/* question_lead.c */
void ask_strip_lead(struct ask *q);           /* "do you remember", "can you tell me": sets `told` */
bool ask_not_for_memory(const struct ask *q); /* advice, permission */

/* question_about.c: fill q->out; false where nothing of the person is asked */
bool ask_about_possession(struct ask *q);
bool ask_about_self(struct ask *q);

#endif
