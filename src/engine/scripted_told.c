/*
 * What the person told, as facts: read_all_facts() reads every statement they made in what was recalled and
 * in the room, oldest first (once a reply); later statements replace earlier ones where only one can be true,
 * corrections and denials take back what they name. Here facts are found, and put into the person's own words
 * turned round; which question gets which is scripted_memory.c's.
 */
#include "engine/scripted_impl.h"

#include <stdlib.h>

static int by_time(const void *a, const void *b)
{
    const struct scripted_recall *x = *(const struct scripted_recall *const *)a,
                                 *y = *(const struct scripted_recall *const *)b;
    return (x->at_ms > y->at_ms) - (x->at_ms < y->at_ms);
}

/* The one relation that bears this name, or NULL. */
static const struct person_fact *bearer(const struct making *m, struct str norm)
{
    const struct person_fact *found = NULL;
    for (size_t i = 0; i < m->fact_count; i++) {
        const struct person_fact *fact = &m->facts[i];
        if (fact->kind != FACT_NAME || fact->negated || !fact->subject.n || !str_ieq(fact->value, norm))
            continue;
        if (found && !str_eq(found->subject, fact->subject))
            return NULL;
        found = fact;
    }
    return found;
}

/* "Derek keeps bees" -> "my husband Derek keeps bees", once it is known who Derek is. */
static struct str with_relations(struct making *m, struct str text)
{
    struct words w;
    struct buf out = BUF_INIT;
    size_t done = 0;
    words_of(&m->arena, text, &w);
    for (size_t i = 0; i + 1 < w.count; i++) {
        bool begins = i == 0 || w.at[i - 1].after || word_among(w.at[i - 1].norm, " and but so because ");
        bool listed = i > 0 && (w.at[i - 1].after == ',' || w.at[i - 1].after == ':') && !w.at[i].capital;
        const struct person_fact *who = begins && !listed && !w.at[i].after && !word_is_stop(w.at[i].norm)
                                            ? bearer(m, w.at[i].norm)
                                            : NULL;
        if (!who || word_among(w.at[i + 1].norm, " and or ") ||
            (i && word_among(w.at[i + 1].norm, " is ") && w.at[i + 1].from != w.at[i].from &&
             i + 2 >= w.count))
            continue;
        if (i + 2 < w.count && word_among(w.at[i + 1].norm, " is are ") &&
            word_among(w.at[i + 2].norm, " my our "))
            continue;
        bool shared =
            who->said_as.n && who->said_as.p[who->said_as.n - 1] == 's' && !str_ends(who->said_as, STR("ss"));
        buf_add(&out, str_sub(text, done, w.at[i].from - done));
        buf_printf(&out, "my %.*s ",
                   STR_ARG(shared           ? who->subject
                           : who->said_as.n ? who->said_as
                                            : who->subject));
        done = w.at[i].from;
    }
    if (done) {
        buf_add(&out, str_from(text, done));
        text = arena_str(&m->arena, buf_str(&out));
    } else if (out.n) {
        buf_add(&out, text);
        text = arena_str(&m->arena, buf_str(&out));
    }
    buf_release(&out);
    return text;
}

static void read_from(struct making *m, struct str text, struct str asked)
{
    text = with_relations(m, text);
    if (m->fact_count < FACTS_MAX)
        m->fact_count +=
            person_facts_extract(&m->arena, text, asked, m->facts + m->fact_count, FACTS_MAX - m->fact_count);
}

/* Core blocks are kept as "name: Ana" or as sentences. */
static void read_core(struct making *m, struct str block)
{
    struct str line;
    while (str_cut(&block, '\n', &line)) {
        size_t colon = str_find_char(line, ':');
        struct str key = str_trim(str_sub(line, 0, colon)), value = str_trim(str_from(line, colon + 1));
        if (colon == SIZE_MAX || colon > 40)
            read_from(m, line, STR_NONE);
        else if (value.n)
            read_from(m, arena_printf(&m->arena, "my %.*s is %.*s", STR_ARG(key), STR_ARG(value)), STR_NONE);
    }
}

const struct scripted_recall **recalled_by_time(struct making *m)
{
    const struct scripted_input *in = m->in;
    const struct scripted_recall **order =
        arena_array(&m->arena, const struct scripted_recall *, in->recalled_count + 1);
    for (size_t i = 0; i < in->recalled_count; i++)
        order[i] = &in->recalled[i];
    if (in->recalled_count)
        qsort(order, in->recalled_count, sizeof *order, by_time);
    return order;
}

