/* Recordings; see sound.h. */
#include "media/sound.h"

#include "base/arena.h"
#include "media/webm.h"

#include <math.h>
#include <opus/opus.h>
#include <sndfile.h>
#include <stdlib.h>
#include <unistd.h>

enum { OPUS_RATE = 48000, OPUS_FRAME_MAX = 5760 /* 120 ms */, OPUS_PREROLL_MS = 80 };

struct sound {
    SNDFILE *file; /* or */
    OpusDecoder *opus;
    struct webm webm, begin;
    SF_INFO info;
    unsigned rate, channels;
    size_t skip;                    /* frames to leave out */
    float held[OPUS_FRAME_MAX * 2]; /* decoded, not yet given */
    size_t held_from, held_count;
    const char *broken;
};

static enum err open_webm(struct sound *s, struct str bytes, struct error *e)
{
    int rc = 0;
    enum err err = webm_open(&s->webm, bytes, e);
    if (err)
        return err;
    s->begin = s->webm;
    s->rate = OPUS_RATE;
    s->channels = s->webm.channels;
    s->skip = s->webm.pre_skip;
    s->opus = opus_decoder_create(OPUS_RATE, (int)s->channels, &rc);
    return s->opus ? ERR_OK : error_set(e, ERR_INTERNAL, "No memory is left to read this recording.");
}

static enum err open_sndfile(struct sound *s, int fd, struct error *e)
{
    lseek(fd, 0, SEEK_SET);
    s->file = sf_open_fd(fd, SFM_READ, &s->info, 0);
    if (!s->file)
        return error_set(e, ERR_REFUSED, "This recording cannot be read (%s); save it anew.",
                         sf_strerror(NULL));
    s->rate = (unsigned)s->info.samplerate;
    s->channels = (unsigned)s->info.channels;
    return ERR_OK;
}

enum err sound_open(enum media_form form, int fd, struct str bytes, struct sound **out, struct error *e)
{
    struct sound *s = heap_alloc(sizeof *s);
    enum err err = form == MEDIA_WEBM ? open_webm(s, bytes, e) : open_sndfile(s, fd, e);
    if (!err && (s->channels < 1 || s->channels > SOUND_CHANNELS_MAX || s->rate < SOUND_RATE_MIN ||
                 s->rate > SOUND_RATE_MAX))
        err = error_set(
            e, ERR_REFUSED,
            "This recording has %u channels at %u samples a second; %d channels and %d to %d samples "
            "are taken.",
            s->channels, s->rate, SOUND_CHANNELS_MAX, SOUND_RATE_MIN, SOUND_RATE_MAX);
    if (!err && s->file && s->info.frames != SF_COUNT_MAX &&
        s->info.frames / s->info.samplerate > SOUND_HOURS_MAX * 3600)
        err = error_set(e, ERR_TOO_BIG, "This recording says that it is longer than %d hours; split it.",
                        SOUND_HOURS_MAX);
    if (err) {
        sound_close(s);
        return err;
    }
    *out = s;
    return ERR_OK;
}

void sound_close(struct sound *s)
{
    if (!s)
        return;
    if (s->file)
        sf_close(s->file);
    if (s->opus)
        opus_decoder_destroy(s->opus);
    free(s);
}

unsigned sound_rate(const struct sound *s)
{
    return s->rate;
}

unsigned sound_channels(const struct sound *s)
{
    return s->channels;
}

const char *sound_broken(const struct sound *s)
{
    return s->broken;
}

/* False: the end. */
static bool decode_packet(struct sound *s)
{
    struct str packet;
    uint64_t at_ms;
    int got = webm_next(&s->webm, &packet, &at_ms);
    if (got < 0)
        s->broken = "it ends too early";
    if (got <= 0)
        return false;
    int n = opus_decode_float(s->opus, (const unsigned char *)packet.p, (opus_int32)packet.n, s->held,
                              OPUS_FRAME_MAX, 0);
    if (n < 0) {
        s->broken = "a packet of its sound is damaged";
        return false;
    }
    size_t skip = s->skip < (size_t)n ? s->skip : (size_t)n;
    s->skip -= skip;
    s->held_from = skip;
    s->held_count = (size_t)n - skip;
    return true;
}

