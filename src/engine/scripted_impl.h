/*
 * What the parts of the scripted core share. scripted_rules.c reads rule files, scripted_choose.c picks and
 * fills lines, scripted_told.c finds what was told, scripted_memory.c answers from it, scripted_quote.c
 * quotes it, scripted_open.c finds unfinished topics, scripted_reply.c decides which of these speaks.
 */
#ifndef EIDOLON_ENGINE_SCRIPTED_IMPL_H
#define EIDOLON_ENGINE_SCRIPTED_IMPL_H

#include "base/map.h"
#include "engine/scripted.h"
#include "language/facts.h"
#include "language/pattern.h"

enum { STYLES_MAX = 32, RULES_MAX = 4096, MATCHES_MAX = 24, VARS_MAX = 20, FACTS_MAX = 400 };

enum line_kind { LINE_SAY, LINE_ASK };

struct line {
    struct str text;
    struct str key;  /* its longest run of plain text: recognises the line in the transcript */
    uint32_t styles; /* bits; 0 = everyone */
    enum line_kind kind;
};

enum condition {
    IF_NAMED = 1 << 0,   /* the person's name is known */
    IF_FIRST = 1 << 1,   /* the room is young */
    IF_PERSONA = 1 << 2, /* another persona spoke */
    IF_LOW = 1 << 3,     /* the persona's mood */
    IF_HIGH = 1 << 4,
    IF_BAD = 1 << 5, /* what was heard */
    IF_GOOD = 1 << 6,
    IF_ASKS = 1 << 7,  /* the person asked something */
    IF_SHORT = 1 << 8, /* at most four words */
    IF_ASKED = 1 << 9, /* the persona's last line was a question */
};

struct rule {
    struct str name;
    int rank;
    bool again;                /* may use a line again when none is left: answers that must not fail */
    unsigned wanted, unwanted; /* enum condition */
    struct line *lines;
    size_t count, cap;
    struct pattern_set *unless; /* patterns that speak against it, or NULL */
};

struct scripted_rules {
    struct arena arena;
    struct pattern_set *patterns; /* tag = index of the rule */
    struct rule *rules;
    size_t count, cap;
    struct map by_name; /* name -> index + 1 */
    struct str styles[STYLES_MAX];
    size_t style_count;
};

struct var {
    const char *name;
    struct str value; /* empty: lines that use it are passed over */
};

/* One reply being made. */
struct making {
    const struct scripted_rules *rules;
    const struct scripted_input *in;
    struct arena arena;
    uint64_t random;
    uint32_t style;   /* bit of the persona's style; 0 = none */
    struct str heard; /* the turn to answer, cut to a length */
    struct words words;
    struct buf own; /* all personas' lines of the transcript, for "was it said?" */
    struct var vars[VARS_MAX];
    size_t var_count;
    unsigned now; /* enum condition */
    bool name_sought;
    struct person_fact facts[FACTS_MAX];
    size_t fact_count;
    bool facts_read;
    struct buf *out;
};

/* scripted_choose.c */
const struct rule *rule_named(const struct making *m, const char *name);
bool rule_fits(const struct making *m, const struct rule *rule);
/* Appends one unused line of the rule, filled in, with a space before it if `out` already holds a reply;
 * false if none can be used. */
bool say(struct making *m, const struct rule *rule, enum line_kind kind);
bool say_named(struct making *m, const char *name);
void set_var(struct making *m, const char *name, struct str value);
struct str get_var(const struct making *m, const char *name);
uint64_t roll(struct making *m, uint64_t below);
bool was_said(const struct making *m, struct str text);
struct str reflected(struct making *m, struct str text); /* in the arena */
struct str person_name(struct making *m); /* first name as told, else the display name, else empty */

/* scripted_told.c: facts of a kind or about a subject, oldest first; and how they are said. */
struct found {
    const struct person_fact *at[64];
    size_t count;
    const struct person_fact *denied; /* the latest denial that still stands */
};
bool told_same_subject(struct str wanted, struct str subject);
bool told_mentions(struct making *m, struct str text, struct str about);
size_t told_mentions_count(struct making *m, struct str text, struct str about, size_t *asked);
bool told_same_value(struct str a, struct str b);
void told_add_found(struct found *f, const struct person_fact *fact);
void told_find_kind(struct making *m, enum fact_kind kind, struct str subject, struct found *f);
struct str told_clauses(struct making *m, const struct found *f, size_t most);
void read_all_facts(struct making *m);

/* scripted_memory.c */
bool answer_from_memory(struct making *m, const struct person_question *q);

const struct scripted_recall **recalled_by_time(struct making *m); /* in the arena, oldest first */

/* scripted_quote.c: answers in the person's own words; false if there are none to the point. */
bool say_quote(struct making *m, const struct person_question *q);
bool say_quote_of_all(struct making *m, const struct person_question *q); /* q NULL: of what was heard */
bool answer_entity(struct making *m);
bool answer_recent(struct making *m);

/* scripted_lore.c: the sentence of a lorebook that was asked for; false if there is none. */
bool answer_from_lore(struct making *m);

/* scripted_open.c: an unfinished thing the person spoke of; sets {thing}, {when}; false if there is none. */
bool find_unfinished(struct making *m, bool *due);
/* An earlier statement of this room to come back to; sets {clause}. */
bool find_callback(struct making *m);

/* scripted_sums.c */
bool find_sum(struct making *m); /* sets {sum}, {answer} */
void set_time_vars(struct making *m);

#endif
