/*
 * Character cards as JSON, read (V1, V2, V3) and written (V3 that V2 readers understand).
 *
 * Formats: Character Card V2 and V3 specifications; V1 is the flat object. What we have a field for goes
 * there; every other member is kept as its raw text in four objects (`extras`): "root" beside data, "data",
 * "extensions" (data.extensions but "eidolon") and "eidolon" (data.extensions.eidolon's members that a later
 * version may know). A known member of the wrong type is kept the same way, and comes out again for as long
 * as our field is empty. creator, creator_notes and character_version never enter a prompt, so they live
 * here.
 */
#include "persona/field.h"

#include "base/buf.h"

struct rest {
    struct buf b;
    struct jw w;
};

enum { REST_ROOT, REST_DATA, REST_EXTENSIONS, REST_EIDOLON, REST_COUNT };
static const char *const rest_names[REST_COUNT] = {"root", "data", "extensions", "eidolon"};

struct reader {
    struct arena *arena;
    struct persona *persona;
    struct rest rest[REST_COUNT];
};

static void keep(struct reader *r, int where, const struct json *member)
{
    jw_key(&r->rest[where].w, member->key);
    jw_raw(&r->rest[where].w, member->raw);
}

static void read_field(struct reader *r, const struct persona_field *f, int where, const struct json *member)
{
    if (!f || member->type == JSON_NULL ||
        persona_field_set(r->arena, r->persona, f, member, false, NULL) != ERR_OK)
        keep(r, where, member);
}

static void read_eidolon(struct reader *r, const struct json *object)
{
    json_each (member, object) {
        const struct persona_field *f = persona_field_find(member->key);
        read_field(r, f && !f->card ? f : NULL, REST_EIDOLON, member);
    }
}

static void read_data(struct reader *r, const struct json *data)
{
    json_each (member, data) {
        if (!str_eq(member->key, STR("extensions")) || member->type != JSON_OBJECT) {
            read_field(r, persona_field_of_card(member->key), REST_DATA, member);
            continue;
        }
        json_each (extension, member) {
            if (str_eq(extension->key, STR("eidolon")) && extension->type == JSON_OBJECT)
                read_eidolon(r, extension);
            else
                keep(r, REST_EXTENSIONS, extension);
        }
    }
}

static void read_root(struct reader *r, const struct json *card, bool flat)
{
    json_each (member, card) {
        const struct persona_field *f = persona_field_of_card(member->key);
        if (flat)
            read_field(r, f && f->in_v1 ? f : NULL, REST_ROOT, member);
        else if (!str_eq(member->key, STR("spec")) && !str_eq(member->key, STR("spec_version")) &&
                 !str_eq(member->key, STR("data")))
            keep(r, REST_ROOT, member);
    }
}

static void gather_extras(struct reader *r)
{
    CLEANUP_BUF struct buf all = BUF_INIT;
    struct jw w = JW(&all);
    bool any = false;
    jw_object(&w);
    for (int i = 0; i < REST_COUNT; i++) {
        jw_end_object(&r->rest[i].w);
        if (r->rest[i].b.n > 2) {
            any = true;
            jw_kv_raw(&w, rest_names[i], buf_str(&r->rest[i].b));
        }
        buf_release(&r->rest[i].b);
    }
    jw_end_object(&w);
    r->persona->extras = any ? arena_str(r->arena, buf_str(&all)) : STR_NONE;
}

static enum err card_kind(const struct json *card, bool *flat, struct error *e)
{
    const struct json *spec = json_get(card, "spec"), *data = json_get(card, "data");
    *flat = false;
    if (card->type != JSON_OBJECT)
        return error_set(e, ERR_INVALID, "A character card is a JSON object, not %s.",
                         json_type_name(card->type));
    if (!spec && !data) {
        *flat = true;
        return ERR_OK;
    }
    struct str name = spec && spec->type == JSON_STRING ? spec->string : STR_NONE;
    if (str_eq(name, STR("lorebook_v3")))
        return error_set(
            e, ERR_NOT_IMPLEMENTED,
            "This file is a lorebook, which this version cannot read yet; import the character's card.");
    if (spec && !str_starts(name, STR("chara_card_v")))
        return error_set(
            e, ERR_INVALID,
            "The card's spec is '%.*s'; Eidolon reads chara_card_v2, chara_card_v3 and V1 cards.",
            name.n > 40 ? 40 : (int)name.n, name.p ? name.p : "");
    if (!data || data->type != JSON_OBJECT)
        return error_set(e, ERR_INVALID, "The card has no 'data' object, so it describes nobody.");
    return ERR_OK;
}

