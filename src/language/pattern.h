/*
 * Patterns over words: what rule files use to recognise a sentence.
 *
 *   my sister (is|was) {what}      words as in text.h's normal form; any contraction may be typed either way
 *   (a|an|the old)                 one of these            [really|so]   one of these or nothing
 *   @family                        one of a named set      work~         any word with this stem
 *   *  any words, also none        _  exactly one word     ^  the sentence begins   $  it ends
 *   {x}  captures one or more words (to the end if last)   {x:word} one   {x:number}   {x:name} a name
 *
 * A set of patterns is built once (define sets, add patterns, seal) and then only read, by any thread. An
 * index from words to patterns keeps matching quick: only patterns whose rarest fixed word is present are
 * tried. Trying is bounded (PATTERN_STEPS), so no text and no pattern can make it slow.
 */
#ifndef EIDOLON_LANGUAGE_PATTERN_H
#define EIDOLON_LANGUAGE_PATTERN_H

#include "base/error.h"
#include "language/text.h"

struct pattern_set;

enum { PATTERN_CAPTURES = 4, PATTERN_STEPS = 3000, PATTERN_DEPTH = 8 };

struct pattern_set *pattern_set_new(void);
void pattern_set_free(struct pattern_set *set);

/* Adds entries (words or phrases, cut at commas) to the named set. Sets are defined before patterns use them.
 */
enum err pattern_define(struct pattern_set *set, struct str name, struct str entries, struct error *e);
/* Adds a pattern that reports `tag`. ERR_INVALID with what is wrong with it. */
enum err pattern_add(struct pattern_set *set, struct str text, uint32_t tag, struct error *e);
/* Builds the index; nothing may be added afterwards. */
void pattern_seal(struct pattern_set *set);

/* Whether the named set holds this single word (normal form). */
bool pattern_in(const struct pattern_set *set, const char *name, struct str norm);

/* Words looked up in the set's vocabulary, ready for matching. */
struct pattern_text {
    const struct words *words;
    uint32_t *ids, *stems;
};
void pattern_prepare(struct arena *a, const struct pattern_set *set, const struct words *words,
                     struct pattern_text *out);

struct pattern_match {
    uint32_t tag;
    uint32_t from, to; /* words matched */
    uint32_t score;    /* how specific the pattern is: more fixed words, more */
    struct {
        struct str name;
        uint32_t from, to; /* words; to > from when captured */
    } captures[PATTERN_CAPTURES];
    uint32_t capture_count;
};

/*
 * Matches the patterns of the set against words [from, to) and reports each pattern's first match to `seen`,
 * which returns false to stop. Patterns come in no particular order.
 */
void pattern_match(const struct pattern_set *set, const struct pattern_text *text, uint32_t from, uint32_t to,
                   bool (*seen)(void *ctx, const struct pattern_match *match), void *ctx);

/* The captured words' bytes in the source; empty when there is no capture of that name. */
struct str pattern_captured(const struct pattern_match *match, const struct words *words, const char *name);

#endif
