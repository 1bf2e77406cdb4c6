/*
 * Versions of personas: what a change names, what the store keeps of it; see personas.h.
 *
 * A version is the whole stored document (persona_stored_write) as it was. What changed is said by the names
 * of the API's fields, "slug", "card" for what only a card knows, and "files" for its portrait and assets.
 */
#include "persona/field.h"
#include "persona/registry.h"

#include "base/clock.h"

enum { VERSIONS_DEFAULT = 100, KEEP_DAYS = 30, DAY_MS = 24 * 3600 * 1000 };

static bool same(const struct persona *a, const struct persona *b, const struct persona_field *f)
{
    CLEANUP_BUF struct buf x = BUF_INIT, y = BUF_INIT;
    struct jw w = JW(&x);
    persona_field_write(&w, a, f);
    w = JW(&y);
    persona_field_write(&w, b, f);
    return str_eq(buf_str(&x), buf_str(&y));
}

struct str persona_changed_fields(struct arena *a, const struct persona *before, const struct persona *now)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    jw_array(&w);
    for (size_t i = 0; before && i < persona_field_count; i++) {
        if (!same(before, now, &persona_fields[i]))
            jw_string(&w, str_c(persona_fields[i].name));
    }
    if (before && !str_eq(before->slug, now->slug))
        jw_string(&w, STR("slug"));
    if (before && !str_eq(before->extras, now->extras))
        jw_string(&w, STR("card"));
    if (before && !str_eq(before->files, now->files))
        jw_string(&w, STR("files"));
    jw_end_array(&w);
    return arena_str(a, buf_str(&b));
}

void persona_doc_change(const struct personas *ps, struct store_doc_put *put, const struct personas_op *op,
                        const struct persona *before, const struct persona *now)
{
    struct arena *a = &put->op.arena;
    struct doc_change *change = arena_new(a, struct doc_change);
    *change = (struct doc_change){
        .author = op->author,
        .author_name = arena_str(a, op->author_name),
        .note = arena_str(a, op->note),
        .fields = persona_changed_fields(a, before, now),
        .keep = ps->options.versions ? ps->options.versions : VERSIONS_DEFAULT,
        .keep_after_ms = clock_wall_ms() - (int64_t)KEEP_DAYS * DAY_MS,
    };
    put->change = change;
}
