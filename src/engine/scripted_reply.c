/*
 * Which part of the core speaks, in this order:
 *
 *   1. rules of rank 90 and more (somebody may be in danger)
 *   2. questions about the person, answered from memory
 *   3. sums; other rules by rank and by how specific their pattern is; what the person told just now is taken
 * up
 *   4. nothing known: an unfinished topic, an answer to the persona's own question, the feeling that was
 * heard, the person's words turned round, something said before, a thought of the persona's own
 *
 * A follow-up question is added now and then, never two in one reply and not after every reply.
 */
#include "engine/scripted_impl.h"

#include <stdio.h>
#include <stdlib.h>

enum { HEARD_MAX = 4000, RANK_DANGER = 90, RANK_TOLD = 45, RANK_TOPIC = 25, YOUNG_ROOM = 4, SHORT_WORDS = 4 };

struct candidate {
    uint32_t rule;
    uint64_t weight;
    struct pattern_match match;
};

struct candidates {
    struct making *m;
    struct candidate at[MATCHES_MAX];
    size_t count;
};

static bool collect(void *ctx, const struct pattern_match *match)
{
    struct candidates *c = ctx;
    const struct rule *rule = &c->m->rules->rules[match->tag];
    struct candidate one = {match->tag, (uint64_t)rule->rank * 1000 + match->score, *match};
    if (!rule_fits(c->m, rule))
        return true;
    for (size_t i = 0; i < c->count; i++)
        if (c->at[i].rule == one.rule) {
            if (one.weight > c->at[i].weight)
                c->at[i] = one;
            return true;
        }
    if (c->count < MATCHES_MAX) {
        c->at[c->count++] = one;
        return true;
    }
    size_t least = 0;
    for (size_t i = 1; i < c->count; i++)
        if (c->at[i].weight < c->at[least].weight)
            least = i;
    if (one.weight > c->at[least].weight)
        c->at[least] = one;
    return true;
}

static int by_weight(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    return x->weight != y->weight ? (x->weight < y->weight ? 1 : -1)
                                  : (x->rule > y->rule) - (x->rule < y->rule);
}

/* Matches each sentence of what was heard, so that ^ and $ mean the sentence's. */
static void match_all(struct making *m, struct candidates *c)
{
    struct pattern_text text;
    pattern_prepare(&m->arena, m->rules->patterns, &m->words, &text);
    for (uint32_t from = 0; from < m->words.count;) {
        uint32_t to = from + 1;
        while (to < m->words.count &&
               !(m->words.at[to - 1].after && strchr(".!?;", m->words.at[to - 1].after)))
            to++;
        pattern_match(m->rules->patterns, &text, from, to, collect, c);
        from = to;
    }
    if (c->count)
        qsort(c->at, c->count, sizeof *c->at, by_weight);
}

static void set_captures(struct making *m, const struct pattern_match *match)
{
    for (uint32_t i = 0; i < match->capture_count; i++) {
        struct str name = match->captures[i].name;
        char *key = arena_cstr(&m->arena, name);
        struct str typed = pattern_captured(match, &m->words, key);
        bool fit = typed.n > 0 && typed.n < 80 && !strpbrk(arena_cstr(&m->arena, typed), "{}[]|\n");
        set_var(m, key, fit ? reflected(m, typed) : STR_NONE);
    }
}

/* Whether a name may be told in the text: one pass over its bytes, since every text of the turn is asked. */
static bool names_somebody(struct str text)
{
    static const char *const signs[] = {"name", "Name", "call",  "I'm",   "i'm",
                                        "I am", "i am", "im ",   "Im ",   "it's",
                                        "It's", "here", "go by", "meant", "\xe2\x80\x99m "};
    static const bool first[256] = {
        ['n'] = 1, ['N'] = 1, ['c'] = 1, ['I'] = 1, ['i'] = 1, ['h'] = 1, ['g'] = 1, ['m'] = 1, [0xe2] = 1};
    for (size_t at = 0; at < text.n; at++) {
        if (!first[(unsigned char)text.p[at]])
            continue;
        for (size_t k = 0; k < sizeof signs / sizeof *signs; k++)
            if (signs[k][0] == text.p[at] && str_starts(str_from(text, at), str_c(signs[k])))
                return true;
    }
    return false;
}

