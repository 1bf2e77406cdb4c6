/*
 * Character cards as JSON, written: V3 that V2 readers understand, V2 (card_v2.c), V1. See persona.h, card.c.
 *
 * What we have a field for is written from it, all else as its original text, each in its section.
 */
#include "persona/card_inner.h"

#include "base/buf.h"

#define CARD_TEXT_MAX ((size_t)512 << 20) /* assets may stand in it as base64 */

const struct json *card_extra(const struct json *extras, int where, const char *name)
{
    return json_get(json_get(extras, card_rest_names[where]), name);
}

static const struct json *extra_of(const struct json *extras, int where, struct str name)
{
    const struct json *rest = json_get(extras, card_rest_names[where]);
    if (!rest)
        return NULL;
    json_each (member, rest) {
        if (str_eq(member->key, name))
            return member;
    }
    return NULL;
}

/* The field that stands behind a member of a section, or NULL. */
static const struct persona_field *field_of(int where, struct str name, const struct json *extra)
{
    const struct persona_field *f = NULL;
    if (where == REST_DATA)
        f = persona_field_of_card(name);
    else if (where == REST_EIDOLON)
        f = persona_field_find(name);
    else if (where == REST_ROOT)
        f = persona_field_of_card(name);
    if (where == REST_EIDOLON && f && f->card)
        return NULL;
    /* Copies of V1 fields beside data: some tools read only those, so they say what data says. */
    if (where == REST_ROOT && (!f || !f->in_v1 || (extra && extra->type != JSON_STRING)))
        return NULL;
    return f;
}

struct str card_says(struct arena *a, const struct persona *p, const struct json *extras, int where,
                     struct str name)
{
    const struct json *extra = extra_of(extras, where, name);
    const struct persona_field *f = field_of(where, name, extra);
    bool empty = !f || persona_field_empty(p, f);
    if (!f || (empty && extra && where != REST_ROOT))
        return extra ? extra->raw : STR_NONE;
    if (empty && !extra && str_eq(name, STR("nickname")))
        return STR_NONE;
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    persona_field_write(&w, p, f);
    return arena_str(a, buf_str(&b));
}

/* ---- assets ---- */

void card_write_asset(struct jw *w, const struct json *asset, struct str uri)
{
    bool written = false;
    jw_object(w);
    json_each (member, asset) {
        jw_key(w, member->key);
        if (str_eq(member->key, STR("uri"))) {
            jw_string(w, uri);
            written = true;
        } else {
            jw_raw(w, member->raw);
        }
    }
    if (!written)
        jw_kv_string(w, "uri", uri);
    jw_end_object(w);
}

static const struct json *assets_of(const struct card_pen *pen)
{
    const struct json *assets = card_extra(pen->extras, REST_DATA, "assets");
    return assets && assets->type == JSON_ARRAY ? assets : NULL;
}

/* The index of the asset that stands for the card's own picture, or -1; *main: there is a main icon. */
static int64_t default_icon(const struct json *assets, bool *main)
{
    int64_t i = 0, found = -1;
    *main = false;
    if (!assets)
        return -1;
    json_each (asset, assets) {
        if (str_eq(json_get_str(asset, "type", STR_NONE), STR("icon")) &&
            str_eq(json_get_str(asset, "name", STR_NONE), STR("main"))) {
            *main = true;
            if (found < 0 && str_eq(json_get_str(asset, "uri", STR_NONE), STR("ccdefault:")))
                found = i;
        }
        i++;
    }
    return found;
}

static void write_assets(struct card_pen *pen)
{
    const struct json *assets = assets_of(pen);
    const struct card_writing *how = pen->how;
    bool main;
    int64_t icon = default_icon(assets, &main);
    size_t i = 0;
    if (!assets && !how->portrait.n)
        return;
    jw_key(&pen->w, STR("assets"));
    jw_array(&pen->w);
    for (const struct json *asset = assets ? assets->child : NULL; asset; asset = asset->next, i++) {
        struct str uri = how->uris && i < how->uri_count ? how->uris[i] : STR_NONE;
        if (how->portrait.n && (int64_t)i == icon)
            uri = how->portrait;
        if (uri.n && asset->type == JSON_OBJECT)
            card_write_asset(&pen->w, asset, uri);
        else
            jw_raw(&pen->w, asset->raw);
    }
    if (how->portrait.n && icon < 0) {
        jw_object(&pen->w);
        jw_kv_string(&pen->w, "type", STR("icon"));
        jw_kv_string(&pen->w, "uri", how->portrait);
        jw_kv_string(&pen->w, "name", main ? STR("portrait") : STR("main"));
        jw_kv_string(&pen->w, "ext", how->portrait_ext);
        jw_end_object(&pen->w);
    }
    jw_end_array(&pen->w);
}

/* Says which asset is there only for the portrait, so that reading leaves it away again (card.c). */
static void write_mark(struct card_pen *pen)
{
    const struct json *assets = assets_of(pen);
    bool main;
    int64_t icon = default_icon(assets, &main);
    if (!pen->how->portrait.n)
        return;
    jw_key(&pen->w, STR("portrait"));
    jw_object(&pen->w);
    jw_kv_i64(&pen->w, "asset", icon >= 0 ? icon : assets ? (int64_t)assets->count : 0);
    if (icon >= 0)
        jw_kv_string(&pen->w, "was", STR("ccdefault:"));
    else
        jw_kv_null(&pen->w, "was");
    if (icon < 0 && !assets)
        jw_kv_bool(&pen->w, "list", false);
    jw_end_object(&pen->w);
}

