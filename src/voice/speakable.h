/*
 * From what a persona writes to what can be spoken: Markdown without its marks, links by their words, code
 * left out by a word, emoji and actions in asterisks left out.
 *
 * It does not: read numbers or dates; the voices do.
 */
#ifndef EIDOLON_VOICE_SPEAKABLE_H
#define EIDOLON_VOICE_SPEAKABLE_H

#include "base/buf.h"

void text_speakable(struct str text, struct buf *to);

#endif
