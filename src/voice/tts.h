/*
 * The contract of speech drivers: what turns a text into sound.
 *
 * A driver is one file with one `struct tts_driver`; tts_drivers.c lists them. open() makes a speaker on one
 * loop, from the settings of its [speech.NAME] section; start() begins an utterance and returns its id; what
 * it makes comes back through `struct tts_emit`, on the same loop, in this order: format once; timing (words
 * and mouth shapes) before or between the sound that it belongs to; sound; end once.
 *
 * Promises of every driver, as of engine drivers (engine/provider.h): start() emits nothing before it has
 * returned and copies what it keeps; exactly one end() and nothing after it, unless it was cancelled: then
 * nothing at all; cancel() may be called from inside any emit function, an unknown id is ignored. Drivers
 * without timings emit neither words nor visemes: whoever needs them estimates them (viseme_estimate.h).
 * A failure's error has a wire code from remote.h's table, by which the chain (chain.h) decides what to do.
 *
 * It does not: cut text into sentences (sentence.h), read SSML (ssml.h), choose a voice for a persona
 * (speech.h).
 */
#ifndef EIDOLON_VOICE_TTS_H
#define EIDOLON_VOICE_TTS_H

#include "base/config.h"
#include "base/error.h"
#include "loop/workers.h"
#include "voice/viseme.h"

enum {
    TTS_TEXT_MAX = 8192, /* bytes of one utterance; speech.h cuts longer texts at sentences */
};

/* Factors; 1 is as the voice is. What a driver cannot do it leaves out. */
struct tts_prosody {
    double rate, pitch, volume; /* .25..4, .5..2, 0..2 */
};

/* How it is felt: a word of affect's ("joy", "romantic"; empty: neutral), and both axes -1..1. */
struct tts_emotion {
    struct str label;
    double valence, arousal;
};

struct tts_request {
    struct str text;  /* plain, UTF-8 */
    struct str voice; /* the driver's own name for it; empty: its first */
    struct tts_prosody prosody;
    struct str language; /* "en", "pt-BR"; empty: the provider's, or the voice's */
    struct tts_emotion emotion;
    bool alone; /* for the chain: this provider only, whatever its breaker says */
};

/* A word and when it is said, milliseconds from the beginning of the utterance. */
struct tts_word {
    struct str text; /* as the voice read it */
    uint32_t from_ms, to_ms;
};

struct tts_emit {
    void (*format)(void *arg, unsigned sample_rate); /* mono, 16 bit signed */
    void (*words)(void *arg, const struct tts_word *words, size_t count);
    void (*visemes)(void *arg, const struct viseme_key *keys, size_t count);
    void (*sound)(void *arg, const int16_t *samples, size_t count);
    void (*end)(void *arg, enum err err, const struct error *e);
};

struct tts_voice {
    const char *name, *language, *about; /* "slt", "en-US", "a woman, clear" */
};

/* What a driver can do besides; the rest of a request it leaves out (docs/VOICE.md has the table). */
enum tts_can {
    TTS_TIMINGS = 1 << 0, /* words, or mouth shapes, with their times */
    TTS_EMOTION = 1 << 1,
    TTS_CLONES = 1 << 2,
    TTS_LISTS = 1 << 3, /* list() asks the endpoint */
    TTS_RATE = 1 << 4,
    TTS_PITCH = 1 << 5,
    TTS_LOCAL = 1 << 6, /* on this machine: text and sound stay here */
};

/* A reference clip to make a voice of; views of the caller's until done() or cancel(). */
struct tts_clone {
    struct str name, language, transcript; /* the last two may be empty */
    struct str clip, type;                 /* an encoded recording and its media type */
};

/* On the loop, once, unless cancelled; err as in end(). */
typedef void tts_listed_fn(void *arg, const struct tts_voice *voices, size_t count, enum err err,
                           const struct error *e);
typedef void tts_cloned_fn(void *arg, struct str voice, enum err err, const struct error *e);

/* Drivers put it first in their own struct. */
struct tts {
    const struct tts_driver *driver;
    struct loop *loop;
};

struct tts_driver {
    const char *name; /* as [speech.NAME] type */
    unsigned can;     /* enum tts_can */
    /* `provider` may go after open() returned. */
    enum err (*open)(struct loop *loop, struct workers *workers, const struct speech_provider *provider,
                     struct tts **out, struct error *e);
    /* An id; 0 with *e filled where it cannot even begin. */
    uint64_t (*start)(struct tts *t, const struct tts_request *request, const struct tts_emit *emit,
                      void *arg, struct error *e);
    void (*cancel)(struct tts *t, uint64_t id);
    void (*close)(struct tts *t); /* cancels what still runs */
    /* Those that are known without asking; t may be NULL where they are fixed. */
    const struct tts_voice *(*voices)(struct tts *t, size_t *count);
    /* NULL where it cannot. Ids as of start(); 0 with *e filled. clone() gives the new voice's name as
     * start() wants it, unclone() takes it. */
    uint64_t (*list)(struct tts *t, tts_listed_fn *done, void *arg, struct error *e);
    uint64_t (*clone)(struct tts *t, const struct tts_clone *clone, tts_cloned_fn *done, void *arg,
                      struct error *e);
    uint64_t (*unclone)(struct tts *t, struct str voice, tts_cloned_fn *done, void *arg, struct error *e);
};

/* tts_drivers.c */
const struct tts_driver *tts_driver(struct str name); /* NULL when unknown */
const struct tts_driver *const *tts_drivers(size_t *count);
extern const struct tts_driver tts_flite, tts_openai, tts_elevenlabs, tts_fish, tts_xtts, tts_piper,
    tts_espeak, tts_sherpa;

#endif