/* ---- sections ---- */

void card_write_member(struct card_pen *pen, int where, struct str name)
{
    if (where == REST_DATA && str_eq(name, STR("assets"))) {
        const struct json *extra = card_extra(pen->extras, REST_DATA, "assets");
        if (!extra || extra->type == JSON_ARRAY) {
            write_assets(pen);
            return;
        }
    }
    struct str raw = card_says(pen->arena, pen->persona, pen->extras, where, name);
    if (!raw.n)
        return;
    jw_key(&pen->w, name);
    jw_raw(&pen->w, raw);
}

static void write_section(struct card_pen *pen, int where)
{
    const struct json *rest = json_get(pen->extras, card_rest_names[where]);
    if (!rest)
        return;
    json_each (member, rest)
        card_write_member(pen, where, member->key);
}

void card_write_eidolon(struct card_pen *pen, const char *name, struct str raw)
{
    const struct persona *p = pen->persona;
    struct buf own = BUF_MAX(pen->w.b->max);
    struct jw outer = pen->w;
    pen->w = JW(&own);
    jw_object(&pen->w);
    for (size_t i = 0; i < persona_field_count; i++) {
        const struct persona_field *f = &persona_fields[i];
        if (f->card || persona_field_empty(p, f) || card_extra(pen->extras, REST_EIDOLON, f->name))
            continue;
        jw_key(&pen->w, str_c(f->name));
        persona_field_write(&pen->w, p, f);
    }
    write_section(pen, REST_EIDOLON);
    write_mark(pen);
    if (raw.n)
        jw_kv_raw(&pen->w, name, raw);
    jw_end_object(&pen->w);
    pen->w = outer;
    if (own.n > 2) /* a card without anything of ours stays so */
        jw_kv_raw(&pen->w, "eidolon", buf_str(&own));
    buf_release(&own);
}

static void write_v3_data(struct card_pen *pen)
{
    static const char *const texts[] = {"creator_notes", "creator", "character_version"};
    const struct json *v2 = json_get(pen->extras, "v2");
    for (size_t i = 0; i < persona_field_count; i++) {
        const struct persona_field *f = &persona_fields[i];
        if (f->card && !card_extra(pen->extras, REST_DATA, f->card))
            card_write_member(pen, REST_DATA, str_c(f->card));
    }
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (!card_extra(pen->extras, REST_DATA, texts[i]))
            jw_kv_string(&pen->w, texts[i], STR(""));
    }
    if (!card_extra(pen->extras, REST_DATA, "group_only_greetings"))
        jw_kv_raw(&pen->w, "group_only_greetings", STR("[]"));
    write_section(pen, REST_DATA);
    if (!card_extra(pen->extras, REST_DATA, "assets"))
        write_assets(pen);
    if (card_extra(pen->extras, REST_DATA, "extensions"))
        return; /* it was no object; it is out already */
    jw_key(&pen->w, STR("extensions"));
    jw_object(&pen->w);
    write_section(pen, REST_EXTENSIONS);
    card_write_eidolon(pen, "v2", v2 && !pen->how->paired ? v2->raw : STR_NONE);
    jw_end_object(&pen->w);
}

static void write_v3(struct card_pen *pen)
{
    jw_object(&pen->w);
    jw_kv_string(&pen->w, "spec", STR("chara_card_v3"));
    jw_kv_string(&pen->w, "spec_version", STR("3.0"));
    jw_key(&pen->w, STR("data"));
    jw_object(&pen->w);
    write_v3_data(pen);
    jw_end_object(&pen->w);
    write_section(pen, REST_ROOT);
    jw_end_object(&pen->w);
}

static void write_v1(struct card_pen *pen)
{
    jw_object(&pen->w);
    for (size_t i = 0; i < persona_field_count; i++) {
        if (!persona_fields[i].in_v1)
            continue;
        jw_key(&pen->w, str_c(persona_fields[i].card));
        persona_field_write(&pen->w, pen->persona, &persona_fields[i]);
    }
    const struct json *root = json_get(pen->extras, card_rest_names[REST_ROOT]);
    for (const struct json *member = root ? root->child : NULL; member; member = member->next) {
        const struct persona_field *f = persona_field_of_card(member->key);
        if (!f || !f->in_v1)
            card_write_member(pen, REST_ROOT, member->key);
    }
    jw_end_object(&pen->w);
}

void persona_card_write_as(struct buf *to, const struct persona *p, const struct card_writing *how)
{
    struct arena a = ARENA_INIT;
    struct json *extras = NULL;
    if (!to->max)
        to->max = CARD_TEXT_MAX;
    if (p->extras.n && json_parse(&a, p->extras, &extras, NULL) != ERR_OK)
        extras = NULL;
    struct card_pen pen = {.w = JW(to), .arena = &a, .persona = p, .extras = extras, .how = how};
    if (how->spec == CARD_V3)
        write_v3(&pen);
    else if (how->spec == CARD_V2)
        card_v2_write(&pen);
    else
        write_v1(&pen);
    arena_release(&a);
}

void persona_card_write(struct buf *to, const struct persona *p)
{
    persona_card_write_as(to, p, &(struct card_writing){.spec = CARD_V3});
}