void read_all_facts(struct making *m)
{
    const struct scripted_input *in = m->in;
    if (m->facts_read)
        return;
    m->facts_read = true;
    for (size_t i = 0; i < in->core_count; i++)
        read_core(m, in->core[i]);
    const struct scripted_recall **order = recalled_by_time(m);
    for (size_t i = 0; i < in->recalled_count; i++)
        if (order[i]->author == SCRIPTED_PERSON)
            read_from(m, order[i]->text, STR_NONE);
    for (size_t i = 0; i < in->transcript_count; i++) {
        bool asked = i && in->transcript[i - 1].author == SCRIPTED_SELF;
        if (in->transcript[i].author == SCRIPTED_PERSON)
            read_from(m, in->transcript[i].text, asked ? in->transcript[i - 1].text : STR_NONE);
    }
}

/* Words that stand for several subjects. */
static bool within_category(struct str category, struct str subject)
{
    static const struct {
        const char *name, *members;
    } categories[] = {
        {"pet",
         " dog cat hamster rabbit parrot bird fish goldfish horse pony snake turtle tortoise lizard gecko "
         "ferret budgie "
         "canary rat mouse chicken guinea pig hedgehog axolotl iguana frog chinchilla cockatiel goat "},
        {"animal", " dog cat hamster rabbit parrot bird fish goldfish horse pony snake turtle tortoise "
                   "lizard gecko ferret "
                   "budgie canary rat mouse chicken goat sheep cow donkey "},
        {"sibling", " sister brother twin stepsister stepbrother "},
        {"parent", " mother father stepmother stepfather mum dad "},
        {"child", " son daughter baby child girl boy twins "},
        {"grandparent", " grandmother grandfather "},
        {"partner", " husband wife girlfriend boyfriend fiance fiancee spouse partner "},
        {"spouse", " husband wife partner "},
        {"family",
         " mother father sister brother son daughter wife husband aunt uncle cousin niece nephew grandmother "
         "grandfather child baby parent parents twin "},
    };
    for (size_t i = 0; i < sizeof categories / sizeof *categories; i++) {
        struct str name = str_c(categories[i].name);
        if (!str_starts(category, name) || category.n > name.n + 1 || subject.n == 0)
            continue;
        return word_among(subject, categories[i].members);
    }
    return false;
}

bool told_same_subject(struct str wanted, struct str subject)
{
    if (!wanted.n || !subject.n)
        return !wanted.n && !subject.n;
    return str_eq(word_stem(wanted), word_stem(subject)) || within_category(wanted, subject);
}

static struct str canonical_word(struct making *m, struct str word)
{
    static const char *const pairs[][2] = {
        {"mum", "mother"},         {"mom", "mother"},   {"dad", "father"}, {"kid", "child"},
        {"children", "child"},     {"kids", "child"},   {"puppy", "dog"},  {"kitten", "cat"},
        {"siblings", "sibling"},   {"color", "colour"}, {"movie", "film"}, {"movies", "film"},
        {"films", "film"},         {"meal", "food"},    {"dish", "food"},  {"grandma", "grandmother"},
        {"grandpa", "grandfather"}};
    (void)m;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        if (str_eq(word, str_c(pairs[i][0])))
            return str_c(pairs[i][1]);
    return word;
}

/* Whether `text` holds the word `about` (by stem), or a member of the category it names. */
bool told_mentions(struct making *m, struct str text, struct str about)
{
    struct words w;
    about = canonical_word(m, about);
    words_of(&m->arena, text, &w);
    for (size_t i = 0; i < w.count; i++) {
        struct str word = canonical_word(m, w.at[i].norm);
        if (str_eq(word_stem(word), word_stem(about)) || within_category(about, word) ||
            within_category(about, word_stem(word)))
            return true;
    }
    return false;
}

size_t told_mentions_count(struct making *m, struct str text, struct str about, size_t *asked)
{
    struct str word;
    size_t count = 0;
    *asked = 0;
    while (str_cut(&about, ' ', &word))
        if (word.n) {
            (*asked)++;
            count += told_mentions(m, text, word);
        }
    return count;
}

bool told_same_value(struct str a, struct str b)
{
    return str_ieq(a, b) || (a.n > 3 && b.n > a.n && str_ieq(str_sub(b, 0, a.n), a) && b.p[a.n] == ' ');
}

static void drop_value(struct found *f, struct str value)
{
    size_t to = 0;
    for (size_t i = 0; i < f->count; i++)
        if (!told_same_value(f->at[i]->value, value) && !told_same_value(value, f->at[i]->value))
            f->at[to++] = f->at[i];
    f->count = to;
}

