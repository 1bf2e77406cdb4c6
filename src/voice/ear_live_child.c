/*
 * The child that hears while somebody speaks; see ear_live.h. Frames: a letter, the utterance's id (u32), the
 * rest.
 *
 *   to it:   S u8 partials   begin        A samples   more sound       F   over        C   forget it
 *   from it: R   ready (id 0)             N text   there is no model (id 0)
 *            P text   so far              D JSON   the transcript
 */
#include "voice/ear_live.h"

#include "base/arena.h"
#include "base/json.h"
#include "loop/child.h"
#include "voice/sphinx_model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#ifndef EIDOLON_SPHINX_MODEL
#endif

static const uint64_t MEMORY_MAX = (uint64_t)1 << 30;
enum { FRAMES_A_SECOND = 100, PARTIAL_SAMPLES = ASR_RATE / 1000 * EAR_LIVE_PARTIAL_MS };

struct hearing {
    ps_decoder_t *ps;
    uint32_t id; /* 0: no utterance */
    bool partials;
    size_t fed, told; /* samples; at which the last partial text was looked for */
    struct buf text;  /* of that */
};

static bool tell(char letter, uint32_t id, struct str rest)
{
    CLEANUP_BUF struct buf frame = BUF_MAX(ASR_JSON_MAX);
    buf_add_char(&frame, letter);
    buf_add(&frame, str_of((const char *)&id, sizeof id));
    buf_add(&frame, rest);
    return !frame.overflow && child_write(buf_str(&frame));
}

static bool is_word(const char *word)
{
    return word && word[0] != '<' && word[0] != '[' && word[0] != '+';
}

/* "hello(2)" is a second way to say hello. */
static struct str spelling(const char *word)
{
    struct str s = str_c(word);
    size_t alternative = str_find_char(s, '(');
    return alternative == SIZE_MAX ? s : str_sub(s, 0, alternative);
}

static double rounded(double value, double places)
{
    return round(value * places) / places;
}

/* The words and their text; how sure, in all. */
static size_t write_words(ps_decoder_t *ps, struct buf *words, struct buf *text, double *sum)
{
    struct jw w = JW(words);
    size_t count = 0;
    jw_array(&w);
    for (ps_seg_t *seg = ps_seg_iter(ps); seg; seg = ps_seg_next(seg)) {
        int first, last, acoustic, language, back;
        const char *word = ps_seg_word(seg);
        if (!is_word(word))
            continue;
        double sure = logmath_exp(ps_get_logmath(ps), ps_seg_prob(seg, &acoustic, &language, &back));
        sure = sure > 1 ? 1 : sure;
        ps_seg_frames(seg, &first, &last);
        if (text->n)
            buf_add_char(text, ' ');
        buf_add(text, spelling(word));
        jw_object(&w);
        jw_kv_string(&w, "word", spelling(word));
        jw_kv_double(&w, "start", rounded((double)first / FRAMES_A_SECOND, 100));
        jw_kv_double(&w, "end", rounded((double)(last + 1) / FRAMES_A_SECOND, 100));
        jw_kv_double(&w, "confidence", rounded(sure, 1000));
        jw_end_object(&w);
        *sum += sure;
        count++;
    }
    jw_end_array(&w);
    return count;
}

static bool end(struct hearing *h)
{
    CLEANUP_BUF struct buf words = BUF_INIT, text = BUF_INIT, all = BUF_INIT;
    double sum = 0, seconds = (double)h->fed / ASR_RATE;
    ps_end_utt(h->ps);
    size_t count = write_words(h->ps, &words, &text, &sum);
    double sure = count ? rounded(sum / (double)count, 1000) : 0;
    struct jw w = JW(&all);
    jw_object(&w);
    jw_kv_string(&w, "text", buf_str(&text));
    jw_kv_string(&w, "language", STR("en"));
    jw_kv_double(&w, "confidence", sure);
    jw_kv_u64(&w, "duration_ms", (uint64_t)(seconds * 1000));
    jw_key(&w, STR("segments"));
    jw_array(&w);
    if (count) {
        jw_object(&w);
        jw_kv_u64(&w, "id", 0);
        jw_kv_double(&w, "start", 0);
        jw_kv_double(&w, "end", rounded(seconds, 100));
        jw_kv_string(&w, "text", buf_str(&text));
        jw_kv_double(&w, "confidence", sure);
        jw_kv_raw(&w, "words", buf_str(&words));
        jw_end_object(&w);
    }
    jw_end_array(&w);
    jw_end_object(&w);
    uint32_t id = h->id;
    h->id = 0;
    return tell('D', id, buf_str(&all));
}

static bool tell_partial(struct hearing *h)
{
    CLEANUP_BUF struct buf text = BUF_INIT;
    int score;
    const char *so_far = ps_get_hyp(h->ps, &score);
    buf_add(&text, str_c(so_far));
    h->told = h->fed;
    if (str_eq(buf_str(&text), buf_str(&h->text)))
        return true;
    buf_clear(&h->text);
    buf_add(&h->text, buf_str(&text));
    return tell('P', h->id, buf_str(&text));
}

static bool feed(struct hearing *h, struct str bytes)
{
    size_t count = bytes.n / sizeof(int16_t);
    int16_t *samples = heap_alloc(bytes.n + sizeof *samples); /* aligned */
    memcpy(samples, bytes.p, count * sizeof *samples);
    ps_process_raw(h->ps, samples, count, FALSE, FALSE);
    free(samples);
    h->fed += count;
    return !h->partials || h->fed - h->told < PARTIAL_SAMPLES || tell_partial(h);
}

static bool obey(struct hearing *h, struct str frame)
{
    uint32_t id;
    if (frame.n < 1 + sizeof id)
        return false;
    memcpy(&id, frame.p + 1, sizeof id);
    struct str rest = str_from(frame, 1 + sizeof id);
    if (frame.p[0] == 'S') {
        if (h->id)
            ps_end_utt(h->ps);
        h->id = id;
        h->partials = rest.n && rest.p[0];
        h->fed = h->told = 0;
        buf_clear(&h->text);
        ps_start_stream(h->ps); /* else times go on from the utterance before */
        return ps_start_utt(h->ps) == 0;
    }
    if (id != h->id || !id)
        return true;
    if (frame.p[0] == 'A')
        return feed(h, rest);
    if (frame.p[0] == 'F')
        return end(h);
    if (frame.p[0] == 'C') {
        ps_end_utt(h->ps);
        h->id = 0;
    }
    return true;
}

void ear_live_child_main(void)
{
    struct hearing h = {.ps = sphinx_model_load()};
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
