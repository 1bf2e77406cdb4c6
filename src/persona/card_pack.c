/* Personas as card files; see card_pack.h. */
#include "persona/card_pack.h"

#include "persona/card_file_inner.h"
#include "persona/paint.h"

#include <stdio.h>
#include <zip.h>

#define PACK_FILE_MAX ((size_t)256 << 20)

struct pack {
    struct arena arena;
    struct buf *to;
    const struct persona *persona;
    const struct card_packing *how;
    struct persona_files files;
    struct str *uris;    /* of the assets, in this form */
    struct str portrait; /* the portrait's address where it is no asset and not the picture; or empty */
    struct str portrait_ext;
    struct error *error;
};

static enum err read_file(struct pack *k, const struct persona_file *file, struct str *bytes)
{
    return blob_read(k->how->blobs, &file->hash, &k->arena, PACK_FILE_MAX, bytes, k->error);
}

static const char *extension_of(const char *type)
{
    static const char *const pairs[][2] = {
        {"image/png", "png"},    {"image/jpeg", "jpg"},  {"image/gif", "gif"},  {"image/webp", "webp"},
        {"image/avif", "avif"},  {"audio/ogg", "ogg"},   {"audio/mpeg", "mp3"}, {"audio/wav", "wav"},
        {"audio/flac", "flac"},  {"video/webm", "webm"}, {"video/mp4", "mp4"},  {"model/gltf-binary", "glb"},
        {"font/woff2", "woff2"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        if (!strcmp(type, pairs[i][0]))
            return pairs[i][1];
    }
    return "bin";
}

/* ---- where the portrait goes ---- */

/* The portrait is the picture of the PNG itself. */
static bool portrait_is_picture(const struct pack *k)
{
    const struct persona_file *f = k->files.portrait;
    return k->how->form == CARD_PNG && f && f->clean && !strcmp(f->type, "image/png");
}

/* It is carried as an asset that only the file has (persona.h, card_writing.portrait). */
static bool portrait_is_extra(const struct pack *k)
{
    const struct persona_file *f = k->files.portrait;
    return f && !f->uri.n && !portrait_is_picture(k) && !k->how->without_files;
}

static void write_text(struct pack *k, struct buf *to, enum card_spec spec, bool paired)
{
    struct card_writing writing = {
        .spec = spec,
        .uris = k->uris,
        .uri_count = k->files.asset_count,
        .portrait = k->portrait,
        .portrait_ext = k->portrait_ext,
        .paired = paired,
    };
    persona_card_write_as(to, k->persona, &writing);
}

/* ---- JSON ---- */

static enum err data_address(struct pack *k, const struct persona_file *file, struct str *uri)
{
    struct str bytes;
    struct buf b = BUF_MAX(2 * PACK_FILE_MAX);
    enum err err = read_file(k, file, &bytes);
    if (err)
        return err;
    if (file->head.n)
        buf_add(&b, file->head);
    else
        buf_printf(&b, "data:%s;base64,", file->type);
    base64_encode(&b, bytes);
    *uri = arena_str(&k->arena, buf_str(&b));
    buf_release(&b);
    return ERR_OK;
}

static enum err pack_json(struct pack *k)
{
    enum err err = ERR_OK;
    for (size_t i = 0; i < k->files.asset_count && !k->how->without_files && !err; i++) {
        if (k->files.assets[i].file)
            err = data_address(k, k->files.assets[i].file, &k->uris[i]);
    }
    if (!err && portrait_is_extra(k))
        err = data_address(k, k->files.portrait, &k->portrait);
    if (!err)
        write_text(k, k->to, k->how->spec, false);
    return err;
}

/* ---- PNG ---- */

enum { IEND_LEN = 12 };

static void add_text_chunk(struct pack *k, const char *key, struct str text)
{
    struct buf data = BUF_MAX(k->to->max);
    buf_add(&data, str_c(key));
    buf_add_char(&data, '\0');
    base64_encode(&data, text);
    png_chunk(k->to, "tEXt", buf_str(&data));
    buf_release(&data);
}

#define ASSET_URI "__asset:"
enum { NUMBER_MAX = 40 };

/* An address that came from a PNG keeps its number. */
static bool numbered(struct str uri)
{
    return str_starts(uri, STR(ASSET_URI)) && uri.n > sizeof ASSET_URI - 1 && uri.n < NUMBER_MAX &&
           str_find_char(uri, '\0') == SIZE_MAX;
}

static bool uri_taken(const struct pack *k, struct str uri)
{
    for (size_t i = 0; i < k->files.asset_count; i++) {
        if (str_eq(k->files.assets[i].uri, uri))
            return true;
    }
    return false;
}

static struct str next_uri(struct pack *k, size_t *number)
{
    struct str uri;
    do
        uri = arena_printf(&k->arena, ASSET_URI "%zu", (*number)++);
    while (uri_taken(k, uri));
    return uri;
}

static enum err add_asset_chunk(struct pack *k, struct str uri, const struct persona_file *file)
{
    struct str bytes;
    char key[80];
    enum err err = read_file(k, file, &bytes);
    snprintf(key, sizeof key, "chara-ext-asset_:%.*s", STR_ARG(str_from(uri, sizeof ASSET_URI - 1)));
    if (!err)
        add_text_chunk(k, key, bytes);
    return err;
}

static enum err add_assets(struct pack *k)
{
    size_t number = 0;
    enum err err = ERR_OK;
    for (size_t i = 0; i < k->files.asset_count && !err; i++) {
        const struct persona_asset *asset = &k->files.assets[i];
        bool again = false;
        if (!asset->file)
            continue;
        k->uris[i] = numbered(asset->uri) ? asset->uri : next_uri(k, &number);
        for (size_t j = 0; j < i && !again; j++)
            again = str_eq(k->uris[j], k->uris[i]);
        if (!again)
            err = add_asset_chunk(k, k->uris[i], asset->file);
    }
    if (!err && portrait_is_extra(k)) {
        k->portrait = next_uri(k, &number);
        err = add_asset_chunk(k, k->portrait, k->files.portrait);
    }
    return err;
}

static enum err add_picture(struct pack *k)
{
    struct str picture;
    if (!portrait_is_picture(k)) {
        persona_paint(k->to, k->persona->id);
    } else {
        enum err err = read_file(k, k->files.portrait, &picture);
        if (err)
            return err;
        buf_add(k->to, picture); /* what was kept ends with IEND (card_png.c) */
    }
    k->to->n -= IEND_LEN;
    return ERR_OK;
}

static enum err pack_png(struct pack *k)
{
    struct buf text = BUF_MAX(k->to->max);
    enum err err = add_picture(k);
    if (!err)
        err = add_assets(k);
    if (!err) {
        write_text(k, &text, CARD_V2, true);
        add_text_chunk(k, "chara", buf_str(&text));
        buf_clear(&text);
        write_text(k, &text, CARD_V3, true);
        add_text_chunk(k, "ccv3", buf_str(&text));
        png_chunk(k->to, "IEND", STR_NONE);
    }
    buf_release(&text);
    return err;
}

/* ---- CHARX ---- */

/* assets/{type}/{kind}/ of Character Card V3, "CHARX". */
static const char *kind_of(const char *type)
{
    static const char *const kinds[][2] = {
        {"image/", "images"}, {"audio/", "audio"}, {"video/", "video"}, {"model/", "3d"}, {"font/", "fonts"}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (!strncmp(type, kinds[i][0], strlen(kinds[i][0])))
            return kinds[i][1];
    }
    return "other";
}

/* A word of a card that may be part of a path. */
static struct str plain_word(struct arena *a, struct str word, const char *otherwise)
{
    char *to = arena_cstr(a, str_sub(word, 0, 40));
    for (char *c = to; *c; c++) {
        bool plain = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') ||
                     *c == '-' || *c == '_';
        if (!plain)
            *c = '_';
    }
    return *to ? str_c(to) : str_c(otherwise);
}

struct packed {
    struct str path;
    const struct persona_file *file;
};

struct zipping {
    struct pack *k;
    zip_t *zip;
    struct packed *list;
    size_t n;
};

static bool taken(const struct zipping *z, struct str path)
{
    for (size_t i = 0; i < z->n; i++) {
        if (str_eq(z->list[i].path, path))
            return true;
    }
    return str_eq(path, STR("card.json"));
}

static struct str embedded_path(struct str uri)
{
    size_t at = str_find(uri, STR("://"));
    bool embedded = str_starts(uri, STR("embeded://")) || str_starts(uri, STR("embedded://"));
    return embedded && card_path_safe(str_from(uri, at + 3)) ? str_from(uri, at + 3) : STR_NONE;
}

/* The path an asset came with, or one made for it; the same file under the same address is packed once. */
static struct str place_asset(struct zipping *z, const struct persona_asset *asset, size_t number)
{
    struct arena *a = &z->k->arena;
    const struct persona_file *file = asset->file;
    struct str path = embedded_path(asset->uri);
    for (size_t i = 0; path.n && i < z->n; i++) {
        if (str_eq(z->list[i].path, path) && z->list[i].file == file)
            return asset->uri;
    }
    bool fresh = !path.n || taken(z, path);
    if (fresh)
        path = arena_printf(a, "assets/%.*s/%s/%zu.%.*s", STR_ARG(plain_word(a, asset->type, "other")),
                            kind_of(file->type), number,
                            STR_ARG(plain_word(a, asset->ext, extension_of(file->type))));
    for (unsigned i = 1; fresh && taken(z, path); i++)
        path = arena_printf(a, "assets/eidolon/%zu-%u.bin", number, i);
    z->list[z->n++] = (struct packed){path, file};
    return fresh ? arena_printf(a, "embeded://%.*s", STR_ARG(path)) : asset->uri;
}

static void place_all(struct zipping *z)
{
    struct pack *k = z->k;
    for (size_t i = 0; i < k->files.n; i++) {
        if (k->files.v[i].role == FILE_KEPT && card_path_safe(k->files.v[i].uri) &&
            !taken(z, k->files.v[i].uri))
            z->list[z->n++] = (struct packed){k->files.v[i].uri, &k->files.v[i]};
    }
    for (size_t i = 0; i < k->files.asset_count; i++) {
        if (k->files.assets[i].file)
            k->uris[i] = place_asset(z, &k->files.assets[i], i);
    }
    if (portrait_is_extra(k)) {
        struct persona_asset icon = {.type = STR("icon"), .ext = k->portrait_ext, .file = k->files.portrait};
        k->portrait = place_asset(z, &icon, k->files.asset_count);
    }
}

static enum err zip_failed(struct zipping *z)
{
    return error_set(z->k->error, ERR_INTERNAL, "The CHARX cannot be written: %s.", zip_strerror(z->zip));
}

/* `bytes` live until the zip is closed. */
static enum err put_file(struct zipping *z, struct str path, struct str bytes, bool pack)
{
    zip_source_t *source = zip_source_buffer(z->zip, bytes.p, bytes.n, 0);
    char *name = arena_cstr(&z->k->arena, path);
    zip_int64_t at = source ? zip_file_add(z->zip, name, source, ZIP_FL_ENC_UTF_8) : -1;
    if (at < 0) {
        zip_source_free(source);
        return zip_failed(z);
    }
    /* The same bytes every time; and pictures are packed already. */
    zip_file_set_dostime(z->zip, (zip_uint64_t)at, 0, 0x21, 0);
    zip_set_file_compression(z->zip, (zip_uint64_t)at, pack ? ZIP_CM_DEFLATE : ZIP_CM_STORE, 0);
    return ERR_OK;
}

static enum err zip_fill(struct zipping *z, struct buf *text)
{
    struct pack *k = z->k;
    place_all(z);
    write_text(k, text, CARD_V3, false);
    enum err err = buf_check(text, "The card", k->error);
    if (!err)
        err = put_file(z, STR("card.json"), buf_str(text), true);
    for (size_t i = 0; i < z->n && !err; i++) {
        struct str bytes;
        err = read_file(k, z->list[i].file, &bytes);
        if (!err)
            err = put_file(z, z->list[i].path, bytes,
                           !strcmp(z->list[i].file->type, "application/octet-stream"));
    }
    return err;
}

static enum err take_zip(struct pack *k, zip_source_t *source)
{
    zip_stat_t st;
    if (zip_source_stat(source, &st) != 0 || zip_source_open(source) != 0)
        return error_set(k->error, ERR_INTERNAL, "The CHARX cannot be written.");
    char *to = buf_reserve(k->to, st.size);
    zip_int64_t n = to ? zip_source_read(source, to, st.size) : 0;
    zip_source_close(source);
    k->to->n += n > 0 ? (size_t)n : 0;
    return buf_check(k->to, "The CHARX", k->error);
}

static enum err pack_charx(struct pack *k)
{
    zip_error_t why;
    struct buf text = BUF_MAX(k->to->max);
    struct zipping z = {.k = k};
    z.list = arena_array(&k->arena, struct packed, k->files.n + k->files.asset_count + 1);
    zip_error_init(&why);
    zip_source_t *source = zip_source_buffer_create(NULL, 0, 0, &why);
    z.zip = source ? zip_open_from_source(source, ZIP_CREATE | ZIP_TRUNCATE, &why) : NULL;
    if (!z.zip) {
        zip_source_free(source);
        return error_set(k->error, ERR_INTERNAL, "The CHARX cannot be written: %s.",
                         zip_error_strerror(&why));
    }
    zip_source_keep(source);
    enum err err = zip_fill(&z, &text);
    if (!err && zip_close(z.zip) != 0)
        err = zip_failed(&z);
    else if (!err)
        z.zip = NULL;
    if (z.zip)
        zip_discard(z.zip);
    if (!err)
        err = take_zip(k, source);
    zip_source_free(source);
    zip_error_fini(&why);
    buf_release(&text);
    return err;
}

enum err card_pack(struct buf *to, const struct persona *p, const struct card_packing *how, struct error *e)
{
    struct pack k = {.to = to, .persona = p, .how = how, .error = e};
    if (!to->max)
        to->max = 2 * PACK_FILE_MAX;
    persona_files_read(&k.arena, p, &k.files);
    k.uris = arena_array(&k.arena, struct str, k.files.asset_count);
    if (k.files.portrait)
        k.portrait_ext = str_c(extension_of(k.files.portrait->type));
    enum err err = how->form == CARD_PNG     ? pack_png(&k)
                   : how->form == CARD_CHARX ? pack_charx(&k)
                                             : pack_json(&k);
    if (!err)
        err = buf_check(to, "The card", e);
    arena_release(&k.arena);
    return err;
}
