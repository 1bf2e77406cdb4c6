/*
 * The V2 card's own world: what a V2 card said that the V3 card beside it does not, or says otherwise, comes
 * back in the V2 card that we write; what only V3 said stays out of it.
 *
 * extras.v2 lists the members that the V2 card had. null: it says what the persona says. An object: it said
 * "v" (nothing, where there is no "v") while the persona said what has the hash "of"; once that is edited,
 * the edit counts. The fields that every V2 card has are listed only where they differ. A persona without
 * extras.v2 never was a V2 card: it is given all V2 members, and nothing else.
 */
#include "persona/card_inner.h"

#include "base/buf.h"

#include <openssl/sha.h>
#include <stdio.h>

static const struct required {
    const char *name, *empty;
} required[] = {
    {"name", "\"\""},
    {"description", "\"\""},
    {"personality", "\"\""},
    {"scenario", "\"\""},
    {"first_mes", "\"\""},
    {"mes_example", "\"\""},
    {"creator_notes", "\"\""},
    {"system_prompt", "\"\""},
    {"post_history_instructions", "\"\""},
    {"alternate_greetings", "[]"},
    {"tags", "[]"},
    {"creator", "\"\""},
    {"character_version", "\"\""},
};
enum { REQUIRED = sizeof required / sizeof *required, HASH_BYTES = 12, HASH_HEX = 2 * HASH_BYTES + 1 };

bool card_v2_requires(struct str name)
{
    for (size_t i = 0; i < REQUIRED; i++) {
        if (str_eq(name, str_c(required[i].name)))
            return true;
    }
    return false;
}

static void hash_of(struct str says, char to[HASH_HEX])
{
    unsigned char sum[SHA256_DIGEST_LENGTH];
    to[0] = '\0';
    if (!says.n)
        return;
    SHA256((const unsigned char *)says.p, says.n, sum);
    for (int i = 0; i < HASH_BYTES; i++)
        snprintf(to + 2 * i, 3, "%02x", sum[i]);
}

/* Equal as values: strings by what they say, numbers and words by their text. */
static bool same(const struct json *a, const struct json *b)
{
    if (a->type != b->type || a->count != b->count)
        return false;
    if (a->type == JSON_STRING)
        return str_eq(a->string, b->string);
    if (a->type != JSON_ARRAY && a->type != JSON_OBJECT)
        return str_eq(a->raw, b->raw);
    for (const struct json *x = a->child, *y = b->child; x && y; x = x->next, y = y->next) {
        if (!str_eq(x->key, y->key) || !same(x, y))
            return false;
    }
    return true;
}

/* ---- noting ---- */

struct note {
    struct arena *arena;
    const struct persona *persona;
    const struct json *extras;
    struct jw w;
    bool alone, any, open;
    bool special;        /* something that would not be written without this note */
    uint32_t extensions; /* listed */
};

static void open_section(struct note *n, int where)
{
    if (!n->any)
        jw_object(&n->w);
    n->any = true;
    if (!n->open) {
        jw_key(&n->w, str_c(card_rest_names[where]));
        jw_object(&n->w);
    }
    n->open = true;
}

static void close_section(struct note *n)
{
    if (n->open)
        jw_end_object(&n->w);
    n->open = false;
}

/* `member` NULL: the V2 card lacks what the persona has under the name. */
static void note_own(struct note *n, int where, struct str name, const struct json *member, struct str says)
{
    char hash[HASH_HEX];
    hash_of(says, hash);
    n->special = true;
    open_section(n, where);
    jw_key(&n->w, name);
    jw_object(&n->w);
    if (member)
        jw_kv_raw(&n->w, "v", member->raw);
    jw_kv_string(&n->w, "of", str_c(hash));
    jw_end_object(&n->w);
}

static void note_member(struct note *n, int where, const struct json *member, bool always_written)
{
    struct json *said = NULL;
    struct str says = card_says(n->arena, n->persona, n->extras, where, member->key);
    bool known = where == REST_DATA && persona_field_of_card(member->key);
    bool equal = str_eq(says, member->raw) || (n->alone && says.n);
    if (!equal && known && says.n && json_parse(n->arena, says, &said, NULL) == ERR_OK)
        equal = same(said, member);
    if (!equal) {
        note_own(n, where, member->key, member, says);
    } else if (!always_written) {
        n->special = n->special || where != REST_EXTENSIONS;
        n->extensions++;
        open_section(n, where);
        jw_key(&n->w, member->key);
        jw_null(&n->w);
    }
}

