/* From phones to mouth shapes; see viseme.h. The shapes follow Oculus' viseme reference, phone by phone. */
#include "voice/viseme.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const viseme_names[VISEME_COUNT] = {
#define VISEME(symbol, name, peak, closed) name,
#include "voice/viseme.def"
#undef VISEME
};

static const double peaks[VISEME_COUNT] = {
#define VISEME(symbol, name, peak, closed) peak,
#include "voice/viseme.def"
#undef VISEME
};

static const struct {
    const char *phone;
    enum viseme first, then;
} shapes[] = {
    {"aa", VISEME_AA, VISEME_AA},  {"ae", VISEME_AA, VISEME_AA}, {"ah", VISEME_AA, VISEME_AA},
    {"ao", VISEME_OH, VISEME_OH},  {"aw", VISEME_AA, VISEME_OU}, {"ax", VISEME_E, VISEME_E},
    {"axr", VISEME_RR, VISEME_RR}, {"ay", VISEME_AA, VISEME_IH}, {"b", VISEME_PP, VISEME_PP},
    {"ch", VISEME_CH, VISEME_CH},  {"d", VISEME_DD, VISEME_DD},  {"dh", VISEME_TH, VISEME_TH},
    {"dx", VISEME_DD, VISEME_DD},  {"eh", VISEME_E, VISEME_E},   {"el", VISEME_NN, VISEME_NN},
    {"em", VISEME_PP, VISEME_PP},  {"en", VISEME_NN, VISEME_NN}, {"er", VISEME_RR, VISEME_RR},
    {"ey", VISEME_E, VISEME_IH},   {"f", VISEME_FF, VISEME_FF},  {"g", VISEME_KK, VISEME_KK},
    {"hh", VISEME_KK, VISEME_KK},  {"hv", VISEME_KK, VISEME_KK}, {"ih", VISEME_IH, VISEME_IH},
    {"iy", VISEME_IH, VISEME_IH},  {"jh", VISEME_CH, VISEME_CH}, {"k", VISEME_KK, VISEME_KK},
    {"l", VISEME_NN, VISEME_NN},   {"m", VISEME_PP, VISEME_PP},  {"n", VISEME_NN, VISEME_NN},
    {"ng", VISEME_KK, VISEME_KK},  {"nx", VISEME_NN, VISEME_NN}, {"ow", VISEME_OH, VISEME_OU},
    {"oy", VISEME_OH, VISEME_IH},  {"p", VISEME_PP, VISEME_PP},  {"r", VISEME_RR, VISEME_RR},
    {"s", VISEME_SS, VISEME_SS},   {"sh", VISEME_CH, VISEME_CH}, {"t", VISEME_DD, VISEME_DD},
    {"th", VISEME_TH, VISEME_TH},  {"uh", VISEME_OU, VISEME_OU}, {"uw", VISEME_OU, VISEME_OU},
    {"v", VISEME_FF, VISEME_FF},   {"w", VISEME_OU, VISEME_OU},  {"y", VISEME_IH, VISEME_IH},
    {"z", VISEME_SS, VISEME_SS},   {"zh", VISEME_CH, VISEME_CH},
};

enum viseme viseme_of_phone(struct str phone, enum viseme *then)
{
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        if (!str_eq(phone, str_c(shapes[i].phone)))
            continue;
        *then = shapes[i].then;
        return shapes[i].first;
    }
    *then = VISEME_SIL;
    return VISEME_SIL;
}

static const bool closes[VISEME_COUNT] = {
#define VISEME(symbol, name, peak, closed) closed,
#include "voice/viseme.def"
#undef VISEME
};

/* A sound as the mouth shows it: a triangle over time, milliseconds. */
struct shape {
    enum viseme viseme;
    double from, peak, to;
};

static const double RISE = 2.0 / 3, PEAK = .5, FALL = 1.5, FIRST_OF_TWO = .6;
/* Shapes that reach one moment lie this near to each other in the list: a fall is half a sound long. */
enum { REACH = 6 };
/* A key is left out where the line between its neighbours is that near. */
static const double NEAR = .005;

/* A timeline begins and ends at rest, so that one can follow another: who is heard at once moves faster. */
static void add_shape(struct shape *list, size_t *n, enum viseme v, double from_ms, double to_ms,
                      double length_ms)
{
    double d = to_ms - from_ms, peak = from_ms + PEAK * d;
    if (v == VISEME_SIL || d <= 0 || peak <= 0 || peak >= length_ms)
        return;
    list[(*n)++] = (struct shape){v, fmax(0, from_ms - RISE * d), peak, fmin(length_ms, from_ms + FALL * d)};
}

static size_t shapes_of(const struct phone *phones, size_t count, double length_ms, struct shape *out)
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        enum viseme then, after, first = viseme_of_phone(phones[i].name, &then);
        double from = phones[i].from_s * 1000, to = phones[i].to_s * 1000;
        /* The same shape twice in a row is one longer shape: lips that are together stay together. */
        while (then == first && i + 1 < count && viseme_of_phone(phones[i + 1].name, &after) == first &&
               after == first)
            to = phones[++i].to_s * 1000;
        double middle = then == first ? to : from + (to - from) * FIRST_OF_TWO;
        add_shape(out, &n, first, from, middle, length_ms);
        if (middle < to)
            add_shape(out, &n, then, middle, to, length_ms);
    }
    return n;
}

