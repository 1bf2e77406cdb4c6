/* PNG by libpng; see picture.h. */
#include "media/picture.h"

#include "base/arena.h"

#include <png.h>
#include <setjmp.h>
#include <stdlib.h>

struct reading {
    struct str bytes;
    size_t at;
    char why[120];
};

static void give(png_structp png, png_bytep to, size_t n)
{
    struct reading *r = png_get_io_ptr(png);
    if (n > r->bytes.n - r->at)
        png_error(png, "it ends too early");
    memcpy(to, r->bytes.p + r->at, n);
    r->at += n;
}

static void failed(png_structp png, png_const_charp why)
{
    struct reading *r = png_get_error_ptr(png);
    str_copy(r->why, sizeof r->why, str_c(why));
    longjmp(png_jmpbuf(png), 1);
}

static void warned(png_structp png, png_const_charp why)
{
    (void)png, (void)why;
}

/* Its own function: what longjmp() comes back to has no locals that change after setjmp(). */
static bool read_rows(png_structp png, png_infop info, png_bytep *rows)
{
    if (setjmp(png_jmpbuf(png)))
        return false;
    png_read_image(png, rows);
    png_read_end(png, info);
    return true;
}

static bool read_head(png_structp png, png_infop info)
{
    if (setjmp(png_jmpbuf(png)))
        return false;
    png_read_info(png, info);
    return true;
}

static bool to_rgba(png_structp png, png_infop info)
{
    if (setjmp(png_jmpbuf(png)))
        return false;
    png_set_expand(png);
    png_set_scale_16(png);
    png_set_gray_to_rgb(png);
    png_set_add_alpha(png, 0xff, PNG_FILLER_AFTER);
    png_set_interlace_handling(png);
    png_read_update_info(png, info);
    return true;
}

static void read_exif(png_structp png, png_infop info, struct picture *out)
{
    png_bytep exif = NULL;
    png_uint_32 n = 0;
    if (png_get_eXIf_1(png, info, &n, &exif) && exif)
        picture_exif(str_of((const char *)exif, n), &out->orientation, &out->places);
}

static enum err read_all(png_structp png, png_infop info, struct reading *r, struct picture *out,
                         struct error *e)
{
    if (!read_head(png, info))
        return ERR_REFUSED;
    enum err err = picture_size_ok(png_get_image_width(png, info), png_get_image_height(png, info), e);
    if (err)
        return err;
    out->width = png_get_image_width(png, info);
    out->height = png_get_image_height(png, info);
    out->alpha =
        png_get_color_type(png, info) & PNG_COLOR_MASK_ALPHA || png_get_valid(png, info, PNG_INFO_tRNS);
    if (!to_rgba(png, info) || png_get_rowbytes(png, info) != (size_t)out->width * 4)
        return ERR_REFUSED;
    out->rgba = heap_alloc((size_t)out->width * out->height * 4);
    png_bytep *rows = heap_alloc(sizeof *rows * out->height);
    for (unsigned y = 0; y < out->height; y++)
        rows[y] = out->rgba + (size_t)y * out->width * 4;
    bool good = read_rows(png, info, rows);
    free(rows);
    if (!good)
        return ERR_REFUSED;
    read_exif(png, info, out);
    out->end = r->at;
    return ERR_OK;
}

enum err picture_png(struct str bytes, struct picture *out, struct error *e)
{
    struct reading r = {.bytes = bytes};
    png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &r, failed, warned);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    if (!info)
        return error_set(e, ERR_INTERNAL, "No memory is left to read this picture.");
    png_set_read_fn(png, &r, give);
    png_set_user_limits(png, PICTURE_SIDE_MAX, PICTURE_SIDE_MAX);
    /* What is compressed beside the pixels: profiles and texts. */
    png_set_chunk_malloc_max(png, 8 << 20);
    png_set_chunk_cache_max(png, 1000);
    enum err err = read_all(png, info, &r, out, e);
    if (err == ERR_REFUSED && r.why[0])
        error_set(e, ERR_REFUSED, "This PNG is broken (%s); save the picture anew.", r.why);
    else if (err == ERR_REFUSED)
        error_set(e, ERR_REFUSED, "This PNG is broken; save the picture anew.");
    png_destroy_read_struct(&png, &info, NULL);
    return err;
}
