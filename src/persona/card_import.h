/*
 * Importing a card's file: read in a child (card_child.h), its files put among the blobs and its JSON read on
 * a worker, the persona kept (personas.h). Also a picture that becomes a persona's portrait.
 *
 * An import lives on the loop that started it. Whoever starts one allocates it with card_import_new(), fills
 * the inputs, and frees it with card_import_free() in or after done(), which always runs, after the start
 * returned. Nothing of an import that failed stays, but for blobs that the next sweep removes.
 *
 * Which card a persona came from is remembered by the SHA-256 of the card's text (persona.card, and a
 * document of type "persona.card" that finds it): that is how ?same=skip knows one that is here already. Two
 * equal cards that are sent at the same moment may both come.
 */
#ifndef EIDOLON_PERSONA_CARD_IMPORT_H
#define EIDOLON_PERSONA_CARD_IMPORT_H

#include "loop/workers.h"
#include "persona/card_child.h"
#include "persona/files.h"
#include "persona/personas.h"

struct card_importer {
    struct loops *loops;
    struct workers *workers;
    struct store *store;
    struct personas *personas;
    struct blobs *blobs;
    struct card_pool *pool;
    struct id tenant;
};

struct card_import {
    /* asked */
    struct str bytes; /* in `arena` */
    struct card_limits limits;
    bool skip_same;
    struct str key; /* portrait: of which persona, its id or slug */
    struct str if_match;
    struct id owner;
    struct store_idem *idem; /* in `arena`, or NULL */
    void (*done)(struct card_import *);
    void *arg;
    struct arena arena;

    /* answered */
    enum err err;
    struct error error;
    struct persona *persona;
    bool same; /* it was here already */

    /* its own */
    const struct card_importer *importer;
    struct card_job read;
    struct job work;
    struct personas_op op;
    struct persona_file portrait;
};

struct card_import *card_import_new(void);
void card_import_free(struct card_import *import);
void card_import_start(const struct card_importer *importer, struct card_import *import) LOOP;
/* The bytes are a picture: it becomes the portrait of the persona `key`. */
void card_import_portrait(const struct card_importer *importer, struct card_import *import) LOOP;

#endif
