/*
 * The ears of the process: which recognisers there are, in which order they are tried, and what is done so
 * that nothing is invented.
 *
 * `ear.chain` names [speech.NAME] providers; an utterance goes to the first whose breaker lets it, and on a
 * failure to the next with all of its sound again; pocketsphinx, which needs nobody, is the last of every
 * chain. An utterance in which the energy gate (vad.h) finds no speech is not sent anywhere: its transcript
 * is empty. What a recogniser is known to make up from near-silence (asr_guard.h) is dropped.
 *
 * A whole recording (ears_file) is decoded in the ear's child, cut where nobody speaks, and heard piece by
 * piece, with progress; a chain of pocketsphinx alone hears it all in its child.
 *
 * Everything is on the calling loop; each loop has its own recognisers, the breakers are of all loops.
 * It does not: read the microphone (listen.h), end turns, store.
 */
#ifndef EIDOLON_VOICE_EARS_H
#define EIDOLON_VOICE_EARS_H

#include "voice/asr.h"
#include "voice/ear.h"

struct config;
struct ears;

enum { EARS_CHAIN_MAX = 8 };

/* Plain thread, before the loops start. The configuration's rows are copied; what the house names must
 * live longer. */
struct ears *ears_new(struct loops *loops, const struct asr_house *house, const struct config *config);
/* Another configuration, from any loop; what runs goes on with the old one. */
void ears_replace(struct ears *ears, const struct config *config) LOOP;
void ears_stop(struct ears *ears) LOOP; /* on every loop, before fetch_stop(); nothing more is emitted */
void ears_free(struct ears *ears);      /* after the loops ended */

struct ears_request {
    struct asr_request asr;
    struct str provider; /* this one only, no fallback; empty: the chain */
};

/* Who heard it, known in end(). Valid during the call. */
struct ears_heard {
    struct str json;     /* as asr.h; with "provider" added */
    struct str provider; /* empty where nobody had to listen: silence */
    unsigned fallbacks;  /* how many failed before it */
};

/* Each begins with on_loop(). */
struct ears_emit {
    void (*partial)(void *arg, struct str text); /* may be NULL */
    void (*progress)(void *arg, double share);   /* of a recording; may be NULL */
    void (*piece)(void *arg, struct str text);   /* of a recording: text that came and stays; may be NULL */
    void (*end)(void *arg, enum err err, const struct error *e, const struct ears_heard *heard);
};

/*
 * One utterance, fed as it comes (ASR_RATE, mono). An id, or 0 with *e filled. The promises of asr.h hold:
 * one end(), nothing after ears_cancel(). Where one after another fails, the first one's failure is told.
 * ears_feed() past ASR_SECONDS_MAX drops sound; the caller ends utterances long before.
 */
uint64_t ears_start(struct ears *ears, const struct ears_request *request, const struct ears_emit *emit,
                    void *arg, struct error *e) LOOP;
void ears_feed(struct ears *ears, uint64_t id, const int16_t *samples, size_t count) LOOP;
/* The speaker is silent for the moment, and may be done. Whoever keeps the sound of the silence back until it
 * is known, and feeds it only if speech goes on, has the text sooner. */
void ears_rest(struct ears *ears, uint64_t id) LOOP;
/* Whether it is heard while it is fed, so that partial texts come; else nothing is known before the end. */
bool ears_streams(struct ears *ears, uint64_t id) LOOP;
void ears_finish(struct ears *ears, uint64_t id) LOOP;
/* Of utterances and recordings. */
void ears_cancel(struct ears *ears, uint64_t id) LOOP;

/* A whole encoded recording (WAV, FLAC, Ogg, MP3, AIFF; at most EAR_FILE_MAX bytes), copied. */
uint64_t ears_file(struct ears *ears, const struct ears_request *request, struct str file,
                   const struct ears_emit *emit, void *arg, struct error *e) LOOP;

/* Whether there is a recogniser of that name, in the chain or not. */
bool ears_known(struct ears *ears, struct str name) LOOP;

/* The chain as it is now, for pages. Valid within the calling function. */
struct ears_info {
    struct str name, type, model;
    bool ok, streams, remote;
    char reason[256]; /* why not ok */
};
size_t ears_list(struct ears *ears, struct ears_info list[EARS_CHAIN_MAX]) LOOP;

#endif
