/*
 * Lorebooks: what a persona knows when it comes up. Their entries, their texts, and which of them a moment
 * calls for.
 *
 * A `struct lore_book` is a value whose strings lie in the arena it was read into. It is read from a card's
 * `character_book` (V2 and V3), a `lorebook_v3` file, SillyTavern's world info, and the API's shape, and is
 * written as all of them. Every book and entry keeps the text it was read from (`raw`): what we have no field
 * for goes out as the bytes that came in, and a field that nobody changed does too (lore_write.c).
 *
 * For use a book is compiled once (lore_compile.c): one automaton for all plain keys, compiled regular
 * expressions, decorators read. A compiled book belongs to one loop. lore_scan() (lore_scan.c) then looks
 * through the newest messages and answers which entries are active, which were not taken, and why. Placing
 * them in a prompt is lore_place.c's, called by persona_compose(). The rules are told in docs/LOREBOOKS.md.
 *
 * Pure: the same input gives the same result, dice included (they fall by `seed`). It does not: read the
 * store (lorebooks.h does), know rooms.
 */
#ifndef EIDOLON_PERSONA_LORE_H
#define EIDOLON_PERSONA_LORE_H

#include "base/json.h"
#include "persona/persona.h"

enum lore_position {
    LORE_BEFORE_CHAR,
    LORE_AFTER_CHAR,
    LORE_TOP_NOTE,
    LORE_BOTTOM_NOTE,
    LORE_AT_DEPTH,
    LORE_BEFORE_EXAMPLES,
    LORE_AFTER_EXAMPLES, /* up to here by SillyTavern's numbers */
    LORE_PERSONALITY,    /* V3's @@position: behind that text of the card */
    LORE_SCENARIO,
    LORE_POSITIONS
};
enum lore_logic { LORE_AND_ANY, LORE_NOT_ALL, LORE_NOT_ANY, LORE_AND_ALL, LORE_LOGICS }; /* as SillyTavern */
enum lore_role { LORE_SYSTEM, LORE_USER, LORE_ASSISTANT, LORE_ROLES };
extern const char *const lore_position_names[LORE_POSITIONS];
extern const char *const lore_logic_names[LORE_LOGICS];
extern const char *const lore_role_names[LORE_ROLES];

/* A number or a switch that was not given: what stands above it decides. */
enum { LORE_UNSET = -1 };

enum {
    LORE_BOOK_MAX = 8 << 20,  /* bytes of a book's text */
    LORE_ENTRIES_MAX = 10000, /* entries of a book */
    LORE_KEYS_MAX = 1000,     /* keys of an entry */
    LORE_KEY_MAX = 2000,      /* bytes of a key */
    LORE_CONTENT_MAX = 64 * 1024,
    LORE_NUMBER_MAX = 1000000,
    LORE_BOOKS_MAX = 32, /* books that a persona or a room names, and that one scan takes */
};

struct lore_entry {
    struct str raw; /* the entry as V3 text, as it came; empty: made here */
    struct str id;  /* unique in the book; a number's text for numbers */
    struct str name, comment, content, group;
    struct persona_list keys, secondary;
    bool slashed; /* SillyTavern wrote it: use_regex speaks of keys between slashes only */
    bool id_is_text, selective, use_regex, constant, enabled, group_override, exclude_recursion,
        prevent_recursion, ignore_budget;
    int64_t case_sensitive, whole_words, group_scoring; /* 0, 1 or LORE_UNSET */
    int64_t logic, position, role;
    int64_t depth, order, probability, sticky, cooldown, delay, group_weight;
    int64_t priority;              /* higher stays longer when the budget runs out */
    int64_t delay_until_recursion; /* 0: not; n: from the n-th level on */
    int64_t scan_depth;            /* messages; LORE_UNSET: the book's */
};

struct lore_book {
    struct str raw; /* the book as V3 text (the object with `entries`), or empty */
    struct str name, description;
    int64_t scan_depth, token_budget; /* LORE_UNSET: the settings' */
    int64_t recursive;                /* 0, 1, LORE_UNSET */
    struct lore_entry *entries;
    size_t count;
};

/* ---- texts (lore_read.c, lore_write.c) ---- */

/* A book's object as V2 and V3 have it. Wrong types are passed over (and kept in `raw`). */
enum err lore_book_read(struct arena *a, const struct json *object, struct lore_book **out, struct error *e);
/* Any file with a book in it: lorebook_v3, world info, a bare book, a card with a book. The text is copied.
 */
enum err lore_file_read(struct arena *a, struct str text, struct lore_book **out, struct error *e);
/* The API's body: an object of the Lorebook shape. Entries are told apart by id: an entry of `old` (may be
 * NULL) keeps what the body does not say. `patch` keeps the book's fields that are not named. */
enum err lore_book_apply(struct arena *a, const struct lore_book *old, const struct json *body, bool patch,
                         struct lore_book **out, struct error *e);

void lore_book_write(struct jw *w, const struct lore_book *book);         /* the object, as V3 has it */
void lore_book_write_file(struct buf *to, const struct lore_book *book);  /* lorebook_v3 */
void lore_book_write_world(struct buf *to, const struct lore_book *book); /* SillyTavern's world info */
/* The members of the API's shape into an open object; `entries` false leaves the list out. */
void lore_book_write_api(struct jw *w, const struct lore_book *book, bool entries);

