/*
 * Reading lorebooks: V2 and V3 books, and any file that has one in it; see lore.h.
 *
 * A field of an entry may stand in two places: where the specification has it, and in `extensions`, where
 * SillyTavern repeats it in its own words. The latter wins where it is readable, because it is finer
 * (position) and because the tools that write it read it back from there. What is of the wrong type counts as
 * absent; the raw text keeps it.
 */
#include "persona/lore_inner.h"

#include "base/map.h"

#include <stdio.h>

static const char *const book_members[] = {"name",         "description",        "scan_depth",
                                           "token_budget", "recursive_scanning", "entries"};

bool lore_book_owns(struct str name)
{
    for (size_t i = 0; i < sizeof book_members / sizeof *book_members; i++) {
        if (str_eq(name, str_c(book_members[i])))
            return true;
    }
    return false;
}

/* SillyTavern says use_regex of every entry it writes, and means keys between slashes. */
static bool by_sillytavern(const struct json *extensions)
{
    return json_get(extensions, "selectiveLogic") || json_get(extensions, "display_index") ||
           json_get(extensions, "useProbability");
}

void lore_entry_read(struct arena *a, const struct json *object, struct lore_entry *e)
{
    const struct json *extensions = json_get(object, "extensions");
    if (extensions && extensions->type != JSON_OBJECT)
        extensions = NULL;
    for (size_t i = 0; i < lore_field_count; i++) {
        const struct lore_field *f = &lore_fields[i];
        const struct json *plain = f->v3 ? json_get(object, f->v3) : NULL;
        const struct json *fine = f->ext ? json_get(extensions, f->ext) : NULL;
        if (!fine || !lore_field_read(a, e, f, fine)) {
            if (plain)
                lore_field_read(a, e, f, plain);
        }
    }
    if (!json_get_bool(extensions, "useProbability", true))
        e->probability = 100;
    e->slashed = by_sillytavern(extensions);
    e->raw = object->raw;
    const struct json *id = json_get(object, "id");
    if (id && (id->type == JSON_STRING || id->type == JSON_NUMBER)) {
        e->id_is_text = id->type == JSON_STRING;
        e->id = e->id_is_text ? id->string : id->raw;
    }
}

void lore_entries_name(struct arena *a, struct lore_book *book)
{
    struct map taken = MAP_INIT;
    uint64_t next = 0, number;
    for (size_t i = 0; i < book->count; i++) {
        struct lore_entry *e = &book->entries[i];
        if (e->id.n > PERSONA_LABEL_MAX || (e->id.n && map_get(&taken, e->id)))
            e->id = STR_NONE;
        if (str_empty(e->id))
            continue;
        map_set(&taken, e->id, e);
        if (str_to_u64(e->id, &number) && number < LORE_NUMBER_MAX && number >= next)
            next = number + 1;
    }
    for (size_t i = 0; i < book->count; i++) {
        struct lore_entry *e = &book->entries[i];
        if (e->id.n)
            continue;
        e->id_is_text = false;
        do
            e->id = arena_printf(a, "%llu", (unsigned long long)next++);
        while (map_get(&taken, e->id));
        map_set(&taken, e->id, e);
    }
    map_release(&taken);
}

static int64_t count_of(const struct json *object, const char *name)
{
    int64_t n = json_get_i64(object, name, LORE_UNSET);
    return n < 0 || n > LORE_NUMBER_MAX ? LORE_UNSET : n;
}

enum err lore_book_read(struct arena *a, const struct json *object, struct lore_book **out, struct error *e)
{
    if (!object || object->type != JSON_OBJECT)
        return error_set(e, ERR_INVALID, "A lorebook is a JSON object with 'entries'.");
    const struct json *entries = json_get(object, "entries");
    if (entries && entries->type == JSON_OBJECT) {
        struct json *again = NULL;
        enum err err = json_parse(a, lore_world_to_v3(a, object), &again, e);
        return err != ERR_OK ? err : lore_book_read(a, again, out, e);
    }
    if (entries && entries->count > LORE_ENTRIES_MAX)
        return error_set(e, ERR_TOO_BIG, "The lorebook has %u entries; at most %d are allowed.",
                         entries->count, LORE_ENTRIES_MAX);
    struct lore_book *book = arena_new(a, struct lore_book);
    const struct json *recursive = json_get(object, "recursive_scanning");
    *book = (struct lore_book){
        .raw = object->raw,
        .name = json_get_str(object, "name", STR_NONE),
        .description = json_get_str(object, "description", STR_NONE),
        .scan_depth = count_of(object, "scan_depth"),
        .token_budget = count_of(object, "token_budget"),
        .recursive = recursive && recursive->type == JSON_BOOL ? recursive->boolean : LORE_UNSET,
    };
    if (entries && entries->type == JSON_ARRAY) {
        book->entries = arena_array(a, struct lore_entry, entries->count);
        json_each (entry, entries) {
            if (entry->type != JSON_OBJECT)
                continue;
            lore_entry_init(&book->entries[book->count]);
            lore_entry_read(a, entry, &book->entries[book->count++]);
        }
    }
    lore_entries_name(a, book);
    *out = book;
    return ERR_OK;
}