/* The person's first name: what they said last; else the display name. */
struct str person_name(struct making *m)
{
    const struct scripted_input *in = m->in;
    if (m->name_sought)
        return get_var(m, "person");
    m->name_sought = true;
    struct str name = in->user_name;
    int64_t best = INT64_MIN;
    size_t total = in->core_count + in->recalled_count + in->transcript_count;
    for (size_t i = 0; i < total; i++) {
        size_t r = i - in->core_count, t = r - in->recalled_count;
        bool core = i < in->core_count, recalled = !core && r < in->recalled_count;
        struct str text = core ? in->core[i] : recalled ? in->recalled[r].text : in->transcript[t].text;
        int64_t at = core ? INT64_MIN + 1 : recalled ? in->recalled[r].at_ms : INT64_MAX;
        bool person =
            core || (recalled ? in->recalled[r].author : in->transcript[t].author) == SCRIPTED_PERSON;
        struct str asked = !core && !recalled && t && in->transcript[t - 1].author == SCRIPTED_SELF
                               ? in->transcript[t - 1].text
                               : STR_NONE;
        if (!person || at < best)
            continue;
        if (!(asked.n && str_find(asked, STR("name")) != SIZE_MAX) && !names_somebody(text))
            continue;
        struct person_fact facts[PERSON_FACTS_MAX];
        if (core && str_starts(text, STR("name:")))
            text = arena_printf(&m->arena, "my name is %.*s", STR_ARG(str_trim(str_from(text, 5))));
        size_t count = person_facts_extract(&m->arena, text, asked, facts, PERSON_FACTS_MAX);
        for (size_t k = 0; k < count; k++)
            if (facts[k].kind == FACT_NAME && !facts[k].subject.n && !facts[k].negated) {
                name = facts[k].value;
                best = at;
            }
    }
    size_t title = str_find(name, STR(". "));
    if (title != SIZE_MAX && title < 5) /* "Dr. Lopez" */
        name = str_from(name, title + 2);
    name = str_sub(name, 0, str_find_char(name, ' '));
    if (name.n && name.p[0] >= 'a' && name.p[0] <= 'z') {
        char *copy = arena_cstr(&m->arena, name);
        copy[0] = (char)(copy[0] - 32);
        name = str_of(copy, name.n);
    }
    set_var(m, "person", name.n < 40 ? name : STR_NONE);
    return get_var(m, "person");
}

static bool ends_asking(struct str text)
{
    text = str_trim(text);
    return text.n && text.p[text.n - 1] == '?';
}

static const struct scripted_turn *last_own(const struct scripted_input *in, size_t back)
{
    for (size_t i = in->transcript_count; i-- > 0;)
        if (in->transcript[i].author == SCRIPTED_SELF && back-- == 0)
            return &in->transcript[i];
    return NULL;
}

/* Adds a follow-up question of the rule, unless the reply asks already or asking has become a habit. */
static void follow_up(struct making *m, const struct rule *rule)
{
    const struct scripted_turn *one = last_own(m->in, 0), *two = last_own(m->in, 1);
    bool habit = one && two && ends_asking(one->text) && ends_asking(two->text);
    if (!habit && rule && !ends_asking(buf_str(m->out)) && roll(m, 3) != 0)
        say(m, rule, LINE_ASK);
}

static bool use_rule(struct making *m, const struct rule *rule, const struct pattern_match *match)
{
    if (match)
        set_captures(m, match);
    if (!say(m, rule, LINE_SAY))
        return false;
    follow_up(m, rule);
    return true;
}

static bool use_named(struct making *m, const char *name)
{
    const struct rule *rule = rule_named(m, name);
    return rule && rule_fits(m, rule) && use_rule(m, rule, NULL);
}

