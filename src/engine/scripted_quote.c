/*
 * Answering in the person's own words, where no relation was read from them.
 *
 * find_quote() looks through every sentence the person stated (questions, hypotheticals and what was taken
 * back are left out) for the words of a question and for their kin ("operation" also finds "surgery"), and
 * takes the sentence that holds most of them, the latest of equals. answer_entity() answers questions about
 * somebody known by name only ("who is Zosia?", "how old is Derek?"): a name that belongs to one relation is
 * put back into the question ("how old is my husband?"), else what was said of the name is quoted.
 *
 * A quotation can be beside the point, but it cannot claim what was not told.
 */
#include "engine/scripted_impl.h"

#include <stdlib.h>

enum { QUOTE_MAX = 220, QUERY_MAX = 12 };

/* Words looked for, in normal form; `key` words must be there. */
struct wanted {
    struct str words[QUERY_MAX];
    size_t count;
    size_t key; /* so many of the first words must all be there */
};

static bool akin(struct str a, struct str b)
{
    return str_eq(word_stem(a), word_stem(b)) || words_are_kin(b, a);
}

static bool holds_word(const struct words *w, struct str word, bool exact)
{
    for (size_t i = 0; i < w->count; i++)
        if (exact ? str_eq(word_stem(w->at[i].norm), word_stem(word)) : akin(w->at[i].norm, word))
            return true;
    return false;
}

struct quoting {
    struct making *m;
    const struct wanted *wanted;
    struct str best;
    size_t best_score; /* 0: none yet */
};

static void try_sentence(struct quoting *q, struct str sentence)
{
    struct words w;
    struct making *m = q->m;
    size_t hits = 0, exact = 0;
    words_of(&m->arena, sentence, &w);
    if (w.count < 3 || sentence_asks(&w) || sentence_is_unreal(&m->arena, sentence))
        return;
    for (size_t i = 0; i < q->wanted->count; i++) {
        bool there = holds_word(&w, q->wanted->words[i], false);
        if (i < q->wanted->key && !there)
            return;
        hits += there;
        exact += there && holds_word(&w, q->wanted->words[i], true);
    }
    size_t score = hits * 2 + exact;
    if (hits * 2 >= q->wanted->count && hits && score >= q->best_score) {
        q->best = sentence;
        q->best_score = score;
    }
}

static void try_turn(struct quoting *q, struct str text)
{
    struct str rest = str_sub(text, 0, WORDS_BYTES_MAX), sentence;
    if (message_taken_back(rest))
        return;
    while (sentence_next(&rest, &sentence))
        try_sentence(q, sentence);
}

static bool find_quote(struct making *m, const struct wanted *wanted, struct str *quote)
{
    const struct scripted_input *in = m->in;
    struct quoting q = {.m = m, .wanted = wanted};
    if (!wanted->count)
        return false;
    const struct scripted_recall **order = recalled_by_time(m);
    for (size_t i = 0; i < in->recalled_count; i++)
        if (order[i]->author == SCRIPTED_PERSON)
            try_turn(&q, order[i]->text);
    for (size_t i = 0; i + 1 < in->transcript_count; i++)
        if (in->transcript[i].author == SCRIPTED_PERSON)
            try_turn(&q, in->transcript[i].text);
    if (!q.best_score)
        return false;
    while (q.best.n && strchr(" .!,;:", q.best.p[q.best.n - 1]))
        q.best.n--;
    if (q.best.n > QUOTE_MAX) {
        size_t at = QUOTE_MAX;
        while (at && q.best.p[at] != ' ')
            at--;
        q.best = arena_printf(&m->arena, "%.*s ...", (int)at, q.best.p);
    }
    *quote = q.best;
    return q.best.n && !strpbrk(arena_cstr(&m->arena, q.best), "{}[]|");
}

static bool worth_looking_for(struct str norm)
{
    return !word_is_stop(norm) &&
           !word_among(norm, " what which who where when how why love loves like likes enjoy prefer want "
                             "name names call calls called named tell do "
                             "does did know remember told "
                             "said think again exactly kind sort type anything something last time again "
                             "mention mentioned still much many going go get got please ever old age 's "
                             "happened work live long everything else idea wonder forget forgotten forgot "
                             "right really hey hi mia sure ");
}

