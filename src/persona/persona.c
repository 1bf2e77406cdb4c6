/* Personas as values and as JSON: defaults, copies, the API's bodies, the stored document; see persona.h. */
#include "persona/field.h"
#include "persona/files.h"

#include "base/clock.h"

#include <math.h>

void persona_init(struct persona *p)
{
    *p = (struct persona){.voice = {.rate = 1, .pitch = 1, .volume = 1}, .sampling = {NAN, NAN, NAN, NAN, 0}};
    for (int i = 0; i < TRAIT_COUNT; i++)
        p->traits[i] = 0.5;
}

struct persona *persona_copy(struct arena *a, const struct persona *p)
{
    struct persona *copy = arena_new(a, struct persona);
    *copy = *p;
    for (size_t i = 0; i < persona_field_count; i++)
        persona_field_copy(a, copy, &persona_fields[i]);
    copy->slug = arena_str(a, p->slug);
    copy->cast = arena_str(a, p->cast);
    copy->extras = arena_str(a, p->extras);
    copy->files = arena_str(a, p->files);
    copy->card = arena_str(a, p->card);
    return copy;
}

bool persona_is_adult(const struct persona *p)
{
    static const char *const words[] = {"nsfw",        "18+",      "adult", "adults", "adult only",
                                        "adults only", "explicit", "nsfl",  "smut",   "erotica",
                                        "r18",         "r-18",     "xxx",   "porn"};
    if (p->content.adult != ADULT_BY_TAGS)
        return p->content.adult == ADULT_YES;
    for (size_t i = 0; i < p->tags.n; i++) {
        for (size_t k = 0; k < sizeof words / sizeof *words; k++) {
            if (str_ieq(str_trim(p->tags.v[i]), str_c(words[k])))
                return true;
        }
    }
    return false;
}

void persona_mark_imported(struct persona *p)
{
    if (p->content.adult == ADULT_NO)
        p->content.adult = ADULT_BY_TAGS;
}

struct str persona_etag(struct arena *a, const struct persona *p)
{
    return arena_printf(a, "\"%llu\"", (unsigned long long)p->version);
}

static void write_time(struct jw *w, const char *name, int64_t ms)
{
    char text[CLOCK_TEXT];
    clock_format(text, ms);
    jw_kv_string(w, name, str_c(text));
}

static void write_portrait(struct jw *w, const struct persona *p)
{
    struct arena a = ARENA_INIT;
    struct str address = persona_portrait_address(&a, p);
    if (address.n)
        jw_kv_string(w, "portrait", address);
    else
        jw_kv_null(w, "portrait");
    arena_release(&a);
}

void persona_write_json(struct jw *w, const struct persona *said)
{
    /* Outside, adult is a plain yes or no. */
    struct persona shown = *said;
    const struct persona *p = &shown;
    shown.content.adult = persona_is_adult(said) ? ADULT_YES : ADULT_NO;
    jw_object(w);
    jw_kv_string(w, "id", str_c(id_text(p->id).c));
    jw_kv_string(w, "slug", p->slug);
    for (size_t i = 0; i < persona_field_count; i++) {
        jw_key(w, str_c(persona_fields[i].name));
        persona_field_write(w, p, &persona_fields[i]);
    }
    jw_kv_bool(w, "favourite", p->favourite);
    write_portrait(w, p);
    jw_kv_u64(w, "version", p->version);
    write_time(w, "created_at", p->created_ms);
    write_time(w, "updated_at", p->updated_ms);
    if (p->deleted_ms)
        write_time(w, "deleted_at", p->deleted_ms);
    jw_end_object(w);
}

