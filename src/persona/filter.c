/*
 * The stream of words held back; see filter.h.
 *
 * An entry is kept as folded code points, with GAP between two words that signs must part. The text that is
 * not decided yet lies in `held`. At each place where a word may begin every entry is tried: it matches, does
 * not, or would need to see more; then everything from there waits.
 */
#include "persona/filter.h"

#include "base/fold.h"
#include "base/utf8.h"

enum { GAP = 0, GAP_MAX = 16 /* signs between two words of an entry */ };

struct entry {
    uint32_t *cp;
    size_t n;
    bool open_start, open_end; /* it may begin, end, within a run of letters: a script without spaces */
};

struct word_filter {
    struct entry *entries;
    size_t count, replaced;
    struct buf held;
    bool in_word; /* the last letter that went out belongs to a word that may go on */
};

/* ---- entries ---- */

static void compile(struct arena *a, struct entry *e, struct str text)
{
    e->cp = arena_array(a, uint32_t, FOLD_MAX * text.n + 1);
    enum fold_kind before = FOLD_GAP;
    bool gap = false;
    while (text.n) {
        uint32_t cp = utf8_next(&text), folded[FOLD_MAX];
        enum fold_kind kind = fold_kind(cp);
        if (kind == FOLD_GAP) {
            gap = e->n > 0;
            continue;
        }
        unsigned n = fold_cp(cp, folded);
        if (n == 0)
            continue;
        if (gap && kind == FOLD_LETTER && before == FOLD_LETTER)
            e->cp[e->n++] = GAP;
        gap = false;
        if (e->n == 0)
            e->open_start = kind == FOLD_ALONE;
        e->open_end = kind == FOLD_ALONE;
        before = kind;
        for (unsigned i = 0; i < n; i++)
            e->cp[e->n++] = folded[i];
    }
}

struct word_filter *filter_new(struct arena *a, const struct persona_list *words)
{
    struct word_filter *f = arena_new(a, struct word_filter);
    f->entries = arena_array(a, struct entry, words->n);
    for (size_t i = 0; i < words->n; i++) {
        compile(a, &f->entries[f->count], words->v[i]);
        f->count += f->entries[f->count].n > 0;
    }
    f->held = BUF_INIT;
    return f->count ? f : NULL;
}

size_t filter_count(const struct word_filter *f)
{
    return f ? f->replaced : 0;
}

void filter_release(struct word_filter *f)
{
    if (f)
        buf_release(&f->held);
}

/* ---- text ---- */

/* Bytes of the character at the front, 0 if its end is not there yet. */
static size_t whole_char(struct str s, bool end)
{
    unsigned char c = s.n ? (unsigned char)s.p[0] : 0;
    size_t want = c < 0xC0 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
    struct str rest = s;
    if (!s.n || (want > s.n && !end))
        return 0;
    utf8_next(&rest);
    return s.n - rest.n;
}

struct reading {
    struct str rest;
    bool end;
    size_t before; /* bytes of `rest` when the character in `folded` was still ahead */
    uint32_t folded[FOLD_MAX];
    unsigned at, n; /* of folded */
};

enum next { NEXT_CHAR, NEXT_GAP, NEXT_MORE, NEXT_END };

/* Looks at what comes next: a folded letter in *cp, a gap, the end, or more text is needed. Marks that fold
 * to nothing are passed over. */
static enum next peek(struct reading *r, uint32_t *cp, enum fold_kind *kind)
{
    while (r->at == r->n) {
        size_t bytes = whole_char(r->rest, r->end);
        if (!r->rest.n)
            return r->end ? NEXT_END : NEXT_MORE;
        if (!bytes)
            return NEXT_MORE;
        struct str after = r->rest;
        uint32_t c = utf8_next(&after);
        *kind = fold_kind(c);
        if (*kind == FOLD_GAP)
            return NEXT_GAP;
        r->before = r->rest.n;
        r->n = fold_cp(c, r->folded);
        r->at = 0;
        r->rest = after;
    }
    *cp = r->folded[r->at];
    return NEXT_CHAR;
}

