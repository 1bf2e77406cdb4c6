/*
 * Entries that count messages: what of their effects is left when a scan begins, what begins with it, and how
 * the state passes; see lore.h. The state itself lies in the room's log (room/lore.c).
 */
#include "persona/lore_scan.h"

static bool find_use(struct lore_work *w, const struct lore_timed *t, struct lore_view **view, uint32_t *use,
                     bool *book)
{
    *book = false;
    for (size_t i = 0; i < w->view_count; i++) {
        if (!str_eq(w->views[i].c->id, t->book))
            continue;
        *book = true;
        for (uint32_t k = 0; k < w->views[i].c->count; k++) {
            if (!str_eq(lore_use_of(&w->views[i], k)->entry->id, t->entry))
                continue;
            *view = &w->views[i];
            *use = k;
            return true;
        }
    }
    return false;
}

void lore_begin_timing(struct lore_work *w)
{
    struct lore_view *v;
    uint32_t use;
    bool book;
    for (size_t i = 0; i < w->in->timed_count; i++) {
        const struct lore_timed *t = &w->in->timed[i];
        if (!find_use(w, t, &v, &use, &book))
            continue;
        v->timing[use] = t->sticky ? LORE_IS_STICKY : t->cooldown ? LORE_IS_COOLING : 0;
        if (t->sticky)
            lore_enqueue(w, v, use);
    }
}

/* What was counting goes on; what was taken and counts begins. */
void lore_end_timing(struct lore_work *w)
{
    struct lore_result *r = w->out;
    r->timed = arena_array(w->arena, struct lore_timed, w->in->timed_count + w->kept_count);
    for (size_t i = 0; i < w->in->timed_count; i++) {
        const struct lore_timed *t = &w->in->timed[i];
        struct lore_view *v;
        uint32_t use;
        bool book;
        bool known = find_use(w, t, &v, &use, &book);
        if ((!t->sticky && !t->cooldown) || (book && !known))
            continue;
        r->timed[r->timed_count] = *t;
        r->timed[r->timed_count].book = arena_str(w->arena, t->book);
        r->timed[r->timed_count++].entry = arena_str(w->arena, t->entry);
    }
    for (size_t i = 0; i < w->view_count; i++) {
        struct lore_view *v = &w->views[i];
        for (uint32_t use = 0; v->c->timed && use < v->c->count; use++) {
            const struct lore_use *u = lore_use_of(v, use);
            if (v->state[use] != LORE_TAKEN || v->timing[use])
                continue;
            struct lore_timed t = {.sticky = u->decor.keep ? LORE_FOREVER : u->entry->sticky,
                                   .cooldown = u->decor.once ? LORE_FOREVER : u->entry->cooldown};
            if (!t.sticky && !t.cooldown)
                continue;
            t.book = arena_str(w->arena, v->c->id);
            t.entry = arena_str(w->arena, u->entry->id);
            r->timed[r->timed_count++] = t;
        }
    }
}

size_t lore_timed_pass(struct lore_timed *timed, size_t count, uint64_t messages)
{
    size_t left = 0;
    for (size_t i = 0; i < count; i++) {
        struct lore_timed t = timed[i];
        uint64_t pass = messages;
        if (t.sticky && t.sticky != LORE_FOREVER) {
            uint64_t take = pass < (uint64_t)t.sticky ? pass : (uint64_t)t.sticky;
            t.sticky -= (int64_t)take;
            pass -= take;
        }
        if (!t.sticky && t.cooldown != LORE_FOREVER)
            t.cooldown -= pass < (uint64_t)t.cooldown ? (int64_t)pass : t.cooldown;
        if (t.sticky || t.cooldown)
            timed[left++] = t;
    }
    return left;
}