static void add_wanted(struct making *m, struct wanted *out, struct str text)
{
    struct words w;
    words_of(&m->arena, text, &w);
    for (size_t i = 0; i < w.count && out->count < QUERY_MAX; i++)
        if (worth_looking_for(w.at[i].norm))
            out->words[out->count++] = w.at[i].norm;
}

/* A word that stands for the whole kind, where a sentence with it or its kin is to the point. */
static struct str cue_of(enum fact_kind kind)
{
    switch (kind) {
    case FACT_FEAR:
        return STR("afraid");
    case FACT_ALLERGY:
        return STR("allergic");
    case FACT_DISLIKE:
        return STR("hate");
    case FACT_BIRTHDAY:
        return STR("birthday");
    case FACT_STUDY:
        return STR("study");
    case FACT_HOME:
        return STR("house");
    case FACT_STATUS:
        return STR("married");
    default:
        return STR_NONE;
    }
}

bool say_quote(struct making *m, const struct person_question *q)
{
    struct wanted wanted = {.count = 0};
    struct str quote;
    if (q->subject.n) {
        add_wanted(m, &wanted, q->subject);
        wanted.key = wanted.count;
    }
    add_wanted(m, &wanted, q->about);
    if (!wanted.count)
        add_wanted(m, &wanted, cue_of(q->kind));
    if (!find_quote(m, &wanted, &quote)) {
        if (!q->subject.n || wanted.count == wanted.key)
            return false;
        wanted.count = wanted.key;
        if (!find_quote(m, &wanted, &quote))
            return false;
    }
    set_var(m, "quote", quote);
    return say_named(m, "memory-quote");
}

/* Only a sentence that holds every word asked for. */
bool say_quote_of_all(struct making *m, const struct person_question *q)
{
    struct wanted wanted = {.count = 0};
    struct str quote;
    add_wanted(m, &wanted, q ? q->subject : m->heard);
    if (q)
        add_wanted(m, &wanted, q->about);
    wanted.key = wanted.count;
    if (!find_quote(m, &wanted, &quote))
        return false;
    set_var(m, "quote", quote);
    return say_named(m, "memory-quote");
}

/* Whether the person has used the word as a name: a fact says so, or it stood with a capital inside a
 * sentence. */
static bool is_their_name(struct making *m, struct str norm, const struct person_fact **fact,
                          size_t *relations)
{
    bool known = false;
    *relations = 0;
    for (size_t i = 0; i < m->fact_count; i++) {
        struct words w;
        if (m->facts[i].kind != FACT_NAME || m->facts[i].negated || !m->facts[i].subject.n)
            continue;
        words_of(&m->arena, m->facts[i].value, &w);
        for (size_t k = 0; k < w.count; k++)
            if (str_eq(w.at[k].norm, norm)) {
                *relations += !*fact || !str_eq((*fact)->subject, m->facts[i].subject);
                *fact = &m->facts[i];
                known = true;
            }
    }
    return known;
}

static bool stood_capital(struct making *m, struct str text, struct str norm)
{
    struct words w;
    words_of(&m->arena, text, &w);
    for (size_t i = 0; i < w.count; i++)
        if (w.at[i].capital && str_eq(w.at[i].norm, norm))
            return true;
    return false;
}

static bool spoken_of(struct making *m, struct str norm)
{
    const struct scripted_input *in = m->in;
    for (size_t i = 0; i < in->recalled_count; i++)
        if (in->recalled[i].author == SCRIPTED_PERSON && stood_capital(m, in->recalled[i].text, norm))
            return true;
    for (size_t i = 0; i + 1 < in->transcript_count; i++)
        if (in->transcript[i].author == SCRIPTED_PERSON && stood_capital(m, in->transcript[i].text, norm))
            return true;
    return false;
}

/* Others with the same relation: "my sons Tom and Bob". */
static bool only_one_of(const struct making *m, const struct person_fact *named)
{
    for (size_t i = 0; i < m->fact_count; i++)
        if (m->facts[i].kind == FACT_NAME && str_eq(m->facts[i].subject, named->subject) &&
            !str_ieq(m->facts[i].value, named->value) && !m->facts[i].instead.n)
            return false;
    return true;
}

