/*
 * The child that hears; see ear.h. It loads the model, confines itself, then takes a task and a recording a
 * frame.
 */
#include "voice/ear.h"

#include "base/json.h"
#include "voice/sphinx.h"
#include "voice/sphinx_model.h"
#include "voice/vad.h"

#include <sndfile.h>
#include <soxr.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const uint64_t MEMORY_MAX = (uint64_t)2 << 30;
enum { DECODED_PIECE = 16384, CHANNELS_MAX = 32 };

/* ---- the file's bytes to samples ---- */
struct source {
    struct str bytes;
    sf_count_t at;
};

static sf_count_t source_length(void *arg)
{
    return (sf_count_t)((struct source *)arg)->bytes.n;
}

static sf_count_t source_seek(sf_count_t offset, int whence, void *arg)
{
    struct source *s = arg;
    sf_count_t from = whence == SEEK_CUR ? s->at : whence == SEEK_END ? (sf_count_t)s->bytes.n : 0;
    if (from + offset >= 0 && from + offset <= (sf_count_t)s->bytes.n)
        s->at = from + offset;
    return s->at;
}

static sf_count_t source_read(void *to, sf_count_t count, void *arg)
{
    struct source *s = arg;
    sf_count_t left = (sf_count_t)s->bytes.n - s->at;
    count = count < left ? count : left;
    if (count > 0)
        memcpy(to, s->bytes.p + s->at, (size_t)count);
    s->at += count;
    return count;
}

static sf_count_t source_write(const void *from, sf_count_t count, void *arg)
{
    (void)from, (void)count, (void)arg;
    return 0;
}

static sf_count_t source_tell(void *arg)
{
    return ((struct source *)arg)->at;
}

/* Mono at VAD_RATE, appended to `to`. */
static enum err resample_all(SNDFILE *file, const SF_INFO *info, struct buf *to, struct error *e)
{
    soxr_io_spec_t io = soxr_io_spec(SOXR_FLOAT32_I, SOXR_INT16_I);
    soxr_quality_spec_t quality = soxr_quality_spec(SOXR_MQ, 0);
    soxr_runtime_spec_t run = soxr_runtime_spec(1);
    soxr_t soxr = soxr_create(info->samplerate, VAD_RATE, 1, NULL, &io, &quality, &run);
    float *many = heap_alloc(sizeof *many * DECODED_PIECE * (size_t)info->channels), mono[DECODED_PIECE];
    int16_t out[DECODED_PIECE];
    sf_count_t n;
    bool more = true;
    if (!soxr) {
        free(many);
        return error_set(e, ERR_REFUSED, "The recording's rate of %d samples a second cannot be used.",
                         info->samplerate);
    }
    while (more) {
        n = sf_readf_float(file, many, DECODED_PIECE);
        for (sf_count_t i = 0; i < n; i++) {
            mono[i] = 0;
            for (int c = 0; c < info->channels; c++)
                mono[i] += many[i * info->channels + c] / (float)info->channels;
        }
        more = n > 0;
        size_t used = 0, made = 0, at = 0;
        do {
            soxr_process(soxr, more ? mono + at : NULL, more ? (size_t)n - at : 0, more ? &used : NULL, out,
                         DECODED_PIECE, &made);
            buf_add(to, str_of((const char *)out, made * sizeof *out));
            at += used;
        } while (made == DECODED_PIECE || (more && at < (size_t)n));
    }
    soxr_delete(soxr);
    free(many);
    return to->overflow ? error_set(e, ERR_TOO_BIG, "The recording is longer than %d hours; split it.",
                                    EAR_SECONDS_MAX / 3600)
                        : ERR_OK;
}

static enum err decode(struct str bytes, struct buf *to, struct error *e)
{
    struct source source = {.bytes = bytes};
    SF_VIRTUAL_IO io = {source_length, source_seek, source_read, source_write, source_tell};
    SF_INFO info = {0};
    SNDFILE *file = sf_open_virtual(&io, SFM_READ, &info, &source);
    if (!file)
        return error_set(
            e, ERR_REFUSED,
            "This is no recording that can be read (%s); send WAV, FLAC, Ogg (Opus, Vorbis) or MP3.",
            sf_strerror(NULL));
    enum err err = ERR_OK;
    if (info.channels < 1 || info.channels > CHANNELS_MAX || info.samplerate < 1000 ||
        info.samplerate > 768000)
        err = error_set(e, ERR_REFUSED,
                        "The recording has %d channels at %d samples a second, which cannot be used.",
                        info.channels, info.samplerate);
    else
        err = resample_all(file, &info, to, e);
    sf_close(file);
    if (!err && !to->n)
        err = error_set(e, ERR_REFUSED, "The recording holds no sound; record it again.");
    return err;
}

/* ---- samples to words ---- */
struct heard {
    struct buf text;
    struct jw w;
    unsigned segments;
    double sum;
    size_t words;
};

static bool tell(char letter, struct str rest)
{
    CLEANUP_BUF struct buf frame = BUF_MAX(CHILD_FRAME_MAX);
    buf_add_char(&frame, letter);
    buf_add(&frame, rest);
    return child_write(buf_str(&frame));
}