void persona_stored_write(struct buf *to, const struct persona *p)
{
    struct jw w = JW(to);
    jw_object(&w);
    jw_kv_string(&w, "id", str_c(id_text(p->id).c));
    jw_kv_string(&w, "owner", str_c(id_text(p->owner).c));
    jw_kv_string(&w, "slug", p->slug);
    for (size_t i = 0; i < persona_field_count; i++) {
        if (persona_field_empty(p, &persona_fields[i]))
            continue;
        jw_key(&w, str_c(persona_fields[i].name));
        persona_field_write(&w, p, &persona_fields[i]);
    }
    jw_kv_u64(&w, "version", p->version);
    jw_kv_i64(&w, "created_ms", p->created_ms);
    jw_kv_i64(&w, "updated_ms", p->updated_ms);
    if (p->deleted_ms)
        jw_kv_i64(&w, "deleted_ms", p->deleted_ms);
    if (p->cast.n) {
        jw_kv_string(&w, "cast", p->cast);
        jw_kv_u64(&w, "cast_version", p->cast_version);
        jw_kv_bool(&w, "touched", p->touched);
    }
    if (p->favourite)
        jw_kv_bool(&w, "favourite", true);
    if (p->extras.n)
        jw_kv_raw(&w, "extras", p->extras);
    if (p->files.n)
        jw_kv_raw(&w, "files", p->files);
    if (p->card.n)
        jw_kv_string(&w, "card", p->card);
    jw_end_object(&w);
}

enum err persona_stored_read(struct arena *a, struct str text, struct persona **out, struct error *e)
{
    struct json *doc = NULL;
    struct error why = {0};
    struct persona *p = arena_new(a, struct persona);
    persona_init(p);
    enum err err = json_parse(a, text, &doc, &why);
    if (err != ERR_OK || !id_parse(json_get_str(doc, "id", STR_NONE), &p->id) ||
        !id_parse(json_get_str(doc, "owner", STR_NONE), &p->owner))
        return error_set(e, ERR_CORRUPT,
                         "A stored persona cannot be read (%s); restore the store from a backup.",
                         err != ERR_OK ? why.message : "its id is missing");
    for (size_t i = 0; i < persona_field_count; i++) {
        const struct json *value = json_get(doc, persona_fields[i].name);
        if (value && persona_field_set(a, p, &persona_fields[i], value, false, e) != ERR_OK)
            return error_set(e, ERR_CORRUPT,
                             "The stored persona %s has an unreadable field '%s'; restore it from a backup.",
                             id_text(p->id).c, persona_fields[i].name);
    }
    p->slug = json_get_str(doc, "slug", STR_NONE);
    p->version = (uint64_t)json_get_i64(doc, "version", 1);
    p->created_ms = json_get_i64(doc, "created_ms", 0);
    p->updated_ms = json_get_i64(doc, "updated_ms", 0);
    p->deleted_ms = json_get_i64(doc, "deleted_ms", 0);
    p->cast = json_get_str(doc, "cast", STR_NONE);
    p->cast_version = (uint64_t)json_get_i64(doc, "cast_version", 0);
    p->touched = json_get_bool(doc, "touched", false);
    p->favourite = json_get_bool(doc, "favourite", false);
    const struct json *extras = json_get(doc, "extras");
    p->extras = extras && extras->type == JSON_OBJECT ? extras->raw : STR_NONE;
    const struct json *files = json_get(doc, "files");
    p->files = files && files->type == JSON_ARRAY ? files->raw : STR_NONE;
    p->card = json_get_str(doc, "card", STR_NONE);
    *out = p;
    return ERR_OK;
}

static bool same_portrait(const struct persona *p, const struct json *member)
{
    struct arena a = ARENA_INIT;
    bool same = str_eq(member->string, persona_portrait_address(&a, p));
    arena_release(&a);
    return same;
}