static bool use_candidates(struct making *m, const struct candidates *c, int least, int most)
{
    for (size_t i = 0; i < c->count; i++) {
        const struct rule *rule = &m->rules->rules[c->at[i].rule];
        if (rule->rank >= least && rule->rank <= most && use_rule(m, rule, &c->at[i].match))
            return true;
    }
    return false;
}

/* "I want to visit Norway some day", as against "I have an exam tomorrow". */
static bool is_wish(struct making *m, struct str clause)
{
    struct words w;
    bool wish = false, dated = false;
    words_of(&m->arena, clause, &w);
    for (size_t i = 0; i < w.count; i++) {
        wish |= word_among(w.at[i].norm, " want would hope hoping intend wish planning plan ");
        dated |=
            word_among(w.at[i].norm,
                       " tomorrow tonight today week weekend month monday tuesday wednesday thursday friday "
                       "saturday sunday next soon ");
    }
    return wish && !dated;
}

/* What the person told in the turn to answer: "told-home", "told-sister", ... by kind and subject. */
static bool take_up(struct making *m, const struct person_fact *facts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct person_fact *fact = &facts[i];
        struct str value = reflected(m, fact->value);
        bool plain = value.n && value.n < 60 && !strpbrk(arena_cstr(&m->arena, value), "{}[]|\n");
        const char *kind = fact_kind_name(fact->kind);
        char rule[80];
        if (!plain || fact->kind == FACT_FEELING)
            continue;
        struct str thing = fact->said_as.n ? fact->said_as : fact->subject;
        set_var(m, "value", value);
        set_var(m, "thing", thing.n < 40 ? thing : STR_NONE);
        set_var(m, "old", fact->instead);
        if (fact->kind == FACT_FAVOURITE)
            set_var(m, "thing", str_from(fact->relation, str_find_char(fact->relation, '.') + 1));
        if (fact->kind == FACT_PLAN || fact->kind == FACT_IS || fact->kind == FACT_HAVE)
            set_var(m, "clause", reflected(m, fact->clause));
        const char *sign = fact->negated                                 ? "-not"
                           : fact->past                                  ? "-past"
                           : fact->correction && fact->kind == FACT_NAME ? "-again"
                                                                         : "";
        bool wish = fact->kind == FACT_PLAN && !fact->negated && is_wish(m, fact->clause);
        if (wish)
            snprintf(rule, sizeof rule, "told-wish");
        else if (fact->subject.n)
            snprintf(rule, sizeof rule, "told-their-%s%s", kind, sign);
        else
            snprintf(rule, sizeof rule, "told-%s%s", kind, sign);
        if (use_named(m, rule))
            return true;
    }
    return false;
}

static bool is_word(const struct making *m, const char *list)
{
    if (!m->words.count || m->words.count > SHORT_WORDS)
        return false;
    return word_among(m->words.at[0].norm, list);
}

static bool use_reflection(struct making *m, const struct person_fact *facts, size_t count)
{
    enum { LONGEST = 90 };
    for (size_t i = count; i-- > 0;) {
        bool own = !facts[i].subject.n;
        if (facts[i].clause.n > LONGEST || (own && facts[i].kind == FACT_NAME))
            continue;
        struct str clause = reflected(m, facts[i].clause);
        if (strpbrk(arena_cstr(&m->arena, clause), "{}[]|\n\""))
            continue;
        set_var(m, "clause", clause);
        if (use_named(m, own ? "reflect" : "reflect-their"))
            return true;
    }
    return false;
}

static bool answer_to_own_question(struct making *m)
{
    if (!(m->now & IF_ASKED) || (m->now & IF_ASKS))
        return false;
    if (is_word(m, " yes yeah yep yup sure absolutely definitely indeed certainly ok okay exactly true y "))
        return use_named(m, "answered-yes");
    if (is_word(m, " no nope nah never not n "))
        return use_named(m, "answered-no");
    if (m->words.count && m->words.count <= 12)
        return use_named(m, "answered");
    return false;
}

static bool use_unfinished(struct making *m)
{
    bool due = false;
    return find_unfinished(m, &due) && use_named(m, due ? "unfinished-due" : "unfinished-ahead");
}

