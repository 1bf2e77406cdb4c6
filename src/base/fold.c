/* Folding; see fold.h. */
#include "base/fold.h"

#include "base/map.h"
#include "base/utf8.h"

struct fold {
    uint16_t from, to[FOLD_MAX];
};

static const struct fold table[] = {
#define FOLD(cp, a, b, c) {cp, {a, b, c}},
#include "base/fold.def"
#undef FOLD
};
enum { TABLE = sizeof table / sizeof *table };

struct range {
    uint32_t first, last;
};

/* What parts words beyond ASCII: punctuation, symbols, spaces. */
static const struct range gaps[] = {
    {0x80, 0xA9},     {0xAB, 0xB1},       {0xB4, 0xB4},        {0xB6, 0xB8},     {0xBB, 0xBF},
    {0xD7, 0xD7},     {0xF7, 0xF7},       {0x2C2, 0x2C5},      {0x37E, 0x37E},   {0x387, 0x387},
    {0x55A, 0x55F},   {0x589, 0x58A},     {0x5BE, 0x5BE},      {0x5C0, 0x5C0},   {0x5C3, 0x5C3},
    {0x5F3, 0x5F4},   {0x600, 0x60F},     {0x61B, 0x61F},      {0x66A, 0x66D},   {0x6D4, 0x6D4},
    {0x964, 0x965},   {0xE3F, 0xE3F},     {0xE4F, 0xE4F},      {0xE5A, 0xE5B},   {0x104A, 0x104F},
    {0x17D4, 0x17DB}, {0x2000, 0x206F},   {0x20A0, 0x20CF},    {0x2100, 0x214F}, {0x2190, 0x2BFF},
    {0x2E00, 0x2E7F}, {0x3000, 0x3004},   {0x3008, 0x3020},    {0x30FB, 0x30FB}, {0xE000, 0xF8FF},
    {0xFE00, 0xFE6F}, {0xFEFF, 0xFF0F},   {0xFF1A, 0xFF20},    {0xFF3B, 0xFF40}, {0xFF5B, 0xFF65},
    {0xFFE0, 0xFFFF}, {0x1F000, 0x1FAFF}, {0xE0000, 0x10FFFF},
};

/* Scripts without spaces between words. */
static const struct range alone[] = {
    {0xE01, 0xE4E},   {0xE80, 0xEFF},   {0x1000, 0x109F}, {0x1780, 0x17D3},   {0x2E80, 0x2FDF},
    {0x3005, 0x3007}, {0x3021, 0x30FA}, {0x30FC, 0x312F}, {0x31A0, 0x31FF},   {0x3400, 0x4DBF},
    {0x4E00, 0x9FFF}, {0xF900, 0xFAFF}, {0xFF66, 0xFF9F}, {0x20000, 0x323AF},
};

static bool within(const struct range *list, size_t count, uint32_t cp)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (list[middle].last < cp)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && cp >= list[low].first;
}

enum fold_kind fold_kind(uint32_t cp)
{
    if (cp < 0x80)
        return (cp >= '0' && cp <= '9') || (cp >= 'a' && cp <= 'z') || (cp >= 'A' && cp <= 'Z') ? FOLD_LETTER
                                                                                                : FOLD_GAP;
    if (within(gaps, sizeof gaps / sizeof *gaps, cp))
        return FOLD_GAP;
    return cp >= alone[0].first && within(alone, sizeof alone / sizeof *alone, cp) ? FOLD_ALONE : FOLD_LETTER;
}

static const struct fold *find(uint32_t cp)
{
    size_t low = 0, high = TABLE;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (table[middle].from < cp)
            low = middle + 1;
        else
            high = middle;
    }
    return low < TABLE && table[low].from == cp ? &table[low] : NULL;
}

unsigned fold_cp(uint32_t cp, uint32_t to[FOLD_MAX])
{
    enum { WIDE = 0xFEE0 }; /* from the plain to the full-width form */
    if (cp >= 0xFF01 && cp <= 0xFF5E)
        cp -= WIDE;
    to[0] = cp >= 'A' && cp <= 'Z' ? cp | 0x20 : cp;
    const struct fold *f = cp >= 0x80 && cp <= UINT16_MAX ? find(cp) : NULL;
    if (!f)
        return 1;
    unsigned n = 0;
    for (; n < FOLD_MAX && f->to[n]; n++)
        to[n] = f->to[n];
    return n;
}

static void add_folded(struct buf *to, uint32_t cp)
{
    uint32_t folded[FOLD_MAX];
    unsigned n = fold_cp(cp, folded);
    for (unsigned i = 0; i < n; i++) {
        char bytes[4];
        buf_add(to, str_of(bytes, utf8_put(bytes, folded[i])));
    }
}

struct str fold_text(struct arena *a, struct str text)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    while (text.n)
        add_folded(&b, utf8_next(&text));
    return arena_str(a, buf_str(&b));
}

bool fold_word(struct str *rest, struct buf *word)
{
    buf_clear(word);
    while (rest->n) {
        struct str before = *rest;
        uint32_t cp = utf8_next(rest);
        enum fold_kind kind = fold_kind(cp);
        if (word->n && kind != FOLD_LETTER) {
            if (kind == FOLD_ALONE)
                *rest = before;
            return true;
        }
        if (kind != FOLD_GAP)
            add_folded(word, cp);
        if (word->n && kind == FOLD_ALONE)
            return true;
    }
    return word->n > 0;
}

void fold_words(struct str text, struct buf *to, size_t max)
{
    struct map seen = MAP_INIT;
    CLEANUP_BUF struct buf word = BUF_INIT;
    struct str had = buf_str(to), one;
    while (str_cut(&had, ' ', &one))
        map_set(&seen, one, &seen);
    while (fold_word(&text, &word)) {
        struct str w = buf_str(&word);
        if (map_get(&seen, w))
            continue;
        if (to->n + w.n + 1 > max)
            break;
        map_set(&seen, w, &seen);
        if (to->n)
            buf_add_char(to, ' ');
        buf_add(to, w);
    }
    map_release(&seen);
}

struct str *fold_list(struct arena *a, struct str text, size_t *count)
{
    CLEANUP_BUF struct buf word = BUF_INIT;
    size_t n = 0;
    for (struct str rest = text; fold_word(&rest, &word);)
        n++;
    struct str *list = arena_array(a, struct str, n);
    n = 0;
    while (fold_word(&text, &word))
        list[n++] = arena_str(a, buf_str(&word));
    *count = n;
    return list;
}