static double height(const struct shape *s, double at)
{
    if (at <= s->from || at >= s->to)
        return 0;
    double share = at < s->peak ? (at - s->from) / (s->peak - s->from) : (s->to - at) / (s->to - s->peak);
    return share * peaks[s->viseme];
}

/* All weights at a moment; `near` is a shape whose triangle is about there. They make 1 together. */
static void weigh(const struct shape *list, size_t n, size_t near, double at, double w[VISEME_COUNT])
{
    double closed = 0, open = 0;
    memset(w, 0, VISEME_COUNT * sizeof *w);
    for (size_t i = near > REACH ? near - REACH : 0; i < n && i <= near + REACH; i++) {
        double h = height(&list[i], at);
        if (h > w[list[i].viseme])
            w[list[i].viseme] = h;
    }
    for (int v = 1; v < VISEME_COUNT; v++)
        *(closes[v] ? &closed : &open) += w[v];
    double for_closed = closed > 1 ? 1 / closed : 1, left = 1 - closed * for_closed;
    double for_open = open > left ? left / open : 1;
    for (int v = 1; v < VISEME_COUNT; v++)
        w[v] *= closes[v] ? for_closed : for_open;
    w[VISEME_SIL] = fmax(0, 1 - closed * for_closed - open * for_open); /* no -1e-17 */
}

struct moment {
    uint32_t at_ms;
    size_t near;
};

static int by_time(const void *a, const void *b)
{
    const struct moment *x = a, *y = b;
    return (x->at_ms > y->at_ms) - (x->at_ms < y->at_ms);
}

/* The moments at which something bends: every shape's three, and the ends. */
static size_t moments_of(const struct shape *list, size_t n, uint32_t length_ms, struct moment *out)
{
    size_t count = 0, kept = 0;
    out[count++] = (struct moment){0, 0};
    for (size_t i = 0; i < n; i++) {
        const double bends[] = {list[i].from, list[i].peak, list[i].to};
        for (int k = 0; k < 3; k++) {
            if (bends[k] > 0 && bends[k] < length_ms)
                out[count++] = (struct moment){(uint32_t)lround(bends[k]), i};
        }
    }
    out[count++] = (struct moment){length_ms, n ? n - 1 : 0};
    qsort(out, count, sizeof *out, by_time);
    for (size_t i = 0; i < count; i++) {
        if (!kept || out[kept - 1].at_ms != out[i].at_ms)
            out[kept++] = out[i];
    }
    return kept;
}

struct viseme_key *viseme_timeline(struct arena *a, const struct phone *phones, size_t count,
                                   uint32_t length_ms, size_t *key_count)
{
    struct shape *list = arena_array(a, struct shape, 2 * count + 1);
    size_t n = shapes_of(phones, count, length_ms, list);
    struct moment *moments = arena_array(a, struct moment, 3 * n + 2);
    size_t moment_count = moments_of(list, n, length_ms, moments);
    double(*w)[VISEME_COUNT] = arena_alloc(a, moment_count * sizeof *w);
    for (size_t i = 0; i < moment_count; i++)
        weigh(list, n, moments[i].near, moments[i].at_ms, w[i]);
    struct viseme_key *keys = arena_array(a, struct viseme_key, moment_count * VISEME_COUNT);
    size_t last[VISEME_COUNT] = {0};
    *key_count = 0;
    for (size_t i = 0; i < moment_count; i++) {
        for (int v = 0; v < VISEME_COUNT; v++) {
            bool first = i == 0, end = i + 1 == moment_count;
            if (!first && !end) {
                double span = (double)moments[i + 1].at_ms - moments[last[v]].at_ms;
                double share = ((double)moments[i].at_ms - moments[last[v]].at_ms) / span;
                double line = w[last[v]][v] + (w[i + 1][v] - w[last[v]][v]) * share;
                if (fabs(line - w[i][v]) < NEAR)
                    continue;
            }
            /* At rest at the ends: needs no key, but where the shape begins or ends there. */
            if (first && w[i][v] == 0 && (end || w[i + 1][v] == 0))
                continue;
            if (end && w[i][v] == 0 && w[last[v]][v] == 0)
                continue;
            last[v] = i;
            keys[(*key_count)++] = (struct viseme_key){moments[i].at_ms, (enum viseme)v, w[i][v]};
        }
    }
    return keys;
}

void viseme_write_json(struct jw *w, const struct viseme_key *key)
{
    jw_object(w);
    jw_kv_u64(w, "at_ms", key->at_ms);
    jw_kv_string(w, "viseme", str_c(viseme_names[key->viseme]));
    jw_kv_double(w, "weight", round(key->weight * 1000) / 1000);
    jw_end_object(w);
}
