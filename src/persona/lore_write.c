/*
 * Writing lorebooks: as V3 has them, and as the API shows them; see lore.h.
 *
 * An entry is written over the text it was read from: each member whose field still says what it said then
 * goes out as its own bytes, a changed one anew, wherever it stood; what we have no field for stays. An entry
 * that was never a file's is written with what the specification requires and whatever is not at its default.
 */
#include "persona/lore_inner.h"

struct writing {
    struct jw *w;
    const struct lore_entry *entry;
    struct lore_entry was;  /* as its raw text reads */
    const struct json *raw; /* may be NULL */
    const struct json *extensions;
};

static bool changed(const struct writing *x, const struct lore_field *f)
{
    return !lore_field_same(x->entry, &x->was, f);
}

static bool required(const struct lore_field *f)
{
    static const char *const names[] = {"keys",      "content", "enabled", "insertion_order",
                                        "use_regex", "constant"};
    for (size_t i = 0; f->v3 && i < sizeof names / sizeof *names; i++) {
        if (str_eq(str_c(f->v3), str_c(names[i])))
            return true;
    }
    return false;
}

static bool is_probability(const struct lore_field *f)
{
    return str_eq(str_c(f->api), STR("probability"));
}

/* The V2 word for a position: it knows two. */
static void write_plain(struct writing *x, const struct lore_field *f)
{
    if (f->kind == LORE_POSITION)
        jw_string(x->w, x->entry->position == LORE_BEFORE_CHAR ? STR("before_char") : STR("after_char"));
    else
        lore_field_write(x->w, x->entry, f, false);
}

static bool in_extensions(const struct writing *x, const struct lore_field *f)
{
    if (!f->ext || json_get(x->extensions, f->ext))
        return false; /* written with the others that came */
    if (!changed(x, f))
        return false;
    if (f->kind == LORE_POSITION)
        return x->entry->position > LORE_AFTER_CHAR;
    return !f->v3;
}

static void write_extension(struct writing *x, const struct json *member)
{
    const struct lore_field *f = lore_field_of_ext(member->key);
    bool use = str_eq(member->key, STR("useProbability")) && x->entry->probability != x->was.probability;
    jw_key(x->w, member->key);
    if (use)
        jw_bool(x->w, true);
    else if (f && changed(x, f))
        lore_field_write(x->w, x->entry, f, false);
    else
        jw_raw(x->w, member->raw);
}

static void write_extensions(struct writing *x)
{
    jw_object(x->w);
    if (x->extensions) {
        json_each (member, x->extensions)
            write_extension(x, member);
    }
    for (size_t i = 0; i < lore_field_count; i++) {
        const struct lore_field *f = &lore_fields[i];
        if (!in_extensions(x, f))
            continue;
        jw_key(x->w, str_c(f->ext));
        lore_field_write(x->w, x->entry, f, false);
        if (is_probability(f) && !json_get(x->extensions, "useProbability"))
            jw_kv_bool(x->w, "useProbability", true);
    }
    jw_end_object(x->w);
}

static bool needs_extensions(const struct writing *x)
{
    for (size_t i = 0; i < lore_field_count; i++) {
        if (in_extensions(x, &lore_fields[i]))
            return true;
    }
    return false;
}

static void write_id(struct writing *x)
{
    jw_key(x->w, STR("id"));
    if (x->entry->id_is_text)
        jw_string(x->w, x->entry->id);
    else
        jw_raw(x->w, x->entry->id);
}

static void write_member(struct writing *x, const struct json *member)
{
    const struct lore_field *f = lore_field_of_v3(member->key);
    if (str_eq(member->key, STR("id"))) {
        bool same = str_eq(member->type == JSON_STRING ? member->string : member->raw, x->entry->id);
        if (same) {
            jw_key(x->w, member->key);
            jw_raw(x->w, member->raw);
        } else {
            write_id(x);
        }
        return;
    }
    jw_key(x->w, member->key);
    if (x->extensions && str_eq(member->key, STR("extensions")))
        write_extensions(x);
    else if (f && changed(x, f))
        write_plain(x, f);
    else
        jw_raw(x->w, member->raw);
}

