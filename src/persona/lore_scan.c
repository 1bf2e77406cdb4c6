/*
 * Looking through what was said for lore; see lore.h.
 *
 * Level 0 reads the messages, newest first, each once for all books; then the entries that something was
 * found of are judged, and what they say is the text of level 1, and so on while there is new text. A key is
 * seen in the newest message that has it, so entries with different scan depths share one reading.
 */
#include "persona/lore_scan.h"

#include "persona/macro.h"

#include <stdio.h>

const char *const lore_why_names[LORE_WHYS] = {"key", "constant", "sticky", "recursion", "decorator"};
const char *const lore_drop_names[LORE_DROPS] = {
    "", "budget", "context", "probability", "cooldown", "delay", "group", "secondary_keys", "decorator",
};

enum { TEXTS_MAX = 1000, LEVELS_MAX = 100, GROUPS_MAX = 256 };

static void warn(struct lore_work *w, struct str sentence)
{
    struct lore_result *r = w->out;
    if (r->warning_count < LORE_WARNINGS)
        r->warnings[r->warning_count++] = sentence;
}

/* ---- texts ---- */

static struct lore_text fold(struct lore_work *w, struct str plain)
{
    char *folded = arena_alloc(w->arena, plain.n + 1);
    lore_fold(folded, plain);
    return (struct lore_text){plain, str_of(folded, plain.n)};
}

static void take_texts(struct lore_work *w, int64_t depth)
{
    const struct lore_input *in = w->in;
    size_t count = in->message_count;
    if (depth < 0)
        depth = 0;
    if ((uint64_t)depth < count)
        count = (size_t)depth;
    if (count > TEXTS_MAX)
        count = TEXTS_MAX;
    w->texts = arena_array(w->arena, struct lore_text, count);
    for (size_t i = 0; i < count; i++) {
        const struct lore_message *m = &in->messages[in->message_count - 1 - i];
        struct str text = m->text;
        if (in->rules.names && m->name.n)
            text = arena_printf(w->arena, "%.*s: %.*s", STR_ARG(m->name), STR_ARG(m->text));
        w->texts[w->text_count++] = fold(w, text);
    }
}

static int64_t scan_depth_of(const struct lore_work *w, const struct lore_book *book)
{
    return book->scan_depth != LORE_UNSET ? book->scan_depth : w->in->rules.scan_depth;
}

static void make_views(struct lore_work *w)
{
    const struct lore_input *in = w->in;
    int64_t deepest = 0;
    size_t uses = 0;
    w->views = arena_array(w->arena, struct lore_view, in->book_count);
    for (size_t i = 0; i < in->book_count; i++) {
        struct lore_compiled *c = in->books[i].book;
        struct lore_view *v = &w->views[w->view_count++];
        v->c = c;
        v->from = in->books[i].from;
        v->scan_depth = scan_depth_of(w, c->book);
        v->recursive = c->book->recursive == LORE_UNSET ? in->rules.recursive : c->book->recursive == 1;
        v->budget = c->book->token_budget > 0 ? (size_t)c->book->token_budget : 0;
        v->seen = arena_array(w->arena, struct lore_seen, c->key_count);
        v->timing = arena_alloc(w->arena, 3 * c->count);
        v->state = v->timing + c->count;
        v->queued = v->state + c->count;
        uses += c->count;
        if (v->scan_depth > deepest)
            deepest = v->scan_depth;
        if (c->scan_depth > deepest)
            deepest = c->scan_depth;
        for (size_t k = 0; k < c->warning_count; k++)
            warn(w, arena_str(w->arena, c->warnings[k]));
    }
    w->queue = arena_alloc_array(w->arena, uses, sizeof *w->queue);
    take_texts(w, deepest);
}

/* ---- finding ---- */

void lore_enqueue(struct lore_work *w, struct lore_view *v, uint32_t use)
{
    if (v->queued[use])
        return;
    v->queued[use] = 1;
    w->queue[w->queue_count].view = (uint16_t)(v - w->views);
    w->queue[w->queue_count++].use = use;
}

struct reading {
    struct lore_work *work;
    struct lore_view *view;
    const struct lore_text *text;
    uint16_t depth; /* of a message, from 1; 0: a level's text */
};

static bool cares_for_case(const struct lore_work *w, const struct lore_entry *e)
{
    return e->case_sensitive == LORE_UNSET ? w->in->rules.case_sensitive : e->case_sensitive == 1;
}

static bool wants_words(const struct lore_work *w, const struct lore_entry *e)
{
    return e->whole_words == LORE_UNSET ? w->in->rules.whole_words : e->whole_words == 1;
}

