/* Choosing how a card's file is read, and what its readers share; see card_file.h. */
#include "persona/card_file_inner.h"

#include "base/json.h"
#include "base/utf8.h"
#include "persona/persona.h"

#include <zlib.h>

const struct card_limits card_limits_default = {
    .file_max = 64 << 20,
    .inflated_max = 192 << 20,
    .asset_max = 64 << 20,
    .text_max = PERSONA_CARD_MAX,
    .entries_max = 2000,
    .ratio_max = 200,
};

const char *const card_form_names[CARD_FORMS] = {"json", "png", "charx", "jpeg", "webp"};

enum err card_count(struct card_reader *r, uint64_t bytes, uint64_t packed, const char *what)
{
    const struct card_limits *l = r->limits;
    if (bytes > CARD_RATIO_FREE && bytes / l->ratio_max > packed)
        return error_set(r->error, ERR_TOO_BIG,
                         "%s unpacks to more than %u times its size, as decompression bombs do; it was not "
                         "opened.",
                         what, l->ratio_max);
    if (bytes > l->asset_max)
        return error_set(r->error, ERR_TOO_BIG,
                         "%s has %llu bytes; at most %llu are allowed (setting card.asset_max).", what,
                         (unsigned long long)bytes, (unsigned long long)l->asset_max);
    if (bytes > l->inflated_max - r->inflated)
        return error_set(r->error, ERR_TOO_BIG,
                         "The card unpacks to more than %llu bytes (setting card.inflated_max).",
                         (unsigned long long)l->inflated_max);
    r->inflated += bytes;
    return ERR_OK;
}

static bool is_clean(struct card_reader *r, struct str bytes)
{
    struct card_file aside = {0};
    struct card_reader inner = {.arena = r->arena, .limits = r->limits, .out = &aside, .depth = 1};
    struct str picture;
    return str_starts(bytes, STR(PNG_MARK)) && card_png_strip(&inner, bytes, &picture) == ERR_OK &&
           picture.n == bytes.n;
}

enum err card_add_part(struct card_reader *r, enum card_role role, struct str uri, struct str bytes)
{
    struct card_file *out = r->out;
    if (out->part_count >= r->limits->entries_max)
        return error_set(r->error, ERR_TOO_BIG,
                         "The card has more than %u files in it (setting card.entries_max).",
                         r->limits->entries_max);
    if (out->part_count == r->part_cap) {
        size_t cap = r->part_cap ? r->part_cap * 2 : 8;
        struct card_part *grown = arena_array(r->arena, struct card_part, cap);
        if (out->part_count)
            memcpy(grown, out->parts, out->part_count * sizeof *grown);
        out->parts = grown;
        r->part_cap = cap;
    }
    out->parts[out->part_count++] = (struct card_part){role, uri, STR_NONE, bytes, is_clean(r, bytes)};
    return ERR_OK;
}

static enum err bad_packing(struct card_reader *r, const char *what)
{
    return error_set(r->error, ERR_INVALID, "%s is damaged: it cannot be unpacked; fetch the file again.",
                     what);
}

enum err card_inflate(struct card_reader *r, struct str packed, int window, const char *what, struct str *out)
{
    enum { PIECE = 1 << 16 };
    z_stream z = {.next_in = (Bytef *)(uintptr_t)packed.p, .avail_in = (uInt)packed.n};
    struct buf all = BUF_MAX(r->limits->inflated_max + PIECE);
    enum err err = ERR_OK;
    int rc = packed.n <= UINT32_MAX && inflateInit2(&z, window) == Z_OK ? Z_OK : Z_DATA_ERROR;
    if (rc != Z_OK)
        return bad_packing(r, what);
    while (rc == Z_OK && !err) {
        char *to = buf_reserve(&all, PIECE);
        z.next_out = (Bytef *)to;
        z.avail_out = to ? PIECE : 0;
        rc = to ? inflate(&z, Z_NO_FLUSH) : Z_BUF_ERROR;
        all.n += to ? PIECE - z.avail_out : 0;
        if (all.n > r->limits->inflated_max - r->inflated ||
            (all.n > CARD_RATIO_FREE && all.n / r->limits->ratio_max > packed.n))
            err = card_count(r, all.n, packed.n, what);
    }
    inflateEnd(&z);
    if (!err && rc != Z_STREAM_END)
        err = bad_packing(r, what);
    if (!err)
        err = card_count(r, all.n, packed.n, what);
    if (!err)
        *out = arena_str(r->arena, buf_str(&all));
    buf_release(&all);
    return err;
}

