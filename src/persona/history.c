/*
 * Versions of personas: what a change names, what the store keeps of it; see personas.h.
 *
 * A version is the whole stored document (persona_stored_write) as it was. What changed is said by the names
 * of the API's fields, "slug", "card" for what only a card knows, and "files" for its portrait and assets.
 */
#include "persona/field.h"
#include "persona/registry.h"

#include "base/clock.h"
#include "base/diff.h"

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

/* ---- reading versions ---- */

static void versions_read(struct store_op *base)
{
    on_loop();
    struct store_doc_versions *list = (struct store_doc_versions *)base;
    struct deed *d = base->arg;
    struct personas_op *op = d->op;
    op->err = base->err;
    op->error = base->error;
    op->count = list->count;
    op->versions = arena_array(op->arena, struct doc_version, list->count);
    for (size_t i = 0; i < list->count; i++) {
        op->versions[i] = list->rows[i];
        op->versions[i].author_name = arena_str(op->arena, list->rows[i].author_name);
        op->versions[i].note = arena_str(op->arena, list->rows[i].note);
        op->versions[i].fields = arena_str(op->arena, list->rows[i].fields);
    }
    if (list->more)
        op->next = arena_printf(op->arena, "%llu", (unsigned long long)list->rows[list->count - 1].version);
    store_op_free(base);
    deed_end(d);
}

static void versions_found(struct deed *d)
{
    on_loop();
    struct personas_op *op = d->op;
    struct store_doc_versions *list = STORE_NEW(doc_versions, DOC_VERSIONS);
    list->type = PERSONA_DOC_TYPE;
    list->tenant = d->ps->options.tenant;
    list->id = d->persona->id;
    list->limit = op->limit;
    list->op.done = versions_read;
    list->op.arg = d;
    if (!str_empty(op->after) && !str_to_u64(op->after, &list->before)) {
        store_op_free(&list->op);
        error_set_param(&op->error, ERR_INVALID, "after",
                        "'after' is no cursor of this list; take it from 'next' of the page before.");
        deed_fail(d, ERR_INVALID, &op->error);
        return;
    }
    store_submit(d->ps->store, &list->op);
}

void personas_versions(struct personas *ps, struct personas_op *op)
{
    deed_find(deed_new(ps, op), op->key, false, versions_found);
}

/* The persona as the version's document has it; what is no part of a version is the present one's. */
static enum err persona_of_version(struct deed *d, const struct doc_version *v, struct persona **out,
                                   struct error *e)
{
    struct arena *a = d->op->arena;
    const struct persona *now = d->persona;
    struct persona *p = NULL;
    enum err err = persona_stored_read(a, arena_str(a, v->data), &p, e);
    if (err != ERR_OK)
        return err;
    p->id = now->id;
    p->owner = now->owner;
    p->favourite = now->favourite;
    p->version = v->version;
    p->created_ms = now->created_ms;
    p->updated_ms = v->at_ms;
    p->deleted_ms = 0;
    *out = p;
    return ERR_OK;
}

static void read_version(struct deed *d, uint64_t version, void (*done)(struct store_op *)) LOOP;
static void read_version(struct deed *d, uint64_t version, void (*done)(struct store_op *))
{
    struct store_doc_version *get = STORE_NEW(doc_version, DOC_VERSION);
    get->type = PERSONA_DOC_TYPE;
    get->tenant = d->ps->options.tenant;
    get->id = d->persona->id;
    get->version = version;
    get->op.done = done;
    get->op.arg = d;
    store_submit(d->ps->store, &get->op);
}

/* The store's answer as a persona; false: the deed has failed. */
static LOOP bool take_version(struct store_op *base, struct persona **out)
{
    struct deed *d = base->arg;
    struct error e = base->error;
    enum err err = base->err;
    if (err == ERR_OK)
        err = persona_of_version(d, &((struct store_doc_version *)base)->row, out, &e);
    store_op_free(base);
    if (err != ERR_OK)
        deed_fail(d, err, &e);
    return err == ERR_OK;
}

static void version_read(struct store_op *base)
{
    on_loop();
    struct deed *d = base->arg;
    if (take_version(base, &d->op->persona))
        deed_end(d);
}

static void version_found(struct deed *d)
{
    on_loop();
    read_version(d, d->op->version, version_read);
}

void personas_version(struct personas *ps, struct personas_op *op)
{
    deed_find(deed_new(ps, op), op->key, false, version_found);
}

static void second_read(struct store_op *base)
{
    on_loop();
    struct deed *d = base->arg;
    if (take_version(base, &d->op->other))
        deed_end(d);
}

