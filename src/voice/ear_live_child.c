/*
 * The child that hears while somebody speaks; see ear_live.h. Frames: a letter, the utterance's id (u32), the
 * rest.
 *
 *   to it:   S u8 partials   begin        A samples   more sound       W   silence, perhaps the end
 *            F   over                     C   forget it
 *   from it: R   ready (id 0)             N text   there is no model (id 0)
 *            P text   so far              D JSON   the transcript
 *
 * The last passes (over all that was said, then through the lattice) are done at W, while the server still
 * waits whether more is said; at F the transcript is there. pocketsphinx cannot take an end back, and to hear
 * all of it again costs too much where eight people pause for thought; so what is said after W is a segment
 * of its own.
 */
#include "voice/ear_live.h"

#include "base/arena.h"
#include "base/json.h"
#include "loop/child.h"
#include "voice/sphinx.h"
#include "voice/sphinx_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const uint64_t MEMORY_MAX = (uint64_t)1 << 30;
enum { PARTIAL_SAMPLES = ASR_RATE / 1000 * EAR_LIVE_PARTIAL_MS };

/* Of a transcript: segments that were written down. */
struct written {
    struct buf segments, text; /* JSON objects parted by commas; the words of all */
    unsigned count;
    double sure; /* sum over the words */
    size_t words;
};

struct hearing {
    ps_decoder_t *ps;
    uint32_t id;         /* 0: no utterance */
    bool partials, open; /* open: pocketsphinx is in the middle of it */
    bool resting;        /* the last passes are done, `now` is what they gave */
    struct written before, now;
    size_t base, fed,
        told;           /* samples: before this segment; of it; when the last partial text was looked for */
    struct buf partial; /* of that */
};

static bool tell(char letter, uint32_t id, struct str rest)
{
    CLEANUP_BUF struct buf frame = BUF_MAX(ASR_JSON_MAX);
    buf_add_char(&frame, letter);
    buf_add(&frame, str_of((const char *)&id, sizeof id));
    buf_add(&frame, rest);
    return !frame.overflow && child_write(buf_str(&frame));
}

static void forget(struct written *w)
{
    buf_clear(&w->segments);
    buf_clear(&w->text);
    w->count = 0;
    w->words = 0;
    w->sure = 0;
}

/* The last passes; h->now is this segment as it would be if nothing follows. */
static void end_segment(struct hearing *h)
{
    struct jw w = JW(&h->now.segments);
    const struct sphinx_span where = {h->before.count, (double)h->base / ASR_RATE,
                                      (double)(h->base + h->fed) / ASR_RATE};
    forget(&h->now);
    ps_end_utt(h->ps);
    h->open = false;
    h->now.words = sphinx_write(h->ps, &where, &w, &h->now.text, &h->now.sure);
    h->now.count = h->now.words ? 1 : 0;
}

static void add(struct buf *to, struct buf *more, char between)
{
    if (to->n && more->n)
        buf_add_char(to, between);
    buf_add(to, buf_str(more));
}

/* What h->now says will stay. */
static void keep_segment(struct hearing *h)
{
    add(&h->before.segments, &h->now.segments, ',');
    add(&h->before.text, &h->now.text, ' ');
    h->before.count += h->now.count;
    h->before.words += h->now.words;
    h->before.sure += h->now.sure;
    h->base += h->fed;
    h->fed = 0;
    forget(&h->now);
}

static bool tell_text(struct hearing *h, struct str so_far)
{
    CLEANUP_BUF struct buf text = BUF_INIT, more = BUF_INIT;
    buf_add(&text, buf_str(&h->before.text));
    buf_add(&more, so_far);
    add(&text, &more, ' ');
    if (str_eq(buf_str(&text), buf_str(&h->partial)))
        return true;
    buf_clear(&h->partial);
    buf_add(&h->partial, buf_str(&text));
    return tell('P', h->id, buf_str(&text));
}