void told_add_found(struct found *f, const struct person_fact *fact)
{
    bool single = fact_kind_single(fact->kind) && (!fact->subject.n || fact->kind != FACT_NAME);
    if (fact->negated) {
        drop_value(f, fact->value);
        f->denied = fact;
        return;
    }
    if (fact->past)
        return;
    if (fact->instead.n)
        drop_value(f, fact->instead);
    if (single || (fact->correction && fact->kind == FACT_NAME)) {
        size_t to = 0;
        for (size_t i = 0; i < f->count; i++)
            if (f->at[i]->kind != fact->kind || !str_eq(f->at[i]->relation, fact->relation))
                f->at[to++] = f->at[i];
        f->count = to;
    }
    drop_value(f, fact->value);
    f->denied = NULL;
    if (f->count == sizeof f->at / sizeof *f->at) {
        memmove(f->at, f->at + 1, (f->count - 1) * sizeof *f->at);
        f->count--;
    }
    f->at[f->count++] = fact;
}

void told_find_kind(struct making *m, enum fact_kind kind, struct str subject, struct found *f)
{
    for (size_t i = 0; i < m->fact_count; i++)
        if (m->facts[i].kind == kind && told_same_subject(subject, m->facts[i].subject))
            told_add_found(f, &m->facts[i]);
}

/* {list}: "a", "a and b", "a, b and c". */
static struct str joined(struct making *m, const struct str *parts, size_t count)
{
    struct buf out = BUF_INIT;
    for (size_t i = 0; i < count; i++) {
        if (i)
            buf_add(&out, i + 1 == count ? STR(" and ") : STR(", "));
        buf_add(&out, parts[i]);
    }
    struct str result = arena_str(&m->arena, buf_str(&out));
    buf_release(&out);
    return result;
}

/* "your name is Ana", "your cats are called Tom and Jerry"; empty if an earlier fact has said so. */
static struct str naming(struct making *m, const struct found *f, size_t at)
{
    const struct person_fact *fact = f->at[at];
    struct str names[8], said_as = fact->said_as;
    size_t count = 0;
    if (!fact->subject.n)
        return arena_printf(&m->arena, "your name is %.*s", STR_ARG(fact->value));
    for (size_t i = 0; i < f->count && count < 8; i++) {
        if (f->at[i]->kind != FACT_NAME || !str_eq(f->at[i]->subject, fact->subject))
            continue;
        if (i < at)
            return STR_NONE;
        bool twice = false;
        for (size_t k = 0; k < count; k++)
            twice |= str_ieq(names[k], f->at[i]->value);
        if (!twice)
            names[count++] = f->at[i]->value;
    }
    static const char numbers[] = " two three four five six seven 2 3 4 5 6 some several ";
    struct str number = str_sub(said_as, 0, str_find_char(said_as, ' '));
    if (number.n < said_as.n && memmem(numbers, sizeof numbers, number.p, number.n))
        said_as = str_from(said_as, number.n + 1);
    bool plural = said_as.n > 2 && said_as.p[said_as.n - 1] == 's' && said_as.p[said_as.n - 2] != 's';
    bool single =
        count > 1 && said_as.n && said_as.p[said_as.n - 1] != 's' && !str_ends(said_as, STR("children"));
    if (single && str_eq(said_as, STR("child")))
        said_as = STR("children");
    else if (single)
        said_as = arena_printf(&m->arena, "%.*ss", STR_ARG(said_as));
    return arena_printf(&m->arena, "your %.*s %s called %.*s", STR_ARG(said_as),
                        count > 1 || plural ? "are" : "is", STR_ARG(joined(m, names, count)));
}

/* Facts' clauses turned round, latest last, the same clause once. */
struct str told_clauses(struct making *m, const struct found *f, size_t most)
{
    struct str parts[14];
    size_t count = 0, from = f->count > most ? f->count - most : 0;
    for (size_t i = from; i < f->count && count < 14; i++) {
        const struct person_fact *fact = f->at[i];
        struct str part = fact->kind == FACT_NAME ? naming(m, f, i) : reflected(m, fact->clause);
        bool known = !part.n;
        /* "my sister Eva has two cats" says the name too; "I have a dog called Rex" is said by the name. */
        for (size_t k = from; k < f->count; k++) {
            bool same = str_eq(f->at[k]->clause, fact->clause),
                 own = str_eq(f->at[k]->subject, fact->subject);
            bool naming_it = f->at[k]->kind == FACT_NAME && f->at[k]->subject.n;
            known |= same && fact->subject.n && fact->kind == FACT_NAME && f->at[k]->kind != FACT_NAME && own;
            known |= same && fact->kind != FACT_NAME && naming_it && !own;
        }
        for (size_t k = 0; k < count; k++)
            known |= str_find(parts[k], part) != SIZE_MAX;
        if (!known)
            parts[count++] = part;
    }
    return joined(m, parts, count);
}
