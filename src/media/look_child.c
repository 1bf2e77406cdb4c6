/* The child that looks into pictures and recordings; see look.h. */
#include "media/look.h"
#include "media/picture.h"
#include "media/sound.h"

#include <math.h>
#include <soxr.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

enum { EAR_RATE = 16000, QUIET_MS = 200, WAV_HEAD = 44 };

struct order {
    enum look_order what;
    bool keep_places;
    uint64_t from_ms;
    int fd;
    struct str bytes;
};

static bool tell(char letter, struct str rest)
{
    CLEANUP_BUF struct buf frame = BUF_MAX(CHILD_FRAME_MAX);
    buf_add_char(&frame, letter);
    buf_add(&frame, rest);
    return child_write(buf_str(&frame));
}

static bool tell_error(const struct error *e)
{
    CLEANUP_BUF struct buf rest = BUF_INIT;
    buf_add_char(&rest, (char)e->err);
    buf_add(&rest, str_c(e->message));
    return tell('E', buf_str(&rest));
}

/* ---- pictures ---- */

static bool tell_picture(enum media_form form, const struct picture *p)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    jw_object(&w);
    jw_kv_string(&w, "kind", STR("image"));
    jw_kv_string(&w, "type", str_c(media_form_info(form)->type));
    jw_kv_u64(&w, "width", p->width);
    jw_kv_u64(&w, "height", p->height);
    jw_kv_bool(&w, "animated", p->animated);
    jw_kv_bool(&w, "places", p->places);
    jw_end_object(&w);
    return tell('A', buf_str(&b));
}

static enum err tell_small(char letter, const struct picture *p, unsigned side,
                           enum err (*write)(const struct picture *, struct buf *, struct error *),
                           bool *good, struct error *e)
{
    struct picture small;
    CLEANUP_BUF struct buf b = BUF_INIT;
    picture_shrink(p, side, &small);
    enum err err = write(&small, &b, e);
    picture_release(&small);
    if (!err)
        *good = tell(letter, buf_str(&b));
    return err;
}

static bool tell_clean(enum media_form form, const struct order *order, const struct picture *p)
{
    CLEANUP_BUF struct buf clean = BUF_MAX(PICTURE_FILE_MAX);
    if (order->keep_places || !picture_strip(form, order->bytes, p, &clean) || clean.overflow)
        return true;
    for (size_t at = 0; at < clean.n; at += LOOK_FRAME) {
        if (!tell('C', str_sub(buf_str(&clean), at, LOOK_FRAME)))
            return false;
    }
    return true;
}

static enum err look_at_picture(enum media_form form, const struct order *order, bool *good, struct error *e)
{
    struct picture p;
    enum err err = picture_decode(form, order->bytes, &p, e);
    if (err)
        return err;
    struct picture lying = p; /* as the file has it: what picture_strip() needs to know */
    lying.rgba = NULL;
    picture_upright(&p);
    p.places = p.places && order->keep_places;
    *good = tell_picture(form, &p);
    if (*good && order->what == LOOK_WHOLE)
        err = tell_small('P', &p, PICTURE_PREVIEW_SIDE, picture_write_webp, good, e);
    if (*good && !err)
        err = tell_small('S', &p, PICTURE_SEEN_SIDE, picture_write_jpeg, good, e);
    if (*good && !err && order->what == LOOK_WHOLE)
        *good = tell_clean(form, order, &lying);
    picture_release(&p);
    return err;
}

/* ---- recordings ---- */

static enum err look_at_sound(enum media_form form, const struct order *order, bool *good, struct error *e)
{
    struct sound_about about;
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    enum err err = sound_check(form, order->fd, order->bytes, &about, e);
    if (err)
        return err;
    jw_object(&w);
    jw_kv_string(&w, "kind", STR("audio"));
    jw_kv_string(&w, "type", str_c(media_form_info(form)->type));
    jw_kv_u64(&w, "duration_ms", about.frames * 1000 / about.rate);
    jw_kv_u64(&w, "rate", about.rate);
    jw_kv_u64(&w, "channels", about.channels);
    jw_key(&w, STR("peaks"));
    jw_array(&w);
    for (unsigned i = 0; i < about.peak_count; i++)
        jw_u64(&w, about.peaks[i]);
    jw_end_array(&w);
    jw_end_object(&w);
    *good = tell('A', buf_str(&b));
    return ERR_OK;
}