static void note_root(struct note *n, const struct json *card, bool flat)
{
    json_each (member, card) {
        const struct persona_field *f = persona_field_of_card(member->key);
        if (!str_eq(member->key, STR("spec")) && !str_eq(member->key, STR("spec_version")) &&
            !str_eq(member->key, STR("data")) && !(flat && f && f->in_v1))
            note_member(n, REST_ROOT, member, false);
    }
    close_section(n);
}

static void note_data(struct note *n, const struct json *data)
{
    struct str book = card_says(n->arena, n->persona, n->extras, REST_DATA, STR("character_book"));
    json_each (member, data) {
        bool extensions = str_eq(member->key, STR("extensions")) && member->type == JSON_OBJECT;
        if (!extensions)
            note_member(n, REST_DATA, member,
                        card_v2_requires(member->key) || str_eq(member->key, STR("character_book")));
    }
    if (book.n && !json_get(data, "character_book"))
        note_own(n, REST_DATA, STR("character_book"), NULL, book);
    close_section(n);
}

void card_v2_note(struct arena *a, struct buf *to, const struct persona *p, const struct json *extras,
                  const struct json *v2, bool alone)
{
    struct note n = {.arena = a, .persona = p, .extras = extras, .w = JW(to), .alone = alone};
    const struct json *data = json_get(v2, "data"), *extensions = json_get(data, "extensions");
    note_root(&n, v2, !data);
    if (data && data->type == JSON_OBJECT)
        note_data(&n, data);
    if (extensions && extensions->type == JSON_OBJECT) {
        json_each (member, extensions) {
            if (!str_eq(member->key, STR("eidolon")) || member->type != JSON_OBJECT)
                note_member(&n, REST_EXTENSIONS, member, false);
        }
    }
    close_section(&n);
    if (n.any)
        jw_end_object(&n.w);
    const struct json *all = json_get(extras, card_rest_names[REST_EXTENSIONS]);
    if (!n.special && n.extensions == (all ? all->count : 0))
        buf_clear(to); /* as every V2 card of a persona without this note is written */
}

/* ---- writing ---- */

static const struct json *listed(const struct card_pen *pen, int where, struct str name)
{
    const struct json *section = json_get(json_get(pen->extras, "v2"), card_rest_names[where]);
    if (!section)
        return NULL;
    json_each (member, section) {
        if (str_eq(member->key, name))
            return member;
    }
    return NULL;
}

/* The V2 card's own value where it still stands: true, and *raw is it (empty: not there). */
static bool own_value(struct card_pen *pen, int where, const struct json *entry, struct str *raw)
{
    char hash[HASH_HEX];
    const struct json *value = json_get(entry, "v");
    if (!entry || entry->type != JSON_OBJECT)
        return false;
    hash_of(card_says(pen->arena, pen->persona, pen->extras, where, entry->key), hash);
    *raw = value ? value->raw : STR_NONE;
    return str_eq(json_get_str(entry, "of", STR_NONE), str_c(hash));
}

static void write_listed(struct card_pen *pen, int where, const struct json *entry)
{
    struct str raw;
    if (!own_value(pen, where, entry, &raw)) {
        card_write_member(pen, where, entry->key);
    } else if (raw.n) {
        jw_key(&pen->w, entry->key);
        jw_raw(&pen->w, raw);
    }
}

static void write_required(struct card_pen *pen)
{
    for (size_t i = 0; i < REQUIRED; i++) {
        struct str name = str_c(required[i].name);
        const struct json *entry = listed(pen, REST_DATA, name);
        if (entry) {
            write_listed(pen, REST_DATA, entry);
            continue;
        }
        struct str raw = card_says(pen->arena, pen->persona, pen->extras, REST_DATA, name);
        jw_key(&pen->w, name);
        jw_raw(&pen->w, raw.n ? raw : str_c(required[i].empty));
    }
    const struct json *book = listed(pen, REST_DATA, STR("character_book"));
    if (book)
        write_listed(pen, REST_DATA, book);
    else
        card_write_member(pen, REST_DATA, STR("character_book"));
}

