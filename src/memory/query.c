/* Queries and reasons; see query.h. */
#include "memory/query.h"

#include "base/gram.h"
#include "language/text.h"

static bool has(const struct query *q, struct str stem)
{
    for (size_t i = 0; i < q->count; i++) {
        if (str_eq(q->words[i].stem, stem))
            return true;
    }
    return false;
}

/* A single Latin letter or bare punctuation finds nothing worth finding. */
static bool worth(struct str norm)
{
    bool letters = false;
    for (size_t i = 0; i < norm.n; i++) {
        unsigned char c = (unsigned char)norm.p[i];
        letters |= c >= 0x80 || (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
    }
    return letters && (norm.n > 1 || (norm.p[0] >= '0' && norm.p[0] <= '9')) && !word_is_stop(norm);
}

static void add_word(struct query *q, struct str as_said, struct str norm, bool expansion)
{
    struct str stem = word_stem(norm);
    if (q->count < QUERY_WORDS_MAX && worth(norm) && !has(q, stem))
        q->words[q->count++] = (struct query_word){.as_said = as_said, .stem = stem, .expansion = expansion};
}

static void add_words(struct arena *a, struct str text, bool expansion, struct query *q)
{
    struct words words;
    words_of(a, text, &words);
    for (size_t i = 0; i < words.count; i++) {
        const struct word *w = &words.at[i];
        struct grams g = {.rest = w->norm};
        struct str piece;
        while (gram_next(&g, &piece))
            add_word(q, piece.n == w->norm.n ? str_sub(words.source, w->from, w->to - w->from) : piece, piece,
                     expansion);
    }
}

void query_of(struct arena *a, struct str text, const struct str *words, size_t word_count, struct query *out)
{
    out->count = 0;
    add_words(a, text, false, out);
    for (size_t i = 0; i < word_count; i++)
        add_words(a, words[i], true, out);
}

uint64_t query_match(struct arena *a, const struct query *q, struct str text)
{
    struct words words;
    uint64_t matched = 0;
    words_of(a, text, &words);
    for (size_t i = 0; i < words.count; i++) {
        struct grams g = {.rest = words.at[i].norm};
        struct str piece;
        while (gram_next(&g, &piece)) {
            struct str stem = word_stem(piece);
            for (size_t k = 0; k < q->count; k++) {
                if (str_eq(stem, q->words[k].stem))
                    matched |= 1ull << k;
            }
        }
    }
    return matched;
}

static void put_ago(struct buf *b, int64_t ago_ms)
{
    static const struct {
        int64_t ms;
        const char *one, *many;
    } units[] = {
        {365ll * 86400000, "a year", "years"}, {30ll * 86400000, "a month", "months"},
        {7ll * 86400000, "a week", "weeks"},   {86400000, "a day", "days"},
        {3600000, "an hour", "hours"},         {60000, "a minute", "minutes"},
    };
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        int64_t n = ago_ms / units[i].ms;
        if (n == 1)
            buf_printf(b, "said %s ago", units[i].one);
        else if (n > 1)
            buf_printf(b, "said %lld %s ago", (long long)n, units[i].many);
        if (n >= 1)
            return;
    }
    buf_add(b, STR("said just now"));
}

struct str reason_of(struct arena *a, const struct query *q, uint64_t matched, bool neighbour, int64_t ago_ms,
                     bool same_room)
{
    enum { SHOWN = 4 };
    CLEANUP_BUF struct buf b = BUF_INIT;
    size_t shown = 0;
    for (size_t i = 0; i < q->count && shown < SHOWN; i++) {
        if (!(matched & 1ull << i))
            continue;
        buf_printf(&b, "%s'%.*s'",
                   shown       ? ", "
                   : neighbour ? "next to what shares "
                               : "shares ",
                   STR_ARG(str_sub(q->words[i].as_said, 0, 60)));
        shown++;
    }
    buf_add(&b, shown ? STR("; ") : STR("close in time to what matched; "));
    put_ago(&b, ago_ms);
    buf_add(&b, same_room ? STR(" in this room") : STR(" in another room"));
    return arena_str(a, buf_str(&b));
}
