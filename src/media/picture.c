/* What all pictures have in common: limits, turning, shrinking, EXIF; see picture.h. */
#include "media/picture.h"

#include "base/arena.h"

#include <stdlib.h>

void picture_release(struct picture *p)
{
    free(p->rgba);
    *p = (struct picture){0};
}

enum err picture_size_ok(uint64_t width, uint64_t height, struct error *e)
{
    if (!width || !height)
        return error_set(e, ERR_REFUSED, "This picture has no pixels; save it anew.");
    if (width > PICTURE_SIDE_MAX || height > PICTURE_SIDE_MAX || width * height > PICTURE_PIXELS_MAX)
        return error_set(e, ERR_TOO_BIG,
                         "This picture would have %llu x %llu pixels; at most %d million are taken. Make it "
                         "smaller.",
                         (unsigned long long)width, (unsigned long long)height, PICTURE_PIXELS_MAX / 1000000);
    return ERR_OK;
}

/* What stands behind the end: cut away where phones put it (a second JPEG, a film), refused where it makes
 * the file two things. */
static enum err tail_ok(enum media_form form, struct str bytes, const struct picture *p, struct error *e)
{
    struct str tail = str_from(bytes, p->end);
    const char *what = media_foreign(tail);
    if (!what && media_ends_as_zip(bytes))
        what = "a zip archive";
    if (what)
        return error_set(e, ERR_REFUSED,
                         "This file is a picture and also %s; send the picture alone, saved anew.", what);
    if (form == MEDIA_JPEG)
        return ERR_OK;
    for (size_t i = 0; i < tail.n; i++) {
        if (tail.p[i] != '\0' && tail.p[i] != '\n' && tail.p[i] != '\r')
            return error_set(e, ERR_REFUSED,
                             "%zu bytes that are no picture follow the end of this one; save it anew.",
                             tail.n);
    }
    return ERR_OK;
}

enum err picture_decode(enum media_form form, struct str bytes, struct picture *out, struct error *e)
{
    *out = (struct picture){.orientation = 1, .end = bytes.n};
    enum err err;
    if (bytes.n > PICTURE_FILE_MAX)
        return error_set(e, ERR_TOO_BIG, "This picture has %zu bytes; at most %d million are taken.", bytes.n,
                         PICTURE_FILE_MAX >> 20);
    switch (form) {
    case MEDIA_PNG:
        err = picture_png(bytes, out, e);
        break;
    case MEDIA_JPEG:
        err = picture_jpeg(bytes, out, e);
        break;
    case MEDIA_WEBP:
        err = picture_webp(bytes, out, e);
        break;
    case MEDIA_GIF:
        err = picture_gif(bytes, out, e);
        break;
    default:
        err = error_set(e, ERR_UNSUPPORTED_TYPE, "This is no picture.");
    }
    if (!err)
        err = tail_ok(form, bytes, out, e);
    if (err)
        picture_release(out);
    return err;
}

/* ---- EXIF: TIFF 6.0 directories ---- */

enum {
    TIFF_HEAD = 8,
    TIFF_ENTRY = 12,
    TIFF_ENTRIES_MAX = 1000,
    TAG_ORIENTATION = 0x0112,
    TAG_GPS = 0x8825,
    ORIENTATIONS = 8
};

static uint32_t number(struct str tiff, size_t at, unsigned bytes, bool little)
{
    uint32_t value = 0;
    if (tiff.n < bytes || at > tiff.n - bytes)
        return 0;
    for (unsigned i = 0; i < bytes; i++)
        value |= (uint32_t)(unsigned char)tiff.p[at + i] << (8 * (little ? i : bytes - 1 - i));
    return value;
}

