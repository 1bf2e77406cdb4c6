/*
 * Cards in zips: CHARX (Character Card V3: card.json at the root), a zip behind a picture, and any zip with
 * one card in it. libzip reads; what may be believed is checked before (APPNOTE.TXT 6.3.10).
 *
 * The directory is walked once by ourselves first, so that a NUL in a name or a million entries are refused
 * before libzip makes anything of them. Then each entry is checked by name, method, flags and claimed size,
 * and read to no more than that size.
 */
#include "persona/card_file_inner.h"

#include "base/json.h"

#include <stdio.h>
#include <zip.h>

enum {
    END_LEN = 22,         /* end of central directory record without its comment */
    END_FAR = 65535 + 22, /* it is not further from the end than this */
    CENTRAL_LEN = 46,
    LOCAL_LEN = 30,
};
#define END_MARK "PK\x05\x06"
#define CENTRAL_MARK "PK\x01\x02"
#define LOCAL_MARK "PK\x03\x04"

struct entry {
    struct str name;
    uint64_t index, size, packed;
    struct str bytes;
};

struct unzip {
    struct card_reader *r;
    zip_t *zip;
    struct entry *entries;
    size_t count;
};

/* ---- the directory, before libzip ---- */

/* Offset of the end record, or SIZE_MAX. */
static size_t find_end(struct str bytes)
{
    if (bytes.n < END_LEN)
        return SIZE_MAX;
    size_t last = bytes.n - END_LEN, first = bytes.n > END_FAR ? bytes.n - END_FAR : 0;
    for (size_t at = last + 1; at-- > first;) {
        if (!memcmp(bytes.p + at, END_MARK, 4) && at + END_LEN + card_le16(bytes.p + at + 20) <= bytes.n)
            return at;
    }
    return SIZE_MAX;
}

bool card_zip_find(struct str bytes, size_t *base, size_t *first)
{
    size_t end = find_end(bytes);
    if (end == SIZE_MAX)
        return false;
    uint64_t size = card_le32(bytes.p + end + 12), offset = card_le32(bytes.p + end + 16);
    if (size < CENTRAL_LEN || size > end || offset > end - size)
        return false;
    /* Offsets count from the zip's beginning or, where a tool rewrote them, from the file's. */
    *base = end - size - offset;
    const char *directory = bytes.p + end - size;
    uint64_t local = *base + card_le32(directory + 42);
    if (memcmp(directory, CENTRAL_MARK, 4) != 0 || end < LOCAL_LEN || local > end - LOCAL_LEN ||
        memcmp(bytes.p + local, LOCAL_MARK, 4) != 0)
        return false;
    *first = local;
    return true;
}

static enum err broken(struct card_reader *r, const char *why)
{
    return error_set(r->error, ERR_INVALID,
                     "The zip is damaged (%s): it was not copied whole; fetch it again.", why);
}

static enum err too_many(struct card_reader *r, uint64_t n)
{
    return error_set(r->error, ERR_TOO_BIG,
                     "The zip has %llu files in it; at most %u are allowed (setting card.entries_max).",
                     (unsigned long long)n, r->limits->entries_max);
}

static enum err check_directory(struct card_reader *r, struct str bytes)
{
    size_t end = find_end(bytes);
    if (end == SIZE_MAX)
        return broken(r, "its directory at the end is missing");
    uint64_t count = card_le16(bytes.p + end + 10), size = card_le32(bytes.p + end + 12),
             offset = card_le32(bytes.p + end + 16);
    if (count == UINT16_MAX || offset == UINT32_MAX)
        return too_many(r, count);
    if (count > r->limits->entries_max)
        return too_many(r, count);
    if (offset > end || size > end - offset)
        return broken(r, "its directory lies outside of it");
    struct str rest = str_sub(bytes, offset, size);
    for (uint64_t i = 0; i < count; i++) {
        if (rest.n < CENTRAL_LEN || memcmp(rest.p, CENTRAL_MARK, 4) != 0)
            return broken(r, "its directory ends too early");
        size_t name = card_le16(rest.p + 28), more = name + card_le16(rest.p + 30) + card_le16(rest.p + 32);
        if (rest.n - CENTRAL_LEN < more)
            return broken(r, "its directory ends too early");
        if (str_find_char(str_sub(rest, CENTRAL_LEN, name), '\0') != SIZE_MAX)
            return error_set(r->error, ERR_REFUSED,
                             "The zip has a file whose name holds a NUL; it was not opened.");
        rest = str_from(rest, CENTRAL_LEN + more);
    }
    return ERR_OK;
}