/* A client may send back what it read: read-only fields pass where they change nothing. */
static enum err check_read_only(const struct persona *p, const struct json *member, bool *known,
                                struct error *e)
{
    int64_t number = 0, ms = 0;
    struct id id;
    bool same = false;
    *known = true;
    if (str_eq(member->key, STR("id")))
        same = id_parse(member->string, &id) && id_eq(id, p->id);
    else if (str_eq(member->key, STR("version")))
        same = json_i64(member, &number) && (uint64_t)number == p->version;
    else if (str_eq(member->key, STR("created_at")))
        same = clock_parse(member->string, &ms) && ms == p->created_ms;
    else if (str_eq(member->key, STR("updated_at")))
        same = clock_parse(member->string, &ms) && ms == p->updated_ms;
    else if (str_eq(member->key, STR("deleted_at")))
        same = clock_parse(member->string, &ms) && ms == p->deleted_ms;
    else if (str_eq(member->key, STR("portrait")))
        same = same_portrait(p, member);
    else
        *known = false;
    if (same || !*known)
        return ERR_OK;
    char name[32];
    str_copy(name, sizeof name, member->key);
    return error_set_param(e, ERR_REFUSED, name, "The field '%.*s' is set by the server; leave it out.",
                           STR_ARG(member->key));
}

static enum err set_slug(struct persona *p, const struct json *value, struct error *e)
{
    if (value->type == JSON_NULL)
        return ERR_OK;
    if (value->type != JSON_STRING)
        return error_set_param(e, ERR_WRONG_TYPE, "slug", "The field 'slug' must be a string, not %s.",
                               json_type_name(value->type));
    if (!persona_slug_valid(value->string))
        return error_set_param(
            e, ERR_REFUSED, "slug",
            "A slug is 1 to %d lower-case ASCII letters, digits and single dashes between them, "
            "and neither an id nor one of 'import' and 'tags'.",
            PERSONA_SLUG_MAX);
    p->slug = value->string;
    return ERR_OK;
}

static enum err set_favourite(struct persona *p, const struct json *value, struct error *e)
{
    if (value->type != JSON_NULL && value->type != JSON_BOOL)
        return error_set_param(e, ERR_WRONG_TYPE, "favourite",
                               "The field 'favourite' must be true or false, not %s.",
                               json_type_name(value->type));
    p->favourite = value->type == JSON_BOOL && value->boolean;
    return ERR_OK;
}

static enum err apply_member(struct arena *a, struct persona *p, const struct json *member, struct error *e)
{
    const struct persona_field *f = persona_field_find(member->key);
    bool known = false;
    if (f)
        return persona_field_set(a, p, f, member, true, e);
    if (str_eq(member->key, STR("slug")))
        return set_slug(p, member, e);
    if (str_eq(member->key, STR("favourite")))
        return set_favourite(p, member, e);
    enum err err = check_read_only(p, member, &known, e);
    if (err != ERR_OK || known)
        return err;
    char name[64];
    str_copy(name, sizeof name, member->key);
    return error_set_param(e, ERR_UNKNOWN_FIELD, name,
                           "There is no field '%s' in a persona; check its spelling or leave it out.", name);
}

/* What a PUT starts from: history and identity stay, every field is at its default. */
static void blank(struct persona *to, const struct persona *from)
{
    persona_init(to);
    to->id = from->id;
    to->owner = from->owner;
    to->slug = from->slug;
    to->version = from->version;
    to->created_ms = from->created_ms;
    to->updated_ms = from->updated_ms;
    to->deleted_ms = from->deleted_ms;
    to->cast = from->cast;
    to->cast_version = from->cast_version;
    to->touched = from->touched;
    to->favourite = from->favourite;
    to->extras = from->extras;
    to->files = from->files;
    to->card = from->card;
}

enum err persona_apply(struct arena *a, struct persona *p, const struct json *body, enum persona_change how,
                       struct error *e)
{
    struct persona next = *p;
    if (!body || body->type != JSON_OBJECT)
        return error_set(e, ERR_WRONG_TYPE, "A persona is sent as a JSON object.");
    if (how != PERSONA_PATCH)
        blank(&next, p);
    json_each (member, body) {
        enum err err = apply_member(a, &next, member, e);
        if (err != ERR_OK)
            return err;
    }
    if (str_empty(str_trim(next.name)))
        return error_set_param(e, ERR_MISSING_FIELD, "name",
                               "A persona needs a name; send the field 'name'.");
    *p = next;
    return ERR_OK;
}