void picture_exif(struct str tiff, unsigned *orientation, bool *places)
{
    bool little = str_starts(tiff, STR("II"));
    *orientation = 1;
    *places = false;
    if (tiff.n < TIFF_HEAD || (!little && !str_starts(tiff, STR("MM"))))
        return;
    size_t at = number(tiff, 4, 4, little);
    uint32_t count = number(tiff, at, 2, little);
    for (uint32_t i = 0; i < count && i < TIFF_ENTRIES_MAX; i++) {
        size_t entry = at + 2 + (size_t)i * TIFF_ENTRY;
        uint32_t tag = number(tiff, entry, 2, little), value = number(tiff, entry + 8, 2, little);
        if (tag == TAG_ORIENTATION && value >= 1 && value <= ORIENTATIONS)
            *orientation = value;
        else if (tag == TAG_GPS)
            *places = number(tiff, number(tiff, entry + 8, 4, little), 2, little) > 0;
    }
}

/* ---- turning ---- */

/* Where the upright pixel (x, y) comes from; w and h are the upright sides. */
static size_t origin(unsigned orientation, unsigned x, unsigned y, unsigned w, unsigned h)
{
    switch (orientation) {
    case 2:
        return (size_t)y * w + (w - 1 - x);
    case 3:
        return (size_t)(h - 1 - y) * w + (w - 1 - x);
    case 4:
        return (size_t)(h - 1 - y) * w + x;
    case 5:
        return (size_t)x * h + y;
    case 6:
        return (size_t)(w - 1 - x) * h + y;
    case 7:
        return (size_t)(w - 1 - x) * h + (h - 1 - y);
    case 8:
        return (size_t)x * h + (h - 1 - y);
    default:
        return (size_t)y * w + x;
    }
}

void picture_upright(struct picture *p)
{
    if (p->orientation < 2 || p->orientation > ORIENTATIONS)
        return;
    bool lies = p->orientation >= 5;
    unsigned w = lies ? p->height : p->width, h = lies ? p->width : p->height;
    uint8_t *to = heap_alloc((size_t)w * h * 4);
    for (unsigned y = 0; y < h; y++)
        for (unsigned x = 0; x < w; x++)
            memcpy(to + ((size_t)y * w + x) * 4, p->rgba + origin(p->orientation, x, y, w, h) * 4, 4);
    free(p->rgba);
    p->rgba = to;
    p->width = w;
    p->height = h;
}

/* ---- shrinking ---- */

/* The mean of the source's pixels under one of ours, colours weighed by alpha. */
static void average(const struct picture *p, unsigned x0, unsigned x1, unsigned y0, unsigned y1,
                    uint8_t to[4])
{
    uint64_t sum[3] = {0}, alpha = 0, n = (uint64_t)(x1 - x0) * (y1 - y0);
    for (unsigned y = y0; y < y1; y++) {
        const uint8_t *from = p->rgba + ((size_t)y * p->width + x0) * 4;
        for (unsigned x = x0; x < x1; x++, from += 4) {
            for (unsigned k = 0; k < 3; k++)
                sum[k] += (uint64_t)from[k] * from[3];
            alpha += from[3];
        }
    }
    for (unsigned k = 0; k < 3; k++)
        to[k] = alpha ? (uint8_t)((sum[k] + alpha / 2) / alpha) : 0;
    to[3] = (uint8_t)((alpha + n / 2) / n);
}

void picture_shrink(const struct picture *p, unsigned side, struct picture *out)
{
    unsigned longer = p->width > p->height ? p->width : p->height;
    *out = *p;
    if (longer > side) {
        out->width = (unsigned)((uint64_t)p->width * side / longer);
        out->height = (unsigned)((uint64_t)p->height * side / longer);
    }
    out->width = out->width ? out->width : 1;
    out->height = out->height ? out->height : 1;
    out->rgba = heap_alloc((size_t)out->width * out->height * 4);
    for (unsigned y = 0; y < out->height; y++) {
        unsigned y0 = (unsigned)((uint64_t)y * p->height / out->height),
                 y1 = (unsigned)((uint64_t)(y + 1) * p->height / out->height);
        for (unsigned x = 0; x < out->width; x++) {
            unsigned x0 = (unsigned)((uint64_t)x * p->width / out->width),
                     x1 = (unsigned)((uint64_t)(x + 1) * p->width / out->width);
            average(p, x0, x1 > x0 ? x1 : x0 + 1, y0, y1 > y0 ? y1 : y0 + 1,
                    out->rgba + ((size_t)y * out->width + x) * 4);
        }
    }
}