/* ---- entries ---- */

static enum err refuse_path(struct card_reader *r, struct str path)
{
    char shown[64];
    str_copy(shown, sizeof shown, path);
    for (char *c = shown; *c; c++) {
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = '?';
    }
    return error_set(r->error, ERR_REFUSED,
                     "The zip has a file with the path '%s', which could lead out of its folder or cannot be "
                     "kept; it was not opened.",
                     shown);
}

static enum err check_entry(struct unzip *u, const zip_stat_t *st, struct str name)
{
    struct card_reader *r = u->r;
    char what[96];
    if (!card_path_safe(name))
        return refuse_path(r, name);
    if (!(st->valid & ZIP_STAT_SIZE) || !(st->valid & ZIP_STAT_COMP_SIZE))
        return broken(r, "it does not say how large a file is");
    if (st->valid & ZIP_STAT_ENCRYPTION_METHOD && st->encryption_method != ZIP_EM_NONE)
        return error_set(r->error, ERR_REFUSED,
                         "The zip is locked with a password; unpack it, and import the card that is in it.");
    if (st->valid & ZIP_STAT_COMP_METHOD && st->comp_method != ZIP_CM_STORE &&
        st->comp_method != ZIP_CM_DEFLATE)
        return error_set(
            r->error, ERR_REFUSED,
            "The zip is packed by a method other than deflate (number %u); pack it again as a plain "
            "zip.",
            (unsigned)st->comp_method);
    snprintf(what, sizeof what, "The file '%.*s' in the zip", STR_ARG(str_sub(name, 0, 60)));
    return card_count(r, st->size, st->comp_size, what);
}

static bool named_before(const struct unzip *u, struct str name)
{
    for (size_t i = 0; i < u->count; i++) {
        if (str_eq(u->entries[i].name, name))
            return true;
    }
    return false;
}

static enum err list_entries(struct unzip *u)
{
    struct card_reader *r = u->r;
    zip_int64_t n = zip_get_num_entries(u->zip, 0);
    if (n < 0 || n > r->limits->entries_max)
        return too_many(r, (uint64_t)(n < 0 ? 0 : n));
    u->entries = arena_array(r->arena, struct entry, (size_t)n);
    for (zip_int64_t i = 0; i < n; i++) {
        zip_stat_t st;
        if (zip_stat_index(u->zip, (zip_uint64_t)i, 0, &st) != 0)
            return broken(r, zip_strerror(u->zip));
        struct str name = arena_str(r->arena, str_c(st.name));
        enum err err = check_entry(u, &st, name);
        if (err)
            return err;
        if (str_ends(name, STR("/")))
            continue;
        if (named_before(u, name))
            return error_set(
                r->error, ERR_REFUSED,
                "The zip has two files of the name '%.*s', so it means two things; pack it again.",
                STR_ARG(str_sub(name, 0, 100)));
        u->entries[u->count++] = (struct entry){name, (uint64_t)i, st.size, st.comp_size, STR_NONE};
    }
    return ERR_OK;
}

static enum err read_entry(struct unzip *u, struct entry *entry)
{
    struct card_reader *r = u->r;
    if (entry->bytes.p)
        return ERR_OK;
    char *bytes = arena_alloc(r->arena, entry->size + 1);
    zip_file_t *file = zip_fopen_index(u->zip, entry->index, 0);
    uint64_t at = 0;
    zip_int64_t n = file ? 1 : -1;
    while (n > 0 && at < entry->size) {
        n = zip_fread(file, bytes + at, entry->size - at);
        at += n > 0 ? (uint64_t)n : 0;
    }
    char more;
    bool good = file && at == entry->size && zip_fread(file, &more, 1) == 0;
    if (file)
        zip_fclose(file);
    if (!good)
        return error_set(r->error, ERR_INVALID,
                         "The file '%.*s' in the zip is damaged or not as large as it says; pack it again.",
                         STR_ARG(str_sub(entry->name, 0, 100)));
    entry->bytes = str_of(bytes, entry->size);
    return ERR_OK;
}

