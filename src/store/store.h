/*
 * The store: where everything that must survive lives. Named operations, asynchronous, one transaction each.
 *
 * How to call: make an op (STORE_NEW or its _new function), fill its inputs (allocate them from op.arena, or
 * let them outlive the op), set op.done and submit it with the function of its name. Later, on the loop that
 * submitted, done() runs with err, error and the results, which lie in the op's arena; it frees the op with
 * store_op_free(). A plain thread (command line, tests) submits and waits with store_wait() instead.
 *
 * Writes are committed in groups by one writer; done() of writes reach one loop in commit order. An op that
 * fails does so alone. Nothing is reported as done before it is durable.
 *
 * When writing fails (full disk, failed sync, corruption) the store turns read-only until it is opened again:
 * writes fail with ERR_READ_ONLY and a sentence, reads go on.
 *
 * It does not: know what events mean, beyond the names of two kinds ("turn.started", "turn.ended") whose open
 * ones it keeps a list of, and "message", "message.edited", "message.deleted", which message pages fold.
 */
#ifndef EIDOLON_STORE_STORE_H
#define EIDOLON_STORE_STORE_H

#include "base/arena.h"
#include "base/error.h"
#include "loop/loop.h"
#include "store/blob.h"
#include "store/row.h"

struct store;

struct store_options {
    struct str driver;  /* "sqlite" or "memory" */
    struct str folder;  /* the data folder; made if missing (0700) */
    unsigned readers;   /* reader threads; 0: 2 */
    unsigned batch_max; /* operations of one commit; 0: 256 */
    unsigned queue_max; /* operations that may wait for the writer; above it ERR_BUSY; 0: 100000 */
    uint64_t cache_bytes, min_free_bytes;
    unsigned checkpoint_pages;
    const char *vfs; /* tests: the name of a SQLite VFS, or NULL */
};

/* Opens, migrates forward (a backup first), locks the folder. ERR_CONFLICT: another server has it. */
enum err store_open(const struct store_options *options, struct store **out, struct error *e);
/* Finishes what is queued, posts every answer and joins the threads; operations submitted later fail with
 * ERR_CLOSED. Plain thread, before loops_stop(), so that no answer is posted to a loop that is gone. */
void store_stop(struct store *store);
/* store_stop() if it was not called, then marks the stop as clean and frees. After the loops ended. */
void store_close(struct store *store);
uint64_t store_epoch(const struct store *store); /* one higher at each opening: the fence of room appends */

enum store_op_kind {
    STORE_APPEND,
    STORE_ROOM_GET,
    STORE_ROOMS_LIST,
    STORE_EVENTS_PAGE,
    STORE_MESSAGES_PAGE,
    STORE_EVENT_FIND,
    STORE_EVENTS_ABOUT,
    STORE_CONSUME,
    STORE_CURSOR_SET,
    STORE_OPEN_TURNS,
    STORE_IDEM_GET,
    STORE_FORGET,
    STORE_DOC_PUT,
    STORE_DOC_GET,
    STORE_DOCS_LIST,
    STORE_DOC_DELETE,
    STORE_DOC_RELIST,
    STORE_DOCS_UNLISTED,
    STORE_DOCS_FIND,
    STORE_DOC_TAGS,
    STORE_DOC_VERSIONS,
    STORE_DOC_VERSION,
    STORE_PURGE,
    STORE_BLOB_NAMES,
    STORE_OP_KINDS
};

struct store_op {
    struct msg msg;
    enum store_op_kind kind;
    struct loop *home; /* set at submission; NULL: a plain thread waits */
    struct arena arena;
    struct id op_id; /* not none: the same id again gives the first result (writes) */
    enum err err;
    struct error error;
    void (*done)(struct store_op *);
    void *arg;
    uint64_t queued_us;
};

/* Frees any op (of every kind: the arena and the struct). */
void store_op_free(struct store_op *op);
/* Submits by op->kind. The typed functions below are this with a type check. From a loop, or a plain thread
 * that then calls store_wait(). Never blocks. */
void store_submit(struct store *store, struct store_op *op);
/* Plain threads: submits and waits. Returns op->err; the caller frees. done is not called. */
enum err store_wait(struct store *store, struct store_op *op);

