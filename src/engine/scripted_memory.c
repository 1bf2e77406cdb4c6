/*
 * Answering "what did I tell you?" from the person's own turns.
 *
 * read_all_facts() reads every statement the person made in what was recalled and in the room, oldest first
 * (once a reply). A question selects facts of a kind about a subject; later statements replace earlier ones
 * where only one can be true, corrections and denials take back what they name. What is found is said in the
 * person's own words turned round; what is not found is said to be unknown. Nothing else is ever claimed.
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

static bool same_subject(struct str wanted, struct str subject)
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
static bool mentions(struct making *m, struct str text, struct str about)
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

static size_t mentions_count(struct making *m, struct str text, struct str about, size_t *asked)
{
    struct str word;
    size_t count = 0;
    *asked = 0;
    while (str_cut(&about, ' ', &word))
        if (word.n) {
            (*asked)++;
            count += mentions(m, text, word);
        }
    return count;
}

struct found {
    const struct person_fact *at[64];
    size_t count;
    const struct person_fact *denied; /* the latest denial that still stands */
};

static bool same_value(struct str a, struct str b)
{
    return str_ieq(a, b) || (a.n > 3 && b.n > a.n && str_ieq(str_sub(b, 0, a.n), a) && b.p[a.n] == ' ');
}

static void drop_value(struct found *f, struct str value)
{
    size_t to = 0;
    for (size_t i = 0; i < f->count; i++)
        if (!same_value(f->at[i]->value, value) && !same_value(value, f->at[i]->value))
            f->at[to++] = f->at[i];
    f->count = to;
}

static void add_found(struct found *f, const struct person_fact *fact)
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