/* ---- texts ---- */

#define BYTE_ORDER_MARK "\xef\xbb\xbf"

static struct str without_mark(struct str text)
{
    return str_starts(text, STR(BYTE_ORDER_MARK)) ? str_from(text, 3) : text;
}

static bool begins_object(struct str text)
{
    text = str_trim(without_mark(text));
    return text.n && text.p[0] == '{';
}

enum err card_text_of(struct card_reader *r, struct str value, const char *where, struct str *out)
{
    struct str text = value;
    if (!begins_object(value) && (!base64_decode(r->arena, str_trim(value), &text) || !begins_object(text)))
        return error_set(r->error, ERR_INVALID,
                         "%s holds no card: it is neither JSON nor base64 of JSON; export the card again.",
                         where);
    *out = without_mark(text);
    return ERR_OK;
}

/* UTF-16 with its mark (RFC 2781) to UTF-8; a lone surrogate is refused. */
static enum err of_utf16(struct card_reader *r, struct str bytes, struct str *out)
{
    bool big = (unsigned char)bytes.p[0] == 0xfe;
    struct str rest = str_from(bytes, 2);
    char *text = arena_alloc(r->arena, rest.n / 2 * 3 + 1), *to = text;
    bool good = rest.n % 2 == 0;
    for (size_t i = 0; good && i < rest.n; i += 2) {
        uint32_t c = big ? card_be16(rest.p + i) : card_le16(rest.p + i);
        if (c >= 0xd800 && c <= 0xdbff && i + 3 < rest.n) {
            uint32_t low = big ? card_be16(rest.p + i + 2) : card_le16(rest.p + i + 2);
            good = low >= 0xdc00 && low <= 0xdfff;
            c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
            i += 2;
        } else if (c >= 0xd800 && c <= 0xdfff) {
            good = false;
        }
        if (good)
            to += utf8_put(to, c);
    }
    if (!good)
        return error_set(r->error, ERR_INVALID,
                         "The card is text in UTF-16 and broken; save it as JSON in UTF-8.");
    *out = str_of(text, (size_t)(to - text));
    return ERR_OK;
}

enum err card_json_read(struct card_reader *r, struct str bytes)
{
    struct str text = bytes;
    enum err err = ERR_OK;
    if (str_starts(bytes, STR("\xff\xfe")) || str_starts(bytes, STR("\xfe\xff")))
        err = of_utf16(r, bytes, &text);
    if (!err) {
        r->out->form = CARD_JSON;
        r->out->text = without_mark(text);
    }
    return err;
}

/* ---- data: addresses ---- */

struct splice {
    struct str raw; /* the address's JSON text, quotes and all */
    struct str uri; /* what stands there instead */
};

/* "data:image/png;base64,AAAA": its head and bytes, where writing them again gives the same text. */
static bool data_address(struct card_reader *r, struct str uri, struct str *head, struct str *bytes)
{
    if (uri.n < 5 || !str_ieq(str_sub(uri, 0, 5), STR("data:")))
        return false;
    size_t comma = str_find_char(str_sub(uri, 0, 200), ',');
    if (comma == SIZE_MAX || !str_ends(str_sub(uri, 0, comma), STR(";base64")))
        return false;
    *head = str_sub(uri, 0, comma + 1);
    struct str digits = str_from(uri, comma + 1);
    if (!base64_decode(r->arena, digits, bytes))
        return false;
    struct buf again = BUF_MAX(digits.n + 8);
    base64_encode(&again, *bytes);
    bool same = str_eq(buf_str(&again), digits);
    buf_release(&again);
    return same;
}

static enum err take_out(struct card_reader *r, const struct json *asset, size_t index, struct splice *s)
{
    const struct json *uri = json_get(asset, "uri");
    struct str head, bytes;
    *s = (struct splice){0};
    if (!uri || uri->type != JSON_STRING || !data_address(r, uri->string, &head, &bytes))
        return ERR_OK;
    enum err err = card_count(r, bytes.n, uri->raw.n, "An asset of the card");
    s->raw = uri->raw;
    s->uri = arena_printf(r->arena, "__data:%zu", index);
    if (!err)
        err = card_add_part(r, CARD_ASSET, s->uri, bytes);
    if (!err)
        r->out->parts[r->out->part_count - 1].head = head;
    return err;
}

