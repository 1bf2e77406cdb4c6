/* GIF by giflib; see picture.h. The first frame is painted, the others are decoded to see that they are
 * sound. */
#include "media/picture.h"

#include "base/arena.h"

#include <gif_lib.h>
#include <stdlib.h>

struct reading {
    struct str bytes;
    size_t at;
};

static int give(GifFileType *gif, GifByteType *to, int n)
{
    struct reading *r = gif->UserData;
    size_t left = r->bytes.n - r->at, take = (size_t)n < left ? (size_t)n : left;
    memcpy(to, r->bytes.p + r->at, take);
    r->at += take;
    return (int)take;
}

static enum err broken(int code, struct error *e)
{
    const char *why = GifErrorString(code);
    return error_set(e, ERR_REFUSED, "This GIF is broken (%s); save the picture anew.",
                     why ? why : "it ends too early");
}

struct frame {
    unsigned left, top, width, height;
    int clear; /* the colour that is none, or -1 */
};

static void paint(struct picture *out, const struct frame *f, const ColorMapObject *colours,
                  const GifPixelType *line, unsigned y)
{
    for (unsigned x = 0; x < f->width; x++) {
        int colour = line[x];
        if (colour == f->clear || colour >= colours->ColorCount || f->top + y >= out->height ||
            f->left + x >= out->width)
            continue;
        uint8_t *to = out->rgba + ((size_t)(f->top + y) * out->width + f->left + x) * 4;
        to[0] = colours->Colors[colour].Red;
        to[1] = colours->Colors[colour].Green;
        to[2] = colours->Colors[colour].Blue;
        to[3] = 255;
    }
}

static enum err read_frame(GifFileType *gif, struct picture *out, bool first, int clear, struct error *e)
{
    static const unsigned from[] = {0, 4, 2, 1}, step[] = {8, 8, 4, 2};
    if (DGifGetImageDesc(gif) == GIF_ERROR)
        return broken(gif->Error, e);
    struct frame f = {.left = (unsigned)gif->Image.Left,
                      .top = (unsigned)gif->Image.Top,
                      .width = (unsigned)gif->Image.Width,
                      .height = (unsigned)gif->Image.Height,
                      .clear = clear};
    const ColorMapObject *colours = gif->Image.ColorMap ? gif->Image.ColorMap : gif->SColorMap;
    enum err err = picture_size_ok(f.width, f.height, e);
    if (err)
        return err;
    if (!colours || f.left + f.width > out->width || f.top + f.height > out->height)
        return error_set(
            e, ERR_REFUSED,
            "This GIF is broken (a frame has no colours or lies outside of the picture); save it "
            "anew.");
    GifPixelType *line = heap_alloc(f.width);
    for (unsigned pass = 0, y = 0, done = 0; done < f.height && !err; done++) {
        if (DGifGetLine(gif, line, (int)f.width) == GIF_ERROR)
            err = broken(gif->Error, e);
        else if (first)
            paint(out, &f, colours, line, gif->Image.Interlace ? y + 0 : done);
        if (gif->Image.Interlace) {
            for (y += step[pass]; y >= f.height && pass < 3; y = from[pass])
                pass++;
        }
    }
    free(line);
    return err;
}

static enum err read_extension(GifFileType *gif, int *clear, struct error *e)
{
    GifByteType *block = NULL;
    GraphicsControlBlock control;
    int kind;
    if (DGifGetExtension(gif, &kind, &block) == GIF_ERROR)
        return broken(gif->Error, e);
    if (kind == GRAPHICS_EXT_FUNC_CODE && block && block[0] == 4 &&
        DGifExtensionToGCB(block[0], block + 1, &control) == GIF_OK)
        *clear = control.TransparentColor;
    while (block) {
        if (DGifGetExtensionNext(gif, &block) == GIF_ERROR)
            return broken(gif->Error, e);
    }
    return ERR_OK;
}

static enum err read_records(GifFileType *gif, struct picture *out, struct error *e)
{
    unsigned frames = 0;
    int clear = -1;
    uint64_t pixels = 0;
    for (;;) {
        GifRecordType record;
        enum err err = ERR_OK;
        if (DGifGetRecordType(gif, &record) == GIF_ERROR)
            return broken(gif->Error, e);
        if (record == TERMINATE_RECORD_TYPE)
            break;
        if (record == IMAGE_DESC_RECORD_TYPE) {
            err = read_frame(gif, out, frames == 0, clear, e);
            clear = -1;
            pixels += (uint64_t)gif->Image.Width * (uint64_t)gif->Image.Height;
            if (!err && (++frames > PICTURE_FRAMES_MAX || pixels > (uint64_t)PICTURE_PIXELS_MAX * 20))
                err = error_set(e, ERR_TOO_BIG, "This animation is too long; shorten it or make it smaller.");
        } else if (record == EXTENSION_RECORD_TYPE) {
            err = read_extension(gif, &clear, e);
        }
        if (err)
            return err;
    }
    out->animated = frames > 1;
    return frames ? ERR_OK : error_set(e, ERR_REFUSED, "This GIF holds no picture; save it anew.");
}

enum err picture_gif(struct str bytes, struct picture *out, struct error *e)
{
    struct reading r = {.bytes = bytes};
    int code = 0;
    GifFileType *gif = DGifOpen(&r, give, &code);
    if (!gif)
        return broken(code, e);
    enum err err = picture_size_ok((uint64_t)gif->SWidth, (uint64_t)gif->SHeight, e);
    if (!err) {
        out->width = (unsigned)gif->SWidth;
        out->height = (unsigned)gif->SHeight;
        out->alpha = true;
        out->rgba = heap_alloc((size_t)out->width * out->height * 4);
        err = read_records(gif, out, e);
        out->end = r.at;
    }
    DGifCloseFile(gif, &code);
    return err;
}
