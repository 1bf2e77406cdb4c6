/*
 * The registry of lorebooks: finding, keeping, changing and listing them, over the store; and bringing
 * together those that a turn needs.
 *
 * A lorebook that stands for itself is a document of kind "lorebook": its head (name, everywhere, how many
 * entries) and then the book as V3 has it, so that what we do not know stays. A persona's own book lies in
 * its card. Each loop keeps compiled books (lore.h), the least recently used go; a change posts its id to
 * every loop, which drops it.
 *
 * All calls are asynchronous: `done` runs on the loop that called. The caller owns the op and what it points
 * to until then. It does not: check who may, speak HTTP. Part of struct personas: personas_lorebooks().
 */
#ifndef EIDOLON_PERSONA_LOREBOOKS_H
#define EIDOLON_PERSONA_LOREBOOKS_H

#include "loop/loop.h"
#include "persona/lore.h"
#include "persona/personas.h"
#include "store/store.h"

#define LOREBOOK_DOC_TYPE STR("lorebook")

struct lorebooks;
struct lorebooks *lorebooks_new(struct store *store, struct loops *loops, struct id tenant, struct id owner);
void lorebooks_free(struct lorebooks *books); /* after the loops ended */
struct lorebooks *personas_lorebooks(struct personas *ps);

struct lorebook {
    struct id id, owner;
    bool everywhere;
    uint64_t version;
    int64_t created_ms, updated_ms, deleted_ms;
    struct str name, description;
    size_t count;
    struct lore_book *book; /* NULL in lists */
};

struct lorebooks_op {
    struct id id;
    const struct json *body; /* create, update */
    struct str file;         /* import */
    struct str file_name;    /* import: what a book without a name is called */
    uint64_t if_version;     /* 0: any */
    struct store_idem *idem;
    struct str after, find;
    unsigned limit;
    bool deleted; /* get, list: (also) the deleted */
    struct arena *arena;
    void (*done)(struct lorebooks_op *);

    enum err err;
    struct error error;
    struct lorebook *book;
    struct lorebook **list;
    size_t count;
    struct str next;

    struct lorebooks *books; /* its own */
    bool patch, restore;
};

void lorebooks_get(struct lorebooks *books, struct lorebooks_op *op) LOOP;
void lorebooks_list(struct lorebooks *books, struct lorebooks_op *op) LOOP;
void lorebooks_create(struct lorebooks *books, struct lorebooks_op *op) LOOP;
void lorebooks_import(struct lorebooks *books, struct lorebooks_op *op) LOOP;
void lorebooks_update(struct lorebooks *books, struct lorebooks_op *op, bool patch) LOOP;
void lorebooks_delete(struct lorebooks *books, struct lorebooks_op *op) LOOP; /* restorable for 30 days */
void lorebooks_restore(struct lorebooks *books, struct lorebooks_op *op) LOOP;

/*
 * The books of a turn: everywhere's, those the persona names, its own, those the room names. done() runs once
 * all are at hand, perhaps within the call; `sources` are valid until it returns. Names of books that are not
 * there, or cannot be read, are passed over.
 */
struct lore_gather {
    const struct persona *persona; /* outlives the op; may be NULL */
    const struct str *room;        /* ids that the room names */
    size_t room_count;
    struct arena *arena;
    void (*done)(struct lore_gather *);
    struct lore_source *sources;
    size_t count;

    struct lorebooks *books; /* its own */
    struct held **pinned;
    size_t pinned_count;
    unsigned attempts;
};
void lorebooks_gather(struct lorebooks *books, struct lore_gather *op) LOOP;

#endif
