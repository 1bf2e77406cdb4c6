/*
 * See viseme_estimate.h. Two clocks: the sound's, and the voiced one, which stands still while the sound is
 * silent. The plan is laid on the voiced clock through anchors (where a pause, or a told word, says what is
 * when), in straight lines between them; then every phone goes back to the sound's clock.
 */
#include "voice/viseme_estimate.h"

#include "voice/words.h"

#include <math.h>
#include <stdlib.h>

/* Silence: under a twentieth of the loud frames, and never over what a quiet room has. */
static const double OF_LOUD = .03, FLOOR = 40;
/* How far from where the plan has it a pause may lie, seconds: at punctuation, at the end of any word. What
 * is shorter than SURE_PAUSE_S is one only at punctuation: else it is a stop, or a soft f. */
static const double NEAR_STOP = .6, NEAR_WORD = .35, SURE_PAUSE_S = .2, LONG_PAUSE_S = .3;
static const double FRAME_S = MOUTH_FRAME_MS / 1000.0, HAIR_S = .001;
enum { WORDS_AHEAD = 4, BLIP_FRAMES = 3 };

struct mouth {
    const struct phone_plan *plan;
    unsigned rate;
    double pace;
    float *loud; /* RMS of each frame */
    size_t frames, frames_cap;
    double sum; /* of squares, of the frame under way */
    size_t in_frame;
    uint64_t samples;
    struct tts_word *words;
    size_t word_count, word_cap;
    uint32_t told_ms; /* keys were given up to here */
    size_t told_words;
    struct viseme_key last[VISEME_COUNT]; /* that was told of each */
};

struct mouth *mouth_new(const struct phone_plan *plan, unsigned rate, double pace)
{
    struct mouth *m = heap_alloc(sizeof *m);
    *m = (struct mouth){.plan = plan, .rate = rate, .pace = pace > 0 ? pace : 1};
    return m;
}

void mouth_free(struct mouth *m)
{
    if (!m)
        return;
    for (size_t i = 0; i < m->word_count; i++)
        free((char *)m->words[i].text.p);
    free(m->words);
    free(m->loud);
    free(m);
}

void mouth_feed(struct mouth *m, const int16_t *samples, size_t count)
{
    size_t frame = (size_t)m->rate * MOUTH_FRAME_MS / 1000;
    for (size_t i = 0; i < count; i++) {
        m->sum += (double)samples[i] * samples[i];
        if (++m->in_frame < frame)
            continue;
        if (m->frames == m->frames_cap)
            m->loud = heap_realloc(m->loud, (m->frames_cap = 2 * m->frames_cap + 256) * sizeof *m->loud);
        m->loud[m->frames++] = (float)sqrt(m->sum / (double)frame);
        m->sum = 0;
        m->in_frame = 0;
    }
    m->samples += count;
}

void mouth_words(struct mouth *m, const struct tts_word *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (m->word_count == m->word_cap)
            m->words = heap_realloc(m->words, (m->word_cap = 2 * m->word_cap + 16) * sizeof *m->words);
        m->words[m->word_count] = words[i];
        m->words[m->word_count++].text = heap_str(words[i].text);
    }
}

static uint32_t now_ms(const struct mouth *m)
{
    return m->rate ? (uint32_t)(m->samples * 1000 / m->rate) : 0;
}

uint32_t mouth_waiting_ms(const struct mouth *m)
{
    return now_ms(m) - m->told_ms;
}

/* ---- where it is silent ---- */
struct gap {
    size_t from, to; /* frames */
    double at;       /* on the voiced clock */
    double length;   /* on the sound's */
    size_t word;     /* the plan's that ends there, +1; or 0 */
};

/* A moment's reckoning; lies in an arena of its own. */
struct reckoning {
    struct mouth *m;
    struct arena *a;
    bool *voiced;
    double *clock; /* voiced seconds before each frame, and at the end */
    struct gap *gaps;
    size_t gap_count;
    double *plan_at; /* seconds of the plan before each phone, and at the end */
    double total;    /* voiced seconds that it will take */
    double *anchor_plan, *anchor_voiced;
    size_t anchors;
};

