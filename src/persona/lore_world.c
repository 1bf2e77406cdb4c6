/*
 * SillyTavern's world info, to a V3 book's text and back; see lore_inner.h.
 *
 * World info is an object of entries keyed by uid, with names of its own. Both ways only names and places
 * change: values go through as their own text. What V3 has a name for goes there; what SillyTavern itself
 * puts into `extensions` when it makes a card's book goes there under the same name; everything else stays
 * together in extensions.sillytavern, and V3's members that world info cannot hold in extensions.v3 of the
 * way back.
 */
#include "persona/lore_inner.h"

/* World info's names that are no field of ours, as SillyTavern calls them in a card's extensions. */
static const struct {
    const char *world, *ext;
} carried[] = {
    {"useProbability", "useProbability"},
    {"displayIndex", "display_index"},
    {"automationId", "automation_id"},
    {"vectorized", "vectorized"},
    {"outletName", "outlet_name"},
    {"triggers", "triggers"},
    {"matchPersonaDescription", "match_persona_description"},
    {"matchCharacterDescription", "match_character_description"},
    {"matchCharacterPersonality", "match_character_personality"},
    {"matchCharacterDepthPrompt", "match_character_depth_prompt"},
    {"matchScenario", "match_scenario"},
    {"matchCreatorNotes", "match_creator_notes"},
};
enum { CARRIED = sizeof carried / sizeof *carried };

static const char *ext_of_world(struct str name)
{
    for (size_t i = 0; i < CARRIED; i++) {
        if (str_eq(name, str_c(carried[i].world)))
            return carried[i].ext;
    }
    return NULL;
}

static const char *world_of_ext(struct str name)
{
    for (size_t i = 0; i < CARRIED; i++) {
        if (str_eq(name, str_c(carried[i].ext)))
            return carried[i].world;
    }
    return NULL;
}

static const struct lore_field *field_of_world(struct str name)
{
    for (size_t i = 0; i < lore_field_count; i++) {
        if (lore_fields[i].world && str_eq(name, str_c(lore_fields[i].world)))
            return &lore_fields[i];
    }
    return NULL;
}

static void put(struct jw *w, struct str name, struct str raw)
{
    jw_key(w, name);
    jw_raw(w, raw);
}

/* Fields that V3 holds in the entry itself; the others lie in extensions. */
static const char *place_of(const struct lore_field *f)
{
    bool fine = f->kind == LORE_POSITION || f->kind == LORE_TRI;
    return f->v3 && !fine ? f->v3 : NULL;
}

/* ---- to V3 ---- */

static bool known_world(struct str name)
{
    return field_of_world(name) || ext_of_world(name) || str_eq(name, STR("uid")) ||
           str_eq(name, STR("disable")) || str_eq(name, STR("extensions"));
}

static void put_extensions(struct jw *w, const struct json *entry)
{
    const struct json *own = json_get(entry, "extensions");
    bool others = false;
    json_each (member, entry) {
        const struct lore_field *f = field_of_world(member->key);
        const char *ext = ext_of_world(member->key);
        if (f && !place_of(f))
            put(w, str_c(f->ext), member->raw);
        else if (ext)
            put(w, str_c(ext), member->raw);
        others |= !known_world(member->key);
    }
    if (!json_get(entry, "position"))
        put(w, STR("position"), STR("0"));
    if (own && own->type == JSON_OBJECT) {
        json_each (member, own) {
            bool taken = lore_field_of_ext(member->key) || world_of_ext(member->key) ||
                         str_eq(member->key, STR("v3")) || str_eq(member->key, STR("sillytavern"));
            if (!taken)
                put(w, member->key, member->raw);
        }
    }
    if (!others)
        return;
    jw_key(w, STR("sillytavern"));
    jw_object(w);
    json_each (member, entry) {
        if (!known_world(member->key))
            put(w, member->key, member->raw);
    }
    jw_end_object(w);
}

