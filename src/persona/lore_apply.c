/*
 * What the API takes for a lorebook, checked and applied; see lore.h.
 *
 * Entries are recognised by their ids: one that was there keeps what the body does not say of it, one that
 * the body does not list is gone. Names that we do not know are kept, in the entry's own text (`raw`).
 */
#include "persona/lore_inner.h"

#include <stdio.h>

static bool is_ours(struct str name)
{
    return str_eq(name, STR("id")) || str_eq(name, STR("extensions")) || lore_field_find(name);
}

/* Whether a program that reads numbers as doubles (every browser) could have sent `now` for `was`. */
static bool same_value(const struct json *was, const struct json *now)
{
    double x, y;
    if (was->type == JSON_NUMBER) {
        bool fits = json_double(was, &x);
        return fits ? json_double(now, &y) && x == y : now->type == JSON_NULL;
    }
    if (was->type != now->type || was->count != now->count)
        return false;
    if (was->type == JSON_BOOL)
        return was->boolean == now->boolean;
    if (was->type == JSON_STRING)
        return str_eq(was->string, now->string);
    const struct json *a = was->child, *b = now->child;
    for (; a && b; a = a->next, b = b->next) {
        if (!str_eq(a->key, b->key) || !same_value(a, b))
            return false;
    }
    return !a && !b;
}

static bool brings_unknown(const struct json *body)
{
    json_each (member, body) {
        if (!is_ours(member->key) || str_eq(member->key, STR("extensions")))
            return true;
    }
    return false;
}

/* The given one, unless it only says the old one in other bytes. */
static const struct json *newer(const struct json *old, const struct json *given)
{
    return given && !same_value(old, given) ? given : old;
}

static void put(struct jw *w, const struct json *member)
{
    jw_key(w, member->key);
    jw_raw(w, member->raw);
}

static const struct json *find_member(const struct json *object, struct str key)
{
    json_each (member, object) {
        if (str_eq(member->key, key))
            return member;
    }
    return NULL;
}

static bool field_home(struct str name)
{
    return lore_field_of_ext(name) || str_eq(name, STR("useProbability"));
}

/* The old extensions that are fields' homes, and the body's others (or the old others). */
static void put_extensions(struct jw *w, const struct json *old, const struct json *given)
{
    jw_key(w, STR("extensions"));
    jw_object(w);
    if (old && old->type == JSON_OBJECT) {
        json_each (member, old) {
            if (field_home(member->key) || !given)
                put(w, member);
        }
    }
    if (given) {
        json_each (member, given) {
            /* A new entry in V3's own form brings its fields here; a known one has its own. */
            const struct json *was = old ? find_member(old, member->key) : NULL;
            if (!old || !field_home(member->key))
                put(w, was ? newer(was, member) : member);
        }
    }
    jw_end_object(w);
}

/* The entry's text with the body's unknown members in it. */
static struct str raw_with(struct arena *a, struct str raw, const struct json *body)
{
    struct json *old = NULL;
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    if (raw.n && json_parse(a, raw, &old, NULL) != ERR_OK)
        old = NULL;
    const struct json *extensions = json_get(body, "extensions");
    if (extensions && extensions->type != JSON_OBJECT)
        extensions = NULL;
    jw_object(&w);
    if (old) {
        json_each (member, old) {
            const struct json *other =
                is_ours(member->key) ? NULL : json_get(body, arena_cstr(a, member->key));
            if (str_eq(member->key, STR("extensions")))
                put_extensions(&w, member, extensions);
            else
                put(&w, newer(member, other));
        }
    }
    json_each (member, body) {
        if (!is_ours(member->key) && !json_get(old, arena_cstr(a, member->key)))
            put(&w, member);
    }
    if (extensions && !json_get(old, "extensions"))
        put_extensions(&w, NULL, extensions);
    jw_end_object(&w);
    return arena_str(a, buf_str(&b));
}

static const struct lore_entry *find(const struct lore_book *old, struct str id)
{
    for (size_t i = 0; old && i < old->count; i++) {
        if (str_eq(old->entries[i].id, id))
            return &old->entries[i];
    }
    return NULL;
}

static enum err take_entry(struct arena *a, const struct lore_book *old, const struct json *body, size_t at,
                           size_t *hint, struct lore_entry *e, struct error *error)
{
    if (body->type != JSON_OBJECT)
        return error_set_param(error, ERR_WRONG_TYPE, "entries",
                               "Each member of 'entries' must be an object.");
    const struct json *id = json_get(body, "id");
    struct str name = STR_NONE;
    if (id && (id->type == JSON_STRING || id->type == JSON_NUMBER))
        name = id->type == JSON_STRING ? id->string : id->raw;
    /* Mostly they come in the order in which they went. */
    const struct lore_entry *known = NULL;
    if (name.n && old && *hint < old->count && str_eq(old->entries[*hint].id, name))
        known = &old->entries[(*hint)++];
    else if (name.n && (known = find(old, name)))
        *hint = (size_t)(known - old->entries) + 1;
    if (known) {
        *e = *known;
    } else {
        lore_entry_init(e);
        e->selective = true;
        e->id = name;
        e->id_is_text = id && id->type == JSON_STRING && name.n;
        uint64_t number;
        if (str_to_u64(name, &number))
            e->id_is_text = false;
    }
    if (brings_unknown(body)) {
        struct json *raw = NULL;
        struct str text = raw_with(a, e->raw, body);
        const struct json *extensions = json_get(body, "extensions");
        e->raw = text;
        if (!known && extensions && extensions->type == JSON_OBJECT &&
            json_parse(a, text, &raw, NULL) == ERR_OK) {
            struct str own = e->id;
            bool is_text = e->id_is_text;
            lore_entry_read(a, raw, e); /* V3's form: fields that lie in extensions */
            e->id = own;
            e->id_is_text = is_text;
        }
    }
    json_each (member, body) {
        const struct lore_field *f = lore_field_find(member->key);
        enum err err = f ? lore_field_take(a, e, f, member, at, error) : ERR_OK;
        if (err != ERR_OK)
            return err;
    }
    return ERR_OK;
}

