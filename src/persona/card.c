/*
 * Character cards as JSON, read: V1, V2 and V3. Writing is in card_write.c.
 *
 * Formats: Character Card V2 and V3 specifications; V1 is the flat object. What we have a field for goes
 * there; every other member is kept as its raw text in four objects (`extras`): "root" beside data, "data",
 * "extensions" (data.extensions but "eidolon") and "eidolon" (data.extensions.eidolon's members that a later
 * version may know). A known member of the wrong type is kept the same way, and comes out again for as long
 * as our field is empty. creator, creator_notes and character_version never enter a prompt, so they live
 * here. A fifth object, "v2", is what a V2 card said on its own (card_v2.c).
 */
#include "persona/card_inner.h"

#include "base/buf.h"

struct rest {
    struct buf b;
    struct jw w;
};

const char *const card_rest_names[REST_COUNT] = {"root", "data", "extensions", "eidolon"};

struct reader {
    struct arena *arena;
    struct persona *persona;
    struct rest rest[REST_COUNT];
    const struct json *mark; /* extensions.eidolon.portrait: which asset was put there for the portrait */
    struct str portrait;     /* that asset's address */
    struct str v2;           /* extensions.eidolon.v2, as it came */
    bool is_v2;
};

static void keep(struct reader *r, int where, const struct json *member)
{
    jw_key(&r->rest[where].w, member->key);
    jw_raw(&r->rest[where].w, member->raw);
}

/* The portrait's asset again without what the export made of it: gone, or with the address it had. */
static void keep_assets(struct reader *r, const struct json *assets)
{
    const struct json *was = json_get(r->mark, "was");
    int64_t at = json_get_i64(r->mark, "asset", -1), i = 0;
    bool put_back = was && was->type == JSON_STRING;
    if (!put_back && assets->count == 1 && at == 0 && !json_get_bool(r->mark, "list", true)) {
        r->portrait = json_get_str(assets->child, "uri", STR_NONE);
        return;
    }
    struct jw *w = &r->rest[REST_DATA].w;
    jw_key(w, assets->key);
    jw_array(w);
    json_each (asset, assets) {
        bool ours = i++ == at;
        if (ours)
            r->portrait = json_get_str(asset, "uri", STR_NONE);
        if (!ours)
            jw_raw(w, asset->raw);
        else if (put_back)
            card_write_asset(w, asset, was->string);
    }
    jw_end_array(w);
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
        if (str_eq(member->key, STR("v2")) && member->type == JSON_OBJECT) {
            r->v2 = member->raw;
            continue;
        }
        if (member == r->mark || (r->is_v2 && str_eq(member->key, STR("v3")) && member->type == JSON_OBJECT))
            continue;
        const struct persona_field *f = persona_field_find(member->key);
        read_field(r, f && !f->card ? f : NULL, REST_EIDOLON, member);
    }
}