void lore_entry_write(struct arena *a, struct jw *w, const struct lore_entry *e)
{
    struct json *raw = NULL;
    struct writing x = {.w = w, .entry = e};
    lore_entry_init(&x.was);
    if (e->raw.n && json_parse(a, e->raw, &raw, NULL) == ERR_OK && raw->type == JSON_OBJECT) {
        lore_entry_read(a, raw, &x.was);
        x.raw = raw;
        const struct json *extensions = json_get(raw, "extensions");
        x.extensions = extensions && extensions->type == JSON_OBJECT ? extensions : NULL;
    }
    jw_object(w);
    if (x.raw) {
        json_each (member, x.raw)
            write_member(&x, member);
    }
    if (!json_get(x.raw, "id"))
        write_id(&x);
    for (size_t i = 0; i < lore_field_count; i++) {
        const struct lore_field *f = &lore_fields[i];
        bool elsewhere = f->kind != LORE_POSITION && f->ext && json_get(x.extensions, f->ext);
        if (!f->v3 || json_get(x.raw, f->v3) || elsewhere)
            continue;
        if (!changed(&x, f) && (x.raw || !required(f)))
            continue;
        jw_key(w, str_c(f->v3));
        write_plain(&x, f);
    }
    if (!json_get(x.raw, "extensions") && (!x.raw || needs_extensions(&x))) {
        jw_key(w, STR("extensions"));
        write_extensions(&x);
    }
    jw_end_object(w);
}

/* ---- books ---- */

static void write_count(struct jw *w, const char *name, int64_t n)
{
    jw_key(w, str_c(name));
    if (n == LORE_UNSET)
        jw_null(w);
    else
        jw_i64(w, n);
}

static void write_recursive(struct jw *w, int64_t recursive)
{
    jw_key(w, STR("recursive_scanning"));
    if (recursive == LORE_UNSET)
        jw_null(w);
    else
        jw_bool(w, recursive != 0);
}

static void write_entries(struct jw *w, const struct lore_book *book)
{
    jw_key(w, STR("entries"));
    jw_array(w);
    for (size_t i = 0; i < book->count; i++) {
        struct arena a = ARENA_INIT;
        lore_entry_write(&a, w, &book->entries[i]);
        arena_release(&a);
    }
    jw_end_array(w);
}

/* One of the book's own members; false where it is absent and may stay so. */
static void write_own(struct jw *w, const struct lore_book *book, struct str name)
{
    if (str_eq(name, STR("entries"))) {
        write_entries(w, book);
    } else if (str_eq(name, STR("name"))) {
        jw_kv_string(w, "name", book->name);
    } else if (str_eq(name, STR("description"))) {
        jw_kv_string(w, "description", book->description);
    } else if (str_eq(name, STR("scan_depth"))) {
        write_count(w, "scan_depth", book->scan_depth);
    } else if (str_eq(name, STR("token_budget"))) {
        write_count(w, "token_budget", book->token_budget);
    } else {
        write_recursive(w, book->recursive);
    }
}

static bool own_same(const struct lore_book *book, const struct lore_book *was, struct str name)
{
    if (str_eq(name, STR("name")))
        return str_eq(book->name, was->name);
    if (str_eq(name, STR("description")))
        return str_eq(book->description, was->description);
    if (str_eq(name, STR("scan_depth")))
        return book->scan_depth == was->scan_depth;
    if (str_eq(name, STR("token_budget")))
        return book->token_budget == was->token_budget;
    if (str_eq(name, STR("recursive_scanning")))
        return book->recursive == was->recursive;
    return false; /* entries: written entry by entry */
}

void lore_book_write(struct jw *w, const struct lore_book *book)
{
    static const char *const own[] = {"name", "description", "scan_depth", "token_budget",
                                      "recursive_scanning"};
    struct arena a = ARENA_INIT;
    struct json *raw = NULL;
    struct lore_book none = {.scan_depth = LORE_UNSET, .token_budget = LORE_UNSET, .recursive = LORE_UNSET},
                     *was = &none;
    if (book->raw.n &&
        (json_parse(&a, book->raw, &raw, NULL) != ERR_OK || lore_book_read(&a, raw, &was, NULL) != ERR_OK)) {
        raw = NULL;
        was = &none;
    }
    jw_object(w);
    if (raw) {
        json_each (member, raw) {
            if (lore_book_owns(member->key) && !own_same(book, was, member->key)) {
                write_own(w, book, member->key);
            } else {
                jw_key(w, member->key);
                jw_raw(w, member->raw);
            }
        }
    }
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        if (!json_get(raw, own[i]) && !own_same(book, was, str_c(own[i])))
            write_own(w, book, str_c(own[i]));
    }
    if (!raw)
        jw_kv_raw(w, "extensions", STR("{}"));
    if (!json_get(raw, "entries"))
        write_entries(w, book);
    jw_end_object(w);
    arena_release(&a);
}