static enum err take_entries(struct arena *a, const struct lore_book *old, const struct json *list,
                             struct lore_book *book, struct error *error)
{
    size_t hint = 0;
    if (list->type != JSON_ARRAY)
        return error_set_param(error, ERR_WRONG_TYPE, "entries",
                               "The field 'entries' must be an array, not %s.", json_type_name(list->type));
    if (list->count > LORE_ENTRIES_MAX)
        return error_set_param(error, ERR_TOO_BIG, "entries",
                               "The lorebook has %u entries; at most %d are allowed.", list->count,
                               LORE_ENTRIES_MAX);
    book->entries = arena_array(a, struct lore_entry, list->count);
    book->count = 0;
    json_each (entry, list) {
        enum err err = take_entry(a, old, entry, book->count, &hint, &book->entries[book->count], error);
        if (err != ERR_OK)
            return err;
        book->count++;
    }
    lore_entries_name(a, book);
    return ERR_OK;
}

static enum err take_text(struct str *to, const struct json *value, size_t max, const char *name,
                          struct error *e)
{
    if (value->type == JSON_NULL) {
        *to = STR_NONE;
        return ERR_OK;
    }
    if (value->type != JSON_STRING)
        return error_set_param(e, ERR_WRONG_TYPE, name, "The field '%s' must be a string, not %s.", name,
                               json_type_name(value->type));
    if (value->string.n > max)
        return error_set_param(e, ERR_TEXT_TOO_LONG, name, "The field '%s' has more than %zu bytes.", name,
                               max);
    *to = value->string;
    return ERR_OK;
}

static enum err take_count(int64_t *to, const struct json *value, const char *name, struct error *e)
{
    *to = LORE_UNSET;
    if (value->type == JSON_NULL)
        return ERR_OK;
    if (value->type != JSON_NUMBER)
        return error_set_param(e, ERR_WRONG_TYPE, name, "The field '%s' must be a whole number or null.",
                               name);
    if (!json_i64(value, to) || *to < 0 || *to > LORE_NUMBER_MAX)
        return error_set_param(e, ERR_REFUSED, name, "The field '%s' must be a whole number from 0 to %d.",
                               name, LORE_NUMBER_MAX);
    return ERR_OK;
}

static enum err take_member(struct lore_book *book, const struct json *member, struct error *e)
{
    if (str_eq(member->key, STR("name")))
        return take_text(&book->name, member, LORE_KEY_MAX, "name", e);
    if (str_eq(member->key, STR("description")))
        return take_text(&book->description, member, LORE_CONTENT_MAX, "description", e);
    if (str_eq(member->key, STR("scan_depth")))
        return take_count(&book->scan_depth, member, "scan_depth", e);
    if (str_eq(member->key, STR("token_budget")))
        return take_count(&book->token_budget, member, "token_budget", e);
    if (!str_eq(member->key, STR("recursive_scanning")))
        return ERR_OK;
    if (member->type != JSON_BOOL && member->type != JSON_NULL)
        return error_set_param(e, ERR_WRONG_TYPE, "recursive_scanning",
                               "The field 'recursive_scanning' must be true, false or null.");
    book->recursive = member->type == JSON_BOOL ? member->boolean : LORE_UNSET;
    return ERR_OK;
}

/* The API's own members of a book: not kept in its text. */
static bool of_the_api(struct str name)
{
    static const char *const names[] = {"id",         "everywhere", "version",    "created_at",
                                        "updated_at", "count",      "deleted_at", "persona"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (str_eq(name, str_c(names[i])))
            return true;
    }
    return lore_book_owns(name);
}

/* The book's text with the body's unknown members; its entries are written from the entries themselves. */
static struct str book_raw(struct arena *a, struct str raw, const struct json *body)
{
    struct json *old = NULL;
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    if (raw.n && json_parse(a, raw, &old, NULL) != ERR_OK)
        old = NULL;
    jw_object(&w);
    if (old) {
        json_each (member, old) {
            const struct json *other =
                of_the_api(member->key) ? NULL : json_get(body, arena_cstr(a, member->key));
            put(&w, newer(member, other));
        }
    }
    json_each (member, body) {
        if (!of_the_api(member->key) && !json_get(old, arena_cstr(a, member->key)))
            put(&w, member);
    }
    jw_end_object(&w);
    return arena_str(a, buf_str(&b));
}

enum err lore_book_apply(struct arena *a, const struct lore_book *old, const struct json *body, bool patch,
                         struct lore_book **out, struct error *e)
{
    struct lore_book *book = arena_new(a, struct lore_book);
    if (!body || body->type != JSON_OBJECT)
        return error_set(e, ERR_WRONG_TYPE, "A lorebook is sent as a JSON object.");
    *book = (struct lore_book){.scan_depth = LORE_UNSET, .token_budget = LORE_UNSET, .recursive = LORE_UNSET};
    if (old && patch)
        *book = *old;
    book->raw = book_raw(a, old ? old->raw : STR_NONE, body);
    json_each (member, body) {
        enum err err = take_member(book, member, e);
        if (err != ERR_OK)
            return err;
    }
    const struct json *entries = json_get(body, "entries");
    enum err err = entries ? take_entries(a, old, entries, book, e) : ERR_OK;
    if (err == ERR_OK)
        *out = book;
    return err;
}
