/* Answering for the unindexed tail; see tail.h. */
#include "memory/tail.h"

static void answered(struct msg *msg)
{
    on_loop();
    struct tail_ask *ask = CONTAINER(msg, struct tail_ask, msg);
    ask->done(ask);
}

static bool in_scope(const struct moment *m, const struct tail_ask *ask)
{
    return id_eq(m->doc.owner, ask->person) && id_eq(m->doc.persona, ask->persona);
}

static void fill(const struct memory *m, struct tail_ask *ask)
{
    size_t said = 0, stale = 0, skip = 0;
    ask->indexed_pos = atomic_load(&m->indexed_pos);
    for (const struct batch *b = m->writer.first; b; b = b->next) {
        for (size_t i = 0; i < b->count; i++) {
            if (!in_scope(&b->moments[i], ask))
                continue;
            said += !b->moments[i].back && !b->moments[i].replaced;
            stale++;
        }
    }
    if (!stale)
        return;
    skip = said > TAIL_ANSWER_MAX ? said - TAIL_ANSWER_MAX : 0;
    ask->said = arena_array(&ask->arena, struct index_doc, said - skip);
    ask->stale = arena_array(&ask->arena, struct index_place, stale);
    for (const struct batch *b = m->writer.first; b; b = b->next) {
        for (size_t i = 0; i < b->count; i++) {
            const struct moment *moment = &b->moments[i];
            if (!in_scope(moment, ask))
                continue;
            ask->stale[ask->stale_count++] = (struct index_place){moment->doc.room, moment->doc.seq};
            if (moment->back || moment->replaced || (skip && skip--))
                continue;
            struct index_doc *doc = &ask->said[ask->said_count++];
            *doc = moment->doc;
            doc->text = arena_str(&ask->arena, moment->doc.text);
        }
    }
}

void tail_answer(struct memory *m)
{
    while (m->asks) {
        struct tail_ask *ask = m->asks;
        m->asks = ask->next;
        fill(m, ask);
        ask->msg.deliver = answered;
        loop_post(ask->from, &ask->msg);
    }
}

static void asked(struct msg *msg)
{
    on_loop();
    struct tail_ask *ask = CONTAINER(msg, struct tail_ask, msg);
    struct memory *m = ask->m;
    ask->next = m->asks;
    m->asks = ask;
    if (reader_current(m) || atomic_load(&m->stopping))
        tail_answer(m);
}

void tail_ask(struct tail_ask *ask)
{
    ask->from = loop_self();
    ask->msg.deliver = asked;
    loop_post(ask->m->home, &ask->msg);
}
