/*
 * Cards in PNG files (PNG, third edition, W3C 2025; Character Card V2 and V3, "embedding").
 *
 * Every chunk is looked at once: its length, its CRC, and whether it carries a card. Those that do are taken
 * out; all others, in their order, are the picture. What follows IEND belongs to no picture and is left out,
 * but for a zip with a card in it, where no chunk has one.
 */
#include "persona/card_file_inner.h"

#include <zlib.h>

enum { CHUNK_AROUND = 12, PNG_MARK_LEN = 8, IHDR_LEN = 13, KEY_MAX = 79 };

struct png {
    struct card_reader *r;
    struct str bytes;
    size_t at;
    unsigned chunks;
    char *picture;
    size_t picture_len;
    struct str v2, v3; /* what the chunks hold */
    bool has_v2, has_v3, painted;
};

struct chunk {
    struct str type, data, all;
};

static enum err cut(struct png *p)
{
    return error_set(p->r->error, ERR_INVALID,
                     "The PNG ends in its middle (after %zu bytes): it was not copied whole; fetch it again.",
                     p->bytes.n);
}

static enum err next_chunk(struct png *p, struct chunk *out)
{
    struct str rest = str_from(p->bytes, p->at);
    if (++p->chunks > CARD_CHUNKS_MAX)
        return error_set(p->r->error, ERR_TOO_BIG,
                         "The PNG has more than %d chunks; save the picture anew with another program.",
                         CARD_CHUNKS_MAX);
    if (rest.n < CHUNK_AROUND)
        return cut(p);
    uint32_t n = card_be32(rest.p);
    if (n > INT32_MAX)
        return error_set(
            p->r->error, ERR_INVALID,
            "The PNG is damaged: a chunk at byte %zu claims %u bytes, more than the format allows.", p->at,
            n);
    if (n > rest.n - CHUNK_AROUND)
        return cut(p);
    *out = (struct chunk){str_sub(rest, 4, 4), str_sub(rest, 8, n), str_sub(rest, 0, n + CHUNK_AROUND)};
    uint32_t sum = (uint32_t)crc32(crc32(0, Z_NULL, 0), (const Bytef *)out->type.p, n + 4);
    if (sum != card_be32(rest.p + 8 + n))
        return error_set(p->r->error, ERR_INVALID,
                         "The PNG is damaged: the checksum of a chunk at byte %zu is wrong; fetch it again.",
                         p->at);
    p->at += n + CHUNK_AROUND;
    return ERR_OK;
}

static bool starts_without_case(struct str s, const char *prefix)
{
    return s.n >= strlen(prefix) && str_ieq(str_sub(s, 0, strlen(prefix)), str_c(prefix));
}

#define ASSET_KEY "chara-ext-asset_"

static bool is_card_key(struct str key)
{
    return str_ieq(key, STR("chara")) || str_ieq(key, STR("ccv3")) || starts_without_case(key, ASSET_KEY) ||
           str_eq(key, STR(CARD_PAINTED_KEY));
}

/* The value of a zTXt or iTXt chunk after its keyword. */
static enum err long_text(struct png *p, struct str type, struct str rest, struct str *value)
{
    bool packed = true;
    struct str skipped;
    if (str_eq(type, STR("iTXt"))) {
        packed = rest.n >= 2 && rest.p[0] == 1;
        rest = str_from(rest, 2);
        str_cut(&rest, '\0', &skipped); /* language */
        if (rest.n && str_find_char(rest, '\0') != SIZE_MAX)
            str_cut(&rest, '\0', &skipped); /* translated keyword */
    } else {
        rest = str_from(rest, 1);
    }
    *value = rest;
    return packed ? card_inflate(p->r, rest, 15, "A text chunk of the PNG", value) : ERR_OK;
}

static enum err take_asset(struct png *p, struct str key, struct str value)
{
    struct str number = str_from(key, sizeof ASSET_KEY - 1), bytes;
    if (number.n && number.p[0] == ':')
        number = str_from(number, 1);
    if (!base64_decode(p->r->arena, value, &bytes))
        return error_set(p->r->error, ERR_INVALID,
                         "The PNG is damaged: its asset '%.*s' is not base64; export the card again.",
                         STR_ARG(str_sub(number, 0, 40)));
    enum err err = card_count(p->r, bytes.n, value.n, "An asset of the PNG");
    return err ? err
               : card_add_part(p->r, CARD_ASSET, arena_printf(p->r->arena, "__asset:%.*s", STR_ARG(number)),
                               bytes);
}