static bool is_v2_data(struct str name)
{
    return card_v2_requires(name) || str_eq(name, STR("character_book"));
}

/* All listed members of a section that are not written in any case. */
static void write_list(struct card_pen *pen, int where)
{
    const struct json *section = json_get(json_get(pen->extras, "v2"), card_rest_names[where]);
    for (const struct json *entry = section ? section->child : NULL; entry; entry = entry->next) {
        if (where != REST_DATA || !is_v2_data(entry->key))
            write_listed(pen, where, entry);
    }
}

/* ---- what only V3 has, in extensions.eidolon.v3 ---- */

static void stash_section(struct card_pen *pen, int where, bool *open)
{
    const struct json *rest = json_get(pen->extras, card_rest_names[where]);
    bool any = false;
    for (const struct json *member = rest ? rest->child : NULL; member; member = member->next) {
        if (listed(pen, where, member->key) || (where == REST_DATA && is_v2_data(member->key)))
            continue;
        if (!any) {
            jw_key(&pen->w, str_c(card_rest_names[where]));
            jw_object(&pen->w);
        }
        any = true;
        card_write_member(pen, where, member->key);
    }
    bool assets = card_extra(pen->extras, REST_DATA, "assets") != NULL;
    bool nickname = card_extra(pen->extras, REST_DATA, "nickname") != NULL;
    if (where == REST_DATA && ((!assets && pen->how->portrait.n) || (!nickname && pen->persona->nickname.n &&
                                                                     !listed(pen, where, STR("nickname"))))) {
        if (!any) {
            jw_key(&pen->w, STR("data"));
            jw_object(&pen->w);
        }
        any = true;
        if (!assets)
            card_write_member(pen, REST_DATA, STR("assets"));
        if (!nickname && !listed(pen, where, STR("nickname")))
            card_write_member(pen, REST_DATA, STR("nickname"));
    }
    if (any)
        jw_end_object(&pen->w);
    *open = *open || any;
}

static struct str stash(struct card_pen *pen, struct buf *to)
{
    struct card_pen inner = *pen;
    bool any = false;
    inner.w = JW(to);
    to->max = pen->w.b->max;
    jw_object(&inner.w);
    stash_section(&inner, REST_ROOT, &any);
    stash_section(&inner, REST_DATA, &any);
    if (json_get(pen->extras, "v2"))
        stash_section(&inner, REST_EXTENSIONS, &any);
    jw_end_object(&inner.w);
    return any ? buf_str(to) : STR_NONE;
}

static void write_extensions(struct card_pen *pen)
{
    const struct json *rest = json_get(pen->extras, card_rest_names[REST_EXTENSIONS]);
    CLEANUP_BUF struct buf kept = BUF_INIT;
    jw_key(&pen->w, STR("extensions"));
    jw_object(&pen->w);
    if (json_get(pen->extras, "v2")) {
        write_list(pen, REST_EXTENSIONS);
    } else {
        for (const struct json *member = rest ? rest->child : NULL; member; member = member->next)
            card_write_member(pen, REST_EXTENSIONS, member->key);
    }
    card_write_eidolon(pen, "v3", pen->how->paired ? STR_NONE : stash(pen, &kept));
    jw_end_object(&pen->w);
}

void card_v2_write(struct card_pen *pen)
{
    jw_object(&pen->w);
    jw_kv_string(&pen->w, "spec", STR("chara_card_v2"));
    jw_kv_string(&pen->w, "spec_version", STR("2.0"));
    jw_key(&pen->w, STR("data"));
    jw_object(&pen->w);
    write_required(pen);
    write_list(pen, REST_DATA);
    if (!listed(pen, REST_DATA, STR("extensions"))) /* else it was no object */
        write_extensions(pen);
    jw_end_object(&pen->w);
    write_list(pen, REST_ROOT);
    jw_end_object(&pen->w);
}
