/*
 * Cards in JPEG and WebP files: a zip behind the picture (CHARX in JPEG), or the card in the picture's EXIF
 * (UserComment or ImageDescription, CIPA DC-008), XMP or comment, as JSON or as base64 of it.
 *
 * The picture is kept as it came, but for the zip behind it.
 */
#include "persona/card_file_inner.h"

enum { TAG_DESCRIPTION = 0x010e, TAG_EXIF = 0x8769, TAG_COMMENT = 0x9286, IFD_ENTRY = 12, COMMENT_CODE = 8 };

static bool begins_json(struct str s)
{
    s = str_trim(s);
    return s.n && s.p[0] == '{';
}

/* A text of a picture as a card, if it is one: first JSON, then base64 of it. */
static bool take(struct card_reader *r, struct str value)
{
    struct error none = {0}, *error = r->error;
    struct str text;
    while (value.n && value.p[value.n - 1] == '\0')
        value.n--;
    value = str_trim(value);
    if (value.n < 16)
        return false;
    r->error = &none;
    bool card = card_text_of(r, value, "The picture", &text) == ERR_OK && card_looks_like(r->arena, text);
    r->error = error;
    if (card && (!r->out->text.n || card_is_v3(text)))
        r->out->text = text;
    return card;
}

/* ---- EXIF ---- */

struct tiff {
    struct str bytes;
    bool big;
};

static uint32_t get16(const struct tiff *t, size_t at)
{
    if (at + 2 > t->bytes.n)
        return 0;
    return t->big ? card_be16(t->bytes.p + at) : card_le16(t->bytes.p + at);
}

static uint32_t get32(const struct tiff *t, size_t at)
{
    if (t->bytes.n < 4 || at > t->bytes.n - 4)
        return 0;
    return t->big ? card_be32(t->bytes.p + at) : card_le32(t->bytes.p + at);
}

/* The user comment's first eight bytes name its coding; UNICODE is UTF-16 in the file's byte order. */
static bool take_comment(struct card_reader *r, const struct tiff *t, struct str value)
{
    struct str code = str_sub(value, 0, COMMENT_CODE), text = str_from(value, COMMENT_CODE);
    if (!str_eq(code, STR("UNICODE\0")))
        return take(r,
                    str_eq(code, STR("ASCII\0\0\0")) || str_eq(code, STR("\0\0\0\0\0\0\0\0")) ? text : value);
    char *plain = arena_alloc(r->arena, text.n / 2 + 1);
    size_t n = 0;
    for (size_t i = 0; i + 1 < text.n; i += 2) {
        /* Base64 and what JSON.stringify makes of it is ASCII; other text is tried as it is. */
        uint32_t c = t->big ? card_be16(text.p + i) : card_le16(text.p + i);
        if (c > 0x7f)
            return take(r, text);
        plain[n++] = (char)c;
    }
    return take(r, str_of(plain, n)) || take(r, text);
}

static void take_directory(struct card_reader *r, const struct tiff *t, size_t at, unsigned depth)
{
    uint32_t n = get16(t, at);
    if (at > t->bytes.n || depth > 2)
        return;
    for (uint32_t i = 0; i < n && i < 512; i++) {
        size_t entry = at + 2 + (size_t)i * IFD_ENTRY;
        uint32_t tag = get16(t, entry), count = get32(t, entry + 4), offset = get32(t, entry + 8);
        if (tag == TAG_EXIF) {
            take_directory(r, t, offset, depth + 1);
            continue;
        }
        if ((tag != TAG_COMMENT && tag != TAG_DESCRIPTION) || count <= 4 || offset > t->bytes.n ||
            count > t->bytes.n - offset)
            continue;
        struct str value = str_sub(t->bytes, offset, count);
        if (tag == TAG_COMMENT)
            take_comment(r, t, value);
        else
            take(r, value);
    }
}

static void take_exif(struct card_reader *r, struct str bytes)
{
    struct tiff t = {bytes, str_starts(bytes, STR("MM"))};
    if ((t.big || str_starts(bytes, STR("II"))) && get16(&t, 2) == 42)
        take_directory(r, &t, get32(&t, 4), 0);
}

/* ---- XMP ---- */

/* XML's five entities, and numbers below 128; others stay. */
static struct str unescaped(struct arena *a, struct str s)
{
    static const char *const names[] = {"&quot;\"", "&amp;&",  "&lt;<",  "&gt;>",
                                        "&apos;'",  "&#34;\"", "&#10;\n"};
    char *to = arena_alloc(a, s.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        bool found = false;
        for (size_t k = 0; s.p[i] == '&' && k < sizeof names / sizeof *names && !found; k++) {
            size_t len = strlen(names[k]) - 1;
            if (str_eq(str_sub(s, i, len), str_of(names[k], len))) {
                to[n++] = names[k][len];
                i += len - 1;
                found = true;
            }
        }
        if (!found)
            to[n++] = s.p[i];
    }
    return str_of(to, n);
}