static void hear_span(ps_decoder_t *ps, struct heard *h, const int16_t *samples, const struct vad_span *span)
{
    CLEANUP_BUF struct buf text = BUF_INIT;
    const struct sphinx_span where = {h->segments, (double)span->from / VAD_RATE,
                                      (double)span->to / VAD_RATE};
    double sum;
    /* Else times go on from the utterance before. */
    ps_start_stream(ps);
    ps_start_utt(ps);
    ps_process_raw(ps, samples + span->from, span->to - span->from, FALSE, TRUE);
    ps_end_utt(ps);
    size_t count = sphinx_write(ps, &where, &h->w, &text, &sum);
    if (!count)
        return;
    h->segments++;
    if (h->text.n)
        buf_add_char(&h->text, ' ');
    buf_add(&h->text, buf_str(&text));
    tell('T', buf_str(&text));
    h->sum += sum;
    h->words += count;
}

static bool hear_all(ps_decoder_t *ps, const int16_t *samples, size_t count)
{
    struct arena a = ARENA_INIT;
    CLEANUP_BUF struct buf segments = BUF_INIT, all = BUF_INIT;
    struct heard h = {.w = JW(&segments)};
    size_t n;
    bool good = true;
    struct vad_span *spans = vad_spans(&a, samples, count, &n);
    jw_array(&h.w);
    for (size_t i = 0; good && i < n; i++) {
        char share = (char)(spans[i].from * 100 / (count ? count : 1));
        hear_span(ps, &h, samples, &spans[i]);
        good = tell('P', str_of(&share, 1));
    }
    jw_end_array(&h.w);
    struct jw w = JW(&all);
    jw_object(&w);
    jw_kv_string(&w, "text", buf_str(&h.text));
    jw_kv_string(&w, "language", STR("en"));
    jw_kv_double(&w, "confidence", sphinx_mean(h.sum, h.words));
    jw_kv_u64(&w, "duration_ms", count * 1000 / VAD_RATE);
    jw_kv_raw(&w, "segments", buf_str(&segments));
    jw_end_object(&w);
    good = good && tell('D', buf_str(&all));
    buf_release(&h.text);
    arena_release(&a);
    return good;
}

/* ---- only cutting ---- */
static void put32(char *to, size_t value)
{
    for (int i = 0; i < 4; i++)
        to[i] = (char)(value >> (8 * i) & 0xff);
}

static bool tell_piece(const int16_t *samples, size_t from, size_t to)
{
    CLEANUP_BUF struct buf piece = BUF_MAX(CHILD_FRAME_MAX);
    enum { PER_MS = VAD_RATE / 1000 };
    char head[8];
    put32(head, from / PER_MS);
    put32(head + 4, to / PER_MS);
    buf_add(&piece, str_of(head, sizeof head));
    buf_add(&piece, str_of((const char *)(samples + from), (to - from) * sizeof *samples));
    return tell('S', buf_str(&piece));
}

/* Neighbours go together as long as a piece has room: recognisers do better with what stands around. */
static bool cut_all(const int16_t *samples, size_t count)
{
    struct arena a = ARENA_INIT;
    CLEANUP_BUF struct buf json = BUF_INIT;
    size_t n, most = (size_t)EAR_PIECE_MS * VAD_RATE / 1000;
    bool good = true;
    struct vad_span *spans = vad_spans(&a, samples, count, &n);
    for (size_t i = 0; good && i < n;) {
        size_t from = spans[i].from, to = spans[i].to;
        for (i++; i < n && spans[i].to - from <= most; i++)
            to = spans[i].to;
        good = tell_piece(samples, from, to);
    }
    arena_release(&a);
    struct jw w = JW(&json);
    jw_object(&w);
    jw_kv_u64(&w, "duration_ms", count * 1000 / VAD_RATE);
    jw_end_object(&w);
    return good && tell('D', buf_str(&json));
}

static bool tell_error(const struct error *e)
{
    CLEANUP_BUF struct buf rest = BUF_INIT;
    buf_add_char(&rest, (char)e->err);
    buf_add(&rest, str_c(e->message));
    return tell('E', buf_str(&rest));
}

static enum err no_model(struct error *e)
{
    enum err err = sphinx_model_find(e);
    return err ? err
               : error_set(e, ERR_UNAVAILABLE, "The embedded ear's model cannot be read; reinstall it.");
}

void ear_child_main(void)
{
    struct buf frame = BUF_INIT;
    struct error e = {0};
    ps_decoder_t *ps = sphinx_model_load(SPHINX_WHOLE);
    if (child_confine(CHILD_NO_FILES, MEMORY_MAX, &e) != ERR_OK) {
        fprintf(stderr, "%s\n", e.message);
        _exit(EXIT_FAILURE);
    }
    for (bool good = true; good && child_read(&frame);) {
        CLEANUP_BUF struct buf samples = BUF_MAX((size_t)EAR_SECONDS_MAX * VAD_RATE * sizeof(int16_t));
        e = (struct error){0};
        bool cut = frame.n && frame.p[0] == EAR_CUT;
        enum err err = ps || cut ? decode(str_from(buf_str(&frame), 1), &samples, &e) : no_model(&e);
        if (err)
            good = tell_error(&e);
        else if (cut)
            good = cut_all((const int16_t *)(const void *)samples.p, samples.n / sizeof(int16_t));
        else
            good = hear_all(ps, (const int16_t *)(const void *)samples.p, samples.n / sizeof(int16_t));
    }
    _exit(EXIT_SUCCESS);
}
