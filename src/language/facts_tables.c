/*
 * Loading the word sets and patterns of share/language, and the small judgements about nouns that both facts
 * and questions need.
 */
#include "language/facts_impl.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/map.h"
#include "base/share.h"

static struct fact_tables tables;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static const struct {
    const char *name;
    bool single;
} kinds[] = {
#define FACT(symbol, name, single) {name, single},
#include "language/facts.def"
#undef FACT
};

const char *fact_kind_name(enum fact_kind kind)
{
    return kinds[kind].name;
}

bool fact_kind_single(enum fact_kind kind)
{
    return kinds[kind].single;
}

static bool parse_line(struct str head, struct fact_line *out)
{
    struct str word;
    bool known = false;
    *out = (struct fact_line){.kind = FACT_OTHER};
    while (str_cut(&head, ' ', &word)) {
        if (str_eq(word, STR("not")))
            out->negated = true;
        else if (str_eq(word, STR("past")))
            out->past = true;
        for (int i = 0; i < FACT_KINDS; i++)
            if (str_eq(word, str_c(kinds[i].name))) {
                out->kind = (enum fact_kind)i;
                known = true;
            }
    }
    return known;
}

static enum err load_line(struct str line, size_t cap, struct error *e)
{
    size_t colon = str_find_char(line, ':');
    if (str_starts(line, STR("set "))) {
        size_t equals = str_find_char(line, '=');
        if (equals == SIZE_MAX)
            return error_set(e, ERR_INVALID, "A set needs '='.");
        return pattern_define(tables.patterns, str_trim(str_sub(line, 4, equals - 4)),
                              str_from(line, equals + 1), e);
    }
    if (colon == SIZE_MAX || tables.line_count == cap ||
        !parse_line(str_sub(line, 0, colon), &tables.lines[tables.line_count]))
        return error_set(e, ERR_INVALID, "The line begins with no kind of fact.");
    enum err err = pattern_add(tables.patterns, str_from(line, colon + 1), (uint32_t)tables.line_count, e);
    if (!err)
        tables.line_count++;
    return err;
}

static void load(void)
{
    enum { LINES = 512 };
    struct share_file file;
    struct str line, rest;
    tables.patterns = pattern_set_new();
    tables.lines = heap_alloc(LINES * sizeof *tables.lines);
    rest = share_get(STR("language/facts.txt"), &file) ? file.bytes : STR("");
    for (unsigned number = 1; str_cut(&rest, '\n', &line); number++) {
        struct error e = {0};
        line = str_trim(line);
        if (line.n && line.p[0] != '#' && load_line(line, LINES, &e))
            log_error("language", "share/language/facts.txt:%u: %s", number, e.message);
    }
    pattern_seal(tables.patterns);
    rest = share_get(STR("language/names.txt"), &file) ? file.bytes : STR("");
    while (str_cut(&rest, '\n', &line)) {
        struct str name;
        while (!str_starts(line, STR("#")) && str_cut(&line, ' ', &name))
            if (name.n)
                map_set(&tables.names, name, &tables);
    }
}

const struct fact_tables *fact_tables(void)
{
    pthread_once(&once, load);
    return &tables;
}

struct str words_span(const struct words *w, size_t from, size_t to)
{
    if (from >= to || to > w->count)
        return STR_NONE;
    struct str span = str_sub(w->source, w->at[from].from, w->at[to - 1].to - w->at[from].from);
    /* "brother's" without what belongs to the next word */
    if (to < w->count && w->at[to].from == w->at[to - 1].from) {
        size_t cut = span.n;
        while (cut > 0 && span.p[cut - 1] != '\'' && (unsigned char)span.p[cut - 1] != 0x99)
            cut--;
        if (cut > 1)
            span.n = cut - (span.p[cut - 1] == '\'' ? 1 : 3 < cut ? 3 : cut);
    }
    return span;
}

bool looks_like_name(const struct word *w)
{
    const struct fact_tables *t = fact_tables();
    if (!w->norm.n || word_is_stop(w->norm) || (w->norm.p[0] >= '0' && w->norm.p[0] <= '9'))
        return false;
    if (pattern_in(t->patterns, "demonym", w->norm) && !map_get(&t->names, w->norm))
        return false;
    if (map_get(&t->names, w->norm))
        return true;
    return w->capital && !pattern_in(t->patterns, "feeling", w->norm) &&
           !pattern_in(t->patterns, "occupation", w->norm);
}

size_t subject_end(const struct words *w, size_t from)
{
    const struct pattern_set *p = fact_tables()->patterns;
    size_t end = from;
    while (end < w->count && end < from + 5) {
        struct str norm = w->at[end].norm;
        if (str_eq(norm, STR("'s")) || (end > from && pattern_in(p, "verb", norm)))
            break;
        if (end > from && (w->at[end].capital || w->at[end].before == ','))
            break;
        end++;
        bool known = pattern_in(p, "relative", norm) || pattern_in(p, "pet", norm);
        if (known &&
            !(end < w->count && (word_is(w, end, "'s") || pattern_in(p, "relative", w->at[end].norm))))
            break;
        if (w->at[end - 1].after && w->at[end - 1].after != '-')
            break;
    }
    return end;
}

