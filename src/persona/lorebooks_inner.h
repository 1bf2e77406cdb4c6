/* What the registry of lorebooks shares between its files; see lorebooks.h. */
#ifndef EIDOLON_PERSONA_LOREBOOKS_INNER_H
#define EIDOLON_PERSONA_LOREBOOKS_INNER_H

#include "base/map.h"
#include "persona/lore_match.h"
#include "persona/lorebooks.h"

/* Behind the name in `sort`: books that are everywhere are found by it. */
#define LOREBOOK_EVERYWHERE                                                                                  \
    STR("\x01"                                                                                               \
        "everywhere")

/* A book that a loop keeps ready: a document's, or a persona's own (then its id is the persona's). */
struct held {
    struct held *newer, *older;
    struct id id;
    uint64_t version;
    struct lore_compiled *compiled; /* NULL: there is no such book */
    unsigned pins;                  /* gathers that wait with it in hand */
    bool stale;                     /* it changed: goes with the last pin */
};

/* A loop's shelf. */
struct lore_shelf {
    struct map held;
    struct held *newest, *oldest;
    size_t count;
    struct id everywhere[LORE_BOOKS_MAX];
    size_t everywhere_count;
    bool everywhere_known;
    uint64_t changes;
};

struct lorebooks {
    struct store *store;
    struct loops *loops;
    struct id tenant, owner;
    struct lore_shelf shelves[LOOPS_MAX];
};

void lore_shelf_release(struct lore_shelf *shelf);
/* Drops it from this loop's shelf now, from the others' by message. */
void lorebooks_changed(struct lorebooks *books, struct id id) LOOP;
/* `whole` false reads the head only. */
enum err lorebook_of_doc(struct arena *a, const struct doc_row *doc, bool whole, struct lorebook **out,
                         struct error *e);

#endif