/* Where in a file the book is: beside `spec` in a lorebook_v3, in a card, or the file itself. */
static const struct json *find_book(const struct json *file, struct error *e)
{
    const struct json *data = json_get(file, "data"), *spec = json_get(file, "spec");
    struct str name = spec && spec->type == JSON_STRING ? spec->string : STR_NONE;
    if (str_starts(name, STR("lorebook_v")) && data && data->type == JSON_OBJECT)
        return data;
    const struct json *book = json_get(data && data->type == JSON_OBJECT ? data : file, "character_book");
    if (book && book->type == JSON_OBJECT)
        return book;
    const struct json *entries = json_get(file, "entries");
    if (entries && (entries->type == JSON_ARRAY || entries->type == JSON_OBJECT))
        return file;
    if (str_starts(name, STR("chara_card_v")))
        error_set(e, ERR_INVALID, "This card has no lorebook in it; import it as a persona.");
    else
        error_set(e, ERR_INVALID,
                  "This file is no lorebook; Eidolon reads lorebook_v3 files, SillyTavern's world info, and "
                  "cards with a book in them.");
    return NULL;
}

enum err lore_file_read(struct arena *a, struct str text, struct lore_book **out, struct error *e)
{
    static const char mark[] = "\xef\xbb\xbf";
    struct json *file = NULL;
    if (text.n > LORE_BOOK_MAX)
        return error_set(e, ERR_TOO_BIG, "The lorebook has %zu bytes; at most %d are allowed.", text.n,
                         LORE_BOOK_MAX);
    if (str_starts(text, str_c(mark)))
        text = str_from(text, sizeof mark - 1);
    enum err err = json_parse(a, arena_str(a, text), &file, e);
    if (err != ERR_OK)
        return err;
    const struct json *book = file->type == JSON_OBJECT ? find_book(file, e) : NULL;
    if (!book)
        return file->type == JSON_OBJECT ? ERR_INVALID
                                         : error_set(e, ERR_INVALID, "A lorebook is a JSON object, not %s.",
                                                     json_type_name(file->type));
    return lore_book_read(a, book, out, e);
}

/* ---- the persona's own ---- */

static const struct json *own_book(struct arena *a, const struct persona *p)
{
    struct json *extras = NULL;
    if (str_find(p->extras, STR("character_book")) == SIZE_MAX ||
        json_parse(a, p->extras, &extras, NULL) != ERR_OK)
        return NULL;
    const struct json *book = json_get(json_get(extras, "data"), "character_book");
    return book && book->type == JSON_OBJECT ? book : NULL;
}

enum err lore_of_persona(struct arena *a, const struct persona *p, struct lore_book **out, struct error *e)
{
    const struct json *book = own_book(a, p);
    *out = NULL;
    return book ? lore_book_read(a, book, out, e) : ERR_OK;
}

static void write_others(struct jw *w, const struct json *object, const char *but)
{
    if (!object || object->type != JSON_OBJECT)
        return;
    json_each (member, object) {
        if (str_eq(member->key, str_c(but)))
            continue;
        jw_key(w, member->key);
        jw_raw(w, member->raw);
    }
}

void lore_set_persona(struct arena *a, struct persona *p, const struct lore_book *book)
{
    struct json *extras = NULL;
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    if (p->extras.n && json_parse(a, p->extras, &extras, NULL) != ERR_OK)
        extras = NULL;
    jw_object(&w);
    write_others(&w, extras, "data");
    jw_key(&w, STR("data"));
    jw_object(&w);
    write_others(&w, json_get(extras, "data"), "character_book");
    if (book) {
        jw_key(&w, STR("character_book"));
        lore_book_write(&w, book);
    }
    jw_end_object(&w);
    jw_end_object(&w);
    p->extras = arena_str(a, buf_str(&b));
}