/* ---- finding the card ---- */

static struct str base_name(struct str path)
{
    size_t from = 0;
    for (size_t i = 0; i < path.n; i++) {
        if (path.p[i] == '/')
            from = i + 1;
    }
    return str_from(path, from);
}

static bool is_rubbish(struct str path)
{
    return str_starts(path, STR("__MACOSX/")) || str_eq(base_name(path), STR(".DS_Store")) ||
           str_starts(base_name(path), STR("._"));
}

static bool has_suffix(struct str name, const char *suffix)
{
    return name.n >= strlen(suffix) && str_ieq(str_from(name, name.n - strlen(suffix)), str_c(suffix));
}

/* card.json at the root, or else the only one of a folder. */
static struct entry *find_charx(struct unzip *u, unsigned *found)
{
    struct entry *best = NULL;
    *found = 0;
    for (size_t i = 0; i < u->count; i++) {
        struct entry *entry = &u->entries[i];
        if (str_eq(entry->name, STR("card.json"))) {
            *found = 1;
            return entry;
        }
        if (str_eq(base_name(entry->name), STR("card.json")) && !is_rubbish(entry->name)) {
            best = entry;
            ++*found;
        }
    }
    return best;
}

static enum err several(struct card_reader *r, const struct entry *a, const struct entry *b)
{
    return error_set(
        r->error, ERR_REFUSED,
        "The zip has more than one card in it ('%.*s', '%.*s'); unpack it and import its folder.",
        STR_ARG(str_sub(a->name, 0, 80)), STR_ARG(str_sub(b->name, 0, 80)));
}

static bool may_hold_card(struct str name)
{
    static const char *const suffixes[] = {".json", ".png", ".jpg", ".jpeg", ".webp"};
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes && !is_rubbish(name); i++) {
        if (has_suffix(name, suffixes[i]))
            return true;
    }
    return false;
}

/* Reads an entry as a card of its own; false where it is none. */
static bool try_card(struct unzip *u, struct entry *entry, struct card_file *found)
{
    struct card_reader inner = {.arena = u->r->arena, .limits = u->r->limits, .out = found, .depth = 1};
    struct error e = {0};
    inner.error = &e;
    inner.inflated = u->r->inflated;
    *found = (struct card_file){0};
    if (card_any_read(&inner, entry->bytes) != ERR_OK || !card_looks_like(u->r->arena, found->text))
        return false;
    u->r->inflated = inner.inflated;
    return true;
}

static enum err find_loose_card(struct unzip *u, struct entry **card, struct card_file *found)
{
    *card = NULL;
    for (size_t i = 0; i < u->count; i++) {
        struct card_file file;
        if (!may_hold_card(u->entries[i].name))
            continue;
        enum err err = read_entry(u, &u->entries[i]);
        if (err)
            return err;
        if (!try_card(u, &u->entries[i], &file))
            continue;
        if (*card)
            return several(u->r, *card, &u->entries[i]);
        *card = &u->entries[i];
        *found = file;
    }
    return *card ? ERR_OK
                 : error_set(u->r->error, ERR_REFUSED,
                             "There is no character card in this zip; CHARX has one as card.json.");
}

/* ---- what lies beside it ---- */

struct names {
    struct str path; /* in the zip */
    struct str uri;  /* as the card says it */
};

/* The path behind "embeded://" (so the specification spells it) or "embedded://". */
static bool embedded_path(struct str uri, struct str *path)
{
    static const char *const schemes[] = {"embeded://", "embedded://"};
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        struct str scheme = str_c(schemes[i]);
        if (uri.n > scheme.n && str_ieq(str_sub(uri, 0, scheme.n), scheme)) {
            *path = str_from(uri, scheme.n);
            return true;
        }
    }
    return false;
}

