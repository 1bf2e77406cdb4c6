/*
 * Macros: what stands in double braces in a card's texts, filled in while a prompt is composed.
 *
 * Names are case-insensitive (Character Card V2 and V3):
 *   {{char}} <BOT> <CHAR>   the persona       {{user}} <USER>    the person
 *   {{original}}            the text that this one replaces (system prompt, post-history instructions)
 *   {{random:a,b}}          one of them, anew every time         {{pick:a,b}}  one of them, the same in one
 * room
 *   {{roll:d6}} {{roll:2d6}} {{roll:6}}   dice                   {{reverse:text}}  backwards, by code points
 *   {{// note}} {{comment: note}} {{hidden_key:word}} {{noop}}   nothing; lorebooks see the hidden key
 *   {{description}} {{personality}} {{scenario}}   those fields; not inside themselves
 * and what SillyTavern's cards expect besides:
 *   {{newline}}   a line's end     {{trim}}   takes the line ends around it away
 *   {{time}} {{date}} {{weekday}} {{isotime}} {{isodate}} {{time_UTC+2}} {{mood}}
 *   {{datetimeformat DD.MM.YYYY HH:mm}}   of YYYY YY MMMM MMM MM M DD D dddd ddd HH H hh h mm ss A a
 *   {{idle_duration}}   since the person last spoke, in words
 *   {{input}} {{lastUserMessage}} {{lastCharMessage}} {{lastMessage}}   as they were said
 *   {{persona}}   who the person is, from their profile
 * Variables ({{getvar::x}}, {{setvar::x::y}} and their kin) are left as they are: nothing here keeps them.
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
    struct str mood;                            /* words: "cheerful, a little tired"; empty: "calm" */
    struct str original;                        /* for {{original}}; where absent it gives nothing */
    struct str who;                             /* the person's own description, or empty */
    struct str said_user, said_self, said_last; /* the newest messages; never expanded */
    int64_t idle_ms;    /* since the person's message before the newest; negative: unknown */
    int64_t now_ms;     /* wall clock */
    int utc_offset_min; /* of the person's clock */
    uint64_t pick_seed; /* stays with the room: makes {{pick}} steady */
    struct buf *hidden; /* gathers what {{hidden_key:...}} says, a line each; or NULL */
};

enum { MACRO_DEPTH = 4, MACRO_RESULT_MAX = 256 * 1024 };

/* The text with its macros filled in, in `a` (or the text itself where there are none). */
struct str macro_expand(struct arena *a, struct str text, const struct macro_values *values);

#endif