static void first_read(struct store_op *base)
{
    on_loop();
    struct deed *d = base->arg;
    struct personas_op *op = d->op;
    if (take_version(base, &op->persona))
        read_version(d, op->other_version ? op->other_version : d->persona->version, second_read);
}

static void two_found(struct deed *d)
{
    on_loop();
    read_version(d, d->op->version, first_read);
}

void personas_versions_two(struct personas *ps, struct personas_op *op)
{
    deed_find(deed_new(ps, op), op->key, false, two_found);
}

static void restore_read(struct store_op *base)
{
    on_loop();
    struct deed *d = base->arg;
    struct persona *was = NULL;
    if (!take_version(base, &was))
        return;
    struct persona *now = d->persona;
    d->before = persona_copy(d->op->arena, now);
    was->slug = now->slug;
    was->version = now->version;
    was->cast = now->cast;
    was->cast_version = now->cast_version;
    d->op->note = arena_printf(d->op->arena, "Version %llu restored", (unsigned long long)d->op->version);
    d->persona = was;
    deed_write_change(d);
}

static void restore_found(struct deed *d)
{
    on_loop();
    if (deed_fresh(d))
        read_version(d, d->op->version, restore_read);
}

void personas_version_restore(struct personas *ps, struct personas_op *op)
{
    deed_find(deed_new(ps, op), op->key, false, restore_found);
}

/* ---- differences ---- */

/* A field as people read it, for hunks: a text as it is, a list a member a line, an object "name: value". */
static struct str readable(struct arena *a, const struct persona *p, const struct persona_field *f)
{
    CLEANUP_BUF struct buf b = BUF_INIT, text = BUF_INIT;
    struct jw w = JW(&b);
    struct json *value = NULL;
    persona_field_write(&w, p, f);
    if (json_parse(a, arena_str(a, buf_str(&b)), &value, NULL) != ERR_OK)
        return STR_NONE;
    if (value->type == JSON_STRING)
        return value->string;
    if (value->type != JSON_ARRAY && value->type != JSON_OBJECT)
        return STR_NONE;
    json_each (member, value) {
        if (value->type == JSON_OBJECT)
            buf_printf(&text, "%.*s: ", STR_ARG(member->key));
        buf_add(&text, member->type == JSON_STRING ? member->string : member->raw);
        buf_add_char(&text, '\n');
    }
    return arena_str(a, buf_str(&text));
}

static void write_hunks(struct jw *w, struct arena *a, struct str before, struct str after)
{
    size_t count = 0;
    struct diff_hunk *hunks = diff_texts(a, before, after, &count);
    jw_key(w, STR("hunks"));
    jw_array(w);
    for (size_t i = 0; i < count; i++) {
        jw_object(w);
        jw_kv_string(w, "op", str_c(diff_op_names[hunks[i].op]));
        jw_kv_string(w, "text", hunks[i].text);
        jw_end_object(w);
    }
    jw_end_array(w);
}

static void write_texts(struct jw *w, struct arena *a, const char *name, struct str before, struct str after)
{
    if (str_eq(before, after))
        return;
    jw_object(w);
    jw_kv_string(w, "field", str_c(name));
    jw_kv_string(w, "before", before);
    jw_kv_string(w, "after", after);
    write_hunks(w, a, before, after);
    jw_end_object(w);
}

/* What only says that it differs: the card's own members, the files. */
static void write_opaque(struct jw *w, const char *name, struct str before, struct str after)
{
    if (str_eq(before, after))
        return;
    jw_object(w);
    jw_kv_string(w, "field", str_c(name));
    jw_kv_null(w, "before");
    jw_kv_null(w, "after");
    jw_key(w, STR("hunks"));
    jw_array(w);
    jw_end_array(w);
    jw_end_object(w);
}

void persona_diff_write(struct jw *w, const struct persona *before, const struct persona *after)
{
    struct arena a = ARENA_INIT;
    jw_array(w);
    for (size_t i = 0; i < persona_field_count; i++) {
        const struct persona_field *f = &persona_fields[i];
        if (same(before, after, f))
            continue;
        jw_object(w);
        jw_kv_string(w, "field", str_c(f->name));
        jw_key(w, STR("before"));
        persona_field_write(w, before, f);
        jw_key(w, STR("after"));
        persona_field_write(w, after, f);
        write_hunks(w, &a, readable(&a, before, f), readable(&a, after, f));
        jw_end_object(w);
    }
    write_texts(w, &a, "slug", before->slug, after->slug);
    write_opaque(w, "card", before->extras, after->extras);
    write_opaque(w, "files", before->files, after->files);
    jw_end_array(w);
    arena_release(&a);
}