enum err persona_card_read(struct arena *a, struct str text, struct persona **out, struct error *e)
{
    struct reader r = {.arena = a};
    struct json *card = NULL;
    bool flat = false;
    static const char mark[] = "\xef\xbb\xbf";
    if (text.n > PERSONA_CARD_MAX)
        return error_set(e, ERR_TOO_BIG, "The card has %zu bytes; at most %d are allowed.", text.n,
                         PERSONA_CARD_MAX);
    if (str_starts(text, str_c(mark)))
        text = str_from(text, sizeof mark - 1);
    enum err err = json_parse(a, text, &card, e);
    if (err == ERR_OK)
        err = card_kind(card, &flat, e);
    if (err != ERR_OK)
        return err;
    r.persona = arena_new(a, struct persona);
    persona_init(r.persona);
    for (int i = 0; i < REST_COUNT; i++) {
        r.rest[i].w = JW(&r.rest[i].b);
        jw_object(&r.rest[i].w);
    }
    read_root(&r, card, flat);
    if (!flat)
        read_data(&r, json_get(card, "data"));
    gather_extras(&r);
    if (str_empty(str_trim(r.persona->name)))
        return error_set(e, ERR_INVALID,
                         "The card has no name, so it is no character card; give it a 'name'.");
    if (r.persona->name.n > PERSONA_NAME_MAX)
        return error_set(e, ERR_TEXT_TOO_LONG, "The card's name has %zu bytes; at most %d are allowed.",
                         r.persona->name.n, PERSONA_NAME_MAX);
    *out = r.persona;
    return ERR_OK;
}

static const struct json *extra(const struct json *extras, int where, const char *name)
{
    return json_get(json_get(extras, rest_names[where]), name);
}

/* Members that we do not write ourselves, as they came. */
static void write_rest(struct jw *w, const struct json *extras, int where)
{
    const struct json *rest = json_get(extras, rest_names[where]);
    if (!rest)
        return;
    json_each (member, rest) {
        jw_key(w, member->key);
        jw_raw(w, member->raw);
    }
}

/* Our fields, but those that are empty where the card brought something unreadable under the name. */
static void write_fields(struct jw *w, const struct persona *p, const struct json *extras, bool in_card)
{
    for (size_t i = 0; i < persona_field_count; i++) {
        const struct persona_field *f = &persona_fields[i];
        const char *name = in_card ? f->card : f->name;
        bool empty = persona_field_empty(p, f);
        if ((f->card != NULL) != in_card || extra(extras, in_card ? REST_DATA : REST_EIDOLON, name))
            continue;
        if (empty && (!in_card || str_eq(str_c(name), STR("nickname"))))
            continue;
        jw_key(w, str_c(name));
        persona_field_write(w, p, f);
    }
}

/* The unreadable member that stood for a field goes once the field says something. */
static void write_rest_or_field(struct jw *w, const struct persona *p, const struct json *extras, int where)
{
    const struct json *rest = json_get(extras, rest_names[where]);
    if (!rest)
        return;
    json_each (member, rest) {
        const struct persona_field *f =
            where == REST_DATA ? persona_field_of_card(member->key) : persona_field_find(member->key);
        jw_key(w, member->key);
        if (f && (f->card != NULL) == (where == REST_DATA) && !persona_field_empty(p, f))
            persona_field_write(w, p, f);
        else
            jw_raw(w, member->raw);
    }
}

static void write_extensions(struct jw *w, const struct persona *p, const struct json *extras)
{
    jw_key(w, STR("extensions"));
    jw_object(w);
    write_rest(w, extras, REST_EXTENSIONS);
    jw_key(w, STR("eidolon"));
    jw_object(w);
    write_fields(w, p, extras, false);
    write_rest_or_field(w, p, extras, REST_EIDOLON);
    jw_end_object(w);
    jw_end_object(w);
}

/* Copies of V1 fields beside data: some tools read only those, so they say what data says. */
static void write_root(struct jw *w, const struct persona *p, const struct json *extras)
{
    const struct json *root = json_get(extras, rest_names[REST_ROOT]);
    if (!root)
        return;
    json_each (member, root) {
        const struct persona_field *f = persona_field_of_card(member->key);
        if (str_eq(member->key, STR("spec")) || str_eq(member->key, STR("spec_version")) ||
            str_eq(member->key, STR("data")))
            continue;
        jw_key(w, member->key);
        if (f && f->in_v1 && member->type == JSON_STRING)
            persona_field_write(w, p, f);
        else
            jw_raw(w, member->raw);
    }
}

void persona_card_write(struct buf *to, const struct persona *p)
{
    static const char *const texts[] = {"creator_notes", "creator", "character_version"};
    struct arena a = ARENA_INIT;
    struct json *extras = NULL;
    if (p->extras.n && json_parse(&a, p->extras, &extras, NULL) != ERR_OK)
        extras = NULL;
    struct jw w = JW(to);
    jw_object(&w);
    jw_kv_string(&w, "spec", STR("chara_card_v3"));
    jw_kv_string(&w, "spec_version", STR("3.0"));
    jw_key(&w, STR("data"));
    jw_object(&w);
    write_fields(&w, p, extras, true);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (!extra(extras, REST_DATA, texts[i]))
            jw_kv_string(&w, texts[i], STR(""));
    }
    if (!extra(extras, REST_DATA, "group_only_greetings")) {
        jw_key(&w, STR("group_only_greetings"));
        jw_array(&w);
        jw_end_array(&w);
    }
    write_rest_or_field(&w, p, extras, REST_DATA);
    if (!extra(extras, REST_DATA, "extensions"))
        write_extensions(&w, p, extras);
    jw_end_object(&w);
    write_root(&w, p, extras);
    jw_end_object(&w);
    arena_release(&a);
}
