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
 * It does not: encode (encode.h), cache, write events.
 */
#ifndef EIDOLON_VOICE_SPEECH_H
#define EIDOLON_VOICE_SPEECH_H

#include "voice/voices.h"

enum {
    SPEECH_TEXT_MAX = 64 * 1024,
    SPEECH_AHEAD = 2, /* utterances that are being made at once */
};

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
