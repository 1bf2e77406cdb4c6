/*
 * What lists show of a persona, and what it is found by (store/store.h, doc_listing).
 *
 * The brief is a JSON object, in the API PersonaSummary without id, version and times:
 *   {"slug","name","tagline","tags":[…],"creator":null|"…","portrait":null|"…","engine":null|"…","adult",
 *    "favourite"}
 * Found by: name, nickname, tags, creator and the words of the description.
 *
 * Whoever changes what a listing is made of raises LISTING_FORM; the listings of personas that are there
 * already are then made anew in the background at the next start (personas_refresh).
 */
#ifndef EIDOLON_PERSONA_LISTING_H
#define EIDOLON_PERSONA_LISTING_H

#include "persona/persona.h"
#include "store/store.h"

enum {
    LISTING_FORM = 1,
    LISTING_WORDS_MAX = 16 * 1024, /* bytes of words that a persona is found by */
    TAGLINE_MAX = 160,             /* characters */
    PERSONA_FIND_WORDS = 12,       /* of a search; more are not looked at */
};

/* In `a`; pure. */
const struct doc_listing *persona_listing(struct arena *a, const struct persona *p);

#endif
