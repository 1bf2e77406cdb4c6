/*
 * Inside of the memory driver: everything in one struct under one lock.
 *
 * Operations check all they have to before they change anything, so each leaves no trace when it fails, and a
 * commit has nothing left to do. Nothing is ever kept on a disk.
 */
#ifndef EIDOLON_STORE_MEM_H
#define EIDOLON_STORE_MEM_H

#include "base/arena.h"
#include "base/map.h"
#include "store/driver.h"

#include <pthread.h>

struct mem_event {
    struct event_row row; /* strings: one heap block */
    void *strings;
};

struct mem_room {
    struct room_row head;
    void *strings;
    uint64_t epoch;
    struct mem_event **events; /* events[seq - 1] */
    size_t cap;
    bool purged;
};

struct mem_listing {
    struct arena arena;
    struct doc_listing l; /* name and tags are folded; shown: the tags as they were written */
    struct str *shown;
};

struct mem_version { /* data empty: the document's own */
    struct mem_version *older;
    struct arena arena;
    struct doc_version v;
};

struct mem_doc {
    struct doc_row row;
    void *strings;
    struct mem_listing *listing;  /* NULL: in no list */
    struct mem_version *versions; /* newest first */
    bool erased;
};

struct mem_note { /* a named value: an idempotency record or an operation's first answer */
    int64_t at_ms;
    uint8_t hash[32];
    struct str result;
    uint64_t values[4];
};

struct driver_db {
    pthread_rwlock_t lock;
    uint64_t next_pos;
    struct map rooms; /* id -> mem_room */
    struct mem_room **room_list;
    size_t room_count, room_cap;
    struct mem_event **log; /* by position; the purged are NULL */
    size_t log_count, log_cap;
    struct mem_doc **docs;
    size_t doc_count, doc_cap;
    struct map cursors; /* name -> uint64_t */
    struct map notes;   /* key -> mem_note */
};

struct driver_session {
    struct driver_db *db;
};

typedef enum err mem_op_fn(struct driver_db *db, struct store_op *op, struct error *e);
mem_op_fn mem_append, mem_forget, mem_room_get, mem_rooms_list, mem_events_page, mem_messages_page,
    mem_event_find, mem_events_about, mem_consume, mem_cursor_set, mem_open_turns, mem_idem_get, mem_doc_put,
    mem_doc_get, mem_docs_list, mem_doc_delete, mem_purge, mem_doc_relist, mem_docs_unlisted, mem_docs_find,
    mem_doc_tags, mem_doc_versions, mem_doc_version, mem_blob_names;

/* A document, also a deleted one, or NULL. */
struct mem_doc *mem_doc_find(struct driver_db *db, struct id tenant, struct str type, struct id id);
/* mem_list.c: what a document shows, and its earlier versions. `old` is the row before the change, or NULL.
 */
void mem_listing_set(struct mem_doc *doc, const struct doc_listing *l);
void mem_history_add(struct mem_doc *doc, const struct doc_row *old, const struct doc_change *change);
void mem_history_follow(struct mem_doc *doc, uint64_t from, uint64_t to);
void mem_doc_forget(struct mem_doc *doc); /* listing and versions go */

/* NULL with the error set: no such room of this tenant. */
struct mem_room *mem_room_find(struct driver_db *db, struct id tenant, struct id room, struct error *e);
/* Copies all strings of *row into one heap block, which is returned. */
void *mem_own_event(struct event_row *row);
void *mem_own(struct str **strings, size_t count);
/* Copies the strings into the arena. */
void mem_lend(struct arena *a, struct str **strings, size_t count);
void mem_lend_event(struct arena *a, struct event_row *row);

/* Idempotency records and operations seen. */
struct mem_note *mem_note_find(struct driver_db *db, const char *space, struct str key, int64_t after_ms);
struct mem_note *mem_note_keep(struct driver_db *db, const char *space, struct str key);
enum err mem_idem_check(struct driver_db *db, const struct store_idem *idem, struct error *e);
void mem_idem_keep(struct driver_db *db, const struct store_idem *idem);
struct mem_note *mem_op_seen(struct driver_db *db, const struct store_op *op);
struct mem_note *mem_op_note(struct driver_db *db, const struct store_op *op); /* NULL: no op_id */

bool mem_contains(struct str text, struct str part); /* without ASCII case; empty is in everything */
void *mem_grow(void *list, size_t count, size_t *cap, size_t size);

#endif
