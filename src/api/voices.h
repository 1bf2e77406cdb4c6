/* What the voice routes share: how speaking fares, and the documents of cloned voices. */
#ifndef EIDOLON_API_VOICES_H
#define EIDOLON_API_VOICES_H

#include "api/call.h"

/* Documents of voices that were cloned from here: {"provider","name","title","language","consent","clip" (the
 * reference's blob, 64 hex),"type","created_at"}; their slug is PROVIDER/NAME. */
#define VOICE_CLONE_DOC "cloned_voice"
enum { VOICE_CLONES_SHOWN = 200 };

/* [{"provider","type","ok","reason","place"}]: place is that in voice.chain from 1, or null. */
void voices_write_speakers(struct jw *w, const struct config *config);
/* False where a provider is failing or left alone, with a sentence. */
bool voices_health(const struct config *config, char *detail, size_t size);

#endif