static void found(void *arg, uint32_t k, size_t end)
{
    struct reading *r = arg;
    struct lore_view *v = r->view;
    struct lore_seen *seen = &v->seen[k];
    if (r->depth ? seen->depth : seen->level)
        return;
    const struct lore_key *key = &v->c->keys[k];
    const struct lore_use *u = lore_use_of(v, key->entry);
    if (!lore_key_stands(key, r->text, end, cares_for_case(r->work, u->entry),
                         wants_words(r->work, u->entry)))
        return;
    if (r->depth)
        seen->depth = r->depth;
    else
        seen->level = (uint8_t)r->work->level;
    if (k - u->keys[LORE_PRIMARY].first < u->keys[LORE_PRIMARY].count)
        lore_enqueue(r->work, v, key->entry);
}

static void read_messages(struct lore_work *w)
{
    for (size_t i = 0; i < w->view_count; i++) {
        struct reading r = {.work = w, .view = &w->views[i]};
        const struct lore_compiled *c = r.view->c;
        int64_t depth = c->scan_depth > r.view->scan_depth ? c->scan_depth : r.view->scan_depth;
        for (size_t t = 0; t < w->text_count && (int64_t)t < depth; t++) {
            r.text = &w->texts[t];
            r.depth = (uint16_t)(t + 1);
            lore_automaton_read(&c->automaton, c->keys, r.text->folded, found, &r);
        }
        for (size_t k = 0; k < c->always_count; k++)
            lore_enqueue(w, r.view, c->always[k]);
        for (size_t k = 0; k < c->loose_count; k++)
            lore_enqueue(w, r.view, c->loose[k]);
    }
}

static void read_level(struct lore_work *w, struct str said)
{
    w->levels[w->level] = fold(w, said);
    for (size_t i = 0; i < w->view_count; i++) {
        struct reading r = {.work = w, .view = &w->views[i], .text = &w->levels[w->level]};
        if (r.view->recursive)
            lore_automaton_read(&r.view->c->automaton, r.view->c->keys, r.text->folded, found, &r);
    }
}

/* ---- keys that no automaton knows ---- */

struct probe {
    struct str plain;
    struct lore_regex *regex;
    bool case_sensitive, whole_words, own;
};

/* A key with macros is filled in for this scan. */
static bool probe_make(struct lore_work *w, const struct lore_view *v, const struct lore_key *key,
                       struct probe *p)
{
    const struct lore_entry *e = lore_use_of(v, key->entry)->entry;
    *p = (struct probe){
        .regex = key->regex, .case_sensitive = cares_for_case(w, e), .whole_words = wants_words(w, e)};
    if (!key->dynamic)
        return true;
    char why[160];
    struct str text = key->text;
    if (w->in->values)
        text = str_trim(macro_expand(w->arena, text, w->in->values));
    if (lore_is_regex(e, text)) {
        p->regex = lore_regex_new(e, text, false, why);
        p->own = p->regex != NULL;
        if (!p->regex)
            warn(w, arena_printf(
                        w->arena,
                        "The key '%.*s' of entry %.*s is no regular expression (%s) and matches nothing.",
                        STR_ARG(str_sub(text, 0, 80)), STR_ARG(e->id), why));
        return p->regex != NULL;
    }
    if (!p->case_sensitive) {
        char *folded = arena_alloc(w->arena, text.n + 1);
        lore_fold(folded, text);
        text = str_of(folded, text.n);
    }
    p->plain = text;
    return true;
}

static bool probe_find(struct lore_work *w, struct lore_view *v, const struct lore_key *key,
                       const struct probe *p, const struct lore_text *text)
{
    if (!p->regex)
        return lore_plain_find(p->plain, text, p->case_sensitive, p->whole_words);
    if (w->strikes >= LORE_STRIKES)
        return false;
    if (!v->c->matching)
        v->c->matching = lore_matching_new();
    enum lore_found f = lore_regex_find(p->regex, v->c->matching, text->plain);
    if (f != LORE_GAVE_UP)
        return f == LORE_FOUND;
    w->strikes++;
    warn(w, arena_printf(
                w->arena,
                "The key '%.*s' of entry %.*s took too long and is not tried again; make the expression "
                "simpler.",
                STR_ARG(str_sub(key->text, 0, 80)), STR_ARG(lore_use_of(v, key->entry)->entry->id)));
    if (w->strikes == LORE_STRIKES)
        warn(w, STR("Too many regular expressions took too long: no more were tried in this turn."));
    return false;
}