static void put_entry(struct jw *w, const struct json *entry)
{
    const struct json *uid = json_get(entry, "uid"), *disable = json_get(entry, "disable");
    const struct json *own = json_get(json_get(entry, "extensions"), "v3");
    jw_object(w);
    if (own && own->type == JSON_OBJECT && json_get(own, "id"))
        put(w, STR("id"), json_get(own, "id")->raw);
    else if (uid && (uid->type == JSON_NUMBER || uid->type == JSON_STRING))
        put(w, STR("id"), uid->raw);
    json_each (member, entry) {
        const struct lore_field *f = field_of_world(member->key);
        if (f && place_of(f))
            put(w, str_c(place_of(f)), member->raw);
    }
    if (!json_get(entry, "selective"))
        jw_kv_bool(w, "selective", true);
    jw_kv_bool(w, "enabled", !(disable && disable->type == JSON_BOOL && disable->boolean));
    if (own && own->type == JSON_OBJECT) {
        json_each (member, own) {
            const struct lore_field *f = lore_field_of_v3(member->key);
            bool written = (f && f->world && place_of(f)) || str_eq(member->key, STR("enabled")) ||
                           str_eq(member->key, STR("id")) || str_eq(member->key, STR("extensions")) ||
                           str_eq(member->key, STR("selective"));
            if (!written)
                put(w, member->key, member->raw);
        }
    }
    jw_key(w, STR("extensions"));
    jw_object(w);
    put_extensions(w, entry);
    jw_end_object(w);
    jw_end_object(w);
}

struct str lore_world_to_v3(struct arena *a, const struct json *world)
{
    const struct json *entries = json_get(world, "entries"), *extensions = json_get(world, "extensions");
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    bool others = false;
    jw_object(&w);
    json_each (member, world) {
        if (lore_book_owns(member->key) && !str_eq(member->key, STR("entries")))
            put(&w, member->key, member->raw);
        else
            others |= !str_eq(member->key, STR("entries")) && !str_eq(member->key, STR("extensions"));
    }
    jw_key(&w, STR("extensions"));
    jw_object(&w);
    if (extensions && extensions->type == JSON_OBJECT) {
        json_each (member, extensions) {
            if (!str_eq(member->key, STR("sillytavern")))
                put(&w, member->key, member->raw);
        }
    }
    if (others) {
        jw_key(&w, STR("sillytavern"));
        jw_object(&w);
        json_each (member, world) {
            if (!lore_book_owns(member->key) && !str_eq(member->key, STR("extensions")))
                put(&w, member->key, member->raw);
        }
        jw_end_object(&w);
    }
    jw_end_object(&w);
    jw_key(&w, STR("entries"));
    jw_array(&w);
    json_each (entry, entries) {
        if (entry->type == JSON_OBJECT)
            put_entry(&w, entry);
    }
    jw_end_array(&w);
    jw_end_object(&w);
    return arena_str(a, buf_str(&b));
}

/* ---- from V3 ---- */

/* What SillyTavern's page relies on being there, where the book did not say it. */
static void put_defaults(struct jw *w, const struct json *entry, const struct lore_entry *e)
{
    const struct json *ext = json_get(entry, "extensions");
    for (size_t i = 0; i < lore_field_count; i++) {
        const struct lore_field *f = &lore_fields[i];
        if (!f->world || json_get(entry, place_of(f) ? place_of(f) : "") ||
            (!place_of(f) && f->ext && json_get(ext, f->ext)))
            continue;
        jw_key(w, str_c(f->world));
        lore_field_write(w, e, f, false);
    }
    if (!json_get(ext, "useProbability"))
        jw_kv_bool(w, "useProbability", true);
}