/* The value of the attribute or element of that name, whatever its prefix. */
static void take_xmp(struct card_reader *r, struct str xmp, const char *name)
{
    struct str rest = xmp, want = str_c(name);
    for (size_t at = str_find(rest, want); at != SIZE_MAX; at = str_find(rest, want)) {
        rest = str_from(rest, at + want.n);
        char open = rest.n ? rest.p[0] : '\0', close = '<';
        size_t from = 1;
        if (open == '=' && rest.n > 1 && (rest.p[1] == '"' || rest.p[1] == '\'')) {
            close = rest.p[1];
            from = 2;
        } else if (open != '>') {
            continue;
        }
        struct str value = str_from(rest, from);
        value = str_sub(value, 0, str_find_char(value, close));
        take(r, unescaped(r->arena, value));
    }
}

static void take_xmp_all(struct card_reader *r, struct str xmp)
{
    static const char *const names[] = {"ccv3", "chara", "UserComment", "Chara"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        take_xmp(r, xmp, names[i]);
}

/* ---- the files ---- */

static enum err nobody(struct card_reader *r, const char *kind)
{
    return error_set(
        r->error, ERR_REFUSED,
        "This %s is a picture without a character card in it; perhaps a site converted it when it "
        "was saved. Download the original card.",
        kind);
}

static void take_segment(struct card_reader *r, unsigned marker, struct str data)
{
    static const char xmp[] = "http://ns.adobe.com/xap/1.0/";
    if (marker == 0xe1 && str_starts(data, str_of("Exif\0\0", 6)))
        take_exif(r, str_from(data, 6));
    else if (marker == 0xe1 && str_starts(data, str_of(xmp, sizeof xmp)))
        take_xmp_all(r, str_from(data, sizeof xmp));
    else if (marker == 0xfe)
        take(r, begins_json(data) || str_find_char(data, '\0') == SIZE_MAX
                    ? data
                    : str_from(data, str_find_char(data, '\0') + 1));
}

enum err card_jpeg_read(struct card_reader *r, struct str bytes)
{
    size_t base, first;
    unsigned segments = 0;
    r->out->form = CARD_JPEG;
    r->out->picture = bytes;
    if (!r->depth && card_zip_find(bytes, &base, &first)) {
        r->out->picture = str_sub(bytes, 0, first);
        return card_zip_read(r, str_from(bytes, base));
    }
    for (size_t at = 2; at + 4 <= bytes.n && ++segments < CARD_CHUNKS_MAX;) {
        unsigned marker = (unsigned char)bytes.p[at + 1];
        size_t n = card_be16(bytes.p + at + 2);
        if ((unsigned char)bytes.p[at] != 0xff || marker == 0xda || marker == 0xd9)
            break; /* the picture itself begins */
        if (n < 2 || n > bytes.n - at - 2)
            return error_set(r->error, ERR_INVALID,
                             "The JPEG ends in its middle: it was not copied whole; fetch it again.");
        take_segment(r, marker, str_sub(bytes, at + 4, n - 2));
        at += 2 + n;
    }
    return r->out->text.n ? ERR_OK : nobody(r, "JPEG");
}

/* RIFF (RFC 9649): chunks of four letters, a length, and an even number of bytes. */
enum err card_webp_read(struct card_reader *r, struct str bytes)
{
    unsigned chunks = 0;
    r->out->form = CARD_WEBP;
    r->out->picture = bytes;
    for (size_t at = 12; at + 8 <= bytes.n && ++chunks < CARD_CHUNKS_MAX;) {
        struct str type = str_sub(bytes, at, 4);
        size_t n = card_le32(bytes.p + at + 4);
        if (n > bytes.n - at - 8)
            return error_set(r->error, ERR_INVALID,
                             "The WebP ends in its middle: it was not copied whole; fetch it again.");
        struct str data = str_sub(bytes, at + 8, n);
        if (str_eq(type, STR("EXIF")))
            take_exif(r, str_starts(data, str_of("Exif\0\0", 6)) ? str_from(data, 6) : data);
        else if (str_eq(type, STR("XMP ")))
            take_xmp_all(r, data);
        at += 8 + n + (n & 1);
    }
    return r->out->text.n ? ERR_OK : nobody(r, "WebP");
}