static bool rest(struct hearing *h)
{
    if (h->resting)
        return true;
    h->resting = true;
    end_segment(h);
    return !h->partials || tell_text(h, buf_str(&h->now.text));
}

static bool end(struct hearing *h)
{
    CLEANUP_BUF struct buf all = BUF_INIT, list = BUF_INIT;
    struct jw w = JW(&all);
    if (!h->resting)
        end_segment(h);
    keep_segment(h);
    buf_add_char(&list, '[');
    buf_add(&list, buf_str(&h->before.segments));
    buf_add_char(&list, ']');
    jw_object(&w);
    jw_kv_string(&w, "text", buf_str(&h->before.text));
    jw_kv_string(&w, "language", STR("en"));
    jw_kv_double(&w, "confidence", sphinx_mean(h->before.sure, h->before.words));
    jw_kv_u64(&w, "duration_ms", h->base * 1000 / ASR_RATE);
    jw_kv_raw(&w, "segments", buf_str(&list));
    jw_end_object(&w);
    uint32_t id = h->id;
    h->id = 0;
    return tell('D', id, buf_str(&all));
}

static bool tell_partial(struct hearing *h)
{
    int score;
    const char *so_far = ps_get_hyp(h->ps, &score);
    h->told = h->fed;
    return tell_text(h, str_c(so_far ? so_far : ""));
}

static void begin_segment(struct hearing *h)
{
    h->told = 0;
    h->resting = false;
    ps_start_stream(h->ps); /* else times go on from the utterance before */
    h->open = ps_start_utt(h->ps) == 0;
}

static bool feed(struct hearing *h, struct str bytes)
{
    size_t count = bytes.n / sizeof(int16_t);
    if (h->resting) {
        keep_segment(h);
        begin_segment(h);
    }
    int16_t *samples = heap_alloc(bytes.n + sizeof *samples); /* aligned */
    memcpy(samples, bytes.p, count * sizeof *samples);
    ps_process_raw(h->ps, samples, count, FALSE, FALSE);
    free(samples);
    h->fed += count;
    return !h->partials || h->fed - h->told < PARTIAL_SAMPLES || tell_partial(h);
}

static void drop(struct hearing *h)
{
    if (h->open)
        ps_end_utt(h->ps);
    h->open = h->resting = false;
    h->id = 0;
    h->base = h->fed = 0;
    buf_clear(&h->partial);
    forget(&h->before);
    forget(&h->now);
}

static bool obey(struct hearing *h, struct str frame)
{
    uint32_t id;
    if (frame.n < 1 + sizeof id)
        return false;
    memcpy(&id, frame.p + 1, sizeof id);
    struct str rest_of = str_from(frame, 1 + sizeof id);
    if (frame.p[0] == 'S') {
        drop(h);
        h->id = id;
        h->partials = rest_of.n && rest_of.p[0];
        begin_segment(h);
        return h->open;
    }
    if (id != h->id || !id)
        return true;
    if (frame.p[0] == 'A')
        return feed(h, rest_of);
    if (frame.p[0] == 'W')
        return rest(h);
    if (frame.p[0] == 'F')
        return end(h);
    if (frame.p[0] == 'C')
        drop(h);
    return true;
}

void ear_live_child_main(void)
{
    struct hearing h = {.ps = sphinx_model_load(SPHINX_LIVE)};
    struct buf frame = BUF_INIT;
    struct error e = {0};
    if (child_confine(CHILD_NO_FILES, MEMORY_MAX, &e) != ERR_OK) {
        fprintf(stderr, "%s\n", e.message);
        _exit(EXIT_FAILURE);
    }
    bool good = h.ps ? tell('R', 0, STR_NONE)
                     : tell('N', 0,
                            STR("The embedded ear's model is missing or cannot be read; install Debian's "
                                "pocketsphinx-en-us."));
    while (good && h.ps && child_read(&frame))
        good = obey(&h, buf_str(&frame));
    if (!h.ps)
        child_read(&frame); /* until the server has read that */
    _exit(EXIT_SUCCESS);
}
