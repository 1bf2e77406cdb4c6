/* WebM with Opus; see webm.h. */
#include "media/webm.h"

enum ebml_id {
    EBML_HEAD = 0x1a45dfa3,
    SEGMENT = 0x18538067,
    SEGMENT_INFO = 0x1549a966,
    TIMESTAMP_SCALE = 0x2ad7b1,
    TRACKS = 0x1654ae6b,
    TRACK_ENTRY = 0xae,
    TRACK_NUMBER = 0xd7,
    TRACK_TYPE = 0x83,
    CODEC_ID = 0x86,
    CODEC_PRIVATE = 0x63a2,
    AUDIO = 0xe1,
    CHANNELS = 0x9f,
    CLUSTER = 0x1f43b675,
    CLUSTER_TIMESTAMP = 0xe7,
    SIMPLE_BLOCK = 0xa3,
    BLOCK_GROUP = 0xa0,
    BLOCK = 0xa1,
};

enum { TRACK_VIDEO = 1, TRACK_AUDIO = 2, CHANNELS_MAX = 2, LACING = 0x06, OPUS_HEAD = 19 };
static const uint64_t unknown_size = UINT64_MAX;
static const uint64_t scale_default_ns = 1000000;

struct element {
    uint32_t id;
    uint64_t size; /* unknown_size, or at most what is left */
    size_t from;   /* of its content */
};

static enum err broken(const char *why, struct error *e)
{
    return error_set(e, ERR_REFUSED, "This WebM recording is broken (%s); record it again.", why);
}

/* An id keeps its marker bit, a size does not. False: it is not whole, or longer than allowed. */
static bool number(struct str b, size_t *at, unsigned max, bool keep, uint64_t *out)
{
    if (*at >= b.n)
        return false;
    unsigned char first = (unsigned char)b.p[*at];
    unsigned n = 1;
    while (n <= 8 && !(first & 0x80 >> (n - 1)))
        n++;
    if (n > max || n > b.n - *at)
        return false;
    uint64_t value = keep ? first : first & (0xff >> n);
    bool ones = (first & (0xff >> n)) == (0xff >> n);
    for (unsigned i = 1; i < n; i++) {
        unsigned char c = (unsigned char)b.p[*at + i];
        value = value << 8 | c;
        ones = ones && c == 0xff;
    }
    *at += n;
    *out = !keep && ones ? unknown_size : value;
    return true;
}

/* The head of the element at *at, which moves to its content. */
static bool head(struct str b, size_t *at, struct element *out)
{
    uint64_t id;
    if (!number(b, at, 4, true, &id) || !number(b, at, 8, false, &out->size))
        return false;
    out->id = (uint32_t)id;
    out->from = *at;
    return true;
}

static bool whole(struct str b, const struct element *x)
{
    return x->size != unknown_size && x->size <= b.n - x->from;
}

static uint64_t unsigned_of(struct str content)
{
    uint64_t value = 0;
    for (size_t i = 0; i < content.n && i < 8; i++)
        value = value << 8 | (unsigned char)content.p[i];
    return value;
}

/* ---- tracks ---- */

struct track {
    uint64_t number, type, channels;
    struct str codec, private;
};

static void read_audio(struct str b, struct track *t)
{
    struct element x;
    for (size_t at = 0; at < b.n && head(b, &at, &x) && whole(b, &x); at = x.from + x.size) {
        if (x.id == CHANNELS)
            t->channels = unsigned_of(str_sub(b, x.from, x.size));
    }
}

static void read_track(struct str b, struct track *t)
{
    struct element x;
    *t = (struct track){.channels = 1};
    for (size_t at = 0; at < b.n && head(b, &at, &x) && whole(b, &x); at = x.from + x.size) {
        struct str content = str_sub(b, x.from, x.size);
        if (x.id == TRACK_NUMBER)
            t->number = unsigned_of(content);
        else if (x.id == TRACK_TYPE)
            t->type = unsigned_of(content);
        else if (x.id == CODEC_ID)
            t->codec = content;
        else if (x.id == CODEC_PRIVATE)
            t->private = content;
        else if (x.id == AUDIO)
            read_audio(content, t);
    }
}

