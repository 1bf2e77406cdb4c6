/* PCM and WAV from a stream; see sound_in.h. */
#include "voice/sound_in.h"

#include "base/arena.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    RIFF_HEAD = 12,
    CHUNK_HEAD = 8,
    FMT_MIN = 16,
    FORMAT_PCM = 1,
    FORMAT_FLOAT = 3,
    FORMAT_EXTENSIBLE = 0xfffe,
    EXTENSIBLE_AT = 24, /* where the real format stands in a long fmt chunk */
};

void sound_in_init(struct sound_in *in, unsigned raw_rate)
{
    *in = (struct sound_in){.raw_rate = raw_rate, .held = BUF_MAX(SOUND_IN_HEAD_MAX + 1024)};
}

void sound_in_release(struct sound_in *in)
{
    buf_release(&in->held);
}

static uint32_t le(const char *p, unsigned bytes)
{
    uint32_t value = 0;
    for (unsigned i = 0; i < bytes; i++)
        value |= (uint32_t)(unsigned char)p[i] << (8 * i);
    return value;
}

static enum err refuse(struct error *e, const char *what)
{
    return error_set(e, ERR_UPSTREAM, "%s", what);
}

/* What begins like something else than sound. */
static const char *other_kind(struct str head)
{
    struct str text = str_trim(head);
    if (str_starts(head, STR("ID3")))
        return "it is MP3; only PCM and WAV are read here";
    if (str_starts(head, STR("OggS")))
        return "it is Ogg; only PCM and WAV are read here";
    if (str_starts(head, STR("fLaC")))
        return "it is FLAC; only PCM and WAV are read here";
    if (str_starts(text, STR("<!")) || str_starts(text, STR("<h")) || str_starts(text, STR("<H")))
        return "it is a web page";
    if (str_starts(text, STR("{\"")) || str_starts(text, STR("{ \"")) || str_starts(text, STR("[{")))
        return "it is a JSON document";
    return NULL;
}

/* ---- samples ---- */
static double sample_at(const struct sound_in *in, const char *p)
{
    if (in->is_float) {
        uint32_t word = le(p, 4);
        float value;
        memcpy(&value, &word, sizeof value);
        return isfinite(value) ? (double)value * 32768 : 0;
    }
    unsigned bytes = in->bits / 8;
    int32_t high = (int32_t)(le(p, bytes) << (32 - in->bits));
    return (double)high / 65536;
}

static int16_t rounded(double value)
{
    return (int16_t)(value > INT16_MAX ? INT16_MAX : value < INT16_MIN ? INT16_MIN : lround(value));
}

/* Whole frames of `bytes` to samples; what is left over is held. */
static void take_frames(struct sound_in *in, struct str bytes, struct buf *to)
{
    size_t width = in->bits / 8, frame = width * in->channels;
    if (in->held.n) {
        size_t want = frame - in->held.n;
        buf_add(&in->held, str_sub(bytes, 0, want));
        bytes = str_from(bytes, want);
        if (in->held.n < frame)
            return;
    }
    struct str parts[2] = {buf_str(&in->held), bytes};
    for (int part = 0; part < 2; part++) {
        struct str from = parts[part];
        size_t count = from.n / frame;
        int16_t *out = count ? (int16_t *)(void *)buf_reserve(to, count * sizeof(int16_t)) : NULL;
        if (count && !out)
            return;
        for (size_t i = 0; i < count; i++) {
            double sum = 0;
            for (unsigned c = 0; c < in->channels; c++)
                sum += sample_at(in, from.p + i * frame + c * width);
            int16_t value = rounded(sum / in->channels);
            memcpy(out + i, &value, sizeof value);
        }
        to->n += count * sizeof(int16_t);
        in->samples += count;
    }
    size_t rest = bytes.n % frame;
    buf_clear(&in->held);
    if (rest)
        buf_add(&in->held, str_from(bytes, bytes.n - rest));
}

/* ---- a WAV file's head ---- */
static enum err read_fmt(struct sound_in *in, struct str chunk, struct error *e)
{
    if (chunk.n < FMT_MIN)
        return refuse(e, "its WAV head is too short");
    uint32_t format = le(chunk.p, 2), channels = le(chunk.p + 2, 2), rate = le(chunk.p + 4, 4),
             bits = le(chunk.p + 14, 2);
    if (format == FORMAT_EXTENSIBLE && chunk.n >= EXTENSIBLE_AT + 2)
        format = le(chunk.p + EXTENSIBLE_AT, 2);
    bool fine = (format == FORMAT_PCM && (bits == 16 || bits == 24 || bits == 32)) ||
                (format == FORMAT_FLOAT && bits == 32);
    if (!fine)
        return refuse(e, "its WAV file has samples of a kind that is not read here");
    if (!channels || channels > SOUND_IN_CHANNELS || rate < SOUND_IN_RATE_MIN || rate > SOUND_IN_RATE_MAX)
        return refuse(e, "its WAV head has an impossible number of channels or samples");
    in->channels = channels;
    in->bits = bits;
    in->is_float = format == FORMAT_FLOAT;
    in->rate = rate;
    return ERR_OK;
}

