/*
 * Has somebody said all they wanted to say? How long a silence has to be, by what was said before it.
 *
 * A text that stands for itself ("What is the time", "Yes", "Tell me a story.") ends after little more than
 * the pause within a sentence; one that dangles ("I went there and", "um", "if you", "tell me") gets time to
 * go on; what is neither waits in between. Recognisers often give no punctuation, so words decide, by tables
 * per language (en, de, fr, es); of another language only the punctuation is read.
 *
 * Pure; any thread.
 */
#ifndef EIDOLON_VOICE_TURN_END_H
#define EIDOLON_VOICE_TURN_END_H

#include "base/str.h"

enum turn_end { TURN_COMPLETE, TURN_UNCLEAR, TURN_DANGLES };

enum turn_end turn_end_of(struct str text, struct str language);

/* The silence that ends the turn. `silence_ms` sets the pace: 500 gives 350, 700 and 1600. */
unsigned turn_end_wait_ms(struct str text, struct str language, unsigned silence_ms);

#endif
