/*
 * Who can speak here, and who sounds how.
 *
 * `struct speakers` is one loop's open drivers (its chain of providers), `struct voices` those of all loops.
 * A persona that names no voice is spoken by voice.chain's first; where that is flite it has a voice by its
 * id: always the same, and of its own pitch and pace, so that no two sound alike by accident only.
 *
 * What they say is speech.h's.
 */
#ifndef EIDOLON_VOICE_VOICES_H
#define EIDOLON_VOICE_VOICES_H

#include "base/id.h"
#include "voice/tts.h"

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

#endif