static void find_kind(struct making *m, enum fact_kind kind, struct str subject, struct found *f)
{
    for (size_t i = 0; i < m->fact_count; i++)
        if (m->facts[i].kind == kind && same_subject(subject, m->facts[i].subject))
            add_found(f, &m->facts[i]);
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
static struct str clauses(struct making *m, const struct found *f, size_t most)
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

/* What was asked for, to follow "you haven't told me". */
static struct str thing_of(struct making *m, const struct person_question *q)
{
    struct arena *a = &m->arena;
    if (q->subject.n) {
        struct str s = q->said_as.n ? q->said_as : q->subject;
        switch (q->kind) {
        case FACT_NAME:
            return arena_printf(a, "your %.*s's name", STR_ARG(s));
        case FACT_AGE:
            return arena_printf(a, "how old your %.*s is", STR_ARG(s));
        case FACT_HOME:
            return arena_printf(a, "where your %.*s %s", STR_ARG(s), s.p[s.n - 1] == 's' ? "live" : "lives");
        case FACT_BIRTHDAY:
            return arena_printf(a, "when your %.*s was born", STR_ARG(s));
        case FACT_JOB:
            return arena_printf(a, "what your %.*s does", STR_ARG(s));
        case FACT_EMPLOYER:
            return arena_printf(a, "where your %.*s works", STR_ARG(s));
        default:
            return q->about.n ? STR("that") : arena_printf(a, "anything about your %.*s", STR_ARG(s));
        }
    }
    switch (q->kind) {
    case FACT_NAME:
        return STR("your name");
    case FACT_AGE:
        return STR("how old you are");
    case FACT_BIRTHDAY:
        return STR("when your birthday is");
    case FACT_PRONOUNS:
        return STR("your pronouns");
    case FACT_HOME:
        return STR("where you live");
    case FACT_ORIGIN:
        return STR("where you come from");
    case FACT_JOB:
        return STR("what you do for a living");
    case FACT_EMPLOYER:
        return STR("where you work");
    case FACT_STUDY:
        return STR("what you study");
    case FACT_STATUS:
        return STR("whether there's somebody in your life");
    case FACT_FAVOURITE:
        return q->about.n ? arena_printf(a, "your favourite %.*s", STR_ARG(q->about))
                          : STR("your favourites");
    case FACT_LIKE:
    case FACT_DISLIKE:
        return q->yes_no && q->about.n ? arena_printf(a, "what you think of %.*s", STR_ARG(q->about))
               : q->kind == FACT_LIKE  ? STR("what you like")
                                       : STR("what you can't stand");
    case FACT_FEAR:
        return STR("what you're afraid of");
    case FACT_ALLERGY:
        return STR("whether you have any allergies");
    case FACT_DIET:
        return STR("what you eat and don't eat");
    case FACT_LANGUAGE:
        return STR("which languages you speak");
    case FACT_HOBBY:
        return STR("that");
    case FACT_HAVE:
        if (q->about.n)
            return arena_printf(a, "anything about %s%.*s",
                                q->about.p[q->about.n - 1] == 's' || str_find_char(q->about, ' ') != SIZE_MAX
                                    ? ""
                                : strchr("aeiou", q->about.p[0]) ? "an "
                                                                 : "a ",
                                STR_ARG(q->about));
        return STR("what you have");
    case FACT_PLAN:
        return STR("what you have planned");
    default:
        return STR("that");
    }
}

/* "did I tell you about my trip to Japan?": "anything about your trip to Japan". */
static struct str topic_of(struct making *m, const struct person_question *q)
{
    enum { LONGEST = 60 };
    struct str topic = reflected(m, q->topic);
    if (q->surely && topic.n && topic.n < LONGEST && !strpbrk(arena_cstr(&m->arena, topic), "{}[]|\n"))
        return str_starts(topic, STR("I ")) || str_starts(topic, STR("you ")) ||
                       str_starts(topic, STR("what"))
                   ? STR("that")
                   : arena_printf(&m->arena, "anything about %.*s", STR_ARG(topic));
    return thing_of(m, q);
}

static bool say_none(struct making *m, const struct person_question *q)
{
    if (q->surely ? say_quote_of_all(m, q) : say_quote(m, q))
        return true;
    set_var(m, "thing", topic_of(m, q));
    return say_named(m, "memory-none");
}

/* For kinds that are asked for without a word of their own. */
static bool say_none_plain(struct making *m, const struct person_question *q)
{
    set_var(m, "thing", thing_of(m, q));
    return say_named(m, "memory-none");
}

static bool say_fact(struct making *m, struct str fact)
{
    set_var(m, "fact", fact);
    return say_named(m, "memory-fact");
}

static bool say_denied(struct making *m, const struct person_fact *fact)
{
    set_var(m, "fact", reflected(m, fact->clause));
    return say_named(m, "memory-denied");
}

/* Something is known of the subject, but not what was asked. */
static bool say_partly(struct making *m, const struct person_question *q, const struct found *f)
{
    set_var(m, "thing", thing_of(m, q));
    set_var(m, "fact", clauses(m, f, 2));
    return say_named(m, q->kind == FACT_OTHER ? "memory-only" : "memory-partly");
}

static bool answer_name(struct making *m)
{
    struct found f = {.count = 0};
    find_kind(m, FACT_NAME, STR_NONE, &f);
    set_var(m, "value", person_name(m));
    if (f.count) {
        set_var(m, "value", f.at[f.count - 1]->value);
        if (get_var(m, "value").p[0] >= 'a' && get_var(m, "value").p[0] <= 'z')
            set_var(m, "value", person_name(m));
        return say_named(m, "memory-name");
    }
    if (m->in->user_name.n)
        return say_named(m, "memory-name-profile");
    struct person_question q = {.kind = FACT_NAME};
    return say_none_plain(m, &q);
}

/* All that was said of a subject, whatever the kind; also "I have a dog" for "dog". */
static void find_subject(struct making *m, struct str subject, struct found *f)
{
    for (size_t i = 0; i < m->fact_count; i++) {
        const struct person_fact *fact = &m->facts[i];
        bool own = same_subject(subject, fact->subject);
        bool had = !fact->subject.n && mentions(m, fact->clause, subject);
        if (!own && !had)
            continue;
        if (fact->kind == FACT_HAVE && fact->negated)
            f->denied = fact;
        else if (fact->past && f->count < sizeof f->at / sizeof *f->at)
            f->at[f->count++] = fact;
        else
            add_found(f, fact);
    }
}

/* How the person calls it, without the plural of a forgotten apostrophe ("my dogs name"). */
static struct str singular(const struct person_question *q)
{
    bool plural = q->said_as.p[q->said_as.n - 1] == 's' && q->subject.p[q->subject.n - 1] != 's';
    return plural ? str_sub(q->said_as, 0, q->said_as.n - 1) : q->said_as;
}

static bool answer_subject(struct making *m, const struct person_question *q)
{
    struct found f = {.count = 0}, all = {.count = 0};
    if (q->kind != FACT_OTHER)
        find_kind(m, q->kind, q->subject, &f);
    find_subject(m, q->subject, &all);
    if (q->kind == FACT_JOB && !f.count)
        find_kind(m, FACT_EMPLOYER, q->subject, &f);
    if (q->kind == FACT_EMPLOYER && !f.count)
        find_kind(m, FACT_JOB, q->subject, &f);
    if (q->kind == FACT_NAME && f.count == 1 && q->said_as.n)
        return say_fact(m, arena_printf(&m->arena, "your %.*s's name is %.*s", STR_ARG(singular(q)),
                                        STR_ARG(f.at[0]->value)));
    if (q->kind == FACT_FAVOURITE)
        f.count = 0;
    if (f.count)
        return say_fact(m, clauses(m, &f, 3));
    if (q->kind == FACT_OTHER && q->about.n) {
        for (size_t i = 0; i < all.count; i++) {
            size_t asked;
            if (all.at[i]->kind != FACT_NAME && mentions_count(m, all.at[i]->clause, q->about, &asked))
                f.at[f.count++] = all.at[i];
        }
        if (f.count)
            return say_fact(m, clauses(m, &f, 3));
    }
    if (all.denied)
        return say_denied(m, all.denied);
    bool open = q->kind == FACT_OTHER &&
                (!q->about.n || word_among(q->about, " happened happen alive doing into fine well ok "));
    if (open && all.count)
        return say_fact(m, clauses(m, &all, 4));
    if (q->about.n && say_quote_of_all(m, q))
        return true;
    return all.count ? say_partly(m, q, &all) : say_none(m, q);
}

static bool answer_favourite(struct making *m, const struct person_question *q)
{
    struct found f = {.count = 0}, near = {.count = 0};
    for (size_t i = 0; i < m->fact_count; i++) {
        const struct person_fact *fact = &m->facts[i];
        if (fact->kind != FACT_FAVOURITE || fact->subject.n)
            continue;
        size_t asked, dot = str_find_char(fact->relation, '.');
        struct str topic = str_from(fact->relation, dot + 1);
        if (!q->about.n || mentions_count(m, topic, q->about, &asked))
            add_found(&f, fact);
    }
    if (f.count)
        return say_fact(m, clauses(m, &f, 4));
    (void)near;
    return say_none(m, q);
}

/* Yes/no and open questions over several kinds, filtered by what was asked about. */
static bool answer_filtered(struct making *m, const struct person_question *q, const enum fact_kind *kinds,
                            size_t count)
{
    struct found f = {.count = 0};
    for (size_t i = 0; i < m->fact_count; i++) {
        const struct person_fact *fact = &m->facts[i];
        bool wanted = false;
        for (size_t k = 0; k < count; k++)
            wanted |= fact->kind == kinds[k];
        size_t asked = 0;
        bool subject_fits =
            q->kind == FACT_HAVE && q->about.n && fact->subject.n && mentions(m, fact->subject, q->about);
        if (subject_fits && !fact->negated) {
            add_found(&f, fact);
            continue;
        }
        if (!wanted || fact->subject.n)
            continue;
        if (q->about.n && !mentions_count(m, fact->value, q->about, &asked) && asked &&
            !mentions_count(m, fact->relation, q->about, &asked))
            continue;
        add_found(&f, fact);
        if (fact->negated)
            f.count = 0;
    }
    if (f.count)
        return say_fact(m, clauses(m, &f, 4));
    if (f.denied)
        return say_denied(m, f.denied);
    if (!q->yes_no && q->about.n && q->kind != FACT_HAVE) {
        struct person_question open = *q;
        if (say_quote(m, q))
            return true;
        open.about = STR_NONE;
        return answer_filtered(m, &open, kinds, count);
    }
    return say_none(m, q);
}

static bool answer_past(struct making *m, const struct person_question *q)
{
    struct found f = {.count = 0};
    const struct person_fact *latest = NULL;
    for (size_t i = 0; i < m->fact_count; i++) {
        const struct person_fact *fact = &m->facts[i];
        bool kind = fact->kind == q->kind || (q->kind == FACT_JOB && fact->kind == FACT_EMPLOYER) ||
                    (q->kind == FACT_EMPLOYER && fact->kind == FACT_JOB);
        if (!kind || fact->subject.n || fact->negated)
            continue;
        if (fact->past && f.count < 4)
            f.at[f.count++] = fact;
        if (!fact->past) {
            if (latest && f.count < 4 && !same_value(latest->value, fact->value))
                f.at[f.count++] = latest;
            latest = fact;
        }
    }
    if (!f.count)
        return false;
    set_var(m, "fact", clauses(m, &f, 3));
    return say_named(m, "memory-past");
}

/* "I turn 42 in June" is no age yet. */
static bool is_ahead(const struct person_fact *fact)
{
    static const char *const signs[] = {"turn ", "turning", "will ", "'ll ", "\xe2\x80\x99ll "};
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++)
        if (str_find(fact->clause, str_c(signs[i])) != SIZE_MAX)
            return true;
    return false;
}