static enum err take_text(struct png *p, struct str key, struct str value)
{
    if (str_eq(key, STR(CARD_PAINTED_KEY))) {
        p->painted = true;
        return ERR_OK;
    }
    if (starts_without_case(key, ASSET_KEY))
        return take_asset(p, key, value);
    bool v3 = str_ieq(key, STR("ccv3"));
    struct str text;
    if (v3 ? p->has_v3 : p->has_v2)
        return ERR_OK; /* the first one counts, as elsewhere */
    enum err err =
        card_text_of(p->r, value, v3 ? "The PNG's chunk 'ccv3'" : "The PNG's chunk 'chara'", &text);
    if (err)
        return err;
    *(v3 ? &p->v3 : &p->v2) = text;
    *(v3 ? &p->has_v3 : &p->has_v2) = true;
    return ERR_OK;
}

/* Takes a chunk that carries a card; *ours says whether it did. */
static enum err look_at(struct png *p, const struct chunk *chunk, bool *ours)
{
    bool plain = str_eq(chunk->type, STR("tEXt"));
    struct str rest = chunk->data, key;
    *ours = false;
    if (!plain && !str_eq(chunk->type, STR("zTXt")) && !str_eq(chunk->type, STR("iTXt")))
        return ERR_OK;
    size_t end = str_find_char(str_sub(rest, 0, KEY_MAX + 1), '\0');
    if (end == SIZE_MAX)
        return ERR_OK;
    key = str_sub(rest, 0, end);
    rest = str_from(rest, end + 1);
    if (!is_card_key(key))
        return ERR_OK;
    *ours = true;
    enum err err = plain ? ERR_OK : long_text(p, chunk->type, rest, &rest);
    return err ? err : take_text(p, key, rest);
}

static enum err walk(struct png *p)
{
    struct chunk chunk = {0};
    p->picture = arena_alloc(p->r->arena, p->bytes.n);
    memcpy(p->picture, PNG_MARK, PNG_MARK_LEN);
    p->picture_len = p->at = PNG_MARK_LEN;
    do {
        bool ours;
        enum err err = next_chunk(p, &chunk);
        if (!err && p->chunks == 1 && (!str_eq(chunk.type, STR("IHDR")) || chunk.data.n != IHDR_LEN))
            err = error_set(p->r->error, ERR_INVALID,
                            "The PNG is damaged: it does not begin with its header (IHDR).");
        if (!err)
            err = look_at(p, &chunk, &ours);
        if (err)
            return err;
        if (!ours) {
            memcpy(p->picture + p->picture_len, chunk.all.p, chunk.all.n);
            p->picture_len += chunk.all.n;
        }
    } while (!str_eq(chunk.type, STR("IEND")));
    return ERR_OK;
}

enum err card_png_strip(struct card_reader *r, struct str bytes, struct str *picture)
{
    struct png p = {.r = r, .bytes = bytes};
    enum err err = walk(&p);
    if (!err)
        *picture = str_of(p.picture, p.picture_len);
    return err;
}

enum err card_png_read(struct card_reader *r, struct str bytes)
{
    struct png p = {.r = r, .bytes = bytes};
    enum err err = walk(&p);
    if (err)
        return err;
    size_t base, first;
    r->out->picture = str_of(p.picture, p.picture_len);
    r->out->own_picture = p.painted;
    r->out->form = CARD_PNG;
    if (!p.has_v2 && !p.has_v3 && !r->depth && card_zip_find(bytes, &base, &first))
        return card_zip_read(r, str_from(bytes, base));
    if (!p.has_v2 && !p.has_v3)
        return error_set(r->error, ERR_REFUSED,
                         "This PNG is a picture without a character card in it; perhaps a site converted it "
                         "when it was saved. Download the original card.");
    r->out->text = p.has_v3 ? p.v3 : p.v2;
    r->out->other = p.has_v3 && p.has_v2 ? p.v2 : STR_NONE;
    return ERR_OK;
}
