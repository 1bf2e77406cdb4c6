/*
 * What the files of the lore engine share; see lore.h.
 *
 * An entry's fields are one table (lore_field.c): what each is called in the API, in a V3 entry, in that
 * entry's `extensions` (where SillyTavern keeps what the specification has no name for) and in SillyTavern's
 * world info. From it come reading, writing, comparing and the conversion between the two file formats.
 */
#ifndef EIDOLON_PERSONA_LORE_INNER_H
#define EIDOLON_PERSONA_LORE_INNER_H

#include "persona/lore.h"

enum lore_kind {
    LORE_TEXT,
    LORE_LIST,
    LORE_BOOL,
    LORE_TRI,      /* true, false, null: unset */
    LORE_INT,      /* null: the default */
    LORE_CHOICE,   /* a word in the API, a number in files */
    LORE_POSITION, /* the same, and a word in V3 entries */
};

struct lore_field {
    const char *api, *v3, *ext, *world; /* NULL: not there */
    enum lore_kind kind;
    size_t offset;
    int64_t low, high, fallback;
    const char *const *names; /* of a choice */
};

extern const struct lore_field lore_fields[];
extern const size_t lore_field_count;

const struct lore_field *lore_field_find(struct str api); /* by its name in the API, or else in V3 */
const struct lore_field *lore_field_of_v3(struct str name);
const struct lore_field *lore_field_of_ext(struct str name);

/* Defaults of a V3 entry; those of an entry made here differ in that its secondary keys count. */
void lore_entry_init(struct lore_entry *e);
/* From a file: false where the value is of another type or out of range, and nothing is set. */
bool lore_field_read(struct arena *a, struct lore_entry *e, const struct lore_field *f,
                     const struct json *value);
/* From the API: checked, with a sentence. `at` names the entry in it. */
enum err lore_field_take(struct arena *a, struct lore_entry *e, const struct lore_field *f,
                         const struct json *value, size_t at, struct error *error);
bool lore_field_same(const struct lore_entry *a, const struct lore_entry *b, const struct lore_field *f);
void lore_field_write(struct jw *w, const struct lore_entry *e, const struct lore_field *f, bool in_api);

/* A V3 entry's members into `e` (initialised); the raw text is noted. */
void lore_entry_read(struct arena *a, const struct json *object, struct lore_entry *e);
void lore_entry_write(struct arena *a, struct jw *w, const struct lore_entry *e); /* as V3 */
/* Gives every entry an id of its own. */
void lore_entries_name(struct arena *a, struct lore_book *book);

/* The names of a book's own members, which lore_book_write() writes itself. */
bool lore_book_owns(struct str name);

/* World info as a V3 book's text, and back. */
struct str lore_world_to_v3(struct arena *a, const struct json *world);

#endif
