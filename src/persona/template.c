/* Reading templates, and making personas of them; see template.h. */
#include "persona/template.h"

#include "base/share.h"
#include "persona/field.h"

#define FOLDER "templates/"
#define CAST FOLDER "cast.json"
static const struct str ending = STR_INIT(".json");

/* ---- finding ---- */

static bool read_file(struct arena *a, struct str id, struct str text, struct template *out)
{
    struct json *root = NULL;
    if (json_parse(a, text, &root, NULL) != ERR_OK)
        return false;
    *out = (struct template){.id = id, .text = text, .root = root};
    return true;
}

static bool read_cast(struct arena *a, const struct json *part, struct template *out)
{
    struct share_file card;
    struct persona *p = NULL;
    if (!share_get(arena_printf(a, "personas/%.*s.json", STR_ARG(part->key)), &card) ||
        persona_card_read(a, card.bytes, &p, NULL) != ERR_OK)
        return false;
    *out = (struct template){.id = part->key, .root = part, .cast = p};
    return true;
}

static const struct json *cast_parts(struct arena *a)
{
    struct share_file file;
    struct json *root = NULL;
    if (!share_get(STR(CAST), &file) || json_parse(a, file.bytes, &root, NULL) != ERR_OK)
        return NULL;
    return root;
}

enum { CAST_AT = 1000000 }; /* positions of template_next() from here on are the cast's */

bool template_next(struct arena *a, size_t *at, struct template *out)
{
    struct share_file file;
    while (*at < CAST_AT && share_next(at, STR(FOLDER), &file)) {
        struct str id = str_sub(file.path, sizeof FOLDER - 1, file.path.n - (sizeof FOLDER - 1) - ending.n);
        if (!str_eq(file.path, STR(CAST)) && str_ends(file.path, ending) && read_file(a, id, file.bytes, out))
            return true;
    }
    if (*at < CAST_AT)
        *at = CAST_AT;
    const struct json *parts = cast_parts(a);
    size_t n = CAST_AT;
    json_each (part, parts ? parts : &(struct json){0}) {
        if (n++ < *at)
            continue;
        *at = n;
        if (read_cast(a, part, out))
            return true;
    }
    return false;
}

enum err template_find(struct arena *a, struct str id, struct template *out, struct error *e)
{
    struct share_file file;
    struct str path = arena_printf(a, FOLDER "%.*s.json", STR_ARG(id));
    if (!str_eq(path, STR(CAST)) && share_get(path, &file) && read_file(a, id, file.bytes, out))
        return ERR_OK;
    const struct json *parts = cast_parts(a);
    json_each (part, parts ? parts : &(struct json){0}) {
        if (str_eq(part->key, id) && read_cast(a, part, out))
            return ERR_OK;
    }
    return error_set(e, ERR_NOT_FOUND, "There is no template '%.*s'; GET /api/templates lists them.",
                     STR_ARG(str_sub(id, 0, 100)));
}

/* ---- showing ---- */

static void write_list(struct jw *w, const char *key, const struct persona_list *list)
{
    jw_key(w, str_c(key));
    jw_array(w);
    for (size_t i = 0; i < list->n; i++)
        jw_string(w, list->v[i]);
    jw_end_array(w);
}

static void write_member(struct jw *w, const struct template *t, const char *key, struct str fallback)
{
    const struct json *value = json_get(t->root, key);
    jw_kv_raw(w, key, value ? value->raw : fallback);
}

/* What a card says of itself for people (creator_notes), else the first sentences of its description. */
static struct str cast_summary(struct arena *a, const struct persona *p)
{
    struct json *extras = NULL;
    if (p->extras.n && json_parse(a, p->extras, &extras, NULL) == ERR_OK)
        return json_get_str(json_get(extras, "data"), "creator_notes", p->personality);
    return p->personality;
}

static void write_head(struct jw *w, const struct template *t)
{
    struct arena a = ARENA_INIT;
    jw_kv_string(w, "id", t->id);
    jw_kv_string(w, "name", t->cast ? t->cast->name : json_get_str(t->root, "name", t->id));
    write_member(w, t, "industry", STR("\"everyday\""));
    if (t->cast) {
        jw_kv_string(w, "summary", cast_summary(&a, t->cast));
        write_list(w, "tags", &t->cast->tags);
    } else {
        write_member(w, t, "summary", STR("\"\""));
        write_member(w, t, "tags", STR("[]"));
    }
    arena_release(&a);
}

