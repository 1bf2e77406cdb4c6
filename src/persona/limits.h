/*
 * Content limits: what the owner of the installation allows to be said, and what a persona narrows of it.
 *
 * The owner's limits stand for everybody (docs/CONTENT.md). A persona's own (struct persona_content, which a
 * stranger's card may have brought) only take away: its romance:false and its words and themes are added, its
 * adult marks who may meet it at all. In the prompt the owner's text is the last word of the system message,
 * and of the closing one where there is one; what a card says goes among its boundaries, so that no card can
 * write into the limits. Words are also held back from what comes out (filter.h).
 *
 * Pure; any thread.
 */
#ifndef EIDOLON_PERSONA_LIMITS_H
#define EIDOLON_PERSONA_LIMITS_H

#include "persona/persona.h"

/* Of lists, in members; of a member, in bytes. */
enum { LIMITS_LIST_MAX = 200, LIMITS_TEXT_MAX = 200 };

struct content_limits {
    bool adult;           /* the owner confirmed to be one, and wants what is for adults */
    bool romance;         /* by explicit choice; only with adult */
    int64_t confirmed_ms; /* when adult was confirmed; 0: not */
    struct persona_list avoid_words, avoid_themes;
};

/* The limits as the text that ends the system message; never empty. */
struct str limits_text(struct arena *a, const struct content_limits *limits, const struct persona *p);
/* All words to hold back in what this persona says: the owner's and its own. */
struct persona_list limits_words(struct arena *a, const struct content_limits *limits,
                                 const struct persona *p);
/* Whether romance is in place with this persona. */
bool limits_romance(const struct content_limits *limits, const struct persona *p);
/* ERR_FORBIDDEN with a sentence where the persona is for adults and nobody confirmed to be one. */
enum err limits_meet(const struct content_limits *limits, const struct persona *p, struct error *e);

#endif
