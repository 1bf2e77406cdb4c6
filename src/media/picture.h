/*
 * Pictures: decoded for real, turned upright, made smaller, and freed of what they tell about their maker.
 *
 * Runs in the media child only (look_child.c): bytes of strangers go through libpng, libjpeg-turbo, libwebp
 * and giflib, behind limits that are looked at before memory is taken. A picture is always looked at whole;
 * one that ends too early, lies about its size or carries something else behind its end is refused.
 *
 * It does not: keep colours true (profiles are left in the file and ignored in previews), play animations
 * (previews show the first frame).
 */
#ifndef EIDOLON_MEDIA_PICTURE_H
#define EIDOLON_MEDIA_PICTURE_H

#include "base/buf.h"
#include "media/kind.h"

enum {
    PICTURE_SIDE_MAX = 30000,
    PICTURE_PIXELS_MAX = 60 * 1000 * 1000,
    PICTURE_FRAMES_MAX = 2000,  /* of an animation */
    PICTURE_PREVIEW_SIDE = 512, /* the longer side of a preview */
    PICTURE_SEEN_SIDE = 1568,   /* the longer side of what engines are shown; more is shrunk by them anyway */
    PICTURE_FILE_MAX = 64 << 20, /* bytes of a picture's file */
};

struct picture {
    unsigned width, height; /* upright, once picture_upright() ran */
    unsigned orientation;   /* 1..8 as in EXIF */
    bool animated, alpha;
    bool places;   /* the file says where it was taken (EXIF GPS) */
    size_t end;    /* bytes of the file that are the picture's; what follows is something else */
    uint8_t *rgba; /* 4 bytes a pixel, heap; of an animation the first frame */
};
void picture_release(struct picture *p);

/* Decodes. ERR_REFUSED (broken), ERR_TOO_BIG (too many pixels), ERR_UNSUPPORTED_TYPE. */
enum err picture_decode(enum media_form form, struct str bytes, struct picture *out, struct error *e);

/* Each form's own; picture_decode() calls them. */
enum err picture_png(struct str bytes, struct picture *out, struct error *e);
enum err picture_jpeg(struct str bytes, struct picture *out, struct error *e);
enum err picture_webp(struct str bytes, struct picture *out, struct error *e);
enum err picture_gif(struct str bytes, struct picture *out, struct error *e);
/* Refuses sides and pixels beyond the limits, and no pixels at all. */
enum err picture_size_ok(uint64_t width, uint64_t height, struct error *e);

/* Turns the pixels as EXIF says. */
void picture_upright(struct picture *p);
/* A smaller copy whose longer side is at most `side`, by averaging; the same size where it is smaller. */
void picture_shrink(const struct picture *p, unsigned side, struct picture *out);
/* WebP (with alpha), and JPEG (alpha over white). */
enum err picture_write_webp(const struct picture *p, struct buf *to, struct error *e);
enum err picture_write_jpeg(const struct picture *p, struct buf *to, struct error *e);

/*
 * The file without what it tells about its maker: EXIF but for the orientation, XMP, IPTC, comments, times
 * and whatever follows its end. False: there was nothing to take away, `to` is untouched. Pixels and colour
 * profiles stay as they are. `bytes` was decoded before.
 */
bool picture_strip(enum media_form form, struct str bytes, const struct picture *p, struct buf *to);

/* EXIF (the TIFF part): orientation 1..8, or 1; and whether it has a GPS directory with something in it. */
void picture_exif(struct str tiff, unsigned *orientation, bool *places);

#endif
