/* JPEG by libjpeg-turbo, both ways; see picture.h. */
#include "media/picture.h"

#include "base/arena.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <jpeglib.h>

enum { JPEG_QUALITY = 85, JPEG_SCANS_MAX = 200 /* a progressive bomb has thousands */ };

struct complaint {
    struct jpeg_error_mgr manager;
    jmp_buf out;
    char why[JMSG_LENGTH_MAX];
    unsigned scans;
};

static void failed(j_common_ptr common)
{
    struct complaint *c = (struct complaint *)common->err;
    common->err->format_message(common, c->why);
    longjmp(c->out, 1);
}

/* libjpeg calls a file that ends too early, or whose data do not fit, a warning, and paints the rest grey. */
static void emit(j_common_ptr common, int level)
{
    struct complaint *c = (struct complaint *)common->err;
    if (level < 0 && (common->err->msg_code != 0)) {
        common->err->format_message(common, c->why);
        /* Bytes between segments are common and harmless. */
        if (strncmp(c->why, "Corrupt JPEG data: ", 19) != 0 || !strstr(c->why, "extraneous bytes"))
            longjmp(c->out, 1);
    }
}

static void quiet(j_common_ptr common)
{
    (void)common;
}

static void watch(j_common_ptr common)
{
    struct complaint *c = (struct complaint *)common->err;
    if (((j_decompress_ptr)common)->input_scan_number > JPEG_SCANS_MAX) {
        snprintf(c->why, sizeof c->why, "it has more than %d scans", JPEG_SCANS_MAX);
        longjmp(c->out, 1);
    }
}

static void look_at_exif(struct jpeg_decompress_struct *j, struct picture *out)
{
    static const struct str head = STR_INIT("Exif\0\0");
    for (jpeg_saved_marker_ptr m = j->marker_list; m; m = m->next) {
        struct str data = str_of((const char *)m->data, m->data_length);
        if (m->marker == JPEG_APP0 + 1 && str_starts(data, head)) {
            picture_exif(str_from(data, head.n), &out->orientation, &out->places);
            return;
        }
    }
}

static enum err scan_lines(struct jpeg_decompress_struct *j, struct picture *out)
{
    while (j->output_scanline < j->output_height) {
        JSAMPROW row = out->rgba + (size_t)j->output_scanline * out->width * 4;
        jpeg_read_scanlines(j, &row, 1);
    }
    return ERR_OK;
}

static enum err decode(struct jpeg_decompress_struct *j, struct complaint *c, struct str bytes,
                       struct picture *out, struct error *e)
{
    if (setjmp(c->out))
        return error_set(e, ERR_REFUSED, "This JPEG is broken (%s); save the picture anew.", c->why);
    jpeg_mem_src(j, (const unsigned char *)bytes.p, bytes.n);
    jpeg_save_markers(j, JPEG_APP0 + 1, 0xffff);
    jpeg_read_header(j, TRUE);
    enum err err = picture_size_ok(j->image_width, j->image_height, e);
    if (err)
        return err;
    if (j->jpeg_color_space == JCS_CMYK || j->jpeg_color_space == JCS_YCCK)
        return error_set(e, ERR_UNSUPPORTED_TYPE,
                         "This JPEG is made for printing (CMYK); save it with the colours of screens (RGB).");
    j->out_color_space = JCS_EXT_RGBA;
    jpeg_start_decompress(j);
    out->width = j->output_width;
    out->height = j->output_height;
    out->rgba = heap_alloc((size_t)out->width * out->height * 4);
    scan_lines(j, out);
    look_at_exif(j, out);
    jpeg_finish_decompress(j);
    out->end = bytes.n - j->src->bytes_in_buffer;
    return ERR_OK;
}

static void complain_to(struct complaint *c)
{
    jpeg_std_error(&c->manager);
    c->manager.error_exit = failed;
    c->manager.emit_message = emit;
    c->manager.output_message = quiet;
}

enum err picture_jpeg(struct str bytes, struct picture *out, struct error *e)
{
    struct complaint complaint = {0};
    struct jpeg_decompress_struct j = {.err = &complaint.manager};
    struct jpeg_progress_mgr progress = {.progress_monitor = watch};
    complain_to(&complaint);
    if (setjmp(complaint.out))
        return error_set(e, ERR_INTERNAL, "No memory is left to read this picture.");
    jpeg_create_decompress(&j);
    j.progress = &progress;
    enum err err = decode(&j, &complaint, bytes, out, e);
    jpeg_destroy_decompress(&j);
    return err;
}

/* ---- writing ---- */

static enum err encode(struct jpeg_compress_struct *j, struct complaint *c, const struct picture *p,
                       unsigned char **file, unsigned long *n, uint8_t *line, struct error *e)
{
    if (setjmp(c->out))
        return error_set(e, ERR_INTERNAL, "The picture could not be written as JPEG (%s).", c->why);
    jpeg_mem_dest(j, file, n);
    j->image_width = p->width;
    j->image_height = p->height;
    j->input_components = 3;
    j->in_color_space = JCS_RGB;
    jpeg_set_defaults(j);
    jpeg_set_quality(j, JPEG_QUALITY, TRUE);
    jpeg_start_compress(j, TRUE);
    while (j->next_scanline < p->height) {
        const uint8_t *from = p->rgba + (size_t)j->next_scanline * p->width * 4;
        for (unsigned x = 0; x < p->width; x++) {
            for (unsigned k = 0; k < 3; k++) {
                unsigned alpha = from[4 * x + 3];
                line[3 * x + k] = (uint8_t)((from[4 * x + k] * alpha + 255 * (255 - alpha) + 127) / 255);
            }
        }
        jpeg_write_scanlines(j, &line, 1);
    }
    jpeg_finish_compress(j);
    return ERR_OK;
}

enum err picture_write_jpeg(const struct picture *p, struct buf *to, struct error *e)
{
    struct complaint complaint = {0};
    struct jpeg_compress_struct j = {.err = &complaint.manager};
    unsigned char *file = NULL;
    unsigned long n = 0;
    uint8_t *line = heap_alloc((size_t)p->width * 3);
    complain_to(&complaint);
    jpeg_create_compress(&j);
    enum err err = encode(&j, &complaint, p, &file, &n, line, e);
    if (!err)
        buf_add(to, str_of((const char *)file, n));
    jpeg_destroy_compress(&j);
    free(file);
    free(line);
    return err ? err : buf_check(to, "The picture", e);
}
