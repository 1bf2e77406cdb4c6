/* WebP by libwebp, both ways; see picture.h. */
#include "media/picture.h"

#include "base/arena.h"

#include <stdlib.h>
#include <webp/decode.h>
#include <webp/demux.h>
#include <webp/encode.h>

enum { WEBP_QUALITY = 80, RIFF_HEAD = 8 };

static enum err broken(const char *why, struct error *e)
{
    return error_set(e, ERR_REFUSED, "This WebP is broken (%s); save the picture anew.", why);
}

static enum err animation(struct str bytes, struct picture *out, struct error *e)
{
    WebPData data = {(const uint8_t *)bytes.p, bytes.n};
    WebPAnimDecoder *decoder = WebPAnimDecoderNew(&data, NULL);
    WebPAnimInfo info;
    uint8_t *frame;
    unsigned frames = 0;
    int at_ms;
    if (!decoder)
        return broken("its frames cannot be read", e);
    if (!WebPAnimDecoderGetInfo(decoder, &info) || info.frame_count > PICTURE_FRAMES_MAX) {
        WebPAnimDecoderDelete(decoder);
        return error_set(e, ERR_TOO_BIG, "This animation has more than %d frames; shorten it.",
                         PICTURE_FRAMES_MAX);
    }
    while (WebPAnimDecoderGetNext(decoder, &frame, &at_ms)) {
        if (!frames++) {
            out->rgba = heap_alloc((size_t)info.canvas_width * info.canvas_height * 4);
            memcpy(out->rgba, frame, (size_t)info.canvas_width * info.canvas_height * 4);
        }
    }
    bool good = frames == info.frame_count && frames > 0;
    WebPAnimDecoderDelete(decoder);
    return good ? ERR_OK : broken("a frame is damaged", e);
}

static void look_at_exif(struct str bytes, struct picture *out)
{
    WebPData data = {(const uint8_t *)bytes.p, bytes.n};
    WebPDemuxer *demuxer = WebPDemux(&data);
    WebPChunkIterator chunk;
    if (demuxer && WebPDemuxGetChunk(demuxer, "EXIF", 1, &chunk)) {
        struct str exif = str_of((const char *)chunk.chunk.bytes, chunk.chunk.size);
        static const struct str head = STR_INIT("Exif\0\0");
        picture_exif(str_starts(exif, head) ? str_from(exif, head.n) : exif, &out->orientation, &out->places);
        WebPDemuxReleaseChunkIterator(&chunk);
    }
    WebPDemuxDelete(demuxer);
}

enum err picture_webp(struct str bytes, struct picture *out, struct error *e)
{
    WebPBitstreamFeatures features;
    const unsigned char *p = (const unsigned char *)bytes.p;
    if (bytes.n < RIFF_HEAD + 4)
        return broken("it ends too early", e);
    size_t said = RIFF_HEAD + ((size_t)p[4] | (size_t)p[5] << 8 | (size_t)p[6] << 16 | (size_t)p[7] << 24);
    if (said > bytes.n)
        return broken("it ends too early", e);
    if (WebPGetFeatures(p, bytes.n, &features) != VP8_STATUS_OK)
        return broken("its head cannot be read", e);
    enum err err = picture_size_ok((uint64_t)features.width, (uint64_t)features.height, e);
    if (err)
        return err;
    out->width = (unsigned)features.width;
    out->height = (unsigned)features.height;
    out->alpha = features.has_alpha;
    out->animated = features.has_animation;
    out->end = said;
    struct str own = str_sub(bytes, 0, said);
    if (features.has_animation) {
        err = animation(own, out, e);
    } else {
        size_t stride = (size_t)out->width * 4;
        out->rgba = heap_alloc(stride * out->height);
        if (!WebPDecodeRGBAInto((const uint8_t *)own.p, own.n, out->rgba, stride * out->height, (int)stride))
            err = broken("its pixels are damaged or missing", e);
    }
    if (!err)
        look_at_exif(own, out);
    return err;
}

enum err picture_write_webp(const struct picture *p, struct buf *to, struct error *e)
{
    uint8_t *file = NULL;
    size_t n = WebPEncodeRGBA(p->rgba, (int)p->width, (int)p->height, (int)p->width * 4, WEBP_QUALITY, &file);
    if (n)
        buf_add(to, str_of((const char *)file, n));
    WebPFree(file);
    return n ? buf_check(to, "The picture", e)
             : error_set(e, ERR_INTERNAL, "The picture could not be written as WebP.");
}