void template_write_summary(struct jw *w, const struct template *t)
{
    jw_object(w);
    write_head(w, t);
    jw_end_object(w);
}

/* The card as the body of a request: its fields, without the lists that the template shows beside. */
static void write_cast_persona(struct jw *w, const struct persona *p)
{
    jw_key(w, STR("persona"));
    jw_object(w);
    for (size_t i = 0; i < persona_field_count; i++) {
        const struct persona_field *f = &persona_fields[i];
        bool beside = str_eq(str_c(f->name), STR("starters")) || str_eq(str_c(f->name), STR("boundaries"));
        if (beside || persona_field_empty(p, f))
            continue;
        jw_key(w, str_c(f->name));
        persona_field_write(w, p, f);
    }
    jw_end_object(w);
}

void template_write(struct jw *w, struct arena *a, const struct template *t)
{
    (void)a;
    jw_object(w);
    write_head(w, t);
    if (t->cast) {
        write_cast_persona(w, t->cast);
        jw_kv_null(w, "lorebook");
        write_list(w, "starters", &t->cast->starters);
        write_list(w, "boundaries", &t->cast->boundaries);
    } else {
        write_member(w, t, "persona", STR("{}"));
        write_member(w, t, "lorebook", STR("null"));
        write_member(w, t, "starters", STR("[]"));
        write_member(w, t, "boundaries", STR("[]"));
    }
    write_member(w, t, "knowledge", STR("[]"));
    write_member(w, t, "variables", STR("[]"));
    write_member(w, t, "sample", STR("[]"));
    jw_end_object(w);
}

/* ---- making ---- */

static enum err check_values(const struct template *t, const struct json *values, struct error *e)
{
    const struct json *variables = json_get(t->root, "variables");
    json_each (value, values ? values : &(struct json){0}) {
        bool known = false;
        json_each (v, variables ? variables : &(struct json){0})
            known |= str_eq(json_get_str(v, "name", STR_NONE), value->key);
        if (!known)
            return error_set_param(e, ERR_UNKNOWN_FIELD, "variables", "The template does not ask for '%.*s'.",
                                   STR_ARG(str_sub(value->key, 0, 100)));
        if (value->type != JSON_STRING || value->string.n > TEMPLATE_VALUE_MAX)
            return error_set_param(e, ERR_INVALID, "variables", "'%.*s' must be a text of at most %d bytes.",
                                   STR_ARG(str_sub(value->key, 0, 100)), TEMPLATE_VALUE_MAX);
    }
    return ERR_OK;
}

/* Every {{name}} of `text`, which is JSON, becomes the value as it stands within a JSON string. */
static struct str filled(struct arena *a, struct str text, struct str name, struct str value)
{
    CLEANUP_BUF struct buf b = BUF_INIT, escaped = BUF_INIT;
    struct jw w = JW(&escaped);
    jw_string(&w, value);
    struct str inside = str_sub(buf_str(&escaped), 1, escaped.n - 2),
               mark = arena_printf(a, "{{%.*s}}", STR_ARG(name));
    size_t at;
    while ((at = str_find(text, mark)) != SIZE_MAX) {
        buf_add(&b, str_sub(text, 0, at));
        buf_add(&b, inside);
        text = str_from(text, at + mark.n);
    }
    buf_add(&b, text);
    return arena_str(a, buf_str(&b));
}

static struct str fill_in(struct arena *a, const struct template *t, const struct json *values)
{
    struct str text = t->text;
    const struct json *variables = json_get(t->root, "variables");
    json_each (v, variables ? variables : &(struct json){0}) {
        struct str name = json_get_str(v, "name", STR_NONE);
        struct str value = str_trim(json_get_str(values, arena_cstr(a, name), STR_NONE));
        text = filled(a, text, name, str_empty(value) ? json_get_str(v, "default", STR_NONE) : value);
    }
    return text;
}

static enum err set_list(struct arena *a, struct persona *p, const char *name, const struct json *list,
                         struct error *e)
{
    const struct persona_field *f = persona_field_find(str_c(name));
    return f && list ? persona_field_set(a, p, f, list, true, e) : ERR_OK;
}

