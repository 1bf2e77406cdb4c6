/*
 * Compiling a lorebook: its keys into one automaton and regular expressions, its decorators read; see lore.h.
 *
 * The compiled book holds a copy of everything it needs. Only entries that are enabled are in it. A pattern
 * that PCRE2 refuses becomes a sentence in `warnings` and matches nothing.
 */
#include "persona/lore_match.h"

#include <stdlib.h>

struct compiling {
    struct lore_compiled *c;
    size_t expressions;
};

static void warn(struct lore_compiled *c, const struct lore_entry *e, struct str key, const char *why)
{
    struct str title = e->name.n ? e->name : e->comment;
    if (c->warning_count == LORE_WARNINGS)
        return;
    c->warnings[c->warning_count++] = arena_printf(
        &c->arena, "The key '%.*s' of entry %.*s%s%.*s%s is no regular expression (%s) and matches nothing.",
        STR_ARG(str_sub(key, 0, 80)), STR_ARG(e->id), title.n ? " (" : "", STR_ARG(str_sub(title, 0, 60)),
        title.n ? ")" : "", why);
}

static void add_keys(struct compiling *x, uint32_t use, enum lore_group group,
                     const struct persona_list *list)
{
    struct lore_compiled *c = x->c;
    struct lore_use *u = &c->uses[use];
    u->keys[group].first = (uint32_t)c->key_count;
    for (size_t i = 0; i < list->n; i++) {
        struct str text = lore_is_regex(u->entry, list->v[i]) ? list->v[i] : str_trim(list->v[i]);
        if (str_empty(text) || text.n > LORE_KEY_MAX)
            continue;
        struct lore_key key = {.text = text, .entry = use};
        key.dynamic = str_find(text, STR("{{")) != SIZE_MAX || str_find_char(text, '<') != SIZE_MAX;
        if (!key.dynamic && lore_is_regex(u->entry, text)) {
            char why[160];
            key.regex = lore_regex_new(u->entry, text, x->expressions++ < LORE_JIT_MAX, why);
            if (!key.regex) {
                warn(c, u->entry, text, why);
                continue;
            }
            if (!c->matching)
                c->matching = lore_matching_new();
        }
        c->keys[c->key_count++] = key;
    }
    u->keys[group].count = (uint32_t)c->key_count - u->keys[group].first;
}

static size_t count_keys(const struct lore_use *u)
{
    return u->entry->keys.n + u->entry->secondary.n + u->decor.additional.n + u->decor.excluded.n;
}

/* Where a key is no text that the automaton finds, its entry is looked at in every scan. */
static bool is_loose(const struct lore_compiled *c, const struct lore_use *u)
{
    const struct lore_span *span = &u->keys[LORE_PRIMARY];
    for (uint32_t k = span->first; k < span->first + span->count; k++) {
        if (c->keys[k].regex || c->keys[k].dynamic)
            return true;
    }
    return false;
}

static void add_uses(struct compiling *x)
{
    struct lore_compiled *c = x->c;
    size_t keys = 0;
    c->uses = arena_array(&c->arena, struct lore_use, c->book->count);
    c->always = arena_array(&c->arena, uint32_t, c->book->count);
    c->loose = arena_array(&c->arena, uint32_t, c->book->count);
    c->scan_depth = LORE_UNSET;
    for (size_t i = 0; i < c->book->count; i++) {
        struct lore_entry *e = &c->book->entries[i];
        struct lore_use *u = &c->uses[c->count];
        if (!e->enabled)
            continue;
        c->count++;
        u->entry = e;
        lore_decor_read(&c->arena, e->content, &u->decor);
        keys += count_keys(u);
        int64_t depth = u->decor.scan_depth != LORE_UNSET ? u->decor.scan_depth : e->scan_depth;
        if (depth > c->scan_depth)
            c->scan_depth = depth;
        c->timed |= e->sticky || e->cooldown || e->delay || u->decor.keep || u->decor.once ||
                    u->decor.after != LORE_UNSET || u->decor.every != LORE_UNSET;
        c->counts_greeting |= u->decor.greeting != LORE_UNSET;
    }
    c->keys = arena_array(&c->arena, struct lore_key, keys);
    for (uint32_t i = 0; i < c->count; i++) {
        struct lore_use *u = &c->uses[i];
        add_keys(x, i, LORE_PRIMARY, &u->entry->keys);
        add_keys(x, i, LORE_SECOND, &u->entry->secondary);
        add_keys(x, i, LORE_ADDITIONAL, &u->decor.additional);
        add_keys(x, i, LORE_EXCLUDED, &u->decor.excluded);
        if (u->entry->constant || u->decor.always)
            c->always[c->always_count++] = i;
        else if (is_loose(c, u))
            c->loose[c->loose_count++] = i;
    }
}

static void copy_list(struct arena *a, struct persona_list *list)
{
    struct str *v = arena_array(a, struct str, list->n);
    for (size_t i = 0; i < list->n; i++)
        v[i] = arena_str(a, list->v[i]);
    list->v = v;
}

static struct lore_book *copy_book(struct arena *a, const struct lore_book *book)
{
    struct lore_book *copy = arena_new(a, struct lore_book);
    *copy = *book;
    copy->raw = STR_NONE;
    copy->name = arena_str(a, book->name);
    copy->description = STR_NONE;
    copy->entries = arena_array(a, struct lore_entry, book->count);
    for (size_t i = 0; i < book->count; i++) {
        struct lore_entry *e = &copy->entries[i];
        *e = book->entries[i];
        e->raw = STR_NONE;
        e->id = arena_str(a, e->id);
        e->name = arena_str(a, e->name);
        e->comment = arena_str(a, e->comment);
        e->content = arena_str(a, e->content);
        e->group = arena_str(a, e->group);
        copy_list(a, &e->keys);
        copy_list(a, &e->secondary);
    }
    return copy;
}

struct lore_compiled *lore_compile(struct str id, uint64_t version, const struct lore_book *book)
{
    struct lore_compiled *c = heap_alloc(sizeof *c);
    struct compiling x = {.c = c};
    c->version = version;
    c->id = arena_str(&c->arena, id);
    c->book = copy_book(&c->arena, book);
    c->name = c->book->name;
    add_uses(&x);
    lore_automaton_build(&c->automaton, c->keys, c->key_count);
    return c;
}

void lore_compiled_free(struct lore_compiled *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->key_count; i++)
        lore_regex_free(c->keys[i].regex);
    lore_matching_free(c->matching);
    lore_automaton_release(&c->automaton);
    arena_release(&c->arena);
    free(c);
}

uint64_t lore_compiled_version(const struct lore_compiled *c)
{
    return c->version;
}

struct str lore_compiled_id(const struct lore_compiled *c)
{
    return c->id;
}

size_t lore_compiled_count(const struct lore_compiled *c)
{
    return c->count;
}

bool lore_compiled_timed(const struct lore_compiled *c)
{
    return c->timed;
}

bool lore_compiled_greets(const struct lore_compiled *c)
{
    return c->counts_greeting;
}