/* From where the sound stands: at most LOOK_PIECE_MS of it, mono at EAR_RATE. */
static enum err resample_piece(struct sound *s, struct buf *to, bool *last, struct error *e)
{
    soxr_io_spec_t io = soxr_io_spec(SOXR_FLOAT32_I, SOXR_INT16_I);
    soxr_quality_spec_t quality = soxr_quality_spec(SOXR_MQ, 0);
    soxr_runtime_spec_t run = soxr_runtime_spec(1);
    soxr_t soxr = soxr_create(sound_rate(s), EAR_RATE, 1, NULL, &io, &quality, &run);
    unsigned channels = sound_channels(s);
    uint64_t wanted = (uint64_t)LOOK_PIECE_MS * sound_rate(s) / 1000;
    if (!soxr)
        return error_set(e, ERR_REFUSED, "The recording's rate of %u samples a second cannot be used.",
                         sound_rate(s));
    float *many = heap_alloc(sizeof *many * SOUND_PIECE * channels),
          *mono = heap_alloc(sizeof *mono * SOUND_PIECE);
    int16_t *out = heap_alloc(sizeof *out * SOUND_PIECE);
    bool more = true;
    *last = false;
    while (more) {
        size_t n = wanted ? sound_read(s, many) : 0, used = 0, made = 0, at = 0;
        *last = *last || (wanted && !n);
        n = n < wanted ? n : wanted;
        wanted -= n;
        for (size_t i = 0; i < n; i++) {
            mono[i] = 0;
            for (unsigned c = 0; c < channels; c++)
                mono[i] += many[i * channels + c] / (float)channels;
        }
        more = n > 0;
        do {
            soxr_process(soxr, more ? mono + at : NULL, more ? n - at : 0, more ? &used : NULL, out,
                         SOUND_PIECE, &made);
            buf_add(to, str_of((const char *)out, made * sizeof *out));
            at += used;
        } while (made == SOUND_PIECE || (more && at < n));
    }
    soxr_delete(soxr);
    free(many);
    free(mono);
    free(out);
    return sound_broken(s) ? error_set(e, ERR_REFUSED, "This recording is broken (%s).", sound_broken(s))
                           : ERR_OK;
}

/* The middle of the quietest stretch near the end, in samples: a word is not cut in two. */
static size_t quietest(const int16_t *samples, size_t count)
{
    enum { WINDOW = EAR_RATE * QUIET_MS / 1000, STEP = WINDOW / 4 };
    size_t from =
        count > (size_t)EAR_RATE / 1000 * LOOK_CUT_MS ? count - (size_t)EAR_RATE / 1000 * LOOK_CUT_MS : 0;
    double least = INFINITY;
    size_t best = count;
    for (size_t at = from; at + WINDOW <= count; at += STEP) {
        double sum = 0;
        for (size_t i = at; i < at + WINDOW; i++)
            sum += (double)samples[i] * samples[i];
        if (sum <= least) {
            least = sum;
            best = at + WINDOW / 2;
        }
    }
    return best;
}

static void put_little(char *to, uint32_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        to[i] = (char)(value >> (8 * i));
}

static bool tell_wav(const int16_t *samples, size_t count)
{
    char head[WAV_HEAD] = "RIFF\0\0\0\0WAVEfmt \20\0\0\0\1\0\1\0";
    CLEANUP_BUF struct buf b = BUF_INIT;
    uint32_t n = (uint32_t)(count * sizeof *samples);
    put_little(head + 4, n + WAV_HEAD - 8, 4);
    put_little(head + 24, EAR_RATE, 4);
    put_little(head + 28, EAR_RATE * 2, 4);
    put_little(head + 32, 2, 2);
    put_little(head + 34, 16, 2);
    memcpy(head + 36, "data", 4);
    put_little(head + 40, n, 4);
    buf_add(&b, str_of(head, WAV_HEAD));
    buf_add(&b, str_of((const char *)samples, n));
    return tell('W', buf_str(&b));
}