static int by_value(const void *x, const void *y)
{
    float a = *(const float *)x, b = *(const float *)y;
    return (a > b) - (a < b);
}

static void drop_runs(bool *voiced, size_t n, bool which, size_t shorter)
{
    for (size_t i = 0, j; i < n; i = j) {
        for (j = i; j < n && voiced[j] == voiced[i]; j++)
            ;
        /* Silence at the ends stays silence. */
        if (voiced[i] == which && j - i < shorter && (which || (i && j < n)))
            memset(voiced + i, !which, j - i);
    }
}

static void find_voiced(struct reckoning *r)
{
    struct mouth *m = r->m;
    float *sorted = arena_array(r->a, float, m->frames + 1);
    r->voiced = arena_array(r->a, bool, m->frames + 1);
    r->clock = arena_array(r->a, double, m->frames + 2);
    r->gaps = arena_array(r->a, struct gap, m->frames / 2 + 2);
    if (m->frames) {
        memcpy(sorted, m->loud, m->frames * sizeof *sorted);
        qsort(sorted, m->frames, sizeof *sorted, by_value);
    }
    double level = OF_LOUD * (double)sorted[m->frames - m->frames / 20 - (m->frames > 0)];
    level = level > FLOOR ? level : FLOOR;
    for (size_t i = 0; i < m->frames; i++)
        r->voiced[i] = m->loud[i] >= level;
    drop_runs(r->voiced, m->frames, false, MOUTH_REST_MS / MOUTH_FRAME_MS);
    drop_runs(r->voiced, m->frames, true, BLIP_FRAMES);
    bool begun = false;
    for (size_t i = 0, j; i < m->frames; i = j) {
        for (j = i; j < m->frames && r->voiced[j] == r->voiced[i]; j++)
            ;
        if (!r->voiced[i] && begun)
            r->gaps[r->gap_count++] = (struct gap){.from = i, .to = j, .length = (double)(j - i) * FRAME_S};
        begun = begun || r->voiced[i];
    }
}

/* The voiced clock; a gap that is none (no pause, and not at the end) counts as voiced. */
static void run_clock(struct reckoning *r, bool (*silent)(const struct gap *))
{
    for (size_t i = 0; i < r->gap_count; i++) {
        bool last = r->gaps[i].to == r->m->frames;
        memset(r->voiced + r->gaps[i].from, !last && !silent(&r->gaps[i]), r->gaps[i].to - r->gaps[i].from);
    }
    for (size_t i = 0; i < r->m->frames; i++)
        r->clock[i + 1] = r->clock[i] + (r->voiced[i] ? FRAME_S : 0);
    for (size_t i = 0; i < r->gap_count; i++)
        r->gaps[i].at = r->clock[r->gaps[i].from];
}

static bool is_long(const struct gap *gap)
{
    return gap->length >= SURE_PAUSE_S;
}

static bool is_pause(const struct gap *gap)
{
    return gap->word || is_long(gap);
}

/* ---- what is when ---- */
static void add_anchor(struct reckoning *r, double plan, double voiced)
{
    size_t n = r->anchors;
    if (n && (plan <= r->anchor_plan[n - 1] || voiced < r->anchor_voiced[n - 1]))
        return;
    r->anchor_plan[n] = plan;
    r->anchor_voiced[n] = voiced;
    r->anchors++;
}

static double gain(const struct reckoning *r, const struct gap *gap, size_t word, double scale)
{
    const struct planned_word *w = &r->m->plan->words[word];
    double off = fabs(r->plan_at[w->to] * scale - gap->at);
    if (r->m->plan->phones[w->to - 1].pause_after)
        return off < NEAR_STOP ? 1 + fmin(gap->length, LONG_PAUSE_S) / LONG_PAUSE_S - off / NEAR_STOP : 0;
    return is_long(gap) && off < NEAR_WORD ? .5 - .5 * off / NEAR_WORD : 0;
}

