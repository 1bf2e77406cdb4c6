/*
 * Macros: what stands in double braces in a card's texts, filled in while a prompt is composed.
 *
 * Names are case-insensitive (Character Card V2 and V3):
 *   {{char}} <BOT> <CHAR>   the persona       {{user}} <USER>    the person
 *   {{original}}            the text that this one replaces (system prompt, post-history instructions)
 *   {{random:a,b}}          one of them, anew every time         {{pick:a,b}}  one of them, the same in one
 * room
 *   {{roll:d6}} {{roll:2d6}} {{roll:6}}   dice                   {{reverse:text}}  backwards, by code points
 *   {{// note}} {{comment: note}} {{hidden_key:word}}   nothing  {{time}} {{date}} {{weekday}} {{mood}}
 *   {{description}} {{personality}} {{scenario}} {{persona}}   those fields; not inside themselves
 * "\," inside random and pick is a comma. An unknown macro, or one never closed, stays as it is. What a macro
 * brings in is expanded in its turn to a depth of four, so names may contain anything, and nothing runs away.
 *
 * Text of people (the transcript, memories) is never expanded: nobody speaks macros into a prompt.
 */
#ifndef EIDOLON_PERSONA_MACRO_H
#define EIDOLON_PERSONA_MACRO_H

#include "persona/persona.h"

struct macro_values {
    const struct persona *persona; /* may be NULL */
    struct str user;
    struct str mood;     /* words: "cheerful, a little tired"; empty: "calm" */
    struct str original; /* for {{original}}; where absent it gives nothing */
    int64_t now_ms;      /* wall clock */
    int utc_offset_min;  /* of the person's clock */
    uint64_t pick_seed;  /* stays with the room: makes {{pick}} steady */
    struct buf *hidden;  /* gathers what {{hidden_key:...}} says, a line each; or NULL */
};

enum { MACRO_DEPTH = 4, MACRO_RESULT_MAX = 256 * 1024 };

/* The text with its macros filled in, in `a` (or the text itself where there are none). */
struct str macro_expand(struct arena *a, struct str text, const struct macro_values *values);

#endif