/* What an Idempotency-Key remembers, kept for 24 h with the effect it belongs to. */
struct store_idem {
    struct id principal;
    struct str route, key;
    uint8_t hash[32]; /* of the body */
    struct str
        result; /* opaque to the store; stored with the effect. In `result`, each "{seq:N}" is no magic */
};

/* Appends rows to one room, in one transaction with what else is set. */
struct store_append {
    struct store_op op;
    struct id tenant, room;
    uint64_t epoch;         /* lower than the room's: ERR_FENCED; higher: the room's becomes it */
    struct event_row *rows; /* seq, pos (and at_ms, where 0) are filled in; ROW_OF_APPEND is resolved */
    size_t count;
    struct room_row *head;   /* creates the room, or replaces its head fields; NULL: unchanged */
    bool create;             /* the room must not exist (else it must): ERR_CONFLICT / ERR_NOT_FOUND */
    struct store_idem *idem; /* stored along; ERR_CONFLICT when the key is there already */
    uint64_t expect_version; /* of the head that is there; 0: any; else ERR_PRECONDITION */
    bool expect_head;        /* ERR_CONFLICT unless the newest number is expect_seq */
    uint64_t expect_seq;
    /* results */
    bool deduped; /* rows[0]'s (author, client_id) was there: nothing written; rows[0] holds the first one */
    uint64_t head_seq;
    uint64_t version; /* of the head, after */
};

struct store_room_get {
    struct store_op op;
    struct id tenant, room; /* room none: by `external` */
    struct str external;
    struct room_row row; /* result; ERR_NOT_FOUND (deleted ones are found) */
};

struct store_rooms_list {
    struct store_op op;
    struct id tenant, owner;
    struct str after; /* opaque cursor, or empty */
    unsigned limit;
    bool deleted;          /* only the deleted ones instead of only the others */
    struct str find;       /* part of the title, or empty */
    struct room_row *rows; /* results, newest activity first */
    size_t count;
    struct str next; /* empty: the end */
};

/* A page of events in ascending order (or descending). */
struct store_events_page {
    struct store_op op;
    struct id tenant, room;
    uint64_t after, before; /* exclusive; 0: no bound */
    unsigned limit;
    bool desc;
    const struct str *kinds; /* only these; count 0: all */
    size_t kind_count;
    uint64_t user;          /* the caller's */
    struct event_row *rows; /* results */
    size_t count;
    bool more;
    uint64_t head_seq;
};

/* A page of messages with what later events did to them. */
struct message_row {
    struct event_row
        row; /* data is that of the latest edit where there is one: {"text":...} merged by the reader */
    struct str edited_data; /* of the latest message.edited, or empty */
    int64_t edited_ms;
    uint64_t edited_seq;
    bool deleted; /* by message.deleted (only if `deleted` was asked for) or erased */
};
struct store_messages_page {
    struct store_op op;
    struct id tenant, room;
    uint64_t after, before; /* exclusive; 0: no bound */
    unsigned limit;
    bool desc, deleted; /* deleted: list deleted ones too */
    bool cleared;       /* list those at or before cleared_seq too */
    struct message_row *rows;
    size_t count;
    bool more;
};

/* One event by its message id, its number, or its author's client id. */
struct store_event_find {
    struct store_op op;
    struct id tenant, room; /* room none: in any room (by ref only) */
    struct id ref;
    uint64_t seq;
    struct message_row found; /* ERR_NOT_FOUND */
    struct event_row *about;  /* all events whose `of` is its seq, ascending */
    size_t about_count;
};

/* What became of several events: all events of the room whose `of` is one of seqs, ascending. */
struct store_events_about {
    struct store_op op;
    struct id tenant, room;
    const uint64_t *seqs;
    size_t seq_count;
    struct event_row *rows; /* results */
    size_t count;
};

/* The whole store's events in commit order, for those who follow behind. */
struct store_consume {
    struct store_op op;
    struct str consumer; /* not empty: starts at its cursor, else after `after` */
    uint64_t after;
    unsigned limit;       /* 0: no rows, only cursor and head_pos */
    uint64_t limit_bytes; /* of data, about; 0: no bound */
    struct event_row *rows;
    size_t count;
    uint64_t cursor;   /* where the page began */
    uint64_t head_pos; /* the newest position there is */
};
struct store_cursor_set {
    struct store_op op;
    struct str consumer;
    uint64_t pos;
};

