/*
 * Hearing: a recording becomes text, with the times of its words, in a child process.
 *
 * The embedded ear is pocketsphinx with Debian's English model: for commands and demos, not for dictation
 * (docs/ VOICE.md has the figures). The child decodes the file (libsndfile: WAV, FLAC, Ogg, MP3, AIFF), makes
 * it mono at 16 kHz, finds where somebody speaks (vad.h) and recognises span by span. Silence gives an empty
 * text, never an invented one.
 *
 * The answer is JSON: {"text","language","confidence","duration_ms","segments":[{"id","start","end","text",
 * "confidence","words":[{"word","start","end","confidence"}]}]}, times in seconds.
 *
 * It does not: store, translate, tell who speaks.
 */
#ifndef EIDOLON_VOICE_EAR_H
#define EIDOLON_VOICE_EAR_H

#include "loop/child_pool.h"

enum {
    EAR_FILE_MAX = 64 << 20, /* bytes of a recording */
    EAR_SECONDS_MAX = 4 * 3600,
    EAR_PIECE_MS = 60 * 1000, /* of a piece, at most */
    EAR_PIECES_MAX = 32768,
};

struct ear;
/* Plain thread. */
struct ear *ear_new(struct loops *loops);
void ear_stop(struct ear *ear) LOOP; /* on every loop, before they stop */
void ear_free(struct ear *ear);

/* What is asked of the child: to hear, or only to decode and to cut where nobody speaks. */
enum ear_task { EAR_HEAR = 'H', EAR_CUT = 'C' };

/* Where somebody speaks, a piece that a recogniser takes at once. */
struct ear_piece {
    uint32_t from_ms, to_ms; /* in the recording */
    size_t sample, count;    /* in the job's sound */
};

struct ear_job {
    enum ear_task task;                               /* 0: EAR_HEAR */
    struct str file;                                  /* the caller's until done() */
    struct arena *arena;                              /* the caller's, nobody else's until done() */
    void (*progress)(struct ear_job *, double share); /* or NULL; on the child's loop */
    void (*heard)(struct ear_job *, struct str text); /* or NULL; the same: what a span says */
    void (*done)(struct ear_job *);                   /* on the loop that submitted */
    enum err err;
    struct error error;
    struct str json;          /* in the arena; of EAR_CUT only {"duration_ms"} */
    struct buf sound;         /* EAR_CUT: samples of all pieces, VAD_RATE; the caller releases it, and: */
    struct ear_piece *pieces; /* in the arena */
    size_t piece_count;

    struct child_job job; /* its own */
};
void ear_submit(struct ear *ear, struct ear_job *job) LOOP;

/* The hidden command `eidolon child ear`; does not return. */
_Noreturn void ear_child_main(void);

#endif