/* A question or an order to tell, that is not about the persona. */
static bool asks_of_somebody(const struct making *m)
{
    const struct words *w = &m->words;
    bool orders = w->count > 1 && word_among(w->at[0].norm, " tell remind describe ");
    if ((!(m->now & IF_ASKS) && !orders) || w->count > 20)
        return false;
    for (size_t i = 0; i < w->count; i++)
        if (word_among(w->at[i].norm, " your yours yourself ") ||
            (str_eq(w->at[i].norm, STR("you")) && i + 1 < w->count &&
             word_among(w->at[i + 1].norm, " like think love hate prefer feel want believe enjoy ")))
            return false;
    return true;
}

/* Nothing in the rules knew the turn. */
static void improvise(struct making *m, const struct person_fact *facts, size_t count)
{
    bool asks = (m->now & IF_ASKS) != 0;
    if (answer_to_own_question(m))
        return;
    if (asks && asks_of_somebody(m) && say_quote_of_all(m, NULL))
        return;
    if (asks && use_named(m, "unknown-question"))
        return;
    if (!asks && roll(m, 4) == 0 && use_unfinished(m))
        return;
    if (!asks && (m->now & IF_BAD) && use_named(m, "heard-bad"))
        return;
    if (!asks && (m->now & IF_GOOD) && use_named(m, "heard-good"))
        return;
    if (!asks && roll(m, 3) && use_reflection(m, facts, count))
        return;
    if (m->words.count == 0 && use_named(m, "no-words"))
        return;
    if (roll(m, 3) == 0 && find_callback(m) && use_named(m, "callback"))
        return;
    if (roll(m, 3) == 0 && use_unfinished(m))
        return;
    if (use_named(m, "musing") || use_reflection(m, facts, count) ||
        (find_callback(m) && use_named(m, "callback")) || use_named(m, "pause"))
        return;
    buf_clear(&m->own); /* all is said: begin again rather than fall silent */
    if (!use_named(m, "musing") && !use_named(m, "pause"))
        buf_add(m->out,
                STR("I'm the scripted responder: no rules are loaded, so I have nothing to say yet."));
}

static void answer_persona(struct making *m, struct candidates *c)
{
    /* Among personas: now the topic, now what the other said of it; what is asked of a program is left to
     * people. */
    bool topic = roll(m, 2) && use_candidates(m, c, RANK_TOPIC, RANK_TOLD);
    if (!topic && !use_named(m, "to-persona") && !use_candidates(m, c, RANK_TOPIC, RANK_TOLD) &&
        !use_named(m, "musing"))
        improvise(m, NULL, 0);
}

static void answer_person(struct making *m, struct candidates *c)
{
    struct person_question question;
    struct person_fact facts[PERSON_FACTS_MAX];
    const struct scripted_turn *before = last_own(m->in, 0);
    if (use_candidates(m, c, RANK_DANGER, 100))
        return;
    if ((m->now & IF_ASKS || asks_of_somebody(m)) && answer_from_lore(m))
        return;
    bool asked = person_question_parse(&m->arena, m->heard, &question);
    if (asked && question.tentative && asks_of_somebody(m) && answer_entity(m))
        return;
    if (asked && answer_from_memory(m, &question))
        return;
    if (asks_of_somebody(m) && answer_entity(m))
        return;
    if (find_sum(m) && use_named(m, "sum"))
        return;
    size_t count =
        person_facts_extract(&m->arena, m->heard, before ? before->text : STR_NONE, facts, PERSON_FACTS_MAX);
    bool young = (m->now & IF_FIRST) != 0,
         greeting = c->count && str_starts(m->rules->rules[c->at[0].rule].name, STR("greeting"));
    if (greeting && !count) {
        const struct rule *rule = &m->rules->rules[c->at[0].rule];
        set_captures(m, &c->at[0].match);
        if (say(m, rule, LINE_SAY)) {
            if (!(young && !ends_asking(buf_str(m->out)) && use_unfinished(m)))
                follow_up(m, rule);
            return;
        }
    }
    if (use_candidates(m, c, RANK_TOLD + 1, RANK_DANGER - 1) || take_up(m, facts, count) ||
        use_candidates(m, c, 0, RANK_TOLD))
        return;
    improvise(m, facts, count);
}