/* The persona's own book (extras, data.character_book) or NULL; into `a`. Unreadable: NULL and the error. */
enum err lore_of_persona(struct arena *a, const struct persona *p, struct lore_book **out, struct error *e);
/* Puts `book` there (NULL: takes it away); p->extras is new text in `a`. */
void lore_set_persona(struct arena *a, struct persona *p, const struct lore_book *book);

/* ---- use ---- */

struct lore_compiled;

/* Compiles a copy of the book. `id` names it in records, `version` is the caller's. Heap; the caller frees.
 */
struct lore_compiled *lore_compile(struct str id, uint64_t version, const struct lore_book *book);
void lore_compiled_free(struct lore_compiled *c);
uint64_t lore_compiled_version(const struct lore_compiled *c);
struct str lore_compiled_id(const struct lore_compiled *c);
size_t lore_compiled_count(const struct lore_compiled *c); /* entries that are enabled */
bool lore_compiled_timed(const struct lore_compiled *c);   /* any that count messages */
bool lore_compiled_greets(const struct lore_compiled *c);  /* any that ask for the greeting */

/* Where a book comes from; also their order where entries are otherwise equal: later is nearer. */
enum lore_from { LORE_EVERYWHERE, LORE_ATTACHED, LORE_OWN, LORE_ROOM };

struct lore_source {
    struct lore_compiled *book; /* not const: a regular expression that costs too much is put aside */
    enum lore_from from;
};

struct lore_message {
    struct str name, text;
    bool self; /* the persona said it */
};

/* What an entry that counts messages left behind; `messages` are those since it was last counted. */
struct lore_timed {
    struct str book, entry;   /* ids */
    int64_t sticky, cooldown; /* messages left; LORE_FOREVER */
};
#define LORE_FOREVER INT64_MAX

struct lore_rules {
    int64_t scan_depth; /* lore.scan_depth */
    int64_t max_levels; /* lore.max_recursion: levels of recursion */
    bool recursive;     /* lore.recursive: books that do not say */
    bool names;         /* lore.scan_names: a speaker's name counts as text */
    bool case_sensitive, whole_words;
};

struct macro_values; /* persona/macro.h */

struct lore_input {
    const struct lore_source *books;
    size_t book_count;
    const struct lore_message *messages; /* oldest first, the one to answer last */
    size_t message_count;
    uint64_t total, answers; /* messages and persona's messages of the conversation, also unseen ones */
    int greeting;            /* number of the greeting it began with; LORE_UNSET: unknown */
    uint64_t seed;           /* of the turn */
    size_t budget_tokens;    /* 0: nothing fits */
    struct lore_rules rules;
    const struct macro_values *values;
    const struct lore_timed *timed; /* as it stands now */
    size_t timed_count;
};

enum lore_why {
    LORE_BY_KEY,
    LORE_BY_CONSTANT,
    LORE_BY_STICKY,
    LORE_BY_RECURSION,
    LORE_BY_DECORATOR,
    LORE_WHYS
};
extern const char *const lore_why_names[LORE_WHYS];

enum lore_drop {
    LORE_KEPT,
    LORE_NO_BUDGET,  /* the token budget of all lore, or of its book */
    LORE_NO_CONTEXT, /* the prompt itself was full */
    LORE_NO_LUCK,    /* probability */
    LORE_IN_COOLDOWN,
    LORE_DELAYED, /* too few messages yet */
    LORE_GROUP_LOST,
    LORE_SECONDARY, /* a key matched, the secondary keys did not agree */
    LORE_BY_RULE,   /* a decorator spoke against it */
    LORE_DROPS
};
extern const char *const lore_drop_names[LORE_DROPS];

struct lore_hit {
    struct str book, book_name, entry, name; /* in the arena */
    struct str key;                          /* the key that matched, or empty */
    struct str text;                         /* filled in */
    enum lore_why why;
    enum lore_drop dropped;
    enum lore_position position;
    enum lore_role role;
    enum lore_from from;
    int64_t depth, order, priority;
    bool from_start; /* depth counts from the first message */
    bool yields;     /* @@ignore_on_max_context: the first to go */
    unsigned level;  /* of recursion; 0: the messages */
    size_t index;    /* in its book */
    size_t tokens;
};

struct lore_result {
    struct lore_hit *hits; /* those kept first, in the order of their weight; then those not taken */
    size_t count, kept;
    size_t tokens;            /* of those kept */
    struct lore_timed *timed; /* as it stands after this turn */
    size_t timed_count;
    struct str *warnings; /* sentences */
    size_t warning_count;
    bool no_house_prompt; /* @@disable_ui_prompt */
};

/* Everything lies in `a`. Never fails. */
void lore_scan(struct arena *a, const struct lore_input *in, struct lore_result *out);

/* The hits as records show them, a JSON array: those kept, or those that were not taken. */
void lore_write_hits(struct jw *w, const struct lore_result *result, bool dropped);

/* The state `messages` messages later. */
size_t lore_timed_pass(struct lore_timed *timed, size_t count, uint64_t messages);

#endif