struct store_open_turns {
    struct store_op op;
    struct id tenant, room; /* room none: all */
    struct event_row *rows; /* the turn.started events without a turn.ended */
    size_t count;
};

struct store_idem_get {
    struct store_op op;
    struct store_idem idem; /* principal, route, key in; hash, result out; ERR_NOT_FOUND */
};

/* Erases: the data of these events, and of every event about them, becomes {"erased":true}; author names and
 * client ids go; the old bytes are overwritten on disk. `note` (optional) is appended in the same
 * transaction. */
struct store_forget {
    struct store_op op;
    struct id tenant, room;
    uint64_t epoch;
    const uint64_t *seqs;
    size_t seq_count;
    struct event_row *note; /* like a row of an append */
    uint64_t head_seq;
    uint64_t *erased; /* result: all numbers that were erased, ascending: for index_erase() */
    size_t erased_count;
};

/*
 * What a document shows in lists and is found by. The store keeps it beside the document, so that a list of
 * many thousands reads no documents; its folding of case and accents is base/fold.h's.
 */
struct doc_listing {
    struct str name;  /* what lists are ordered by; folded by the store */
    struct str brief; /* JSON: what a list shows of it */
    struct str words; /* what it is found by: folded words, parted by spaces, each once */
    const struct str *tags;
    size_t tag_count;
    bool favourite;
    uint32_t form; /* the version of how its type makes these; what is older is made anew (docs_unlisted) */
};

/* That a change of a document keeps the version before it, and who made it. */
struct doc_change {
    struct id author;
    struct str author_name, note; /* note may be empty */
    struct str fields;            /* JSON: an array with the names of what changed */
    uint32_t keep;         /* versions that are kept; older ones go, oldest first, but for those that are */
    int64_t keep_after_ms; /* younger than this: of them DOC_VERSIONS_FACTOR times as many are kept */
};
enum { DOC_VERSIONS_FACTOR = 5, DOC_VERSIONS_BYTES = 16 << 20 /* of all kept versions of a document */ };

struct store_doc_put {
    struct store_op op;
    struct doc_row doc;      /* id none: a new one is given; version and times are filled in */
    uint64_t expect_version; /* 0: any; ERR_PRECONDITION otherwise */
    bool create;             /* must not exist: ERR_CONFLICT (also a taken slug, param "slug") */
    bool undelete;           /* a deleted one comes back; else ERR_GONE */
    struct store_idem *idem;
    const struct doc_listing *listing; /* NULL: the document is in no docs_find list */
    const struct doc_change *change;   /* NULL: what was there is overwritten without a trace */
};
struct store_doc_get {
    struct store_op op;
    struct str type;
    struct id tenant, id; /* id none: by slug */
    struct str slug;
    bool deleted; /* also deleted ones, else ERR_GONE */
    struct doc_row doc;
};
struct store_docs_list {
    struct store_op op;
    struct str type;
    struct id tenant, owner; /* owner none: all */
    struct str after;        /* opaque cursor */
    unsigned limit;
    bool deleted;      /* only the deleted */
    bool newest_first; /* by creation; else by sort */
    struct str find;   /* part of sort, without case; or empty */
    struct doc_row *rows;
    size_t count;
    struct str next;
};
struct store_doc_delete {
    struct store_op op;
    struct str type;
    struct id tenant, id;
    uint64_t expect_version;
    bool erase; /* the row goes for good, and its earlier versions with it */
};

/* Makes a document's listing anew without changing the document; ERR_PRECONDITION if it is at another
 * version. */
struct store_doc_relist {
    struct store_op op;
    struct str type;
    struct id tenant, id;
    uint64_t version;
    const struct doc_listing *listing;
};
/* Documents, not deleted, whose listing has a form below `form`. */
struct store_docs_unlisted {
    struct store_op op;
    struct str type;
    struct id tenant;
    uint32_t form;
    unsigned limit;
    struct doc_row *rows; /* results, whole */
    size_t count;
};

