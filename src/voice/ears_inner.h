/*
 * What ears.c (the chain), ears_listen.c (one utterance) and ears_file.c (a recording) share.
 *
 * A `chain` is a configuration as one loop has it open: recognisers of its own, breakers of all loops. It
 * goes when it is no longer the loop's newest and nothing runs on it.
 */
#ifndef EIDOLON_VOICE_EARS_INNER_H
#define EIDOLON_VOICE_EARS_INNER_H

#include "base/breaker.h"
#include "base/config.h"
#include "voice/ears.h"

/* One [speech.NAME] that hears, or a built-in under its own name. Shared by all loops, never changed. */
struct ears_provider {
    struct speech_provider config;
    const struct asr_driver *driver;
    struct breaker *breaker;
};

struct ears_set {
    struct arena arena;
    _Atomic unsigned holders;
    struct ears_provider *all; /* every provider that can hear; pocketsphinx last */
    size_t count;
    size_t chain[EARS_CHAIN_MAX]; /* indices into all */
    size_t chain_count;
};

struct ears_chain {
    struct ears_here *here;
    struct ears_set *set;
    struct asr **open; /* by provider; NULL: not yet */
    unsigned running;
    bool old;
};

struct utterance;
struct recording;

/* The ears of one loop. */
struct ears_here {
    struct ears *ears;
    struct loop *loop;
    struct ears_chain *chain;
    struct utterance *utterances;
    struct recording *recordings;
    bool stopped;
};

struct ears {
    struct loops *loops;
    struct asr_house house;
    struct ears_here *of[LOOPS_MAX];
};

struct ears_here *ears_here(struct ears *ears) LOOP;
/* Which providers a request may be tried on, in order. 0 with *e filled where it names one that is not there.
 */
size_t ears_order(struct ears_chain *chain, struct str provider, size_t order[EARS_CHAIN_MAX + 1],
                  struct error *e) LOOP;
/* The recogniser itself, opened at its first use. */
enum err ears_open(struct ears_chain *chain, size_t provider, struct asr **out, struct error *e) LOOP;
void ears_hold(struct ears_chain *chain) LOOP;
void ears_let_go(
    struct ears_chain *chain) LOOP; /* nothing of it is running any more, as far as one asker goes */

/* ears_listen.c: an utterance, and what closes all of a loop's. */
uint64_t utterance_start(struct ears_here *here, const struct ears_request *request,
                         const struct ears_emit *emit, void *arg, struct error *e) LOOP;
void utterance_feed(struct ears_here *here, uint64_t id, const int16_t *samples, size_t count) LOOP;
void utterance_rest(struct ears_here *here, uint64_t id) LOOP;
bool utterance_streams(struct ears_here *here, uint64_t id) LOOP;
void utterance_finish(struct ears_here *here, uint64_t id) LOOP;
bool utterance_cancel(struct ears_here *here, uint64_t id) LOOP; /* whether there was one */
void ears_stop_utterances(struct ears_here *here) LOOP;

/* ears_file.c */
bool recording_cancel(struct ears_here *here, uint64_t id) LOOP;
void ears_stop_recordings(struct ears_here *here) LOOP;

#endif