static size_t read_opus(struct sound *s, float *to)
{
    size_t made = 0;
    while (made < SOUND_PIECE && !s->broken) {
        if (!s->held_count && !decode_packet(s))
            break;
        size_t n = s->held_count < SOUND_PIECE - made ? s->held_count : SOUND_PIECE - made;
        memcpy(to + made * s->channels, s->held + s->held_from * s->channels, n * s->channels * sizeof *to);
        s->held_from += n;
        s->held_count -= n;
        made += n;
    }
    return made;
}

size_t sound_read(struct sound *s, float *to)
{
    if (s->opus)
        return read_opus(s, to);
    sf_count_t n = sf_readf_float(s->file, to, SOUND_PIECE);
    if (n < SOUND_PIECE && sf_error(s->file) != SF_ERR_NO_ERROR)
        s->broken = sf_strerror(s->file);
    return n > 0 ? (size_t)n : 0;
}

/* Steps over packets; the last few before the place are decoded, so that the decoder has settled. */
static bool seek_opus(struct sound *s, uint64_t at_ms)
{
    struct webm last = s->begin, ahead = s->begin;
    struct str packet;
    uint64_t ms = 0;
    while (webm_next(&ahead, &packet, &ms) == 1 && ms + OPUS_PREROLL_MS < at_ms)
        last = ahead;
    opus_decoder_ctl(s->opus, OPUS_RESET_STATE);
    s->webm = last;
    s->held_count = 0;
    s->skip = at_ms ? 0 : s->begin.pre_skip;
    return true;
}

bool sound_seek(struct sound *s, uint64_t at_ms)
{
    if (s->opus)
        return seek_opus(s, at_ms);
    return sf_seek(s->file, (sf_count_t)(at_ms * s->rate / 1000), SEEK_SET) >= 0;
}

/* ---- the check ---- */

static uint32_t number(struct str b, size_t at, bool little)
{
    uint32_t value = 0;
    for (unsigned i = 0; i < 4 && at + 4 <= b.n; i++)
        value |= (uint32_t)(unsigned char)b.p[at + i] << (8 * (little ? i : 3 - i));
    return value;
}

/* RIFF and AIFF: each chunk says how long it is; libsndfile shortens what is not there in silence. Programs
 * that cannot go back write the length 0 or the largest there is: then what is there counts. */
static enum err chunks_whole(struct str b, bool little, struct str sound, struct error *e)
{
    enum { HEAD = 12, CHUNK = 8 };
    static const uint32_t open_end = 0x7ffff000;
    bool streamed = number(b, 4, little) == 0 || number(b, 4, little) >= open_end;
    for (size_t at = HEAD; at + CHUNK <= b.n;) {
        size_t n = number(b, at + 4, little);
        if (n >= open_end || (streamed && n == 0 && str_eq(str_sub(b, at, 4), sound)))
            return ERR_OK;
        if (n > b.n - at - CHUNK)
            return error_set(
                e, ERR_REFUSED,
                "This recording ends too early: it says that %zu bytes follow, and %zu do. Send it "
                "again, or save it anew.",
                n, b.n - at - CHUNK);
        at += CHUNK + n + (n & 1);
    }
    return ERR_OK;
}

/* The last page must be whole (RFC 3533, 6): a copy that broke off is in the middle of one. */
static enum err pages_whole(struct str b, struct error *e)
{
    enum { PAGE = 27, PAGE_MAX = PAGE + 255 + 255 * 255 };
    size_t first = b.n > PAGE_MAX ? b.n - PAGE_MAX : 0, at = SIZE_MAX, n = 0;
    for (size_t i = b.n >= PAGE ? b.n - PAGE + 1 : 0; i-- > first && at == SIZE_MAX;) {
        if (str_eq(str_sub(b, i, 4), STR("OggS")))
            at = i;
    }
    if (at != SIZE_MAX) {
        size_t segments = (unsigned char)b.p[at + 26];
        n = PAGE + segments;
        for (size_t i = 0; i < segments && at + PAGE + i < b.n; i++)
            n += (unsigned char)b.p[at + PAGE + i];
    }
    return at != SIZE_MAX && n == b.n - at
               ? ERR_OK
               : error_set(
                     e, ERR_REFUSED,
                     "This Ogg recording ends in the middle of a page; send it again, or save it anew.");
}

static enum err shape_ok(enum media_form form, struct str b, struct error *e)
{
    if (media_ends_as_zip(b))
        return error_set(e, ERR_REFUSED,
                         "This file is a recording and also a zip archive; send the recording alone.");
    if (form == MEDIA_WAV && str_starts(b, STR("RIFF")))
        return chunks_whole(b, true, STR("data"), e);
    if (form == MEDIA_AIFF)
        return chunks_whole(b, false, STR("SSND"), e);
    return form == MEDIA_OGG ? pages_whole(b, e) : ERR_OK;
}