static bool skip_gap(struct reading *r, enum next *next)
{
    uint32_t cp;
    enum fold_kind kind;
    size_t passed = 0;
    while ((*next = peek(r, &cp, &kind)) == NEXT_GAP && passed < GAP_MAX) {
        utf8_next(&r->rest);
        passed++;
    }
    return passed > 0 || *next == NEXT_MORE;
}

enum verdict { DIFFERENT, MATCHES, UNDECIDED };

static enum verdict try_entry(const struct entry *e, struct str text, bool end, size_t *length)
{
    struct reading r = {.rest = text, .end = end};
    uint32_t cp = 0;
    enum fold_kind kind = FOLD_GAP;
    enum next next;
    for (size_t i = 0; i < e->n; i++) {
        if (e->cp[i] == GAP) {
            if (r.at < r.n || !skip_gap(&r, &next))
                return DIFFERENT;
            if (next == NEXT_MORE)
                return UNDECIDED;
            continue;
        }
        next = peek(&r, &cp, &kind);
        if (next == NEXT_GAP && i &&
            (fold_kind(e->cp[i]) == FOLD_ALONE || fold_kind(e->cp[i - 1]) == FOLD_ALONE)) {
            if (!skip_gap(&r, &next))
                return DIFFERENT;
            next = peek(&r, &cp, &kind);
        }
        if (next == NEXT_MORE)
            return UNDECIDED;
        if (next != NEXT_CHAR || cp != e->cp[i])
            return DIFFERENT;
        r.at++;
    }
    if (r.at < r.n)
        return DIFFERENT;
    /* The word must end here; marks that belong to its last letter go with it. */
    next = peek(&r, &cp, &kind);
    if (next == NEXT_MORE)
        return UNDECIDED;
    *length = text.n - (next == NEXT_CHAR ? r.before : r.rest.n);
    return next != NEXT_CHAR || e->open_end || kind == FOLD_ALONE ? MATCHES : DIFFERENT;
}

/* The longest entry at the front; UNDECIDED where one may still come. */
static enum verdict try_all(const struct word_filter *f, struct str text, bool in_word, bool end,
                            size_t *length)
{
    enum verdict best = DIFFERENT;
    for (size_t i = 0; i < f->count; i++) {
        size_t n = 0;
        if (in_word && !f->entries[i].open_start)
            continue;
        enum verdict v = try_entry(&f->entries[i], text, end, &n);
        if (v == UNDECIDED)
            return UNDECIDED;
        if (v == MATCHES && (best == DIFFERENT || n > *length)) {
            best = MATCHES;
            *length = n;
        }
    }
    return best;
}

void filter_feed(struct word_filter *f, struct str text, bool end, struct buf *out)
{
    buf_add(&f->held, text);
    struct str rest = buf_str(&f->held);
    while (rest.n) {
        size_t bytes = whole_char(rest, end), length = 0;
        if (!bytes)
            break;
        struct str after = rest;
        enum fold_kind kind = fold_kind(utf8_next(&after));
        enum verdict v =
            kind == FOLD_GAP ? DIFFERENT : try_all(f, rest, f->in_word && kind == FOLD_LETTER, end, &length);
        if (v == UNDECIDED)
            break;
        if (v == MATCHES) {
            buf_add(out, STR(FILTER_MARK));
            f->replaced++;
            f->in_word = false;
            rest = str_from(rest, length);
            continue;
        }
        buf_add(out, str_sub(rest, 0, bytes));
        f->in_word = kind == FOLD_LETTER;
        rest = after;
    }
    buf_drop(&f->held, f->held.n - rest.n);
}

struct str filter_text(struct arena *a, const struct persona_list *words, struct str text)
{
    struct word_filter *f = filter_new(a, words);
    CLEANUP_BUF struct buf out = BUF_INIT;
    if (!f)
        return text;
    filter_feed(f, text, true, &out);
    filter_release(f);
    return f->replaced ? arena_str(a, buf_str(&out)) : text;
}