static uint32_t find_style(const struct scripted_rules *rules, const struct scripted_persona *persona)
{
    struct str wanted = persona->style.n ? persona->style : persona->slug;
    for (size_t i = 0; i < rules->style_count; i++)
        if (str_ieq(rules->styles[i], wanted))
            return 1u << i;
    for (size_t i = 0; i < rules->style_count; i++)
        if (str_eq(rules->styles[i], STR("plain")))
            return 1u << i;
    return 0;
}

static void look_around(struct making *m)
{
    const struct scripted_input *in = m->in;
    const struct scripted_turn *last = &in->transcript[in->transcript_count - 1], *own = last_own(in, 0);
    m->heard = str_sub(str_trim(last->text), 0, HEARD_MAX);
    words_of(&m->arena, m->heard, &m->words);
    if (last->author != SCRIPTED_PERSON) {
        m->now |= IF_PERSONA;
        set_var(m, "other", last->name);
    }
    for (size_t i = 0; i < in->transcript_count; i++)
        if (in->transcript[i].author != SCRIPTED_PERSON) {
            buf_add(&m->own, in->transcript[i].text);
            buf_add_char(&m->own, '\n');
        }
    if (in->transcript_count <= YOUNG_ROOM)
        m->now |= IF_FIRST;
    if (in->mood_valence < -.3)
        m->now |= IF_LOW;
    if (in->mood_valence > .4)
        m->now |= IF_HIGH;
    if (in->heard_valence < -.3)
        m->now |= IF_BAD;
    if (in->heard_valence > .4)
        m->now |= IF_GOOD;
    if (sentence_asks(&m->words) || ends_asking(m->heard))
        m->now |= IF_ASKS;
    if (m->words.count <= SHORT_WORDS)
        m->now |= IF_SHORT;
    if (own && ends_asking(own->text))
        m->now |= IF_ASKED;
    if (person_name(m).n)
        m->now |= IF_NAMED;
}

/* {about}: the first sentence of the persona's card, with its own name in place of {{char}}. */
static void set_about(struct making *m)
{
    struct str rest = m->in->persona.description, first, part;
    struct buf out = BUF_INIT;
    if (!sentence_next(&rest, &first))
        return;
    for (size_t at; (at = str_find(first, STR("{{char}}"))) != SIZE_MAX; first = str_from(first, at + 8)) {
        buf_add(&out, str_sub(first, 0, at));
        buf_add(&out, m->in->persona.name);
    }
    buf_add(&out, first);
    part = arena_str(&m->arena, buf_str(&out));
    buf_release(&out);
    bool plain = part.n < 400 && str_find_char(part, '{') == SIZE_MAX && str_find_char(part, '[') == SIZE_MAX;
    set_var(m, "about", plain ? part : STR_NONE);
}

void scripted_reply(const struct scripted_rules *rules, const struct scripted_input *input, struct buf *out)
{
    struct making *m = heap_alloc(sizeof *m);
    struct buf reply = BUF_INIT;
    m->rules = rules;
    m->in = input;
    m->random = input->seed;
    m->style = find_style(rules, &input->persona);
    m->out = &reply;
    set_time_vars(m);
    set_about(m);
    struct candidates *c = arena_new(&m->arena, struct candidates);
    c->m = m;
    if (!input->transcript_count) {
        if (!use_named(m, "opening"))
            improvise(m, NULL, 0);
    } else {
        look_around(m);
        match_all(m, c);
        if (m->now & IF_PERSONA)
            answer_persona(m, c);
        else
            answer_person(m, c);
    }
    buf_add(out, buf_str(&reply));
    buf_release(&reply);
    buf_release(&m->own);
    arena_release(&m->arena);
    free(m);
}

void scripted_expand_query(struct str text, struct buf *out)
{
    struct arena arena = ARENA_INIT;
    person_query_expand(&arena, text, out);
    arena_release(&arena);
}
