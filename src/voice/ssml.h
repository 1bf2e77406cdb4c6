/*
 * SSML, as far as every voice here can follow it: a text with marks becomes a list of pieces, each plain text
 * with the prosody it is to be spoken with, a pause, or a mark.
 *
 * Read (W3C SSML 1.1): speak, p, s, break (time, strength), prosody (rate, pitch, volume: names, percent,
 * semitones, decibels), emphasis (level), say-as (characters, spell-out, digits, telephone, ordinal,
 * cardinal, number), sub (alias), mark (name), voice (name). What else there is (phoneme, lang, audio) is
 * spoken as its content. The XML is read by expat; entities of one's own and external ones are refused.
 *
 * Pure; any thread.
 */
#ifndef EIDOLON_VOICE_SSML_H
#define EIDOLON_VOICE_SSML_H

#include "base/arena.h"
#include "base/error.h"
#include "voice/tts.h"

enum {
    SSML_BYTES_MAX = 64 * 1024,
    SSML_PIECES_MAX = 2000,
    SSML_DEPTH_MAX = 32,
    SSML_BREAK_MAX_MS = 10 * 1000,
};

struct ssml_piece {
    struct str text; /* to be spoken, or empty */
    struct tts_prosody prosody;
    struct str voice;  /* asked for by <voice name>, or empty */
    uint32_t pause_ms; /* silence, where there is no text */
    struct str mark;   /* its name, where there is neither */
};

/* Whether a text means to be SSML: it begins with <speak, or as XML documents do. */
bool ssml_is(struct str text);

/* The pieces, in `a`. ERR_INVALID with the line and what is wrong. */
enum err ssml_read(struct arena *a, struct str text, struct ssml_piece **out, size_t *count, struct error *e);

#endif
