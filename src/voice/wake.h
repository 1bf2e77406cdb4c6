/*
 * The wake phrase ("hey mia") in a transcript, also where the recogniser wrote what sounds like it ("hey me",
 * "haymia").
 *
 * Words are compared by a key of how they sound (classes of consonants, all vowels one) and by their letters;
 * a phrase that is heard exactly counts anywhere in the text, one that is only near it at the front.
 *
 * Pure; any thread.
 */
#ifndef EIDOLON_VOICE_WAKE_H
#define EIDOLON_VOICE_WAKE_H

#include "base/str.h"

enum { WAKE_WORDS_MAX = 6 };

/* Whether it is in there; *rest is what follows it, without the marks between. An empty phrase always is. */
bool wake_find(struct str text, struct str phrase, struct str *rest);

#endif