static enum err list_names(struct unzip *u, struct str text, struct names **out, size_t *count)
{
    struct json *card = NULL;
    struct card_reader *r = u->r;
    enum err err = json_parse(r->arena, text, &card, r->error);
    const struct json *assets = err ? NULL : json_get(json_get(card, "data"), "assets");
    *count = 0;
    if (err || !assets || assets->type != JSON_ARRAY)
        return err;
    struct names *names = arena_array(r->arena, struct names, assets->count);
    json_each (asset, assets) {
        struct str uri = json_get_str(asset, "uri", STR_NONE), path;
        if (!embedded_path(uri, &path))
            continue;
        if (!card_path_safe(path))
            return error_set(
                r->error, ERR_REFUSED,
                "The card names an asset at a path that could lead out of its folder; it was not "
                "opened.");
        names[(*count)++] = (struct names){path, uri};
    }
    *out = names;
    return ERR_OK;
}

static enum err keep_entry(struct unzip *u, struct str path, struct str bytes, const struct names *names,
                           size_t n)
{
    bool named = false;
    for (size_t i = 0; i < n; i++) {
        if (!str_eq(names[i].path, path))
            continue;
        bool again = false;
        for (size_t j = 0; j < i && !again; j++)
            again = str_eq(names[j].uri, names[i].uri);
        enum err err = again ? ERR_OK : card_add_part(u->r, CARD_ASSET, names[i].uri, bytes);
        if (err)
            return err;
        named = true;
    }
    return named ? ERR_OK : card_add_part(u->r, CARD_KEPT, path, bytes);
}

/* Everything but the card's own entry; `prefix` is the folder that the card lies in. */
static enum err keep_rest(struct unzip *u, const struct entry *card, struct str text, struct str prefix)
{
    struct names *names = NULL;
    size_t n = 0;
    enum err err = list_names(u, text, &names, &n);
    for (size_t i = 0; i < u->count && !err; i++) {
        struct entry *entry = &u->entries[i];
        struct str path = entry->name;
        if (entry == card || is_rubbish(path))
            continue;
        err = read_entry(u, entry);
        if (prefix.n && str_starts(path, prefix))
            path = str_from(path, prefix.n);
        if (!err)
            err = keep_entry(u, path, entry->bytes, names, n);
    }
    return err;
}

static enum err read_charx(struct unzip *u, struct entry *card)
{
    struct card_reader *r = u->r;
    struct str text;
    enum err err = read_entry(u, card);
    if (!err)
        err = card_text_of(r, card->bytes, "The zip's card.json", &text);
    if (err)
        return err;
    r->out->form = CARD_CHARX;
    r->out->text = text;
    return keep_rest(u, card, text, str_sub(card->name, 0, card->name.n - base_name(card->name).n));
}

static enum err read_loose(struct unzip *u)
{
    struct card_file found = {0};
    struct entry *card;
    struct card_reader *r = u->r;
    enum err err = find_loose_card(u, &card, &found);
    if (err)
        return err;
    struct str picture = r->out->picture;
    *r->out = found;
    if (!found.picture.n)
        r->out->picture = picture;
    r->part_cap = found.part_count;
    return keep_rest(u, card, found.text, STR_NONE);
}

static enum err read_open(struct unzip *u)
{
    unsigned found = 0;
    enum err err = list_entries(u);
    struct entry *card = err ? NULL : find_charx(u, &found);
    if (err)
        return err;
    return card && found == 1 ? read_charx(u, card) : read_loose(u);
}

enum err card_zip_read(struct card_reader *r, struct str bytes)
{
    struct unzip u = {.r = r};
    zip_error_t why;
    enum err err = check_directory(r, bytes);
    if (err)
        return err;
    zip_error_init(&why);
    zip_source_t *source = zip_source_buffer_create(bytes.p, bytes.n, 0, &why);
    u.zip = source ? zip_open_from_source(source, ZIP_RDONLY, &why) : NULL;
    if (!u.zip) {
        err = broken(r, zip_error_strerror(&why));
        zip_source_free(source);
    } else {
        err = read_open(&u);
        zip_discard(u.zip);
    }
    zip_error_fini(&why);
    return err;
}
