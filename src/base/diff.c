/* Differences of texts; see diff.h. */
#include "base/diff.h"

const char *const diff_op_names[3] = {"same", "removed", "added"};

struct tokens {
    struct str *v;
    size_t n;
};

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

/* The next token's bytes: a line with its end, or a run of white space or of anything else. */
static size_t token(struct str s, bool lines)
{
    size_t n = 0;
    if (lines) {
        n = str_find_char(s, '\n');
        return n == SIZE_MAX ? s.n : n + 1;
    }
    bool space = is_space(s.p[0]);
    while (n < s.n && is_space(s.p[n]) == space)
        n++;
    return n;
}

static struct tokens split(struct arena *a, struct str s, bool lines)
{
    size_t count = 0;
    for (struct str rest = s; rest.n; rest = str_from(rest, token(rest, lines)))
        count++;
    struct tokens t = {arena_array(a, struct str, count), 0};
    for (struct str rest = s; rest.n;) {
        size_t n = token(rest, lines);
        t.v[t.n++] = str_sub(rest, 0, n);
        rest = str_from(rest, n);
    }
    return t;
}

struct hunks {
    struct diff_hunk *v;
    size_t n;
};

/* Appends; what continues the hunk before becomes one with it (both are views into one text). */
static void add(struct hunks *h, enum diff_op op, struct str text)
{
    if (!text.n)
        return;
    struct diff_hunk *last = h->n ? &h->v[h->n - 1] : NULL;
    if (last && last->op == op && last->text.p + last->text.n == text.p)
        last->text.n += text.n;
    else
        h->v[h->n++] = (struct diff_hunk){op, text};
}

static struct str span(const struct tokens *t, size_t from, size_t to)
{
    if (from >= to)
        return STR_NONE;
    const char *start = t->v[from].p;
    return str_of(start, (size_t)(t->v[to - 1].p + t->v[to - 1].n - start));
}

/*
 * Myers: furthest[k] is how far along `before` the best path of d edits on diagonal k (x - y) gets; all of
 * them are kept, to walk back. Returns the number of edits, or -1 beyond `most`.
 */
static int64_t search(const struct tokens *x, const struct tokens *y, int64_t most, int32_t **trace,
                      struct arena *a)
{
    int64_t n = (int64_t)x->n, m = (int64_t)y->n;
    for (int64_t d = 0; d <= most; d++) {
        int32_t *now = arena_array(a, int32_t, (size_t)(2 * d + 3)) + d + 1;
        const int32_t *was = d ? trace[d - 1] : NULL;
        trace[d] = now;
        for (int64_t k = -d; k <= d; k += 2) {
            int64_t i = 0;
            if (d)
                i = k == -d || (k != d && was[k - 1] < was[k + 1]) ? was[k + 1] : was[k - 1] + 1;
            int64_t j = i - k;
            while (i < n && j >= 0 && j < m && str_eq(x->v[i], y->v[j]))
                i++, j++;
            now[k] = (int32_t)i;
            if (i >= n && j >= m)
                return d;
        }
    }
    return -1;
}

/* Walks the trace back from the ends; ops come out last first. */
static size_t walk(const struct tokens *x, const struct tokens *y, int64_t d, int32_t **trace,
                   enum diff_op *ops)
{
    int64_t i = (int64_t)x->n, j = (int64_t)y->n;
    size_t count = 0;
    for (; d > 0; d--) {
        const int32_t *was = trace[d - 1];
        int64_t k = i - j;
        bool down = k == -d || (k != d && was[k - 1] < was[k + 1]);
        int64_t before = down ? k + 1 : k - 1, from_i = was[before], from_j = from_i - before;
        while (i > from_i + !down && j > from_j + down) {
            ops[count++] = DIFF_SAME;
            i--, j--;
        }
        ops[count++] = down ? DIFF_ADDED : DIFF_REMOVED;
        i = from_i, j = from_j;
    }
    for (; i > 0; i--)
        ops[count++] = DIFF_SAME;
    return count;
}

/* The middle, of which neither ends nor beginnings are alike. */
static void middle(struct arena *a, const struct tokens *x, const struct tokens *y, struct hunks *h)
{
    struct arena own = ARENA_INIT;
    int32_t **trace = arena_array(&own, int32_t *, DIFF_EDITS + 1);
    bool small = x->n + y->n <= DIFF_TOKENS;
    int64_t d = small ? search(x, y, DIFF_EDITS, trace, &own) : -1;
    (void)a;
    if (d < 0) {
        add(h, DIFF_REMOVED, span(x, 0, x->n));
        add(h, DIFF_ADDED, span(y, 0, y->n));
        arena_release(&own);
        return;
    }
    enum diff_op *ops = arena_array(&own, enum diff_op, x->n + y->n);
    size_t count = walk(x, y, d, trace, ops), i = 0, j = 0;
    while (count) {
        /* Of one change what goes stands before what comes. */
        size_t gone = i, come = j;
        while (count && ops[count - 1] != DIFF_SAME) {
            count--;
            gone += ops[count] == DIFF_REMOVED;
            come += ops[count] == DIFF_ADDED;
        }
        add(h, DIFF_REMOVED, span(x, i, gone));
        add(h, DIFF_ADDED, span(y, j, come));
        i = gone, j = come;
        for (; count && ops[count - 1] == DIFF_SAME; count--, i++, j++)
            add(h, DIFF_SAME, x->v[i]);
    }
    arena_release(&own);
}

static size_t lines_of(struct str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += s.p[i] == '\n';
    return n;
}

struct diff_hunk *diff_texts(struct arena *a, struct str before, struct str after, size_t *count)
{
    bool lines = lines_of(before) >= DIFF_LINES_LEAST && lines_of(after) >= DIFF_LINES_LEAST;
    struct tokens x = split(a, before, lines), y = split(a, after, lines);
    size_t head = 0, tail = 0, least = x.n < y.n ? x.n : y.n;
    while (head < least && str_eq(x.v[head], y.v[head]))
        head++;
    while (tail < least - head && str_eq(x.v[x.n - 1 - tail], y.v[y.n - 1 - tail]))
        tail++;
    struct hunks h = {arena_array(a, struct diff_hunk, x.n + y.n + 2), 0};
    add(&h, DIFF_SAME, span(&x, 0, head));
    struct tokens mx = {x.v + head, x.n - head - tail}, my = {y.v + head, y.n - head - tail};
    middle(a, &mx, &my, &h);
    add(&h, DIFF_SAME, span(&x, x.n - tail, x.n));
    *count = h.n;
    return h.v;
}
