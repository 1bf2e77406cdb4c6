/*
 * What those share that use flite: its quickest voice, and a text as it can read it. Any thread; flite's
 * voices hold no state of an utterance.
 */
#ifndef EIDOLON_VOICE_FLITE_VOICE_H
#define EIDOLON_VOICE_FLITE_VOICE_H

#include "base/str.h"

struct cst_voice_struct;

/* For those that want to know how a text is read (phone_flite.c). */
struct cst_voice_struct *flite_quickest(void);

/*
 * The text in ASCII, which is all that flite reads: it takes every other byte for a word of its own, and
 * gives it back as one. Letters lose their marks ("café": "cafe"), quotes and dashes become plain ones, a few
 * signs words; what has no likeness is a space. On the heap.
 */
char *flite_text(struct str text);

#endif
