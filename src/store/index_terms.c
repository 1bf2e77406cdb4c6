/*
 * Words to terms, by FTS5's tokenizers: Unicode words without case and diacritics, stemmed by Porter's rules;
 * words of scripts without spaces become pairs of letters (base/gram.h).
 *
 * https://www.sqlite.org/fts5.html#tokenizers, and "Custom Tokenizers" for the interface used here.
 */
#include "store/index_inner.h"

#include "base/gram.h"

#include <stdio.h>

enum { LINEAR_TERMS = 24, FIRST_SLOTS = 128 };

static fts5_api *api_of(sqlite3 *db)
{
    fts5_api *api = NULL;
    sqlite3_stmt *s = NULL;
    if (sqlite3_prepare_v2(db, "SELECT fts5(?1)", -1, &s, NULL) == SQLITE_OK) {
        sqlite3_bind_pointer(s, 1, (void *)&api, "fts5_api_ptr", NULL);
        sqlite3_step(s);
    }
    sqlite3_finalize(s);
    return api;
}

enum err index_terms_open(struct index_session *s, struct error *e)
{
    static const char *arguments[] = {"unicode61", "remove_diacritics", "2"};
    void *user = NULL;
    fts5_api *api = api_of(s->c.db);
    if (!api || api->xFindTokenizer(api, "porter", &user, &s->cut) != SQLITE_OK ||
        s->cut.xCreate(user, arguments, 3, &s->tokenizer) != SQLITE_OK)
        return error_set(e, ERR_UNAVAILABLE,
                         "This SQLite has no FTS5, which the search needs; install Debian's libsqlite3-0.");
    return ERR_OK;
}

void index_terms_close(struct index_session *s)
{
    if (s->tokenizer)
        s->cut.xDelete(s->tokenizer);
    s->tokenizer = NULL;
}

struct adding {
    struct terms *to;
    struct str text;
    size_t most;
};

static struct str lower(struct arena *a, struct str s)
{
    struct str copy = arena_str(a, s);
    for (char *c = (char *)copy.p; c && c < copy.p + copy.n; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
    return copy;
}

/* FNV-1a: the table is small and lives for one text. */
static size_t hash_of(struct str s)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < s.n; i++)
        h = (h ^ (uint8_t)s.p[i]) * 0x100000001b3u;
    return (size_t)(h >> 8);
}

static void place_term(struct terms *t, size_t index)
{
    size_t i = hash_of(t->list[index].term) & (t->slot_count - 1);
    while (t->slots[i])
        i = (i + 1) & (t->slot_count - 1);
    t->slots[i] = (uint32_t)index + 1;
}

static void grow_slots(struct terms *t)
{
    t->slot_count = t->slot_count ? t->slot_count * 4 : FIRST_SLOTS;
    t->slots = arena_array(t->arena, uint32_t, t->slot_count);
    for (size_t i = 0; i < t->count; i++)
        place_term(t, i);
}

static struct term *known(struct terms *t, struct str term)
{
    if (!t->slot_count) {
        for (size_t i = 0; i < t->count; i++)
            if (str_eq(t->list[i].term, term))
                return &t->list[i];
        return NULL;
    }
    for (size_t i = hash_of(term) & (t->slot_count - 1); t->slots[i]; i = (i + 1) & (t->slot_count - 1))
        if (str_eq(t->list[t->slots[i] - 1].term, term))
            return &t->list[t->slots[i] - 1];
    return NULL;
}

static int add_term(struct adding *a, struct str term, struct str word)
{
    struct terms *t = a->to;
    struct term *old = known(t, term);
    t->length++;
    if (old) {
        old->times++;
        return SQLITE_OK;
    }
    if (a->most && t->count >= a->most)
        return SQLITE_DONE;
    t->list = store_grow(t->arena, t->list, t->count, &t->cap, sizeof *t->list);
    t->list[t->count++] = (struct term){
        .term = arena_str(t->arena, term), .word = a->most ? lower(t->arena, word) : STR_NONE, .times = 1};
    if (t->count >= LINEAR_TERMS && t->count * 2 >= t->slot_count)
        grow_slots(t);
    else if (t->slot_count)
        place_term(t, t->count - 1);
    return SQLITE_OK;
}

static int add_token(void *arg, int flags, const char *token, int n, int start, int end)
{
    struct adding *a = arg;
    struct str whole = str_of(token, (size_t)n), piece;
    struct grams g = {.rest = whole};
    int rc = SQLITE_OK;
    (void)flags;
    while (rc == SQLITE_OK && gram_next(&g, &piece)) {
        /* A word that was not cut is named as it was written; a pair is written as it is. */
        bool uncut = piece.n == whole.n;
        piece = str_sub(piece, 0, TERM_BYTES_MAX);
        rc = add_term(a, piece, uncut ? str_sub(a->text, (size_t)start, (size_t)(end - start)) : piece);
    }
    return rc;
}

void index_terms_add(struct index_session *s, struct terms *t, struct str text, size_t most)
{
    struct adding a = {t, text, most};
    if (!str_empty(text) && text.n < INT32_MAX)
        s->cut.xTokenize(s->tokenizer, &a, most ? FTS5_TOKENIZE_QUERY : FTS5_TOKENIZE_DOCUMENT, text.p,
                         (int)text.n, add_token);
}
