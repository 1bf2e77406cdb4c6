/*
 * Cutting texts to a number of estimated tokens (compose_tokens in compose.h). Pure; any thread.
 */
#ifndef EIDOLON_PERSONA_TOKENS_H
#define EIDOLON_PERSONA_TOKENS_H

#include "persona/compose.h"

/* The text with its middle replaced by a mark, so that it is estimated at `tokens` at most; never cut inside
 * a character; the text itself where it fits. */
struct str tokens_cut_middle(struct arena *a, struct str text, size_t tokens);

#endif
