/* The weighted sum over candidates; see score.h. */
#include "memory/score.h"

#include "language/text.h"

#include <stdlib.h>

static const double window1_weight = 1, window2_weight = .3, session_weight = .2, speaker_weight = .1,
                    later_weight = .01;

struct candidate *candidate_of(struct candidates *c, struct id room, uint64_t seq)
{
    for (size_t i = 0; i < c->count; i++) {
        if (c->at[i].seq == seq && id_eq(c->at[i].room, room))
            return &c->at[i];
    }
    if (c->count == CANDIDATES_MAX)
        return NULL;
    struct candidate *new = &c->at[c->count++];
    *new = (struct candidate){.room = room, .seq = seq, .before = -1, .after = -1};
    return new;
}

void candidates_link(struct candidates *c, struct candidate *earlier, struct candidate *later)
{
    earlier->after = (int)(later - c->at);
    later->before = (int)(earlier - c->at);
}

static double bm25_at(const struct candidates *c, int i)
{
    return i < 0 ? 0 : c->at[i].bm25;
}

static double near(const struct candidates *c, const struct candidate *t)
{
    return t->bm25 + bm25_at(c, t->before) + bm25_at(c, t->after);
}

static double farther(const struct candidates *c, const struct candidate *t)
{
    return bm25_at(c, t->before < 0 ? -1 : c->at[t->before].before) +
           bm25_at(c, t->after < 0 ? -1 : c->at[t->after].after);
}

static int by_place(const void *a, const void *b)
{
    const struct candidate *x = *(const struct candidate *const *)a, *y = *(const struct candidate *const *)b;
    int room = memcmp(x->room.b, y->room.b, sizeof x->room.b);
    return room ? room : (x->seq > y->seq) - (x->seq < y->seq);
}

/* session[i]: the sum of bm25 over the session that candidate i lies in. */
static void sum_sessions(struct candidates *c, double session[CANDIDATES_MAX])
{
    struct candidate *order[CANDIDATES_MAX];
    for (size_t i = 0; i < c->count; i++)
        order[i] = &c->at[i];
    qsort(order, c->count, sizeof *order, by_place);
    for (size_t from = 0, to; from < c->count; from = to) {
        double sum = order[from]->bm25;
        for (to = from + 1; to < c->count && id_eq(order[to]->room, order[from]->room) &&
                            order[to]->at_ms - order[to - 1]->at_ms <= SESSION_GAP_MS;
             to++)
            sum += order[to]->bm25;
        for (size_t i = from; i < to; i++)
            session[order[i] - c->at] = sum;
    }
}

static double share(double value, double most)
{
    return most > 0 ? value / most : 0;
}

static bool spoke(const struct candidate *t, enum about about)
{
    return (about == ABOUT_PERSON && t->author_type == AUTHOR_USER) ||
           (about == ABOUT_PERSONA && t->author_type == AUTHOR_PERSONA);
}

void candidates_score(struct candidates *c, enum about about)
{
    double session[CANDIDATES_MAX], most[4] = {0};
    int64_t oldest = INT64_MAX, newest = INT64_MIN;
    sum_sessions(c, session);
    for (size_t i = 0; i < c->count; i++) {
        const struct candidate *t = &c->at[i];
        double values[4] = {t->bm25, near(c, t), farther(c, t), session[i]};
        for (int k = 0; k < 4; k++)
            most[k] = values[k] > most[k] ? values[k] : most[k];
        oldest = t->at_ms < oldest ? t->at_ms : oldest;
        newest = t->at_ms > newest ? t->at_ms : newest;
    }
    for (size_t i = 0; i < c->count; i++) {
        struct candidate *t = &c->at[i];
        double later = newest > oldest ? (double)(t->at_ms - oldest) / (double)(newest - oldest) : 0;
        t->score = share(t->bm25, most[0]) + window1_weight * share(near(c, t), most[1]) +
                   window2_weight * share(farther(c, t), most[2]) +
                   session_weight * share(session[i], most[3]) + speaker_weight * spoke(t, about) +
                   later_weight * later;
    }
}

enum about about_of(struct arena *a, struct str query)
{
    static const struct str person[] = {STR_INIT("i"), STR_INIT("me"), STR_INIT("my"), STR_INIT("mine"),
                                        STR_INIT("myself")};
    static const struct str persona[] = {STR_INIT("your"), STR_INIT("yours"), STR_INIT("yourself")};
    struct words words;
    bool own = false, yours = false;
    words_of(a, query, &words);
    for (size_t i = 0; i < words.count; i++) {
        for (size_t k = 0; k < sizeof person / sizeof *person; k++)
            own |= str_eq(words.at[i].norm, person[k]);
        for (size_t k = 0; k < sizeof persona / sizeof *persona; k++)
            yours |= str_eq(words.at[i].norm, persona[k]);
    }
    return own ? ABOUT_PERSON : yours ? ABOUT_PERSONA : ABOUT_ANYONE;
}