/* Pauses of the sound and ends of words, both in order: the pairing that agrees best. */
static void match_pauses(struct reckoning *r, double scale)
{
    size_t m = r->gap_count, n = r->m->plan->word_count ? r->m->plan->word_count - 1 : 0, wide = n + 1;
    double *best = arena_array(r->a, double, (m + 1) * wide);
    for (size_t j = 1; j <= m; j++) {
        for (size_t i = 1; i <= n; i++) {
            double take = gain(r, &r->gaps[j - 1], i - 1, scale);
            double both = take > 0 ? best[(j - 1) * wide + i - 1] + take : 0;
            double up = best[(j - 1) * wide + i], left = best[j * wide + i - 1];
            best[j * wide + i] = fmax(both, fmax(up, left));
        }
    }
    for (size_t j = m, i = n; j && i;) {
        if (best[j * wide + i] == best[j * wide + i - 1])
            i--;
        else if (best[j * wide + i] == best[(j - 1) * wide + i])
            j--;
        else
            r->gaps[--j].word = i--;
    }
}

static void anchor_pauses(struct reckoning *r)
{
    for (size_t j = 0; j < r->gap_count; j++) {
        size_t word = r->gaps[j].word;
        if (word)
            add_anchor(r, r->plan_at[r->m->plan->words[word - 1].to], r->gaps[j].at);
    }
}

static double voiced_at(const struct reckoning *r, uint32_t ms)
{
    size_t frame = ms / MOUTH_FRAME_MS, n = r->m->frames;
    return frame <= n ? r->clock[frame] : r->clock[n] + (double)(frame - n) * FRAME_S;
}

static bool same_word(struct str a, struct str b)
{
    struct word x, y;
    size_t i = 0, j = 0;
    return word_next(a, &i, &x) && word_next(b, &j, &y) && strcmp(x.c, y.c) == 0;
}

/* Words that the provider placed, found among the plan's. False: none. */
static bool anchor_words(struct reckoning *r)
{
    const struct phone_plan *plan = r->m->plan;
    size_t next = 0;
    for (size_t i = 0; i < r->m->word_count; i++) {
        const struct tts_word *told = &r->m->words[i];
        for (size_t k = next; k < plan->word_count && k < next + WORDS_AHEAD; k++) {
            if (!same_word(told->text, plan->words[k].text))
                continue;
            add_anchor(r, r->plan_at[plan->words[k].from], voiced_at(r, told->from_ms));
            add_anchor(r, r->plan_at[plan->words[k].to], voiced_at(r, told->to_ms));
            next = k + 1;
            break;
        }
    }
    return next > 0;
}

static void reckon(struct reckoning *r, bool ended)
{
    const struct phone_plan *plan = r->m->plan;
    r->plan_at = arena_array(r->a, double, plan->count + 1);
    for (size_t i = 0; i < plan->count; i++)
        r->plan_at[i + 1] = r->plan_at[i] + plan->phones[i].length_s;
    double wanted = r->plan_at[plan->count], have;
    run_clock(r, is_long);
    have = r->clock[r->m->frames];
    r->total = ended ? have : fmax(wanted / r->m->pace, have + FRAME_S);
    match_pauses(r, wanted > 0 ? r->total / wanted : 1);
    run_clock(r, is_pause);
    have = r->clock[r->m->frames];
    r->total = ended ? have : fmax(wanted / r->m->pace, have + FRAME_S);
    size_t most = r->gap_count + 2 * plan->word_count + 2;
    r->anchor_plan = arena_array(r->a, double, most);
    r->anchor_voiced = arena_array(r->a, double, most);
    add_anchor(r, 0, 0);
    if (!r->m->word_count || !anchor_words(r))
        anchor_pauses(r);
    /* Sound that came after the last anchor moves the end along with it. */
    size_t last = r->anchors - 1;
    double left = (wanted - r->anchor_plan[last]) / r->m->pace;
    if (!ended)
        r->total = fmax(r->anchor_voiced[last] + left, have + FRAME_S);
    if (r->anchor_plan[last] < wanted)
        add_anchor(r, wanted, fmax(r->total, r->anchor_voiced[last]));
}

static double on_voiced(const struct reckoning *r, double plan)
{
    size_t i = 1;
    if (r->anchors < 2)
        return 0;
    while (i + 1 < r->anchors && r->anchor_plan[i] < plan)
        i++;
    double p0 = r->anchor_plan[i - 1], p1 = r->anchor_plan[i];
    double share = p1 > p0 ? (plan - p0) / (p1 - p0) : 1;
    share = share > 1 ? 1 : share;
    return r->anchor_voiced[i - 1] + share * (r->anchor_voiced[i] - r->anchor_voiced[i - 1]);
}