static enum err cut_piece(enum media_form form, const struct order *order, bool *good, struct error *e)
{
    struct sound *s = NULL;
    CLEANUP_BUF struct buf samples = BUF_INIT, about = BUF_INIT;
    struct jw w = JW(&about);
    bool last = false;
    enum err err = sound_open(form, order->fd, order->bytes, &s, e);
    if (!err && order->from_ms && !sound_seek(s, order->from_ms))
        err = error_set(e, ERR_REFUSED, "This recording cannot be read from its middle on; save it anew.");
    if (!err)
        err = resample_piece(s, &samples, &last, e);
    sound_close(s);
    if (err)
        return err;
    const int16_t *first = (const int16_t *)(const void *)samples.p;
    size_t count = samples.n / sizeof *first, cut = last || !count ? count : quietest(first, count);
    jw_object(&w);
    jw_kv_u64(&w, "from_ms", order->from_ms);
    jw_kv_u64(&w, "to_ms", order->from_ms + cut * 1000 / EAR_RATE);
    jw_kv_bool(&w, "last", last);
    jw_end_object(&w);
    *good = tell('A', buf_str(&about)) && tell_wav(first, cut);
    return ERR_OK;
}

/* ---- orders ---- */

static enum err carry_out(const struct order *order, bool *good, struct error *e)
{
    enum media_form form = media_form_of(order->bytes, e);
    if (form == MEDIA_UNKNOWN)
        return e->err;
    if (media_form_info(form)->image && order->what != LOOK_PIECE)
        return look_at_picture(form, order, good, e);
    if (!media_form_info(form)->image && order->what == LOOK_WHOLE)
        return look_at_sound(form, order, good, e);
    if (!media_form_info(form)->image && order->what == LOOK_PIECE)
        return cut_piece(form, order, good, e);
    return error_set(e, ERR_UNSUPPORTED_TYPE, "This is %s; what is wanted here is %s.",
                     media_form_info(form)->image ? "a picture" : "a recording",
                     media_form_info(form)->image ? "a recording" : "a picture");
}

static enum err map_file(struct order *order, struct error *e)
{
    struct stat st;
    if (order->fd < 0 || fstat(order->fd, &st) != 0)
        return error_set(e, ERR_INTERNAL, "The file did not reach the process that looks into files.");
    if (!st.st_size)
        return error_set(e, ERR_REFUSED, "The file is empty; send a picture or a recording.");
    void *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, order->fd, 0);
    if (map == MAP_FAILED)
        return error_set(e, ERR_TOO_BIG, "The file is too large to be looked into; split it.");
    order->bytes = str_of(map, (size_t)st.st_size);
    return ERR_OK;
}

static bool take_order(struct str frame, int fd)
{
    struct arena a = ARENA_INIT;
    struct json *said = NULL;
    struct error e = {0};
    struct order order = {.fd = fd};
    bool good = true;
    enum err err = json_parse(&a, frame, &said, &e);
    if (!err) {
        order.what = (enum look_order)json_get_i64(said, "order", LOOK_WHOLE);
        order.keep_places = json_get_bool(said, "keep_places", false);
        order.from_ms = (uint64_t)json_get_i64(said, "from_ms", 0);
        err = map_file(&order, &e);
    }
    if (!err)
        err = carry_out(&order, &good, &e);
    if (good)
        good = err ? tell_error(&e) : tell('D', STR_NONE);
    if (order.bytes.n)
        munmap((void *)(uintptr_t)order.bytes.p, order.bytes.n);
    arena_release(&a);
    return good;
}

int look_child_serve(void)
{
    struct buf frame = BUF_INIT;
    int fd;
    for (bool good = true; good && child_read_file(&frame, &fd);) {
        good = take_order(buf_str(&frame), fd);
        if (fd >= 0)
            close(fd);
    }
    _exit(EX_OK);
}
