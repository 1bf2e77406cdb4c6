/*
 * Voices by name, as OpenAI's clients give them: "PROVIDER/VOICE"; a provider alone (its own voice); a name
 * of OpenAI's, which goes to voice.chain's first where that speaks OpenAI's format, else to a voice of
 * flite's that stands for it; a name of flite's. Empty: voice.chain's first. Any thread.
 */
#ifndef EIDOLON_API_VOICE_NAME_H
#define EIDOLON_API_VOICE_NAME_H

#include "voice/voices.h"

/* False where it is none of these. Its strings lie in the name or the settings. */
bool voice_named(const struct config *config, struct str name, struct voice *v);

#endif
