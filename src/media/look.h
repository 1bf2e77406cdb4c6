/*
 * Looking into a file of a stranger, in a child process without files or network.
 *
 * The child is handed the open file (child_send_file) and an order, and answers in frames, each a letter and
 * bytes:
 *   A  JSON: what it is
 *   P  a preview: WebP, at most PICTURE_PREVIEW_SIDE pixels
 *   S  what engines are shown: JPEG, at most PICTURE_SEEN_SIDE pixels
 *   C  the next piece of the file without what it tells about its maker; where none come it is kept as it is
 *   W  a piece of sound: WAV, 16 kHz, mono
 *   E  the error (a byte: enum err), and its sentence
 *   D  done
 * About a picture: {"kind":"image","type","width","height","animated","places"}, upright. About a recording:
 * {"kind":"audio","type","duration_ms","rate","channels","peaks":[0..100]}. About a piece:
 * {"from_ms","to_ms","last"}.
 *
 * It does not: keep anything (hub.h does).
 */
#ifndef EIDOLON_MEDIA_LOOK_H
#define EIDOLON_MEDIA_LOOK_H

#include "base/json.h"
#include "loop/child_pool.h"

enum look_order {
    LOOK_WHOLE, /* A, and for pictures P, S, C; for what is kept */
    LOOK_SHOW,  /* A, S of a picture: for what an engine is shown once */
    LOOK_PIECE, /* A, W: from `from_ms`, at most LOOK_PIECE_MS, ended where it is quiet */
};

enum {
    LOOK_PIECE_MS = 40 * 1000,
    LOOK_CUT_MS = 12 * 1000, /* the quietest moment is looked for in so much of a piece's end */
    LOOK_FRAME = 1 << 20,    /* bytes of a frame of C */
    LOOK_TIME_MS = 5 * 60 * 1000,
};
#define LOOK_MEMORY ((uint64_t)3 << 30) /* of address space; the file is mapped into it */

struct looks; /* the pool */

/* Plain thread. */
struct looks *looks_new(struct loops *loops);
void looks_stop(struct looks *looks) LOOP; /* on every loop, before they stop */
void looks_free(struct looks *looks);

struct look {
    enum look_order order;
    int file; /* the caller's, open until done() */
    bool keep_places;
    uint64_t from_ms;
    struct arena *arena;         /* the caller's, nobody else's until done() */
    void (*done)(struct look *); /* on the loop that submitted */
    enum err err;
    struct error error;
    const struct json *about;             /* in the arena */
    struct buf preview, seen, clean, wav; /* the caller releases them: look_release() */

    struct child_job job; /* its own */
};
void look_submit(struct looks *looks, struct look *look) LOOP;
void look_release(struct look *look);

/* `eidolon child media`: after child_confine(), until the server is gone. */
int look_child_serve(void);

#endif
