/*
 * The user's models of sherpa-onnx, each in a child process of its own: speaking (tts_sherpa.c) and hearing
 * (asr_sherpa.c) go through here.
 *
 * A host is one model (a folder and how it is loaded); it lives as long as the process, its child only while
 * it is used: started by the first task, ended after `idle_ms` without one. All loops share it: it has a home
 * loop, where its tasks wait in one row and are done one after another; what comes of them goes back to the
 * loop that asked. A child that dies fails the task that it was at, in words; the next task starts another.
 *
 * What the two say to each other (loop/child.h's frames, a letter first):
 *   to the child:  O JSON {folder, threads, language}     once, first
 *                  S JSON {text, voice, rate, volume}     speak; answered by F, P..., D or E
 *                  H language, NUL, samples               hear (16 kHz, 16 bit); answered by D or E
 *                  L                                      who speaks; answered by D or E
 *                  C                                      enough of the present task
 *   from it:       R                                      the model is loaded
 *                  F u32 rate     P samples               D JSON   done      E sentence   not done
 *                  N sentence                             this model cannot be used
 *
 * It does not: choose, fall back (chain.h, ears.h), look into the folder: the child does.
 */
#ifndef EIDOLON_VOICE_SHERPA_H
#define EIDOLON_VOICE_SHERPA_H

#include "base/config.h"
#include "base/error.h"
#include "loop/loop.h"

enum {
    SHERPA_HOSTS_MAX = 64,    /* models in the life of the process; more are refused */
    SHERPA_WAITING_MAX = 256, /* tasks of one model that wait */
    SHERPA_LEFT_MS = 60 * 1000,
};

/* Where relative folders are: DATA/models. Plain thread, before the loops start. */
void sherpa_set_models(struct str folder);
/* On every loop: its children end, what waits ends with ERR_CLOSED. */
void sherpa_stop(void) LOOP;
/* After the loops ended. */
void sherpa_free(void);

struct sherpa_host;
/* The host of a provider's model; `folder` is its `model` or `ear_model`. Any loop. ERR_UNAVAILABLE with what
 * is missing: no folder named, the library not installed. */
enum err sherpa_host(const struct speech_provider *provider, struct str folder, struct loops *loops,
                     struct sherpa_host **out, struct error *e);
/* For each that was given out; a model that no provider has any more is unloaded after a minute, whatever its
 * idle_ms. */
void sherpa_leave(struct sherpa_host *host) LOOP;

/* On the loop that asked. format and sound of speaking only; json: of hearing and listing. */
struct sherpa_events {
    void (*format)(void *arg, unsigned rate);
    void (*sound)(void *arg, const int16_t *samples, size_t count);
    void (*end)(void *arg, enum err err, const struct error *e, struct str json);
};

/* How long it may take, from when the child has it: loading the model, the first sign of an answer, a pause
 * between two; and how long the child is kept without work. The child is ended where it takes longer. */
struct sherpa_limits {
    uint64_t load_ms, first_ms, pause_ms, idle_ms;
};
struct sherpa_limits sherpa_limits_of(const struct speech_provider *provider);

struct sherpa_ask;
/* Puts a task (a frame as above, copied) into the host's row. Nothing is emitted before it has returned;
 * afterwards exactly one end(), unless it was cancelled. An error's code is one of remote.h's. */
struct sherpa_ask *sherpa_ask(struct sherpa_host *host, struct str frame, const struct sherpa_limits *limits,
                              const struct sherpa_events *events, void *arg) LOOP;
/* Nothing more is emitted; allowed inside events, not after end(). */
void sherpa_cancel(struct sherpa_ask *ask) LOOP;

/* The hidden command `eidolon child sherpa` (sherpa_child.c); does not return. */
_Noreturn void sherpa_child_main(void);

#endif