/* The last age that was not of the future, if there is one. */
static const struct person_fact *present_age(const struct making *m, const struct person_fact *fact)
{
    for (size_t i = m->fact_count; is_ahead(fact) && i-- > 0;)
        if (m->facts[i].kind == FACT_AGE && !m->facts[i].subject.n && !m->facts[i].negated &&
            !m->facts[i].past && !is_ahead(&m->facts[i]))
            return &m->facts[i];
    return fact;
}

static bool answer_single(struct making *m, const struct person_question *q)
{
    struct found f = {.count = 0};
    struct person_question open = *q;
    open.about = STR_NONE;
    if (q->past && answer_past(m, q))
        return true;
    find_kind(m, q->kind, STR_NONE, &f);
    if (q->kind == FACT_HOME || q->kind == FACT_BIRTHDAY || q->kind == FACT_AGE) {
        if (!f.count && q->kind == FACT_AGE)
            find_kind(m, FACT_BIRTHDAY, STR_NONE, &f);
        if (!f.count)
            return say_none(m, &open);
        if (q->kind == FACT_AGE && f.at[f.count - 1]->kind == FACT_BIRTHDAY)
            return say_partly(m, q, &f);
        const struct person_fact *fact = f.at[f.count - 1];
        if (q->kind == FACT_HOME)
            return say_fact(m,
                            arena_printf(&m->arena, "you live in %.*s", STR_ARG(reflected(m, fact->value))));
        if (q->kind == FACT_AGE)
            fact = present_age(m, fact);
        if (q->kind == FACT_AGE && is_ahead(fact))
            return say_fact(m, reflected(m, fact->clause));
        if (q->kind == FACT_AGE)
            return say_fact(m, arena_printf(&m->arena, "you're %.*s", STR_ARG(fact->value)));
        return say_fact(m, reflected(m, fact->clause));
    }
    if (q->kind == FACT_JOB || q->kind == FACT_EMPLOYER) {
        enum fact_kind other = q->kind == FACT_JOB ? FACT_EMPLOYER : FACT_JOB;
        bool own = f.count > 0;
        if (!own || q->kind == FACT_JOB)
            find_kind(m, other, STR_NONE, &f);
        if (!f.count)
            find_kind(m, FACT_STUDY, STR_NONE, &f);
        if (!f.count && f.denied)
            return say_denied(m, f.denied);
        if (q->kind == FACT_EMPLOYER && !own && f.count) {
            struct str text = f.at[f.count - 1]->clause;
            if (str_find(text, STR(" at ")) == SIZE_MAX && str_find(text, STR(" for ")) == SIZE_MAX &&
                str_find(text, STR(" in ")) == SIZE_MAX)
                return say_partly(m, &open, &f);
        }
    }
    if (q->kind == FACT_ORIGIN && !f.count)
        for (size_t i = 0; i < m->fact_count; i++)
            if (m->facts[i].kind == FACT_IS && !m->facts[i].subject.n && m->facts[i].value.n < 20 &&
                strpbrk(arena_cstr(&m->arena, m->facts[i].value), "ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
                add_found(&f, &m->facts[i]);
    if (q->kind == FACT_ORIGIN && !f.count)
        for (size_t i = 0; i < m->fact_count; i++)
            if (m->facts[i].kind == FACT_HOME && !m->facts[i].subject.n &&
                str_find(m->facts[i].clause, STR(" from ")) != SIZE_MAX)
                add_found(&f, &m->facts[i]);
    if (q->kind == FACT_JOB && !f.count && !f.denied && answer_past(m, q))
        return true;
    if (q->kind == FACT_STATUS && !f.count)
        find_subject(m, STR("partner"), &f);
    if (f.count)
        return say_fact(m, clauses(m, &f, fact_kind_single(q->kind) ? 2 : 4));
    return f.denied ? say_denied(m, f.denied) : say_none(m, &open);
}

static bool answer_everything(struct making *m)
{
    static const enum fact_kind order[] = {
        FACT_NAME,  FACT_HOME,    FACT_JOB,  FACT_EMPLOYER, FACT_HAVE,    FACT_LIKE,     FACT_FAVOURITE,
        FACT_STUDY, FACT_ALLERGY, FACT_PLAN, FACT_HOBBY,    FACT_DISLIKE, FACT_BIRTHDAY, FACT_AGE};
    enum { MOST = 40 };
    struct found all = {.count = 0};
    for (size_t k = 0; k < sizeof order / sizeof *order && all.count < MOST; k++) {
        struct found f = {.count = 0};
        find_kind(m, order[k], STR_NONE, &f);
        for (size_t i = f.count > 2 ? f.count - 2 : 0; i < f.count && all.count < MOST; i++)
            all.at[all.count++] = f.at[i];
    }
    for (size_t i = m->fact_count; i-- > 0 && all.count < MOST;)
        if (m->facts[i].subject.n && !m->facts[i].negated && m->facts[i].kind != FACT_OTHER)
            all.at[all.count++] = &m->facts[i];
    if (!all.count)
        return say_named(m, "memory-nothing");
    set_var(m, "fact", clauses(m, &all, MOST));
    return say_named(m, "memory-everything");
}

static bool answer_about(struct making *m, const struct person_question *q)
{
    struct found f = {.count = 0};
    size_t best = 0;
    for (size_t i = 0; i < m->fact_count; i++) {
        size_t asked, hits = mentions_count(m, m->facts[i].clause, q->about, &asked);
        if (!hits || hits < best || m->facts[i].kind == FACT_FEELING)
            continue;
        if (asked > 2 && hits * 2 < asked)
            continue;
        if (hits > best)
            f.count = 0;
        best = hits;
        add_found(&f, &m->facts[i]);
    }
    if (f.count)
        return say_fact(m, clauses(m, &f, 4));
    if (f.denied && !q->tentative)
        return say_denied(m, f.denied);
    return (!q->tentative || q->surely) && say_none(m, q);
}

static bool holds_learning(struct str about)
{
    return str_find(about, STR("learn")) != SIZE_MAX;
}

bool answer_from_memory(struct making *m, const struct person_question *q)
{
    static const enum fact_kind have[] = {FACT_HAVE, FACT_PLAN},
                                like[] = {FACT_LIKE, FACT_FAVOURITE, FACT_HOBBY, FACT_DISLIKE},
                                dislike[] = {FACT_DISLIKE}, liking[] = {FACT_LIKE, FACT_FAVOURITE},
                                hobby[] = {FACT_HOBBY}, allergy[] = {FACT_ALLERGY}, fear[] = {FACT_FEAR},
                                plan[] = {FACT_PLAN}, diet[] = {FACT_DIET, FACT_ALLERGY};
    struct person_question open = *q;
    read_all_facts(m);
    if (q->recent)
        return answer_recent(m);
    if (q->everything)
        return answer_everything(m);
    if (q->subject.n)
        return answer_subject(m, q);
    switch (q->kind) {
    case FACT_NAME:
        return answer_name(m);
    case FACT_FAVOURITE:
        return answer_favourite(m, q);
    case FACT_HAVE:
        return answer_filtered(m, q, have, 2);
    case FACT_LIKE:
        return q->yes_no ? answer_filtered(m, q, like, 4) : answer_filtered(m, q, liking, 2);
    case FACT_DISLIKE:
        return answer_filtered(m, q, q->yes_no ? like : dislike, q->yes_no ? 4 : 1);
    case FACT_HOBBY:
        if (q->about.n && say_quote_of_all(m, q))
            return true;
        if (holds_learning(q->about) && say_quote(m, q))
            return true;
        open.about = q->yes_no ? q->about : STR_NONE;
        return answer_filtered(m, &open, hobby, 1);
    case FACT_ALLERGY:
        open.about = STR_NONE;
        return answer_filtered(m, &open, allergy, 1);
    case FACT_FEAR:
        open.about = STR_NONE;
        return answer_filtered(m, &open, fear, 1);
    case FACT_DIET:
        open.about = q->yes_no ? q->about : STR_NONE;
        return answer_filtered(m, &open, diet, q->yes_no ? 1 : 2);
    case FACT_PLAN:
        open.about = STR_NONE;
        return answer_filtered(m, &open, plan, 1);
    case FACT_OTHER:
        return (q->about.n && answer_about(m, q)) || (q->surely && say_none(m, q));
    default:
        return answer_single(m, q);
    }
}