static void take_track(struct webm *w, const struct track *t)
{
    const unsigned char *p = (const unsigned char *)t->private.p;
    if (t->type == TRACK_VIDEO)
        w->video = true;
    if (w->track || t->type != TRACK_AUDIO || !str_eq(t->codec, STR("A_OPUS")) || !t->channels ||
        t->channels > CHANNELS_MAX)
        return;
    w->track = t->number;
    w->channels = (unsigned)t->channels;
    w->rate = 48000;
    if (t->private.n >= OPUS_HEAD && str_starts(t->private, STR("OpusHead"))) {
        w->channels = p[9] >= 1 && p[9] <= CHANNELS_MAX ? p[9] : w->channels;
        w->pre_skip = (unsigned)p[10] | (unsigned)p[11] << 8;
    }
}

static void read_tracks(struct webm *w, struct str b)
{
    struct element x;
    struct track t;
    for (size_t at = 0; at < b.n && head(b, &at, &x) && whole(b, &x); at = x.from + x.size) {
        if (x.id != TRACK_ENTRY)
            continue;
        read_track(str_sub(b, x.from, x.size), &t);
        take_track(w, &t);
    }
}

static void read_info(struct webm *w, struct str b)
{
    struct element x;
    for (size_t at = 0; at < b.n && head(b, &at, &x) && whole(b, &x); at = x.from + x.size) {
        uint64_t scale = x.id == TIMESTAMP_SCALE ? unsigned_of(str_sub(b, x.from, x.size)) : 0;
        if (scale)
            w->scale_ns = scale;
    }
}

/* ---- from outside in ---- */

enum err webm_open(struct webm *w, struct str b, struct error *e)
{
    struct element x;
    size_t at = 0;
    *w = (struct webm){.bytes = b, .scale_ns = scale_default_ns};
    if (!head(b, &at, &x) || x.id != EBML_HEAD || !whole(b, &x))
        return broken("its head is not whole", e);
    at = x.from + x.size;
    if (!head(b, &at, &x) || x.id != SEGMENT)
        return broken("it holds no segment", e);
    if (x.size != unknown_size && x.size > b.n - x.from)
        return broken("it ends too early", e);
    while (at < b.n) {
        size_t before = at;
        if (!head(b, &at, &x))
            return broken("it ends too early", e);
        if (x.id == CLUSTER) {
            w->at = before;
            break;
        }
        if (!whole(b, &x))
            return broken("it ends too early", e);
        if (x.id == SEGMENT_INFO)
            read_info(w, str_sub(b, x.from, x.size));
        else if (x.id == TRACKS)
            read_tracks(w, str_sub(b, x.from, x.size));
        at = x.from + x.size;
    }
    if (w->video)
        return error_set(e, ERR_UNSUPPORTED_TYPE,
                         "This WebM file is a film; only sound and pictures are kept here.");
    if (!w->track)
        return error_set(e, ERR_UNSUPPORTED_TYPE,
                         "This WebM file holds no Opus sound (mono or stereo); save it as WAV, FLAC, Opus or "
                         "MP3.");
    return w->at ? ERR_OK : broken("it holds no sound", e);
}

/* Track number, time in the cluster, flags; then the packet. */
static int block(struct webm *w, struct str content, struct str *packet, uint64_t *at_ms)
{
    uint64_t track;
    size_t at = 0;
    if (!number(content, &at, 8, false, &track) || content.n - at < 3)
        return -1;
    if (track != w->track)
        return 0;
    const unsigned char *p = (const unsigned char *)content.p + at;
    int16_t relative = (int16_t)((unsigned)p[0] << 8 | p[1]);
    int64_t ticks = (int64_t)(w->cluster_ticks & (UINT64_MAX >> 2)) + relative;
    if (p[2] & LACING)
        return -1;
    *packet = str_from(content, at + 3);
    *at_ms = ticks <= 0 ? 0 : (uint64_t)((double)ticks * (double)w->scale_ns / 1e6);
    return packet->n ? 1 : -1;
}

int webm_next(struct webm *w, struct str *packet, uint64_t *at_ms)
{
    struct str b = w->bytes;
    struct element x;
    while (w->at < b.n) {
        size_t at = w->at;
        if (!head(b, &at, &x))
            return -1;
        /* These are stepped into: what is in them is read as if it stood outside. */
        if (x.id == CLUSTER || x.id == BLOCK_GROUP || x.id == SEGMENT) {
            w->at = x.from;
            continue;
        }
        if (!whole(b, &x))
            return -1;
        w->at = x.from + x.size;
        struct str content = str_sub(b, x.from, x.size);
        if (x.id == CLUSTER_TIMESTAMP)
            w->cluster_ticks = unsigned_of(content);
        if (x.id != SIMPLE_BLOCK && x.id != BLOCK)
            continue;
        int got = block(w, content, packet, at_ms);
        if (got)
            return got;
    }
    return 0;
}