/* The question with the name replaced: "how old is Derek" -> "how old is my husband". */
static bool ask_of_relation(struct making *m, size_t at, const struct person_fact *fact)
{
    struct person_question q;
    struct str s = m->heard, subject = fact->said_as.n ? fact->said_as : fact->subject;
    const struct word *word = &m->words.at[at];
    size_t after = word->to;
    if (at + 1 < m->words.count && m->words.at[at + 1].from == word->from) /* "Derek's" */
        while (after > word->from && s.p[after - 1] != '\'' && (unsigned char)s.p[after - 1] != 0x99)
            after--;
    if (after <= word->from || after == word->to)
        after = word->to;
    else
        after -= s.p[after - 1] == '\'' ? 1 : 3;
    struct str text = arena_printf(&m->arena, "%.*smy %.*s%.*s", (int)word->from, s.p, STR_ARG(subject),
                                   STR_ARG(str_from(s, after)));
    if (!person_question_parse(&m->arena, text, &q) || !q.subject.n)
        return false;
    return answer_from_memory(m, &q);
}

bool answer_entity(struct making *m)
{
    struct wanted wanted = {.count = 0};
    struct str quote;
    read_all_facts(m);
    for (size_t i = 0; i < m->words.count; i++) {
        struct str norm = m->words.at[i].norm;
        const struct person_fact *fact = NULL;
        size_t relations = 0;
        bool first = i == 0, content = worth_looking_for(norm) && norm.n > 1;
        if (!content || first)
            continue;
        bool named = is_their_name(m, norm, &fact, &relations);
        if (!named && !spoken_of(m, norm))
            continue;
        if (named && relations == 1 && only_one_of(m, fact) && ask_of_relation(m, i, fact))
            return true;
        wanted.words[0] = norm;
        wanted.count = wanted.key = 1;
        add_wanted(m, &wanted, str_sub(m->heard, 0, m->words.at[i].from));
        add_wanted(m, &wanted, str_from(m->heard, m->words.at[i].to));
        if (!find_quote(m, &wanted, &quote)) {
            wanted.count = 1;
            if (!find_quote(m, &wanted, &quote))
                continue;
        }
        set_var(m, "quote", quote);
        return say_named(m, "memory-quote");
    }
    return false;
}

/* The last statements of the latest other conversation, or of this one. */
bool answer_recent(struct making *m)
{
    enum { MOST = 3, LONGEST = 120 };
    const struct scripted_input *in = m->in;
    const struct scripted_recall **order = recalled_by_time(m);
    struct str parts[MOST];
    size_t count = 0;
    for (int here = 0; here < 2 && !count; here++) {
        size_t total = here ? in->transcript_count - 1 : in->recalled_count;
        for (size_t i = total; i-- > 0 && count < MOST;) {
            struct str text = str_trim(here ? in->transcript[i].text : order[i]->text);
            struct words w;
            bool person = (here ? in->transcript[i].author : order[i]->author) == SCRIPTED_PERSON;
            if (!person || (!here && order[i]->same_room) || text.n > LONGEST)
                continue;
            words_of(&m->arena, text, &w);
            while (text.n && strchr(".!,;: ", text.p[text.n - 1]))
                text.n--;
            if (w.count < 4 || sentence_asks(&w) || text.p[text.n - 1] == '?' ||
                strpbrk(arena_cstr(&m->arena, text), "{}[]|\n\""))
                continue;
            parts[count++] = text;
        }
    }
    if (!count)
        return say_named(m, "memory-recent-none");
    struct str quote = arena_printf(&m->arena, "\"%.*s\"", STR_ARG(parts[count - 1]));
    for (size_t i = count - 1; i-- > 0;)
        quote =
            arena_printf(&m->arena, "%.*s%s \"%.*s\"", STR_ARG(quote), i ? "," : " and", STR_ARG(parts[i]));
    set_var(m, "quote", quote);
    return say_named(m, "memory-recent");
}