/* Chunks until `data`; *used says how much of `head` is done with. */
static enum err read_head(struct sound_in *in, struct str head, size_t *used, struct error *e)
{
    size_t at = RIFF_HEAD;
    while (head.n >= at + CHUNK_HEAD) {
        struct str name = str_sub(head, at, 4);
        uint32_t length = le(head.p + at + 4, 4);
        size_t body = at + CHUNK_HEAD, padded = (size_t)length + (length & 1);
        if (str_eq(name, STR("data"))) {
            if (!in->rate)
                return refuse(e, "its WAV file does not say what its samples are");
            in->endless = length == 0 || length >= UINT32_MAX - 64;
            in->left = length;
            in->state = SOUND_IN_SOUND;
            *used = body;
            return ERR_OK;
        }
        if (padded > SOUND_IN_HEAD_MAX - body)
            return refuse(e, "its WAV file has no sound where it should begin");
        if (head.n < body + padded)
            return ERR_OK;
        if (str_eq(name, STR("fmt "))) {
            enum err err = read_fmt(in, str_sub(head, body, length), e);
            if (err)
                return err;
        }
        at = body + padded;
    }
    return head.n > SOUND_IN_HEAD_MAX ? refuse(e, "its WAV file has no sound where it should begin") : ERR_OK;
}

static enum err start(struct sound_in *in, bool last, struct error *e)
{
    struct str head = str_sub(buf_str(&in->held), 0, SOUND_IN_SNIFF); /* whatever came with them */
    bool riff =
        str_starts(head, STR("RIFF")) && head.n >= RIFF_HEAD && str_eq(str_sub(head, 8, 4), STR("WAVE"));
    if (head.n < SOUND_IN_SNIFF && !last)
        return ERR_OK;
    const char *other = other_kind(head);
    if (other)
        return refuse(e, other);
    if (riff) {
        in->state = SOUND_IN_WAV_HEAD;
        return ERR_OK;
    }
    if (!in->raw_rate)
        return refuse(e, "it is no WAV file");
    in->rate = in->raw_rate;
    in->channels = 1;
    in->bits = 16;
    in->endless = true;
    in->state = SOUND_IN_SOUND;
    return ERR_OK;
}

static void take_sound(struct sound_in *in, struct str bytes, struct buf *to)
{
    if (!in->endless) {
        bytes = str_sub(bytes, 0, in->left < SIZE_MAX ? (size_t)in->left : SIZE_MAX);
        in->left -= bytes.n;
    }
    take_frames(in, bytes, to);
    if (!in->endless && in->left == 0)
        in->state = SOUND_IN_OVER; /* what comes after the sound is no sound */
}

static enum err step(struct sound_in *in, bool last, struct buf *to, struct error *e)
{
    enum err err = in->state == SOUND_IN_START ? start(in, last, e) : ERR_OK;
    if (err)
        return err;
    size_t used = 0;
    if (in->state == SOUND_IN_WAV_HEAD)
        err = read_head(in, buf_str(&in->held), &used, e);
    if (err || in->state != SOUND_IN_SOUND)
        return err;
    char *rest = heap_cstr(str_from(buf_str(&in->held), used));
    size_t n = in->held.n - used;
    buf_clear(&in->held);
    take_sound(in, str_of(rest, n), to);
    free(rest);
    return ERR_OK;
}

enum err sound_in_feed(struct sound_in *in, struct str bytes, struct buf *to, struct error *e)
{
    if (in->state == SOUND_IN_OVER)
        return ERR_OK;
    if (in->state == SOUND_IN_SOUND) {
        take_sound(in, bytes, to);
        return ERR_OK;
    }
    /* A head comes in pieces; the sound after it may come with it. */
    while (bytes.n && in->state != SOUND_IN_SOUND && in->state != SOUND_IN_OVER) {
        struct str piece = str_sub(bytes, 0, 512);
        bytes = str_from(bytes, piece.n);
        buf_add(&in->held, piece);
        if (in->held.overflow)
            return refuse(e, "its WAV file has no sound where it should begin");
        enum err err = step(in, false, to, e);
        if (err)
            return err;
    }
    return bytes.n ? sound_in_feed(in, bytes, to, e) : ERR_OK;
}

enum err sound_in_end(struct sound_in *in, struct buf *to, struct error *e)
{
    if (in->state == SOUND_IN_START && in->held.n) {
        enum err err = step(in, true, to, e);
        if (err)
            return err;
    }
    if (in->state == SOUND_IN_WAV_HEAD)
        return refuse(e, "its WAV file ends before its sound begins");
    if (in->samples == 0)
        return refuse(e, "there was no sound in it");
    if (in->state == SOUND_IN_SOUND && !in->endless && in->left)
        return refuse(e, "its sound ends before its WAV head says so");
    return ERR_OK;
}

unsigned sound_in_type_rate(struct str content_type)
{
    struct str rest = content_type, part;
    while (str_cut(&rest, ';', &part)) {
        uint64_t rate;
        part = str_trim(part);
        if (part.n > 5 && str_ieq(str_sub(part, 0, 5), STR("rate=")) &&
            str_to_u64(str_from(part, 5), &rate) && rate >= SOUND_IN_RATE_MIN && rate <= SOUND_IN_RATE_MAX)
            return (unsigned)rate;
    }
    return 0;
}
