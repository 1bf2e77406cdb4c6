/*
 * Finding keys in texts: the compiled form of a lorebook, private to the lore engine.
 *
 * Plain keys of all entries are one Aho-Corasick automaton over text without case, so a text is read once
 * however many keys there are. Case is taken away character by character without changing a character's
 * length in bytes (lore_fold), so that a find in the folded text is a place in the original: keys that care
 * for case are compared there again. Regular expressions are PCRE2's, with limits on what one match may cost.
 * Keys with macros in them are made ready anew for each scan.
 */
#ifndef EIDOLON_PERSONA_LORE_MATCH_H
#define EIDOLON_PERSONA_LORE_MATCH_H

#include "persona/lore_inner.h"

enum {
    LORE_MATCH_LIMIT = 100000, /* PCRE2's steps of one match: a few milliseconds */
    LORE_DEPTH_LIMIT = 100000,
    LORE_HEAP_LIMIT_KIB = 16 * 1024,
    LORE_STACK_BEGIN = 32 * 1024, /* bytes of the machine code's own stack */
    LORE_STACK_MAX = 1024 * 1024,
    LORE_STRIKES = 4,      /* matches of one scan that may run into a limit; then no more are tried */
    LORE_JIT_MAX = 500,    /* expressions of a book that are compiled to machine code */
    LORE_REGEX_MAX = 2000, /* bytes of a pattern */
    LORE_WARNINGS = 16,    /* sentences of a book, and of a record */
};

/* ---- decorators (lore_decorator.c) ---- */

struct lore_decor {
    struct str content;                                                /* what follows them */
    int64_t after, every, greeting, depth, scan_depth, role, position; /* LORE_UNSET: not there */
    bool from_start, keep, once, never, always, yields, no_house_prompt;
    struct persona_list additional, excluded;
};
void lore_decor_read(struct arena *a, struct str content, struct lore_decor *out);

/* ---- keys (lore_match.c) ---- */

enum lore_group { LORE_PRIMARY, LORE_SECOND, LORE_ADDITIONAL, LORE_EXCLUDED, LORE_KEY_GROUPS };

struct lore_regex;    /* a compiled expression */
struct lore_matching; /* what matching needs besides */
struct lore_matching *lore_matching_new(void);
void lore_matching_free(struct lore_matching *m);

struct lore_key {
    struct str text;
    uint32_t entry;
    uint32_t next; /* another key with the same folded text, +1; 0: none */
    bool dynamic;  /* has macros */
    struct lore_regex *regex;
};

struct lore_span {
    uint32_t first, count; /* keys of one group of an entry */
};

struct lore_use {
    struct lore_entry *entry;
    struct lore_decor decor;
    struct lore_span keys[LORE_KEY_GROUPS];
};

struct lore_automaton {
    uint32_t *fail, *out, *up; /* of each state: where to fall; the first key that ends here, +1; the next
                                  state on the way down that has one */
    uint64_t *edges;           /* open addressing: state, byte -> state */
    uint32_t mask, states;
    uint32_t root[256];
};

struct lore_compiled {
    struct arena arena;
    struct str id, name;
    uint64_t version;
    struct lore_book *book;
    struct lore_use *uses; /* entries that are enabled */
    size_t count;
    struct lore_key *keys;
    size_t key_count;
    uint32_t *always; /* uses that need no key */
    size_t always_count;
    uint32_t *loose; /* uses with a primary key that the automaton does not know */
    size_t loose_count;
    int64_t scan_depth; /* the greatest that an entry names, or LORE_UNSET */
    bool timed, counts_greeting;
    struct lore_automaton automaton;
    struct lore_matching *matching; /* NULL without expressions */
    struct str warnings[LORE_WARNINGS];
    size_t warning_count;
};

/* Lower case, the same number of bytes; `to` may be s.p itself. */
void lore_fold(char *to, struct str s);

struct lore_text {
    struct str plain, folded;
};

void lore_automaton_build(struct lore_automaton *m, struct lore_key *keys, size_t count);
void lore_automaton_release(struct lore_automaton *m);
/* Calls found() for each place where a key's folded text ends (`end` is behind it). */
void lore_automaton_read(const struct lore_automaton *m, const struct lore_key *keys, struct str folded,
                         void (*found)(void *arg, uint32_t key, size_t end), void *arg);

/* Whether a find of the key before `end` is one: case and word boundaries as asked. */
bool lore_key_stands(const struct lore_key *key, const struct lore_text *text, size_t end,
                     bool case_sensitive, bool whole_words);
/* The same for a key that is in no automaton. */
bool lore_plain_find(struct str key, const struct lore_text *text, bool case_sensitive, bool whole_words);

/* Takes "/pattern/flags" apart; false: no such thing. */
bool lore_slashed(struct str key, struct str *pattern, struct str *flags);
bool lore_is_regex(const struct lore_entry *e, struct str key);
/* NULL and a reason where PCRE2 refuses the pattern. */
struct lore_regex *lore_regex_new(const struct lore_entry *e, struct str key, bool jit, char why[160]);
void lore_regex_free(struct lore_regex *r);
enum lore_found { LORE_NOT_FOUND, LORE_FOUND, LORE_GAVE_UP };
/* An expression that ran into a limit is not tried again. */
enum lore_found lore_regex_find(struct lore_regex *r, struct lore_matching *m, struct str text);
bool lore_regex_tired(const struct lore_regex *r);

#endif