void lore_book_write_file(struct buf *to, const struct lore_book *book)
{
    struct jw w = JW(to);
    jw_object(&w);
    jw_kv_string(&w, "spec", STR("lorebook_v3"));
    jw_key(&w, STR("data"));
    lore_book_write(&w, book);
    jw_end_object(&w);
}

/* ---- the API ---- */

/* Members that no field of ours speaks for. */
static void write_unknown(struct jw *w, const struct json *raw)
{
    if (!raw || raw->type != JSON_OBJECT)
        return;
    json_each (member, raw) {
        if (str_eq(member->key, STR("id")) || lore_field_find(member->key) ||
            str_eq(member->key, STR("extensions")))
            continue;
        jw_key(w, member->key);
        jw_raw(w, member->raw);
    }
    const struct json *extensions = json_get(raw, "extensions");
    if (!extensions || extensions->type != JSON_OBJECT)
        return;
    jw_key(w, STR("extensions"));
    jw_object(w);
    json_each (member, extensions) {
        if (lore_field_of_ext(member->key) || str_eq(member->key, STR("useProbability")))
            continue;
        jw_key(w, member->key);
        jw_raw(w, member->raw);
    }
    jw_end_object(w);
}

static void write_api_entry(struct jw *w, const struct lore_entry *e)
{
    struct arena a = ARENA_INIT;
    struct json *raw = NULL;
    jw_object(w);
    jw_kv_string(w, "id", e->id);
    for (size_t i = 0; i < lore_field_count; i++) {
        jw_key(w, str_c(lore_fields[i].api));
        lore_field_write(w, e, &lore_fields[i], true);
    }
    if (e->raw.n && json_parse(&a, e->raw, &raw, NULL) == ERR_OK)
        write_unknown(w, raw);
    jw_end_object(w);
    arena_release(&a);
}

void lore_book_write_api(struct jw *w, const struct lore_book *book, bool entries)
{
    jw_kv_string(w, "name", book->name);
    jw_kv_string(w, "description", book->description);
    write_count(w, "scan_depth", book->scan_depth);
    write_count(w, "token_budget", book->token_budget);
    write_recursive(w, book->recursive);
    jw_kv_u64(w, "count", book->count);
    if (!entries)
        return;
    jw_key(w, STR("entries"));
    jw_array(w);
    for (size_t i = 0; i < book->count; i++)
        write_api_entry(w, &book->entries[i]);
    jw_end_array(w);
}

/* ---- records ---- */

static void write_hit(struct jw *w, const struct lore_hit *h)
{
    jw_object(w);
    jw_kv_string(w, "book", h->book);
    jw_kv_string(w, "book_name", h->book_name);
    jw_kv_string(w, "entry", h->entry);
    jw_kv_string(w, "name", h->name);
    if (h->dropped)
        jw_kv_string(w, "dropped", str_c(lore_drop_names[h->dropped]));
    else
        jw_kv_string(w, "why", str_c(lore_why_names[h->why]));
    if (h->key.n)
        jw_kv_string(w, "key", h->key);
    jw_kv_string(w, "position", str_c(lore_position_names[h->position]));
    if (h->position == LORE_AT_DEPTH) {
        jw_kv_i64(w, h->from_start ? "from_start" : "depth", h->depth);
        jw_kv_string(w, "role", str_c(lore_role_names[h->role]));
    }
    if (h->level)
        jw_kv_u64(w, "level", h->level);
    jw_kv_u64(w, "tokens", h->tokens);
    jw_end_object(w);
}

void lore_write_hits(struct jw *w, const struct lore_result *result, bool dropped)
{
    jw_array(w);
    for (size_t i = dropped ? result->kept : 0; i < (dropped ? result->count : result->kept); i++)
        write_hit(w, &result->hits[i]);
    jw_end_array(w);
}
