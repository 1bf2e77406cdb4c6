/*
 * Coming back to what was left open: "yesterday you mentioned your exam".
 *
 * Plans are read from the person's own turns with the time they were said; a plan for "tomorrow" that was
 * told a day ago is due. What the persona already took up in this room is not taken up again.
 */
#include "engine/scripted_impl.h"

#include "base/map.h"

#include <stdlib.h>

enum { DAY_MS = 24 * 60 * 60 * 1000 };

static struct str when_said(struct making *m, int64_t at_ms)
{
    int64_t shift = (int64_t)m->in->tz_offset_min * 60000, now = m->in->now_ms + shift, then = at_ms + shift;
    int64_t days = now / DAY_MS - then / DAY_MS;
    if (at_ms <= 0)
        return STR("a while ago");
    if (days <= 0)
        return STR("earlier");
    if (days == 1)
        return STR("yesterday");
    if (days < 7)
        return arena_printf(&m->arena, "%d days ago", (int)days);
    return days < 14 ? STR("last week") : STR("a while ago");
}

static bool has_word(struct making *m, struct str text, const char *list)
{
    struct words w;
    words_of(&m->arena, text, &w);
    for (size_t i = 0; i < w.count; i++) {
        if (word_among(w.at[i].norm, list))
            return true;
    }
    return false;
}

/* "an exam tomorrow" -> "your exam"; empty if the value names no thing. */
static struct str thing_meant(struct making *m, struct str value)
{
    static const char times[] =
        " tomorrow tonight today on next this at in soon later before after monday tuesday wednesday "
        "thursday friday saturday sunday with for because and ";
    struct words w;
    words_of(&m->arena, value, &w);
    if (w.count < 2 || !has_word(m, str_sub(value, 0, w.at[0].to), " a an my the another "))
        return STR_NONE;
    size_t to = 1;
    while (to < w.count && to < 5 &&
           !has_word(m, str_sub(value, w.at[to].from, w.at[to].to - w.at[to].from), times))
        to++;
    if (to < 2)
        return STR_NONE;
    return arena_printf(&m->arena, "your %.*s",
                        STR_ARG(str_sub(value, w.at[1].from, w.at[to - 1].to - w.at[1].from)));
}

/*
 * Texts that were read before and hold nothing to come back to. The same texts are recalled and stand in the
 * transcript turn after turn, and reading them is most of what a reply costs. By hash of the text, a slot
 * each; whatever the transcript, the answer for a text is the same. One table a thread.
 */
enum { DULL_SLOTS = 4096 };
static _Thread_local uint64_t no_plan[DULL_SLOTS], no_callback[DULL_SLOTS];

static bool is_dull(const uint64_t *table, uint64_t hash)
{
    return hash && table[hash % DULL_SLOTS] == hash;
}

static void note_dull(uint64_t *table, uint64_t hash)
{
    table[hash % DULL_SLOTS] = hash;
}

static struct str last_word(struct str text)
{
    size_t from = text.n;
    while (from && text.p[from - 1] != ' ')
        from--;
    return str_from(text, from);
}

static bool try_plan(struct making *m, struct str text, int64_t at_ms, bool *due)
{
    struct person_fact facts[PERSON_FACTS_MAX];
    uint64_t hash = hash_bytes(text);
    bool dull = true;
    if (is_dull(no_plan, hash))
        return false;
    if (!has_word(m, text,
                  " exam exams interview test appointment surgery operation meeting presentation deadline "
                  "flight wedding "
                  "party concert match game race trip holiday vacation audition funeral date recital "
                  "marathon tomorrow "
                  "tonight defence hearing scan biopsy ")) {
        note_dull(no_plan, hash);
        return false;
    }
    size_t count = person_facts_extract(&m->arena, text, STR_NONE, facts, PERSON_FACTS_MAX);
    for (size_t i = 0; i < count; i++) {
        if (facts[i].kind != FACT_PLAN || facts[i].subject.n || facts[i].negated)
            continue;
        struct str thing = thing_meant(m, facts[i].value);
        dull &= !thing.n;
        if (!thing.n || was_said(m, last_word(thing)))
            continue;
        int64_t days = (m->in->now_ms - at_ms) / DAY_MS;
        bool near = has_word(m, facts[i].clause, " tomorrow tonight today ");
        *due = at_ms > 0 && (m->in->now_ms - at_ms > DAY_MS + DAY_MS / 2 || (near && days >= 1) || days > 8);
        set_var(m, "thing", thing);
        set_var(m, "when", when_said(m, at_ms));
        return true;
    }
    if (dull)
        note_dull(no_plan, hash);
    return false;
}

bool find_unfinished(struct making *m, bool *due)
{
    const struct scripted_input *in = m->in;
    enum { TURNS_BACK = 8 };
    for (size_t i = 0; i < in->recalled_count; i++)
        if (in->recalled[i].author == SCRIPTED_PERSON &&
            try_plan(m, in->recalled[i].text, in->recalled[i].at_ms, due))
            return true;
    for (size_t i = 0; i + TURNS_BACK < in->transcript_count; i++)
        if (in->transcript[i].author == SCRIPTED_PERSON &&
            try_plan(m, in->transcript[i].text, in->transcript[i].at_ms, due))
            return true;
    return false;
}

bool find_callback(struct making *m)
{
    const struct scripted_input *in = m->in;
    enum { TURNS_BACK = 5, LONGEST = 70 };
    for (size_t i = 0; i + TURNS_BACK < in->transcript_count; i++) {
        struct person_fact facts[8];
        uint64_t hash = hash_bytes(in->transcript[i].text);
        bool dull = true;
        if (in->transcript[i].author != SCRIPTED_PERSON || is_dull(no_callback, hash))
            continue;
        size_t count = person_facts_extract(&m->arena, in->transcript[i].text, STR_NONE, facts, 8);
        for (size_t k = 0; k < count; k++) {
            enum fact_kind kind = facts[k].kind;
            bool good = kind == FACT_LIKE || kind == FACT_JOB || kind == FACT_HOBBY || kind == FACT_STUDY ||
                        kind == FACT_HOME || kind == FACT_EMPLOYER || kind == FACT_HAVE;
            if (!good || facts[k].subject.n || facts[k].negated)
                continue;
            dull = false;
            struct str clause = reflected(m, facts[k].clause);
            if (clause.n > LONGEST || was_said(m, clause))
                continue;
            set_var(m, "clause", clause);
            return true;
        }
        if (dull)
            note_dull(no_callback, hash);
    }
    return false;
}