static struct str spliced(struct card_reader *r, struct str text, const struct splice *splices, size_t n)
{
    char *to = arena_alloc(r->arena, text.n + n * 32), *at = to;
    const char *from = text.p;
    for (size_t i = 0; i < n; i++) {
        if (!splices[i].raw.n)
            continue;
        memcpy(at, from, (size_t)(splices[i].raw.p - from));
        at += splices[i].raw.p - from;
        *at++ = '"';
        memcpy(at, splices[i].uri.p, splices[i].uri.n);
        at += splices[i].uri.n;
        *at++ = '"';
        from = splices[i].raw.p + splices[i].raw.n;
    }
    memcpy(at, from, (size_t)(text.p + text.n - from));
    at += text.p + text.n - from;
    return str_of(to, (size_t)(at - to));
}

/* A V2 card of ours has its assets among what it keeps for V3 (card_v2.c). */
static const struct json *assets_of(const struct json *card)
{
    const struct json *data = json_get(card, "data"), *assets = json_get(data, "assets");
    const struct json *stash = json_get(json_get(json_get(data, "extensions"), "eidolon"), "v3");
    return assets ? assets : json_get(json_get(stash, "data"), "assets");
}

static enum err take_data_out(struct card_reader *r, struct str *text)
{
    struct json *card = NULL;
    size_t n = 0;
    if (str_find(*text, STR("data:")) == SIZE_MAX)
        return ERR_OK;
    enum err err = json_parse(r->arena, *text, &card, r->error);
    const struct json *assets = err ? NULL : assets_of(card);
    if (err || !assets || assets->type != JSON_ARRAY || !assets->count)
        return err;
    if (assets->count > r->limits->entries_max)
        return error_set(r->error, ERR_TOO_BIG, "The card names %u assets; at most %u are allowed.",
                         assets->count, r->limits->entries_max);
    struct splice *splices = arena_array(r->arena, struct splice, assets->count);
    json_each (asset, assets) {
        err = take_out(r, asset, n, &splices[n]);
        n++;
        if (err)
            return err;
    }
    *text = spliced(r, *text, splices, n);
    return ERR_OK;
}

/* ---- choosing ---- */

bool card_looks_like(struct arena *a, struct str text)
{
    struct json *card = NULL;
    if (!begins_object(text) || json_parse(a, without_mark(text), &card, NULL) != ERR_OK)
        return false;
    if (str_starts(json_get_str(card, "spec", STR_NONE), STR("chara_card_v")))
        return true;
    return json_get(card, "name") && (json_get(card, "first_mes") || json_get(card, "description"));
}

bool card_is_v3(struct str text)
{
    return str_find(str_sub(text, 0, 4096), STR("chara_card_v3")) != SIZE_MAX;
}

static bool is_zip(struct str bytes)
{
    return str_starts(bytes, STR("PK\x03\x04")) || str_starts(bytes, STR("PK\x05\x06"));
}

enum err card_any_read(struct card_reader *r, struct str bytes)
{
    struct str kind = str_trim(str_sub(without_mark(bytes), 0, 64));
    if (str_starts(bytes, STR(PNG_MARK)))
        return card_png_read(r, bytes);
    if (str_starts(bytes, STR("\xff\xd8\xff")))
        return card_jpeg_read(r, bytes);
    if (str_starts(bytes, STR("RIFF")) && str_eq(str_sub(bytes, 8, 4), STR("WEBP")))
        return card_webp_read(r, bytes);
    if (is_zip(bytes) && !r->depth)
        return card_zip_read(r, bytes);
    if (str_starts(bytes, STR("\xff\xfe")) || str_starts(bytes, STR("\xfe\xff")) ||
        (kind.n && kind.p[0] == '{'))
        return card_json_read(r, bytes);
    if (str_starts(bytes, STR("\x89PN")))
        return error_set(r->error, ERR_INVALID,
                         "The PNG's first bytes are damaged, as by a transfer as text; fetch it again.");
    return error_set(r->error, ERR_UNSUPPORTED_TYPE,
                     "This is no character card; send a card as JSON, PNG, JPEG, WebP, CHARX or zip.");
}

