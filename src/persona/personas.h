/*
 * The registry of personas: finding, keeping, changing and listing them, over the store.
 *
 * A persona is a document of kind "persona" in the store (owner = its tenant's owner), keyed by its id, with
 * its slug as a second key. Each loop has a small cache of its own (least recently used goes); a change posts
 * its id to every loop, which drops it. Whoever asked gets a copy in an arena of their own.
 *
 * All calls are asynchronous: `done` runs on the loop that called, always after the call returned. The
 * caller owns the op and what it points to until then. One op, one call at a time.
 *
 * It does not: check who may (the API does, by principal), speak HTTP.
 */
#ifndef EIDOLON_PERSONA_PERSONAS_H
#define EIDOLON_PERSONA_PERSONAS_H

#include "loop/loop.h"
#include "persona/persona.h"
#include "store/store.h"

struct store; /* store/store.h */
struct personas;

struct personas_options {
    struct id tenant, owner; /* of the shipped cast, and of what is created without another owner */
    unsigned cache;          /* personas a loop keeps; 0: 256 */
    unsigned versions;       /* earlier versions of a persona that are kept; 0: 100 */
};

enum err personas_new(struct store *store, struct loops *loops, const struct personas_options *options,
                      struct personas **out, struct error *e);
void personas_free(struct personas *ps); /* after the loops ended */
/* The document type, for whoever reads the store itself (exports). */
#define PERSONA_DOC_TYPE STR("persona")

/* A row of a list. */
struct persona_row {
    struct id id;
    uint64_t version;
    int64_t created_ms, updated_ms;
    struct str brief; /* JSON, an object: slug, name, tagline, tags, … (persona/listing.h) */
};

struct personas_op {
    /* what is asked; a call says which it reads */
    struct str key;              /* id (its text) or slug */
    struct str body;             /* JSON */
    struct str if_match;         /* an ETag, "*" or empty */
    struct id owner;             /* of a new persona; none: the options' */
    const struct persona *given; /* add: the persona, without id, slug and times */
    /* change: called with what is there, on the calling loop; may be called again after a lost race */
    void (*change)(struct arena *a, struct persona *p, void *arg);
    void *change_arg;
    struct store_idem
        *idem;        /* create, duplicate, import: stored with the effect, its result the id; or NULL */
    bool erase;       /* delete: for good, with its versions; one that is deleted already too */
    bool deleted;     /* get, list: also the deleted that can be restored */
    struct str after; /* list: a cursor, or empty */
    unsigned limit;   /* list: 0: 50, at most 200 */
    struct str find;  /* list: words and beginnings of words; every one must be in its name, … */
    struct str *tags; /* list: every one must be there */
    size_t tag_count;
    bool favourites;       /* list: only those */
    enum docs_order order; /* list */
    bool descending;
    bool brief;                      /* list: `rows` instead of `list` */
    uint64_t version, other_version; /* of versions; other_version 0: the present one */
    struct id author;                /* who changes something: kept with the version */
    struct str author_name, note;
    struct arena *arena; /* results lie here */
    void (*done)(struct personas_op *);

    /* the answer */
    enum err err;
    struct error error;
    struct persona *persona;  /* get, create, update, duplicate, restore, import */
    struct persona **list;    /* list */
    struct persona_row *rows; /* list with `brief` */
    struct doc_tag *tag_list; /* tags */
    size_t count;
    struct persona *other;        /* diff */
    struct doc_version *versions; /* versions */
    struct id made;               /* a profile that was made or changed */
    struct str next;              /* list: the next cursor, or empty at the end */
    uint64_t total;               /* list: how many there are on all pages (not of the deleted) */
};

/* ERR_NOT_FOUND; ERR_GONE if deleted (unless op->deleted). */
void personas_get(struct personas *ps, struct personas_op *op) LOOP;
/* By name in the cache of the calling loop, without waiting; NULL if it is not there. */
const struct persona *personas_peek(struct personas *ps, struct id id) LOOP;
/* In the order of names unless asked otherwise; the deleted only by names, without find, tags and total. */
void personas_list(struct personas *ps, struct personas_op *op) LOOP;
/* All tags with how many personas have them. */
void personas_tags(struct personas *ps, struct personas_op *op) LOOP;
/* Makes anew what lists show of personas that another version of the program wrote; in the background. `op`
 * carries arena and done; its count says how many. */
void personas_refresh(struct personas *ps, struct personas_op *op) LOOP;
/* Body: the API's fields. ERR_CONFLICT where a slug is given and taken. */
void personas_create(struct personas *ps, struct personas_op *op) LOOP;
/* PERSONA_REPLACE or PERSONA_PATCH. ERR_PRECONDITION where if_match names another version. */
void personas_update(struct personas *ps, struct personas_op *op, enum persona_change how) LOOP;
/* The lorebook in the persona's card. Body: the API's lorebook; empty takes it away. if_match as above. */
void personas_set_lore(struct personas *ps, struct personas_op *op) LOOP;
/* Marks it deleted; restorable for PERSONA_UNDO_DAYS. */
void personas_delete(struct personas *ps, struct personas_op *op) LOOP;
void personas_restore(struct personas *ps, struct personas_op *op) LOOP;
/* The versions there are, newest first (limit, after). */
void personas_versions(struct personas *ps, struct personas_op *op) LOOP;
/* The persona as it was at op->version; for a difference also `other`, as it was at other_version. */
void personas_version(struct personas *ps, struct personas_op *op) LOOP;
void personas_versions_two(struct personas *ps, struct personas_op *op) LOOP;
/* Makes op->version the present one: a new version with its fields; slug and favourite stay. If-Match. */
void personas_version_restore(struct personas *ps, struct personas_op *op) LOOP;
/* What two versions differ in, as the API's `fields`: [{"field","before","after","hunks"}]. */
void persona_diff_write(struct jw *w, const struct persona *before, const struct persona *after);
/* A copy with a new id and slug, named "NAME (copy)" unless the body says {"name":…}. */
void personas_duplicate(struct personas *ps, struct personas_op *op) LOOP;
/* Body: a card as JSON; anything else is refused with ERR_UNSUPPORTED_TYPE (card_import.h takes files). */
void personas_import(struct personas *ps, struct personas_op *op) LOOP;
/* Keeps a persona that was read elsewhere (op->given). */
void personas_add(struct personas *ps, struct personas_op *op) LOOP;
/* Changes one by op->change instead of a body, as personas_update() does. */
void personas_change(struct personas *ps, struct personas_op *op) LOOP;

/* Puts the shipped cast into the store: what is missing comes, what nobody touched is brought up to date,
 * what was edited or deleted stays so. `op` carries arena and done; its count says how many were written. */
void personas_seed(struct personas *ps, struct personas_op *op) LOOP;

#endif