static void read_data(struct reader *r, const struct json *data)
{
    json_each (member, data) {
        if (r->mark && str_eq(member->key, STR("assets")) && member->type == JSON_ARRAY) {
            keep_assets(r, member);
            continue;
        }
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

/* What a V2 card of ours carries for V3 (card_write.c). */
static void read_stash(struct reader *r, const struct json *stash)
{
    const struct json *root = json_get(stash, "root"), *data = json_get(stash, "data"),
                      *extensions = json_get(stash, "extensions");
    if (root && root->type == JSON_OBJECT)
        read_root(r, root, false);
    if (data && data->type == JSON_OBJECT)
        read_data(r, data);
    if (!extensions || extensions->type != JSON_OBJECT)
        return;
    json_each (extension, extensions)
        keep(r, REST_EXTENSIONS, extension);
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
            jw_kv_raw(&w, card_rest_names[i], buf_str(&r->rest[i].b));
        }
        buf_release(&r->rest[i].b);
    }
    if (r->v2.n) {
        any = true;
        jw_kv_raw(&w, "v2", r->v2);
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
        return error_set(e, ERR_REFUSED,
                         "This file is a lorebook, not a character; import it among the lorebooks (POST "
                         "/api/lorebooks/import).");
    if (spec && !str_starts(name, STR("chara_card_v")))
        return error_set(
            e, ERR_INVALID,
            "The card's spec is '%.*s'; Eidolon reads chara_card_v2, chara_card_v3 and V1 cards.",
            name.n > 40 ? 40 : (int)name.n, name.p ? name.p : "");
    if (!data || data->type != JSON_OBJECT)
        return error_set(e, ERR_INVALID, "The card has no 'data' object, so it describes nobody.");
    return ERR_OK;
}

static unsigned depth_of(const struct json *value)
{
    unsigned deepest = 0;
    json_each (member, value) {
        unsigned depth = member->child ? depth_of(member) : 1;
        deepest = depth > deepest ? depth : deepest;
    }
    return deepest + 1;
}

/* The card's tree; its spec is known and it is not too deep. */
static enum err parse_card(struct arena *a, struct str text, struct json **card, bool *flat, struct error *e)
{
    static const char mark[] = "\xef\xbb\xbf";
    if (text.n > PERSONA_CARD_MAX)
        return error_set(e, ERR_TOO_BIG, "The card has %zu bytes; at most %d are allowed.", text.n,
                         PERSONA_CARD_MAX);
    if (str_starts(text, str_c(mark)))
        text = str_from(text, sizeof mark - 1);
    enum err err = json_parse(a, text, card, e);
    if (err == ERR_OK)
        err = card_kind(*card, flat, e);
    if (err == ERR_OK && depth_of(*card) > CARD_MAX_DEPTH)
        err = error_set(e, ERR_MALFORMED_JSON,
                        "The card is nested more than %d levels deep; no card needs that.", CARD_MAX_DEPTH);
    return err;
}

static void read_card(struct reader *r, const struct json *card, bool flat)
{
    const struct json *data = json_get(card, "data"),
                      *eidolon = json_get(json_get(data, "extensions"), "eidolon");
    const struct json *mark = json_get(eidolon, "portrait"), *stash = json_get(eidolon, "v3");
    r->mark = mark && mark->type == JSON_OBJECT ? mark : NULL;
    r->is_v2 = !str_eq(json_get_str(card, "spec", STR_NONE), STR("chara_card_v3"));
    r->persona = arena_new(r->arena, struct persona);
    persona_init(r->persona);
    for (int i = 0; i < REST_COUNT; i++) {
        r->rest[i].w = JW(&r->rest[i].b);
        jw_object(&r->rest[i].w);
    }
    read_root(r, card, flat);
    if (!flat)
        read_data(r, data);
    if (r->is_v2 && stash && stash->type == JSON_OBJECT)
        read_stash(r, stash);
    gather_extras(r);
}

/* Adds what the V2 card said on its own: that beside a V3 card, or a V2 card that came alone. */
static void note_v2(struct reader *r, const struct json *v2, bool alone)
{
    struct json *extras = NULL;
    CLEANUP_BUF struct buf note = BUF_INIT;
    if (r->v2.n) /* a card of ours said it already */
        return;
    if (r->persona->extras.n && json_parse(r->arena, r->persona->extras, &extras, NULL) != ERR_OK)
        return;
    card_v2_note(r->arena, &note, r->persona, extras, v2, alone);
    if (!note.n)
        return;
    struct str old = r->persona->extras;
    r->persona->extras = old.n > 2 ? arena_printf(r->arena, "%.*s,\"v2\":%.*s}", (int)old.n - 1, old.p,
                                                  STR_ARG(buf_str(&note)))
                                   : arena_printf(r->arena, "{\"v2\":%.*s}", STR_ARG(buf_str(&note)));
}

enum err persona_card_read_both(struct arena *a, struct str text, struct str other, struct persona **out,
                                struct str *portrait, struct error *e)
{
    struct reader r = {.arena = a};
    struct json *card = NULL, *second = NULL;
    bool flat = false, flat_second = false;
    enum err err = parse_card(a, text, &card, &flat, e);
    if (err != ERR_OK)
        return err;
    read_card(&r, card, flat);
    if (str_empty(str_trim(r.persona->name)))
        return error_set(e, ERR_INVALID,
                         "The card has no name, so it is no character card; give it a 'name'.");
    if (r.persona->name.n > PERSONA_NAME_MAX)
        return error_set(e, ERR_TEXT_TOO_LONG, "The card's name has %zu bytes; at most %d are allowed.",
                         r.persona->name.n, PERSONA_NAME_MAX);
    if (r.is_v2)
        note_v2(&r, card, true);
    else if (other.n && parse_card(a, other, &second, &flat_second, NULL) == ERR_OK)
        note_v2(&r, second, false);
    if (portrait)
        *portrait = r.portrait;
    *out = r.persona;
    return ERR_OK;
}

enum err persona_card_read(struct arena *a, struct str text, struct persona **out, struct error *e)
{
    return persona_card_read_both(a, text, STR_NONE, out, NULL, e);
}