enum err card_file_read(struct arena *a, struct str bytes, const struct card_limits *limits,
                        struct card_file *out, struct error *e)
{
    struct card_file file = {0};
    struct card_reader r = {.arena = a, .limits = limits, .out = &file, .error = e};
    if (bytes.n > limits->file_max)
        return error_set(e, ERR_TOO_BIG,
                         "The card's file has %zu bytes; at most %llu are allowed (setting card.file_max).",
                         bytes.n, (unsigned long long)limits->file_max);
    if (!bytes.n)
        return error_set(e, ERR_INVALID, "The card's file is empty; choose another.");
    enum err err = card_any_read(&r, bytes);
    if (!err)
        err = take_data_out(&r, &file.text);
    if (!err && (file.text.n > limits->text_max || file.other.n > limits->text_max))
        err = error_set(e, ERR_TOO_BIG, "The card's JSON has %zu bytes; at most %llu are allowed.",
                        file.text.n > file.other.n ? file.text.n : file.other.n,
                        (unsigned long long)limits->text_max);
    if (!err)
        *out = file;
    return err;
}

/* ---- pictures ---- */

const char *card_media_type(struct str bytes)
{
    static const struct {
        const char *mark;
        size_t at, n;
        const char *type;
    } kinds[] = {
        {PNG_MARK, 0, 8, "image/png"},
        {"\xff\xd8\xff", 0, 3, "image/jpeg"},
        {"GIF87a", 0, 6, "image/gif"},
        {"GIF89a", 0, 6, "image/gif"},
        {"WEBP", 8, 4, "image/webp"},
        {"ftypavif", 4, 8, "image/avif"},
        {"ftypavis", 4, 8, "image/avif"},
        {"OggS", 0, 4, "audio/ogg"},
        {"ID3", 0, 3, "audio/mpeg"},
        {"\xff\xfb", 0, 2, "audio/mpeg"},
        {"WAVE", 8, 4, "audio/wav"},
        {"fLaC", 0, 4, "audio/flac"},
        {"\x1a\x45\xdf\xa3", 0, 4, "video/webm"},
        {"ftyp", 4, 4, "video/mp4"},
        {"glTF", 0, 4, "model/gltf-binary"},
        {"wOF2", 0, 4, "font/woff2"},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (str_eq(str_sub(bytes, kinds[i].at, kinds[i].n), str_of(kinds[i].mark, kinds[i].n)))
            return kinds[i].type;
    }
    return "application/octet-stream";
}

enum err card_image_read(struct arena *a, struct str bytes, const struct card_limits *limits,
                         struct str *picture, struct error *e)
{
    struct card_file file = {0};
    struct card_reader r = {.arena = a, .limits = limits, .out = &file, .error = e};
    if (bytes.n > limits->asset_max)
        return error_set(e, ERR_TOO_BIG,
                         "The picture has %zu bytes; at most %llu are allowed (setting card.asset_max).",
                         bytes.n, (unsigned long long)limits->asset_max);
    if (strncmp(card_media_type(bytes), "image/", 6) != 0)
        return error_set(e, ERR_UNSUPPORTED_TYPE,
                         "This is no picture that can be shown; send a PNG, JPEG, GIF, WebP or AVIF.");
    *picture = bytes;
    return str_starts(bytes, STR(PNG_MARK)) ? card_png_strip(&r, bytes, picture) : ERR_OK;
}

bool card_path_safe(struct str path)
{
    unsigned depth = 0;
    struct str rest = path, part;
    if (!path.n || path.n > CARD_PATH_MAX || path.p[0] == '/' || !utf8_valid(path))
        return false;
    for (size_t i = 0; i < path.n; i++) {
        unsigned char c = (unsigned char)path.p[i];
        if (c < ' ' || c == 0x7f || c == '\\' || (c == ':' && i == 1))
            return false;
    }
    while (str_cut(&rest, '/', &part)) {
        if (str_eq(part, STR("..")) || str_eq(part, STR(".")) || !part.n || ++depth > CARD_PATH_DEPTH)
            return false;
    }
    return true;
}