/* Back to the sound's clock; a moment at a pause is its beginning for what ends, its end for what begins. */
static double on_sound(const struct reckoning *r, double voiced, bool begins)
{
    size_t n = r->m->frames, low = 0, high = n;
    const double hair = 1e-9;
    if (voiced >= r->clock[n] - hair && (begins || voiced > r->clock[n] + hair))
        return (double)n * FRAME_S + (voiced - r->clock[n]);
    while (low < high) { /* the first frame edge at which the voiced clock has got there */
        size_t middle = (low + high) / 2;
        if (begins ? r->clock[middle] > voiced + hair : r->clock[middle] >= voiced - hair)
            high = middle;
        else
            low = middle + 1;
    }
    return (double)low * FRAME_S - (r->clock[low] - voiced);
}

/* A phone that a pause would tear lies wholly on the side that has more of it. */
static void keep_whole(const struct reckoning *r, double v0, double v1, double *from, double *to)
{
    if (*to - *from <= v1 - v0 + 2 * FRAME_S)
        return;
    for (size_t i = 0; i < r->gap_count; i++) {
        double at = r->gaps[i].at;
        if (at <= v0 || at >= v1)
            continue;
        if (at - v0 > v1 - at)
            *to = on_sound(r, at, false);
        else
            *from = on_sound(r, at, true);
    }
}

static struct phone *place(struct reckoning *r, struct arena *a, size_t *count)
{
    const struct phone_plan *plan = r->m->plan;
    struct phone *out = arena_array(a, struct phone, 2 * plan->count + 1);
    double at = 0;
    size_t n = 0;
    for (size_t i = 0; i < plan->count; i++) {
        double v0 = on_voiced(r, r->plan_at[i]), v1 = on_voiced(r, r->plan_at[i + 1]);
        double from = on_sound(r, v0, true), to = on_sound(r, v1, false);
        keep_whole(r, v0, v1, &from, &to);
        from = fmax(from, at);
        to = to - from < HAIR_S ? from : to; /* a sliver has no shape */
        if (from > at)
            out[n++] = (struct phone){STR("pau"), at, from};
        out[n++] = (struct phone){plan->phones[i].name, from, to};
        at = to;
    }
    *count = n;
    return out;
}

static struct phone *place_all(struct mouth *m, struct arena *work, struct arena *a, bool ended,
                               size_t *count)
{
    struct reckoning r = {.m = m, .a = work};
    find_voiced(&r);
    reckon(&r, ended);
    return place(&r, a, count);
}

struct phone *mouth_phones(struct mouth *m, struct arena *a, size_t *count)
{
    struct arena work = ARENA_INIT;
    struct phone *phones = place_all(m, &work, a, true, count);
    arena_release(&work);
    return phones;
}

/* ---- keys ---- */
static double weight_at(const struct viseme_key *keys, size_t n, enum viseme v, double at)
{
    const struct viseme_key *before = NULL;
    for (size_t i = 0; i < n; i++) {
        if (keys[i].viseme != v)
            continue;
        if (keys[i].at_ms > at) {
            double share = before ? (at - before->at_ms) / (keys[i].at_ms - before->at_ms) : 0;
            return before ? before->weight + share * (keys[i].weight - before->weight) : 0;
        }
        before = &keys[i];
    }
    return before ? before->weight : 0;
}

/* Whether its next key is a weight: then the one before it must be told, though it be 0. */
static bool rises(const struct viseme_key *keys, size_t n, enum viseme v, uint32_t at_ms)
{
    for (size_t i = 0; i < n; i++) {
        if (keys[i].viseme == v && keys[i].at_ms > at_ms)
            return keys[i].weight > 0;
    }
    return false;
}

static void tell(struct mouth *m, struct viseme_key key, struct viseme_key *out, size_t *count)
{
    m->last[key.viseme] = key;
    out[(*count)++] = key;
}

