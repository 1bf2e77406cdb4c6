/*
 * What the registry's own files share: personas.c (finding, listing), change.c (writing), cast.c (seeding).
 *
 * A `struct deed` is one personas_op under way: it holds what the op's caller does not see, and ends with
 * deed_end(), which calls done() and frees it. It lives on the loop that asked.
 */
#ifndef EIDOLON_PERSONA_REGISTRY_H
#define EIDOLON_PERSONA_REGISTRY_H

#include "persona/cache.h"
#include "persona/lorebooks.h"
#include "persona/personas.h"

struct personas {
    struct store *store;
    struct loops *loops;
    struct personas_options options;
    struct house_store *house; /* house.c; NULL: nothing was loaded yet */
    struct lorebooks *lorebooks;
    struct persona_cache caches[LOOPS_MAX]; /* each its loop's own */
};

struct deed {
    struct personas *ps;
    struct personas_op *op;
    struct loop *loop;
    uint64_t changes;                 /* the cache's count when the read began */
    struct persona *persona, *before; /* before: as it was, where a change is under way */
    enum persona_change how;
    unsigned attempt; /* at a free slug, or at an undisturbed update */
    bool own_slug;    /* we chose it, so we may choose another */
    bool restore, deleted, make_default;
    bool lore;                    /* an update of the card's lorebook */
    void (*found)(struct deed *); /* the current document is in `persona` */
};

struct deed *deed_new(struct personas *ps, struct personas_op *op) LOOP;
/* Answers with op->err as it is, or the error that error_set() just put into op->error. */
void deed_end(struct deed *d) LOOP;
void deed_fail(struct deed *d, enum err err, const struct error *e) LOOP;

/* Reads the op's key from the store (never the cache), then found() or the end. */
void deed_find(struct deed *d, struct str key, bool deleted, void (*found)(struct deed *)) LOOP;
/* The document's fields win over what its data says. */
enum err persona_of_doc(struct arena *a, const struct doc_row *doc, struct persona **out, struct error *e);
/* A doc_put of the persona with inputs in the op's own arena: its listing too, and no version kept. */
struct store_doc_put *persona_doc_put(const struct personas *ps, const struct persona *p);
/* The names of the fields in which they differ, as a JSON array; "[]" where `before` is NULL. */
struct str persona_changed_fields(struct arena *a, const struct persona *before, const struct persona *now);
/* The put keeps the version before it, made by whoever the op says. */
void persona_doc_change(const struct personas *ps, struct store_doc_put *put, const struct personas_op *op,
                        const struct persona *before, const struct persona *now);
/* If-Match names the persona's version; else the deed has ended. */
bool deed_fresh(struct deed *d) LOOP;
/* Writes `persona`, which was `before`; the deed ends with it. */
void deed_write_change(struct deed *d) LOOP;
/* Drops it from this loop's cache now, from the others' by message. */
void personas_changed(struct personas *ps, struct id id) LOOP;

#endif
