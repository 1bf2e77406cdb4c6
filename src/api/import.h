/*
 * Importing chats: an uploaded file becomes rooms.
 *
 * The file is read twice by a child process (chat/wire.h): once to look, so that what cannot be read is
 * refused before anything is stored and everybody who speaks is known, once to take. Between the two the
 * speakers are found among the personas, or made (import_who.c). Rooms are filled unseen, in transactions of
 * bounded size (room/rooms.h, ROOM_IMPORT_*), and shown when all are complete; then the answer waits until
 * memory has read them. What fails takes everything back.
 *
 *   import.c       the request: upload, idempotency, progress, report
 *   import_run.c   the two readings, and storing
 *   import_look.c  what the first reading gathers
 *   import_rows.c  what the second one stores
 *   import_who.c   who the speakers are
 *
 * All of it runs on the request's loop. It goes on when the client leaves.
 */
#ifndef EIDOLON_API_IMPORT_H
#define EIDOLON_API_IMPORT_H

#include "api/idem.h"
#include "base/map.h"
#include "chat/wire.h"
#include "loop/child.h"
#include "loop/workers.h"
#include "memory/memory.h"
#include "persona/personas.h"

enum {
    IMPORTS_MAX = 4,              /* at a time, in the whole server */
    IMPORT_PIECE = 256 * 1024,    /* bytes of the file that the child gets at a time */
    IMPORT_BATCH = 500,           /* messages of one transaction */
    IMPORT_BATCH_BYTES = 4 << 20, /* or so many bytes of texts */
    IMPORT_SKIPPED_MAX = 2000,    /* places of a report; the others are counted */
    IMPORT_PROGRESS_MS = 200,
    IMPORT_LOOK_MS = 20,            /* between two looks at what memory has read */
    IMPORT_REMEMBER_MS = 60 * 1000, /* without any progress of memory's: answered all the same */
    IMPORT_READ_MS = 60 * 1000,     /* the child's time for one piece */
};

/* Somebody who speaks in the file, by name; or a persona that the request names. */
struct import_who {
    struct str name, slug, id; /* as the file says */
    struct id persona;         /* none: not found yet */
    struct str called, persona_slug;
    bool made, wanted;
};

struct import_speaker {
    struct str name;
    struct import_who *who;
    uint64_t said;
    bool is_owner, nobody;
    bool only_named; /* the file does not say whether it is a person */
};

struct import_chat {
    struct str title;
    int64_t at_ms;
    uint64_t messages;
    struct import_speaker *speakers;
    size_t speaker_count;
    struct str head; /* what the file says of it, JSON or empty */
    struct id room;
    struct str room_json;
};

struct import_skip {
    uint64_t line;
    struct str reason;
};

struct import_item {
    enum { ITEM_BEGIN, ITEM_MESSAGE, ITEM_END } what;
    struct chat_message message;
    struct str extra;
};

struct import {
    struct api *api;
    struct http_ref ref;
    struct principal who;
    bool streaming;
    struct arena arena; /* what the report needs */

    /* the upload */
    const char *map;
    size_t map_size;
    struct str file, persona, title, user;
    struct chat_options options;
    struct store_idem *idem;

    struct child *child;
    struct timer timer; /* of the child's answer, then of memory */
    enum import_phase {
        IMPORT_LOOKING,
        IMPORT_ASKING,
        IMPORT_TAKING,
        IMPORT_SHOWING,
        IMPORT_REMEMBERING,
        IMPORT_DROPPING
    } phase;
    size_t offset; /* of the file */
    bool ended;    /* the child was told the end */

    struct import_chat *chats;
    size_t chat_count, chat_cap;
    struct map whos;
    struct import_who **who_list;
    size_t who_count, who_cap, who_at; /* who_at: under way, or to be taken back */
    struct import_who *given;          /* the persona that the request names */
    struct import_skip *skipped;
    size_t skipped_count;
    uint64_t skipped_total, messages;
    struct str notes[32];
    size_t note_count;
    enum chat_format format;

    /* taking */
    struct buf found;
    struct arena batch;
    struct import_item *items;
    size_t item_count, item_cap, item_at;
    size_t chat_at; /* 1 + the chat under way */
    struct import_chat *chat;
    struct room_op *op; /* rows that are gathered */
    size_t op_bytes;
    uint64_t seq, expect; /* the newest number of the room; the first of the batch under way */
    uint64_t *seqs;
    struct id *ids;
    size_t numbered, number_cap;
    int64_t last_ms;

    struct personas_op persona_op; /* one at a time */
    struct arena persona_arena;
    unsigned persona_try;

    size_t room_at;
    uint64_t last_pos, seen_pos;
    uint64_t progress_us, waited_us;
    struct error error;
};

/* import_run.c */
void import_run(struct import *i) LOOP;
void import_fail(struct import *i, const struct error *e) LOOP;
void import_take(struct import *i) LOOP; /* the speakers are known */
/* import_look.c */
extern const struct chat_sink import_looking;
struct import_speaker *import_speaker_of(struct import_chat *chat, struct str name); /* or NULL */
struct str import_speaker_name(const struct chat_message *m);                        /* never empty */
/* import_rows.c: into i->op, which store_batch() of import_run.c sends. */
void import_add_said(struct import *i, const struct chat_message *m) LOOP;
void import_add_change(struct import *i, const struct chat_message *m) LOOP; /* edited, deleted */
/* import_who.c; then import_take() or import_fail(). */
void import_ask(struct import *i) LOOP;
struct import_who *import_who_of(struct import *i, struct str name, struct str slug, struct str id);
/* import.c */
void import_note(struct import *i, const char *format, ...) __attribute__((format(printf, 2, 3)));
void import_progress(struct import *i, bool now) LOOP;
void import_answer(struct import *i) LOOP; /* i->error or the report; frees */
void import_report(struct import *i, struct buf *to, bool stored);

#endif
