/*
 * Speaking: a whole text, plain or SSML, with a persona's voice, as one stream of sound with its words and
 * mouth shapes on one clock.
 *
 * The text is cut into utterances (SSML's pieces; sentences of plain text), spoken in order: while one is
 * heard the next is already being made. Pauses are silence. What is handed on is the tts_emit of tts.h, with
 * times from the beginning of the whole.
 *
 * Each utterance goes through the chain of providers (chain.h): the voice's own, then voice.chain. Where
 * another rate comes out of it than before, it is resampled: a speech has one rate.
 *
 * `struct speakers` is one loop's open drivers, `struct voices` those of all loops. A persona that names no
 * voice is spoken by voice.chain's first; where that is flite it has a voice by its id: always the same, and
 * of its own pitch and pace, so that no two sound alike by accident only.
 *
 * It does not: encode (encode.h), cache, write events.
 */
#ifndef EIDOLON_VOICE_SPEECH_H
#define EIDOLON_VOICE_SPEECH_H

#include "base/id.h"
#include "voice/tts.h"

enum {
    SPEECH_TEXT_MAX = 64 * 1024,
    SPEECH_AHEAD = 2, /* utterances that are being made at once */
};

struct speakers;
struct speech_cache;
/* All loops' speakers. */
struct voices;
struct voices *voices_new(struct workers *workers);
/* The settings from now on (providers, voice.chain); they live as long as the process. Before it: flite
 * alone. */
void voices_configure(struct voices *voices, const struct config *config);
/* What is spoken is kept there (voice/cache.h); before the first use. */
void voices_set_cache(struct voices *voices, struct speech_cache *cache);
/* The calling loop's, opened at their first use. */
struct speakers *voices_here(struct voices *voices) LOOP;
/* What still speaks on this loop falls silent, without a word. */
void voices_stop(struct voices *voices) LOOP;
void voices_free(struct voices *voices); /* after the loops ended */

/* How somebody sounds; empty and 0 fields leave the default. */
struct voice {
    struct str provider, name;
    struct tts_prosody prosody;
};

/* Fills what a persona's own voice leaves open: by `id` the name (one of flite's), pitch and rate. An empty
 * provider stays empty: voice.chain's first. */
struct voice voice_for(struct id id, const struct voice *own);

struct speech_request {
    struct str text; /* plain, or SSML where ssml_is() */
    struct voice voice;
    bool whole; /* the text is one utterance, ready to be spoken: it is neither cut nor cleaned */
    struct str language;
    struct tts_emotion emotion;
    bool alone; /* voice.provider only: no fallback, whatever its breaker says (the settings page's test) */
};

struct speech;

/* Begins; NULL with *e filled if it cannot. emit and arg must live until end() or speech_cancel(). end() is
 * the last call, and the speech is gone when it returns. Emits nothing before it has returned. */
struct speech *speech_start(struct speakers *speakers, const struct speech_request *request,
                            const struct tts_emit *emit, void *arg, struct error *e) LOOP;
/* Silence at once; nothing more is emitted. Allowed inside emit functions but end(). */
void speech_cancel(struct speech *speech) LOOP;

#endif