struct str subject_canonical(struct arena *a, const struct words *w, size_t from, size_t to)
{
    static const struct {
        const char *from, *to;
    } same[] = {{"mum", "mother"},
                {"mom", "mother"},
                {"mommy", "mother"},
                {"mama", "mother"},
                {"mam", "mother"},
                {"mummy", "mother"},
                {"dad", "father"},
                {"daddy", "father"},
                {"papa", "father"},
                {"pop", "father"},
                {"sis", "sister"},
                {"bro", "brother"},
                {"hubby", "husband"},
                {"gf", "girlfriend"},
                {"bf", "boyfriend"},
                {"grandma", "grandmother"},
                {"granny", "grandmother"},
                {"nana", "grandmother"},
                {"gran", "grandmother"},
                {"grandpa", "grandfather"},
                {"granddad", "grandfather"},
                {"puppy", "dog"},
                {"pup", "dog"},
                {"doggo", "dog"},
                {"kitten", "cat"},
                {"kitty", "cat"},
                {"kid", "child"},
                {"kids", "child"},
                {"children", "child"},
                {"bestie", "friend"},
                {"bff", "friend"},
                {"coworker", "colleague"},
                {"neighbor", "neighbour"},
                {"flatmate", "roommate"},
                {"bunny", "rabbit"},
                {"puppies", "dog"},
                {"kittens", "cat"},
                {"siblings", "sibling"}};
    const struct pattern_set *p = fact_tables()->patterns;
    while (from + 1 < to && (pattern_in(p, "adjective", w->at[from].norm) || word_is_stop(w->at[from].norm)))
        from++;
    if (from >= to)
        return STR_NONE;
    struct str head = w->at[to - 1].norm;
    if (pattern_in(p, "relative", head) || pattern_in(p, "pet", head))
        from = to - 1;
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        if (to - from == 1 && str_eq(head, str_c(same[i].from)))
            return str_c(same[i].to);
    struct buf out = BUF_INIT;
    for (size_t i = from; i < to; i++) {
        if (out.n)
            buf_add_char(&out, ' ');
        struct str norm = w->at[i].norm;
        bool plural =
            i + 1 == to && norm.n > 3 && norm.p[norm.n - 1] == 's' && !strchr("sui", norm.p[norm.n - 2]);
        buf_add(&out, plural ? str_sub(norm, 0, norm.n - 1) : norm);
    }
    struct str result = arena_str(a, buf_str(&out));
    buf_release(&out);
    return result;
}

enum fact_kind attribute_kind(const struct words *w, size_t from, size_t to)
{
    static const struct {
        const char *words;
        enum fact_kind kind;
    } nouns[] = {{" name names firstname ", FACT_NAME},
                 {" age ", FACT_AGE},
                 {" birthday birthdate birth ", FACT_BIRTHDAY},
                 {" pronouns ", FACT_PRONOUNS},
                 {" job profession occupation career work ", FACT_JOB},
                 {" employer company workplace ", FACT_EMPLOYER},
                 {" hometown birthplace origin origins ", FACT_ORIGIN},
                 {" home address city town ", FACT_HOME},
                 {" major degree ", FACT_STUDY},
                 {" hobby hobbies pastime pastimes ", FACT_HOBBY},
                 {" allergy allergies ", FACT_ALLERGY},
                 {" fear fears phobia phobias ", FACT_FEAR},
                 {" diet ", FACT_DIET},
                 {" plan plans ", FACT_PLAN},
                 {" likes interests ", FACT_LIKE},
                 {" dislikes ", FACT_DISLIKE}};
    if (from >= to)
        return FACT_OTHER;
    if (str_eq(w->at[from].norm, STR("favourite")) || str_eq(w->at[from].norm, STR("favourites")))
        return FACT_FAVOURITE;
    struct str head = w->at[to - 1].norm;
    if (to - from > 1 && word_among(head, " name "))
        return to - from == 2 &&
                       word_among(w->at[from].norm, " first full real given own actual current whole ")
                   ? FACT_NAME
                   : FACT_OTHER;
    if (to - from > 1 && !(word_among(w->at[from].norm, " new current day favourite old exact home ") ||
                           word_among(head, " birth hometown hobby hobbies ")))
        return FACT_OTHER;
    for (size_t i = 0; i < sizeof nouns / sizeof *nouns; i++)
        if (word_among(head, nouns[i].words))
            return nouns[i].kind;
    return FACT_OTHER;
}