static void look(struct lore_work *w, struct lore_view *v, uint32_t k, int64_t depth, bool recursion)
{
    struct lore_seen *seen = &v->seen[k];
    const struct lore_key *key = &v->c->keys[k];
    unsigned levels = recursion && v->recursive ? w->level + 1 : 1;
    struct probe p;
    if (seen->tried >= levels || seen->depth || seen->level || !probe_make(w, v, key, &p))
        return;
    if (!seen->tried) {
        for (size_t t = 0; t < w->text_count && (int64_t)t < depth && !seen->depth; t++) {
            if (probe_find(w, v, key, &p, &w->texts[t]))
                seen->depth = (uint16_t)(t + 1);
        }
    }
    for (unsigned l = seen->tried ? seen->tried : 1; l < levels && !seen->depth && !seen->level; l++) {
        if (probe_find(w, v, key, &p, &w->levels[l]))
            seen->level = (uint8_t)l;
    }
    seen->tried = (uint8_t)levels;
    if (p.own)
        lore_regex_free(p.regex);
}

/* ---- judging ---- */

struct judging {
    struct lore_work *work;
    struct lore_view *view;
    const struct lore_use *use;
    int64_t depth;
    bool recursion; /* texts of levels count */
    struct str key; /* the first that was seen */
    bool by_level;  /* it was seen in a level's text only */
};

static bool key_seen(struct judging *j, uint32_t k)
{
    const struct lore_key *key = &j->view->c->keys[k];
    const struct lore_seen *seen = &j->view->seen[k];
    if (key->regex || key->dynamic)
        look(j->work, j->view, k, j->depth, j->recursion);
    return (seen->depth && seen->depth <= j->depth) || (j->recursion && seen->level);
}

static uint32_t count_seen(struct judging *j, enum lore_group group)
{
    const struct lore_span *span = &j->use->keys[group];
    uint32_t n = 0;
    for (uint32_t k = span->first; k < span->first + span->count; k++) {
        if (!key_seen(j, k))
            continue;
        n++;
        if (group == LORE_PRIMARY && !j->key.n) {
            const struct lore_seen *seen = &j->view->seen[k];
            j->key = j->view->c->keys[k].text;
            j->by_level = !(seen->depth && seen->depth <= j->depth);
        }
    }
    return n;
}

static bool secondary_agrees(struct judging *j, uint32_t *score)
{
    const struct lore_entry *e = j->use->entry;
    uint32_t all = j->use->keys[LORE_SECOND].count, n;
    if (!e->selective || !all)
        return true;
    n = count_seen(j, LORE_SECOND);
    switch (e->logic) {
    case LORE_AND_ALL:
        *score += n == all ? n : 0;
        return n == all;
    case LORE_NOT_ANY:
        return n == 0;
    case LORE_NOT_ALL:
        return n < all;
    default:
        *score += n;
        return n > 0;
    }
}

/* What a decorator or a count of messages has against the entry. */
static enum lore_drop against(struct judging *j)
{
    const struct lore_input *in = j->work->in;
    const struct lore_decor *d = &j->use->decor;
    if (d->never && !d->always)
        return LORE_BY_RULE;
    if ((uint64_t)j->use->entry->delay > in->total)
        return LORE_DELAYED;
    if (d->after != LORE_UNSET && in->answers < (uint64_t)d->after)
        return LORE_DELAYED;
    if (d->every != LORE_UNSET && in->answers % (uint64_t)d->every)
        return LORE_BY_RULE;
    if (d->greeting != LORE_UNSET && d->greeting != in->greeting)
        return LORE_BY_RULE;
    if (d->excluded.n && count_seen(j, LORE_EXCLUDED))
        return LORE_BY_RULE;
    if (d->additional.n && !count_seen(j, LORE_ADDITIONAL))
        return LORE_SECONDARY;
    return LORE_KEPT;
}

/* True: the entry is a candidate. */
static bool judge(struct lore_work *w, struct lore_view *v, uint32_t use, struct lore_candidate *c)
{
    const struct lore_use *u = lore_use_of(v, use);
    const struct lore_entry *e = u->entry;
    bool sticky = (v->timing[use] & LORE_IS_STICKY) != 0;
    int64_t depth = u->decor.scan_depth != LORE_UNSET ? u->decor.scan_depth : e->scan_depth;
    struct judging j = {.work = w,
                        .view = v,
                        .use = u,
                        .depth = depth == LORE_UNSET ? v->scan_depth : depth,
                        .recursion = w->level > 0 && !e->exclude_recursion};
    *c = (struct lore_candidate){.view = v, .use = use, .level = w->level, .sticky = sticky};
    if (e->delay_until_recursion > (int64_t)w->level)
        return false;
    if (sticky) {
        c->why = LORE_BY_STICKY;
        return true;
    }
    uint32_t score = count_seen(&j, LORE_PRIMARY);
    bool always = e->constant || u->decor.always;
    if (!score && !always)
        return false;
    c->key = j.key;
    c->why = u->decor.always ? LORE_BY_DECORATOR
             : e->constant   ? LORE_BY_CONSTANT
             : j.by_level    ? LORE_BY_RECURSION
                             : LORE_BY_KEY;
    enum lore_drop no = against(&j);
    if (no == LORE_KEPT && !always && !secondary_agrees(&j, &score))
        no = LORE_SECONDARY;
    if (no == LORE_KEPT && (v->timing[use] & LORE_IS_COOLING))
        no = LORE_IN_COOLDOWN;
    c->score = score;
    if (no == LORE_SECONDARY)
        return false; /* a later level may bring the other key: told of at the end */
    if (no != LORE_KEPT)
        lore_drop(w, v, use, no, c->key);
    return no == LORE_KEPT;
}