static void put_world_extensions(struct jw *w, const struct json *entry)
{
    const struct json *ext = json_get(entry, "extensions");
    jw_key(w, STR("extensions"));
    jw_object(w);
    if (ext && ext->type == JSON_OBJECT) {
        json_each (member, ext) {
            if (!lore_field_of_ext(member->key) && !world_of_ext(member->key) &&
                !str_eq(member->key, STR("sillytavern")) && !str_eq(member->key, STR("v3")))
                put(w, member->key, member->raw);
        }
    }
    jw_key(w, STR("v3"));
    jw_object(w);
    json_each (member, entry) {
        const struct lore_field *f = lore_field_of_v3(member->key);
        bool written = (f && f->world && place_of(f)) || str_eq(member->key, STR("enabled")) ||
                       str_eq(member->key, STR("extensions")) || str_eq(member->key, STR("selective"));
        if (!written)
            put(w, member->key, member->raw);
    }
    jw_end_object(w);
    jw_end_object(w);
}

static void put_world_entry(struct jw *w, const struct json *entry, const struct lore_entry *e, uint64_t uid)
{
    const struct json *ext = json_get(entry, "extensions");
    const struct json *rest = json_get(ext, "sillytavern");
    jw_object(w);
    jw_kv_u64(w, "uid", uid);
    json_each (member, entry) {
        const struct lore_field *f = lore_field_of_v3(member->key);
        if (f && f->world && place_of(f))
            put(w, str_c(f->world), member->raw);
    }
    jw_kv_bool(w, "disable", !e->enabled);
    if (ext && ext->type == JSON_OBJECT) {
        json_each (member, ext) {
            const struct lore_field *f = lore_field_of_ext(member->key);
            const char *name = world_of_ext(member->key);
            if (f && f->world && !place_of(f))
                put(w, str_c(f->world), member->raw);
            else if (name)
                put(w, str_c(name), member->raw);
        }
    }
    put_defaults(w, entry, e);
    put_world_extensions(w, entry);
    if (rest && rest->type == JSON_OBJECT) {
        json_each (member, rest) {
            if (!known_world(member->key))
                put(w, member->key, member->raw);
        }
    }
    jw_end_object(w);
}

/* SillyTavern wants numbers for uids: ours where they all are, else the entries' places. */
static bool numbered(const struct lore_book *book)
{
    for (size_t i = 0; i < book->count; i++) {
        uint64_t n;
        if (!str_to_u64(book->entries[i].id, &n) || book->entries[i].id_is_text)
            return false;
    }
    return true;
}

void lore_book_write_world(struct buf *to, const struct lore_book *book)
{
    struct arena a = ARENA_INIT;
    struct json *v3 = NULL;
    CLEANUP_BUF struct buf text = BUF_INIT;
    struct jw all = JW(&text), w = JW(to);
    bool by_id = numbered(book);
    lore_book_write(&all, book);
    json_parse(&a, buf_str(&text), &v3, NULL);
    const struct json *extensions = json_get(v3, "extensions"), *rest = json_get(extensions, "sillytavern");
    jw_object(&w);
    jw_key(&w, STR("entries"));
    jw_object(&w);
    size_t i = 0;
    const struct json *entries = json_get(v3, "entries");
    for (const struct json *entry = entries ? entries->child : NULL; entry && i < book->count;
         entry = entry->next, i++) {
        uint64_t uid = i;
        if (by_id)
            str_to_u64(book->entries[i].id, &uid);
        jw_key(&w, arena_printf(&a, "%llu", (unsigned long long)uid));
        put_world_entry(&w, entry, &book->entries[i], uid);
    }
    jw_end_object(&w);
    if (v3) {
        json_each (member, v3) {
            if (!str_eq(member->key, STR("entries")) && !str_eq(member->key, STR("extensions")))
                put(&w, member->key, member->raw);
        }
    }
    if (extensions && extensions->type == JSON_OBJECT && extensions->count > (rest ? 1u : 0u)) {
        jw_key(&w, STR("extensions"));
        jw_object(&w);
        json_each (member, extensions) {
            if (member != rest)
                put(&w, member->key, member->raw);
        }
        jw_end_object(&w);
    }
    if (rest && rest->type == JSON_OBJECT) {
        json_each (member, rest) {
            if (!lore_book_owns(member->key) && !json_get(v3, arena_cstr(&a, member->key)))
                put(&w, member->key, member->raw);
        }
    }
    jw_end_object(&w);
    arena_release(&a);
}