/* The whole mouth at a moment, so that what comes before and after may be of two reckonings. What rises to
 * it from nothing does so since `since`, not since whenever it was last told of. */
static void add_moment(struct mouth *m, const struct viseme_key *keys, size_t n, uint32_t since_ms,
                       uint32_t at_ms, struct viseme_key *out, size_t *count)
{
    double weights[VISEME_COUNT];
    for (int v = 0; v < VISEME_COUNT; v++) {
        const struct viseme_key *last = &m->last[v];
        weights[v] = weight_at(keys, n, (enum viseme)v, at_ms);
        if (weights[v] > 0 && last->weight == 0 && last->at_ms < since_ms)
            tell(m, (struct viseme_key){since_ms, (enum viseme)v, 0}, out, count);
    }
    for (int v = 0; v < VISEME_COUNT; v++) {
        if (weights[v] > 0 || m->last[v].weight > 0 || rises(keys, n, (enum viseme)v, at_ms))
            tell(m, (struct viseme_key){at_ms, (enum viseme)v, weights[v]}, out, count);
    }
}

static void add_words(struct mouth *m, struct arena *a, const struct phone *phones, size_t count,
                      uint32_t until_ms, struct tts_word **words, size_t *word_count)
{
    const struct phone_plan *plan = m->plan;
    *words = arena_array(a, struct tts_word, plan->word_count);
    for (size_t i = 0, k = 0, sounds = 0; i < plan->word_count; i++) {
        uint32_t from = 0, to = 0;
        for (; k < count && sounds < plan->words[i].to; k++) {
            if (str_eq(phones[k].name, STR("pau")))
                continue;
            if (sounds == plan->words[i].from)
                from = (uint32_t)lround(phones[k].from_s * 1000);
            to = (uint32_t)lround(phones[k].to_s * 1000);
            sounds++;
        }
        if (i < m->told_words || from >= until_ms)
            continue;
        (*words)[(*word_count)++] = (struct tts_word){plan->words[i].text, from, to};
        m->told_words = i + 1;
    }
}

/* The end came after all the sound was told: the mouth closes. */
static struct viseme_key *rest(const struct mouth *m, struct arena *a, uint32_t at_ms, size_t *count)
{
    struct viseme_key *out = arena_array(a, struct viseme_key, VISEME_COUNT);
    for (int v = 0; v < VISEME_COUNT; v++) {
        if (m->last[v].weight > 0 || v == VISEME_SIL)
            out[(*count)++] = (struct viseme_key){at_ms, (enum viseme)v, v == VISEME_SIL};
    }
    return out;
}

struct viseme_key *mouth_keys(struct mouth *m, struct arena *a, bool ended, size_t *count,
                              struct tts_word **words, size_t *word_count)
{
    struct arena work = ARENA_INIT;
    uint32_t from = m->told_ms, to = now_ms(m);
    size_t phone_count, n;
    *count = 0;
    if (words)
        *word_count = 0;
    if (ended && from && from == to)
        return rest(m, a, to, count);
    struct phone *phones = place_all(m, &work, &work, ended, &phone_count);
    uint32_t end_ms = phone_count ? (uint32_t)lround(phones[phone_count - 1].to_s * 1000) : 0;
    end_ms = ended || end_ms < to ? to : end_ms;
    const struct viseme_key *keys = viseme_timeline(&work, phones, phone_count, end_ms, &n);
    struct viseme_key *out = arena_array(a, struct viseme_key, n + 4 * VISEME_COUNT);
    uint32_t blended = from ? from + MOUTH_BLEND_MS : 0;
    blended = blended < to ? blended : to;
    if (from && from < to)
        add_moment(m, keys, n, from, blended, out, count);
    for (size_t i = 0; i < n; i++) {
        if ((from ? keys[i].at_ms > blended : true) && (keys[i].at_ms < to || (ended && keys[i].at_ms == to)))
            tell(m, keys[i], out, count);
    }
    if (!ended && to > blended)
        add_moment(m, keys, n, blended, to, out, count);
    if (words)
        add_words(m, a, phones, phone_count, ended ? UINT32_MAX : to, words, word_count);
    m->told_ms = to;
    arena_release(&work);
    return out;
}