static size_t judge_all(struct lore_work *w, struct lore_candidate *list)
{
    size_t count = 0;
    for (size_t i = 0; i < w->queue_count; i++) {
        struct lore_view *v = &w->views[w->queue[i].view];
        uint32_t use = w->queue[i].use;
        if (v->state[use] == LORE_OPEN && judge(w, v, use, &list[count]))
            count++;
    }
    return count;
}

/* What stayed open although its key was seen lacked its secondary keys. */
static void tell_open(struct lore_work *w)
{
    for (size_t i = 0; i < w->queue_count; i++) {
        struct lore_view *v = &w->views[w->queue[i].view];
        uint32_t use = w->queue[i].use;
        const struct lore_use *u = lore_use_of(v, use);
        struct judging j = {.work = w,
                            .view = v,
                            .use = u,
                            .depth = v->scan_depth,
                            .recursion = w->level > 0 && !u->entry->exclude_recursion};
        int64_t depth = u->decor.scan_depth != LORE_UNSET ? u->decor.scan_depth : u->entry->scan_depth;
        if (depth != LORE_UNSET)
            j.depth = depth;
        if (v->state[use] != LORE_OPEN || u->entry->delay_until_recursion > (int64_t)w->level ||
            !count_seen(&j, LORE_PRIMARY))
            continue;
        lore_drop(w, v, use, LORE_SECONDARY, j.key);
    }
}

static int64_t next_delayed(const struct lore_work *w)
{
    int64_t next = 0;
    for (size_t i = 0; i < w->queue_count; i++) {
        const struct lore_view *v = &w->views[w->queue[i].view];
        int64_t level = lore_use_of(v, w->queue[i].use)->entry->delay_until_recursion;
        if (v->state[w->queue[i].use] == LORE_OPEN && level > (int64_t)w->level && (!next || level < next))
            next = level;
    }
    return next;
}

/* ---- the whole ---- */

static void finish(struct lore_work *w)
{
    struct lore_result *r = w->out;
    tell_open(w);
    lore_sort_hits(w->kept, w->kept_count);
    r->kept = w->kept_count;
    r->count = w->kept_count + w->dropped_count;
    r->hits = arena_array(w->arena, struct lore_hit, r->count);
    if (w->kept_count)
        memcpy(r->hits, w->kept, w->kept_count * sizeof *r->hits);
    if (w->dropped_count)
        memcpy(r->hits + w->kept_count, w->dropped, w->dropped_count * sizeof *r->hits);
    r->tokens = w->used;
    lore_end_timing(w);
}

void lore_scan(struct arena *a, const struct lore_input *in, struct lore_result *out)
{
    struct lore_work w = {.arena = a, .in = in, .out = out};
    int64_t levels = in->rules.max_levels < LEVELS_MAX ? in->rules.max_levels : LEVELS_MAX;
    *out = (struct lore_result){.warnings = arena_array(a, struct str, LORE_WARNINGS)};
    w.dropped_max = LORE_DROPPED_MAX;
    w.dropped = arena_array(a, struct lore_hit, w.dropped_max + 1);
    w.group_max = GROUPS_MAX;
    w.groups = arena_array(a, struct str, w.group_max);
    w.levels = arena_array(a, struct lore_text, LEVELS_MAX + 1);
    make_views(&w);
    lore_begin_timing(&w);
    read_messages(&w);
    for (;;) {
        CLEANUP_BUF struct buf said = BUF_INIT;
        struct lore_candidate *list = arena_array(a, struct lore_candidate, w.queue_count);
        lore_choose(&w, list, judge_all(&w, list), &said);
        bool more = str_trim(buf_str(&said)).n > 0;
        int64_t delayed = next_delayed(&w);
        if ((!more && !delayed) || (int64_t)w.level >= levels)
            break;
        w.level = more ? w.level + 1 : (unsigned)(delayed < levels ? delayed : levels);
        read_level(&w, arena_str(a, buf_str(&said)));
    }
    finish(&w);
}