/* Twice as many peaks as are wanted, halved whenever they are used up: the length is not known before. */
struct peaks {
    float v[2 * SOUND_PEAKS];
    size_t used;
    uint64_t each, in; /* frames of a peak; of the one being filled */
};

static void add_peak(struct peaks *p, float level)
{
    if (p->used == 2 * SOUND_PEAKS) {
        for (size_t i = 0; i < SOUND_PEAKS; i++)
            p->v[i] = fmaxf(p->v[2 * i], p->v[2 * i + 1]);
        p->used = SOUND_PEAKS;
        p->each *= 2;
        for (size_t i = SOUND_PEAKS; i < 2 * SOUND_PEAKS; i++)
            p->v[i] = 0;
    }
    p->v[p->used] = fmaxf(p->v[p->used], level);
    if (++p->in >= p->each) {
        p->used++;
        p->in = 0;
    }
}

static void finish_peaks(const struct peaks *p, struct sound_about *about)
{
    size_t count = p->used + (p->in && p->used < 2 * SOUND_PEAKS);
    float most = 0;
    about->peak_count = (unsigned)(count < SOUND_PEAKS ? count : SOUND_PEAKS);
    for (size_t i = 0; i < count; i++)
        most = fmaxf(most, p->v[i]);
    for (size_t i = 0; i < about->peak_count; i++) {
        float peak = 0;
        for (size_t k = i * count / about->peak_count; k < (i + 1) * count / about->peak_count; k++)
            peak = fmaxf(peak, p->v[k]);
        about->peaks[i] = most > 0 ? (uint8_t)lroundf(peak / most * 100) : 0;
    }
}

static enum err listen(struct sound *s, struct sound_about *about, struct error *e)
{
    struct peaks peaks = {.each = s->rate / 100 + 1};
    float *piece = heap_alloc(sizeof *piece * SOUND_PIECE * s->channels);
    uint64_t max = (uint64_t)SOUND_HOURS_MAX * 3600 * s->rate;
    size_t n;
    while ((n = sound_read(s, piece)) > 0 && about->frames <= max) {
        for (size_t i = 0; i < n; i++) {
            float level = 0;
            for (unsigned c = 0; c < s->channels; c++)
                level = fmaxf(level, fabsf(piece[i * s->channels + c]));
            add_peak(&peaks, isfinite(level) && level < 1 ? level : 1);
        }
        about->frames += n;
    }
    free(piece);
    about->rate = s->rate;
    about->channels = s->channels;
    finish_peaks(&peaks, about);
    if (about->frames > max)
        return error_set(e, ERR_TOO_BIG, "This recording is longer than %d hours; split it.",
                         SOUND_HOURS_MAX);
    if (s->broken)
        return error_set(e, ERR_REFUSED, "This recording is broken (%s); send it again, or save it anew.",
                         s->broken);
    if (!about->frames)
        return error_set(e, ERR_REFUSED, "This recording holds no sound; record it again.");
    return ERR_OK;
}

/* FLAC and its like say how many frames there are; MP3 only guesses. */
static enum err length_true(enum media_form form, const struct sound *s, const struct sound_about *about,
                            struct error *e)
{
    bool says = s->file && (form == MEDIA_FLAC || form == MEDIA_WAV || form == MEDIA_AIFF);
    if (!says || s->info.frames <= 0 || (uint64_t)s->info.frames == about->frames ||
        s->info.frames == SF_COUNT_MAX)
        return ERR_OK;
    return error_set(
        e, ERR_REFUSED,
        "This recording says that it has %lld samples, and %llu can be read; send it again, or save "
        "it anew.",
        (long long)s->info.frames, (unsigned long long)about->frames);
}

enum err sound_check(enum media_form form, int fd, struct str bytes, struct sound_about *about,
                     struct error *e)
{
    struct sound *s = NULL;
    *about = (struct sound_about){0};
    enum err err = shape_ok(form, bytes, e);
    if (!err)
        err = sound_open(form, fd, bytes, &s, e);
    if (!err)
        err = listen(s, about, e);
    if (!err)
        err = length_true(form, s, about, e);
    sound_close(s);
    return err;
}