enum docs_order { DOCS_BY_NAME, DOCS_BY_UPDATED, DOCS_BY_CREATED };
struct store_docs_find {
    struct store_op op;
    struct str type;
    struct id tenant;
    const struct str *words; /* folded; each must begin a word of the document */
    size_t word_count;
    const struct str *tags; /* each must be a tag of it; case and accents do not matter */
    size_t tag_count;
    bool favourites; /* only those */
    enum docs_order order;
    bool descending;
    struct str after; /* opaque cursor */
    unsigned limit;
    bool whole;           /* rows carry their data; else only those without a brief do */
    struct doc_row *rows; /* results: with `brief` */
    size_t count;
    struct str next;
    uint64_t total; /* how many there are on all pages */
};

struct doc_tag {
    struct str tag; /* as somebody wrote it */
    uint64_t count;
};
struct store_doc_tags {
    struct store_op op;
    struct str type;
    struct id tenant;
    struct doc_tag *tags; /* results, most used first */
    size_t count;
};

/* The versions of a document, newest first; the first is the one it is at. */
struct doc_version {
    uint64_t version;
    int64_t at_ms;
    struct id author; /* none: not known */
    struct str author_name, note, fields;
    struct str data; /* store_doc_version only */
};
struct store_doc_versions {
    struct store_op op;
    struct str type;
    struct id tenant, id;
    uint64_t before; /* only older than that; 0: all */
    unsigned limit;
    struct doc_version *rows;
    size_t count;
    bool more;
};
/* One of them with its data. ERR_NOT_FOUND. */
struct store_doc_version {
    struct store_op op;
    struct str type;
    struct id tenant, id;
    uint64_t version;
    struct doc_version row;
};

/* Removes what is past its time: deleted documents and rooms, old idempotency keys. */
struct store_purge {
    struct store_op op;
    int64_t deleted_before_ms, idem_before_ms;
    uint64_t removed;
};

/* Which blobs are named: every run of 64 hexadecimal digits in any document, also the deleted ones, in their
 * earlier versions, and in the events that name media (speech, and messages with media). */
struct store_blob_names {
    struct store_op op;
    struct blob_hash *hashes; /* results, sorted, with repetitions */
    size_t count;
};

/* A new op of a kind, zeroed: struct store_append *a = STORE_NEW(append, APPEND); */
void *store_op_new(enum store_op_kind kind, size_t size);
#define STORE_NEW(name, KIND) ((struct store_##name *)store_op_new(STORE_##KIND, sizeof(struct store_##name)))

/* The most that one operation takes or gives; larger limits are cut to it. */
enum { STORE_PAGE_MAX = 1000, STORE_ROWS_MAX = 1000 };
/* How long an Idempotency-Key and an op_id are remembered, at least. */
#define STORE_IDEM_MS ((int64_t)24 * 3600 * 1000)

/* State, for /readyz and errors. Any thread. */
enum store_health { STORE_OK, STORE_READ_ONLY };
enum store_health store_health(const struct store *store, struct error *why);

enum { STORE_BUCKETS = 20 }; /* of latencies: up to 2^i * 64 us */
struct store_stats {
    uint64_t commits, ops, appended, queue, file_bytes, wal_bytes;
    uint64_t commit_us_sum, commit_us_max, commit_us[STORE_BUCKETS];
    uint64_t head_pos;
    bool checked, check_ok; /* quick_check ran since the opening, and found nothing */
};
void store_stats(struct store *store, struct store_stats *out);

/* Writes a whole copy of the data folder's databases to `path` while the store runs. Blocking: worker or
 * plain thread. `progress` (may be NULL) is told pages done and in all. */
enum err store_backup(struct store *store, struct str path,
                      void (*progress)(void *arg, uint64_t done, uint64_t all), void *arg, struct error *e);
/* The same from outside the server, which may be running on the folder or not. ERR_NOT_FOUND: no store there.
 */
enum err store_copy(struct str folder, struct str path,
                    void (*progress)(void *arg, uint64_t done, uint64_t all), void *arg, struct error *e);
/* Puts a backup in place of a folder's store. No server may run on it; what was there is kept beside it. */
enum err store_restore(struct str folder, struct str path, struct error *e);
/* Looks the whole store over (blocking; worker or plain thread). ERR_CORRUPT with what was found. */
enum err store_check(struct store *store, struct error *e);
/* True if the last process did not close the store: a check is due. */
bool store_was_unclean(const struct store *store);

#endif
