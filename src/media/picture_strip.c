/*
 * A picture's file without what it tells about its maker; see picture.h.
 *
 * Pixels are not touched: segments (JPEG), chunks (PNG, WebP) are copied or left out. Where the picture lies
 * on its side, the smallest EXIF that says so is put in place of the old. GIF has no such data but comments,
 * which stay.
 */
#include "media/picture.h"

#include <zlib.h>

/* TIFF with one entry: the orientation. Little-endian. */
enum { EXIF_SMALL = 26 };

static void small_exif(char to[EXIF_SMALL], unsigned orientation)
{
    static const char head[EXIF_SMALL] = {'I', 'I', 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 0x01, 3, 0, 1, 0, 0, 0, 0};
    memcpy(to, head, EXIF_SMALL);
    to[18] = (char)orientation;
}

/* ---- JPEG (ITU T.81, B) ---- */

enum {
    JPEG_SOI = 0xd8,
    JPEG_SOS = 0xda,
    JPEG_COM = 0xfe,
    JPEG_APP0 = 0xe0,
    JPEG_APP1 = 0xe1,
    JPEG_APP2 = 0xe2,
    JPEG_APP14 = 0xee,
    JPEG_APP15 = 0xef
};

/* JFIF, colour profiles and Adobe's transform say how to paint; all else of the APP kind is about people. */
static bool jpeg_keeps(unsigned char marker, struct str body)
{
    if (marker == JPEG_COM)
        return false;
    if (marker < JPEG_APP0 || marker > JPEG_APP15)
        return true;
    return marker == JPEG_APP0 || marker == JPEG_APP14 ||
           (marker == JPEG_APP2 && str_starts(body, STR("ICC_PROFILE")));
}

static void jpeg_exif(struct buf *to, unsigned orientation)
{
    char exif[EXIF_SMALL];
    small_exif(exif, orientation);
    buf_add(to, STR("\xff\xe1"));
    buf_add_char(to, 0);
    buf_add_char(to, 2 + 6 + EXIF_SMALL);
    buf_add(to, STR("Exif\0\0"));
    buf_add(to, str_of(exif, EXIF_SMALL));
}

static bool strip_jpeg(struct str b, const struct picture *p, struct buf *to)
{
    bool left_out = p->end < b.n;
    size_t at = 2;
    buf_add(to, str_sub(b, 0, 2));
    if (p->orientation > 1)
        jpeg_exif(to, p->orientation);
    while (at + 4 <= p->end) {
        const unsigned char *s = (const unsigned char *)b.p + at;
        size_t n = 2 + ((size_t)s[2] << 8 | s[3]);
        if (s[0] != 0xff || s[1] == JPEG_SOS || at + n > p->end)
            break;
        if (s[1] == 0xff) { /* filling */
            at++;
            continue;
        }
        if (jpeg_keeps(s[1], str_sub(b, at + 4, n - 4)))
            buf_add(to, str_sub(b, at, n));
        else
            left_out = true;
        at += n;
    }
    /* From the first scan on: pixels, and in between tables only. */
    buf_add(to, str_sub(b, at, p->end - at));
    return left_out;
}

/* ---- PNG (5.3) ---- */

enum { PNG_HEAD = 8, PNG_AROUND = 12 };

static uint32_t big32(const char *p)
{
    const unsigned char *u = (const unsigned char *)p;
    return (uint32_t)u[0] << 24 | (uint32_t)u[1] << 16 | (uint32_t)u[2] << 8 | u[3];
}

static void add_big32(struct buf *to, uint32_t n)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        buf_add_char(to, (char)(n >> shift));
}

static void png_exif(struct buf *to, unsigned orientation)
{
    char chunk[4 + EXIF_SMALL] = "eXIf";
    small_exif(chunk + 4, orientation);
    add_big32(to, EXIF_SMALL);
    buf_add(to, str_of(chunk, sizeof chunk));
    add_big32(to, (uint32_t)crc32(0, (const Bytef *)chunk, sizeof chunk));
}

static bool strip_png(struct str b, const struct picture *p, struct buf *to)
{
    static const char *const told[] = {"eXIf", "tEXt", "zTXt", "iTXt", "tIME"};
    bool left_out = p->end < b.n;
    buf_add(to, str_sub(b, 0, PNG_HEAD));
    for (size_t at = PNG_HEAD; at + PNG_AROUND <= p->end;) {
        size_t n = big32(b.p + at) + (size_t)PNG_AROUND;
        bool keeps = true;
        for (size_t i = 0; i < sizeof told / sizeof *told; i++)
            keeps = keeps && memcmp(b.p + at + 4, told[i], 4) != 0;
        if (at + n > p->end)
            break;
        if (keeps)
            buf_add(to, str_sub(b, at, n));
        if (at == PNG_HEAD && p->orientation > 1)
            png_exif(to, p->orientation);
        left_out = left_out || !keeps;
        at += n;
    }
    return left_out;
}

/* ---- WebP (RFC 9649, 2.7) ---- */

enum { RIFF_HEAD = 12, VP8X_FLAGS = 8, VP8X_EXIF = 8, VP8X_XMP = 4 };

static uint32_t little32(const char *p)
{
    const unsigned char *u = (const unsigned char *)p;
    return (uint32_t)u[3] << 24 | (uint32_t)u[2] << 16 | (uint32_t)u[1] << 8 | u[0];
}

static void add_little32(struct buf *to, uint32_t n)
{
    for (int shift = 0; shift < 32; shift += 8)
        buf_add_char(to, (char)(n >> shift));
}

static bool strip_webp(struct str b, const struct picture *p, struct buf *to)
{
    bool left_out = p->end < b.n;
    size_t flags = 0;
    buf_add(to, str_sub(b, 0, RIFF_HEAD));
    for (size_t at = RIFF_HEAD; at + 8 <= p->end;) {
        size_t n = 8 + (size_t)little32(b.p + at + 4);
        n += n & 1;
        struct str name = str_sub(b, at, 4), chunk = str_sub(b, at, n);
        bool told = str_eq(name, STR("EXIF")) || str_eq(name, STR("XMP "));
        if (str_eq(name, STR("VP8X")))
            flags = to->n + VP8X_FLAGS;
        if (!told)
            buf_add(to, chunk);
        left_out = left_out || told;
        at += n;
    }
    if (flags && flags < to->n)
        to->p[flags] = (char)(to->p[flags] & ~(VP8X_EXIF | VP8X_XMP));
    if (flags && flags < to->n && p->orientation > 1) {
        char exif[EXIF_SMALL];
        small_exif(exif, p->orientation);
        buf_add(to, STR("EXIF"));
        add_little32(to, EXIF_SMALL);
        buf_add(to, str_of(exif, EXIF_SMALL));
        to->p[flags] |= VP8X_EXIF;
    }
    CLEANUP_BUF struct buf size = BUF_INIT;
    add_little32(&size, (uint32_t)(to->n - 8));
    if (!to->overflow)
        memcpy(to->p + 4, size.p, 4);
    return left_out;
}

bool picture_strip(enum media_form form, struct str bytes, const struct picture *p, struct buf *to)
{
    bool less = form == MEDIA_JPEG   ? strip_jpeg(bytes, p, to)
                : form == MEDIA_PNG  ? strip_png(bytes, p, to)
                : form == MEDIA_WEBP ? strip_webp(bytes, p, to)
                                     : false;
    if (!less)
        buf_clear(to);
    return less;
}
