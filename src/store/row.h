/*
 * The row of an event, as the store keeps it and everybody above reads it.
 *
 * Strings are views into whoever holds the row (an op's arena, a turn's arena). A row with seq 0 was never
 * stored.
 */
#ifndef EIDOLON_STORE_ROW_H
#define EIDOLON_STORE_ROW_H

#include "base/id.h"
#include "base/str.h"

enum author_type { AUTHOR_SYSTEM, AUTHOR_USER, AUTHOR_PERSONA };

struct event_row {
    struct id tenant, room;
    uint64_t seq; /* in the room: 1, 2, 3, ... without holes; given inside the transaction */
    uint64_t pos; /* in the whole store, in commit order */
    int64_t at_ms;
    struct str kind;
    uint16_t v;
    enum author_type author_type;
    struct id author;
    struct str author_name; /* as it was then */
    struct id turn;         /* none: belongs to no turn */
    uint64_t cause;         /* seq of the event this answers; 0: none */
    uint64_t parent;        /* seq of the message this follows (branches); 0: none */
    struct str audience;    /* JSON; empty: everybody */
    struct id ref;          /* a message's own id; none for other kinds */
    uint64_t of;            /* seq of the event this is about (edits, deletions, affect); 0: none */
    struct str client_id;   /* dedupe key chosen by the author; empty: none */
    struct str data;        /* JSON text */
    uint32_t key_id;        /* 0: data is clear */
};

/* In an append, cause, parent or of may name a row of the same append: its number is not known yet. */
#define ROW_OF_APPEND(index) (UINT64_MAX - (uint64_t)(index))

/* The data of an event that was forgotten. */
#define STORE_ERASED "{\"erased\":true}"

/* A room's head: what lists and loading need without reading its events. */
struct room_row {
    struct id id, tenant, owner;
    struct str title, state;
    struct str members, settings; /* JSON, opaque to the store */
    struct str external; /* unique per tenant if not empty: names a room from outside (OpenAI's user) */
    int64_t created_ms, updated_ms, deleted_ms; /* deleted 0: alive */
    uint64_t head_seq;                          /* last number given; the store's own */
    uint64_t cleared_seq;
    uint64_t version;     /* the ETag; +1 at each update of the head by append */
    struct str last_text; /* lists only: a preview of the newest message, or empty */
    int64_t last_ms;      /* lists only: when the newest event happened */
};

/* A document: personas, settings, engines, memory blocks. */
struct doc_row {
    struct str type; /* "persona", "setting", "provider", "engine", "block" */
    struct id id, tenant, owner;
    struct str slug; /* unique per tenant and type among the not deleted; may be empty */
    struct str sort; /* what lists are ordered and filtered by */
    uint64_t version;
    int64_t created_ms, updated_ms, deleted_ms;
    struct str data;  /* JSON */
    struct str brief; /* docs_find only: what lists show of it, JSON; or empty */
    uint32_t key_id;
};

#endif