/* The template's lorebook as a card's character_book (V3); see the facts of the specification in lore_read.c.
 */
static void write_book(struct jw *w, const struct json *book)
{
    const struct json *entries = json_get(book, "entries");
    uint64_t order = 0;
    jw_key(w, STR("character_book"));
    jw_object(w);
    jw_kv_string(w, "name", json_get_str(book, "name", STR_NONE));
    jw_kv_raw(w, "extensions", STR("{}"));
    jw_key(w, STR("entries"));
    jw_array(w);
    json_each (entry, entries ? entries : &(struct json){0}) {
        const struct json *keys = json_get(entry, "keys");
        jw_object(w);
        jw_kv_u64(w, "id", ++order);
        jw_kv_string(w, "name", json_get_str(entry, "name", STR_NONE));
        jw_kv_raw(w, "keys", keys ? keys->raw : STR("[]"));
        jw_kv_string(w, "content", json_get_str(entry, "content", STR_NONE));
        jw_kv_bool(w, "enabled", true);
        jw_kv_u64(w, "insertion_order", order * 10);
        jw_kv_bool(w, "case_sensitive", false);
        jw_kv_bool(w, "use_regex", false);
        jw_kv_bool(w, "constant", json_get_bool(entry, "constant", false));
        jw_kv_string(w, "position", STR("after_char"));
        jw_kv_raw(w, "extensions", STR("{}"));
        jw_end_object(w);
    }
    jw_end_array(w);
    jw_end_object(w);
}

/* For whoever looks after the persona, never for a prompt: what it is, and what it should be given to know.
 */
static void write_notes(struct jw *w, struct arena *a, const struct json *root)
{
    CLEANUP_BUF struct buf notes = BUF_INIT;
    const struct json *knowledge = json_get(root, "knowledge");
    (void)a;
    buf_add(&notes, json_get_str(root, "summary", STR_NONE));
    if (knowledge && knowledge->count)
        buf_add(&notes, STR("\n\nGive it to know:"));
    json_each (k, knowledge ? knowledge : &(struct json){0})
        buf_printf(&notes, "\n- %.*s: %.*s", STR_ARG(json_get_str(k, "title", STR_NONE)),
                   STR_ARG(json_get_str(k, "what", STR_NONE)));
    jw_kv_string(w, "creator_notes", buf_str(&notes));
}

static struct str extras_of(struct arena *a, const struct json *root)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    const struct json *book = json_get(root, "lorebook");
    jw_object(&w);
    jw_key(&w, STR("data"));
    jw_object(&w);
    jw_kv_string(&w, "creator", STR("Eidolon"));
    write_notes(&w, a, root);
    if (book && book->type == JSON_OBJECT)
        write_book(&w, book);
    jw_end_object(&w);
    jw_end_object(&w);
    return arena_str(a, buf_str(&b));
}

static enum err rename_persona(struct arena *a, struct persona *p, struct str name, struct error *e)
{
    struct str given = str_trim(name);
    if (str_empty(given))
        return ERR_OK;
    if (given.n > PERSONA_NAME_MAX)
        return error_set_param(e, ERR_INVALID, "name", "'name' may have %d bytes at most.", PERSONA_NAME_MAX);
    p->name = arena_str(a, given);
    p->nickname = STR_NONE;
    return ERR_OK;
}

enum err template_persona(struct arena *a, const struct template *t, struct str name,
                          const struct json *values, struct persona **out, struct error *e)
{
    struct json *root = NULL;
    enum err err = check_values(t, values, e);
    if (err)
        return err;
    if (t->cast) {
        *out = persona_copy(a, t->cast);
        return rename_persona(a, *out, name, e);
    }
    struct persona *p = arena_new(a, struct persona);
    persona_init(p);
    err = json_parse(a, fill_in(a, t, values), &root, e);
    const struct json *body = json_get(root, "persona");
    if (!err)
        err = body ? persona_apply(a, p, body, PERSONA_CREATE, e)
                   : error_set(e, ERR_CORRUPT, "The template has no persona.");
    if (!err)
        err = set_list(a, p, "starters", json_get(root, "starters"), e);
    if (!err)
        err = set_list(a, p, "boundaries", json_get(root, "boundaries"), e);
    if (err)
        return err;
    p->extras = extras_of(a, root);
    *out = p;
    return rename_persona(a, p, name, e);
}
