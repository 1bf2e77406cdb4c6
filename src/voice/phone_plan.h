/*
 * How a text will be said, before anybody says it: its phones in order, each with the time it may take, in
 * words, with the pauses that its punctuation asks for.
 *
 * English is read by flite (kal16, its quickest voice: .3 ms a second of speech), with numbers and
 * abbreviations as it reads them. Other languages in Latin script go letter by letter through a small table
 * (phone_letters.c) that knows what several of them share; every other letter counts as an open mouth for as
 * long as a syllable of its script takes. The phones are those of viseme.h, the times those of a calm voice.
 */
#ifndef EIDOLON_VOICE_PHONE_PLAN_H
#define EIDOLON_VOICE_PHONE_PLAN_H

#include "loop/workers.h"
#include "voice/viseme.h"

struct planned_phone {
    struct str name;
    double length_s;
    size_t word;      /* which it belongs to */
    bool pause_after; /* punctuation stands behind it */
};

struct planned_word {
    struct str text; /* as it is read: "twenty", not "20" */
    size_t from, to; /* phones */
};

struct phone_plan {
    struct planned_phone *phones;
    size_t count;
    struct planned_word *words;
    size_t word_count;
};

/* Everything lies in `a`. language "en", "de-AT"; empty: English. */
void phone_plan_read(struct arena *a, struct str text, struct str language, struct phone_plan *out) WORKER;

/* The letters' way alone; pure. */
void phone_plan_letters(struct arena *a, struct str text, struct phone_plan *out);

#endif
