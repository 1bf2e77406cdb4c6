/*
 * Following the log: page by page, event by event, into batches of moments; see inner.h.
 *
 * A page is worked through in one go, except where something must be looked up first (the members of a room
 * that was not met lately, the message that an edit changes): then the work stops at that row and goes on
 * there when the answer is here. The reader rests while the queue holds more than tail_max moments, so a
 * rebuild never floods memory.
 */
#include "memory/inner.h"

#include "base/log.h"
#include "event/event.h"

#include <stdlib.h>

enum { PAGE_BYTES = 1 << 20, MEMBER_PAGE = 500 };

static void work(struct memory *m) LOOP;

static struct memory *of_retry(struct timer *t)
{
    return CONTAINER(t, struct memory, reader.retry);
}

static void retry(struct timer *t)
{
    on_loop();
    reader_more(of_retry(t));
}

static void free_batch(struct batch *b)
{
    arena_release(&b->arena);
    free(b);
}

/* The page is given up; it will be read again. */
static LOOP void give_up(struct memory *m, const struct error *e)
{
    struct reader *f = &m->reader;
    log_warn("memory", "the log could not be followed: %s It is tried again.", e->message);
    if (f->page)
        store_op_free(&f->page->op);
    if (f->batch)
        free_batch(f->batch);
    f->page = NULL;
    f->batch = NULL;
    f->busy = false;
    atomic_store(&m->failing, true);
    tail_answer(m);
    if (!atomic_load(&m->stopping))
        memory_retry(&f->retry, &f->backoff_ms, retry);
    memory_rest(m);
}

/* ---- moments ---- */

static struct moment *add_moment(struct batch *b)
{
    if (b->count == b->cap) {
        size_t cap = b->cap ? b->cap * 2 : 32;
        struct moment *grown = arena_array(&b->arena, struct moment, cap);
        if (b->count)
            memcpy(grown, b->moments, b->count * sizeof *grown);
        b->moments = grown;
        b->cap = cap;
    }
    return &b->moments[b->count++];
}

/* A later word on a message: what waits of it in the queue is out of date. */
static void replace_earlier(struct memory *m, struct batch *now, struct id room, uint64_t seq)
{
    for (struct batch *b = m->writer.first; b; b = b->next) {
        for (size_t i = 0; i < b->count; i++) {
            if (b->moments[i].doc.seq == seq && id_eq(b->moments[i].doc.room, room))
                b->moments[i].replaced = true;
        }
    }
    for (size_t i = 0; i < now->count; i++) {
        if (now->moments[i].doc.seq == seq && id_eq(now->moments[i].doc.room, room))
            now->moments[i].replaced = true;
    }
}

static bool heard_by(const struct event_row *row, struct id member)
{
    return str_empty(row->audience) || str_find(row->audience, str_c(id_text(member).c)) != SIZE_MAX;
}

/* One moment per person and persona who were there. */
static void add_scopes(struct batch *b, const struct room_stays *room, const struct event_row *said,
                       struct moment like)
{
    for (size_t i = 0; i < room->count; i++) {
        const struct stay *persona = &room->stays[i];
        if (!persona->persona || !stay_at(persona, said->seq) || !heard_by(said, persona->member))
            continue;
        for (size_t k = 0; k < room->count; k++) {
            const struct stay *person = &room->stays[k];
            if (person->persona || !stay_at(person, said->seq))
                continue;
            like.doc.owner = person->member;
            like.doc.persona = persona->member;
            *add_moment(b) = like;
        }
    }
}

static struct moment moment_of(const struct event_row *said, uint64_t pos)
{
    return (struct moment){.doc = {.room = said->room,
                                   .seq = said->seq,
                                   .at_ms = said->at_ms,
                                   .author_type = said->author_type,
                                   .author = said->author},
                           .pos = pos};
}

static void take_message(struct memory *m, struct room_stays *room, const struct event_row *row)
{
    struct batch *b = m->reader.batch;
    struct str text = event_data_str(&b->arena, row, "text");
    if (str_empty(str_trim(text)) || row->author_type == AUTHOR_SYSTEM)
        return;
    struct moment like = moment_of(row, row->pos);
    like.doc.text = arena_str(&b->arena, text);
    if (row->author_type == AUTHOR_USER && room->said)
        like.asked = arena_str(&b->arena, str_c(room->said));
    if (row->author_type == AUTHOR_PERSONA)
        stays_said(room, text, row->seq);
    add_scopes(b, room, row, like);
}

/* An edit or a deletion: what was there goes, and an edit's text comes instead. */
static void take_change(struct memory *m, const struct room_stays *room, const struct event_row *row,
                        const struct event_row *said)
{
    struct batch *b = m->reader.batch;
    struct moment like = moment_of(said, row->pos);
    replace_earlier(m, b, said->room, said->seq);
    like.back = true;
    add_scopes(b, room, said, like);
    atomic_fetch_add(&m->forgotten, event_is(row, EVENT_MESSAGE_DELETED));
    if (!event_is(row, EVENT_MESSAGE_EDITED))
        return;
    like.back = false;
    like.doc.text = arena_str(&b->arena, event_data_str(&b->arena, row, "text"));
    if (like.doc.text.n)
        add_scopes(b, room, said, like);
}

/* ---- what must be looked up ---- */

static void members_here(struct store_op *op)
{
    on_loop();
    struct memory *m = op->arg;
    struct store_events_page *page = (struct store_events_page *)op;
    if (op->err != ERR_OK) {
        struct error e = op->error;
        store_op_free(op);
        give_up(m, &e);
        return;
    }
    struct room_stays *room = stays_room(&m->stays, page->room);
    if (!room)
        room = stays_add(&m->stays, page->room);
    for (size_t i = 0; i < page->count; i++)
        stays_event(room, &page->rows[i]);
    if (!page->more && page->head_seq > room->known)
        room->known = page->head_seq;
    bool more = page->more && page->count;
    store_op_free(op);
    if (more)
        room->said_seq = UINT64_MAX; /* not complete yet */
    else if (room->said_seq == UINT64_MAX)
        room->said_seq = 0;
    work(m);
}

static LOOP void load_members(struct memory *m, struct id id, uint64_t after)
{
    static const struct str kinds[] = {STR_INIT("member.joined"), STR_INIT("member.left")};
    struct store_events_page *page = STORE_NEW(events_page, EVENTS_PAGE);
    page->tenant = m->options.tenant;
    page->room = id;
    page->after = after;
    page->limit = MEMBER_PAGE;
    page->kinds = kinds;
    page->kind_count = 2;
    page->op.done = members_here;
    page->op.arg = m;
    store_submit(m->store, &page->op);
}

static void original_here(struct store_op *op)
{
    on_loop();
    struct memory *m = op->arg;
    struct store_event_find *find = (struct store_event_find *)op;
    struct reader *f = &m->reader;
    if (op->err != ERR_OK && op->err != ERR_NOT_FOUND) {
        struct error e = op->error;
        store_op_free(op);
        give_up(m, &e);
        return;
    }
    f->original_known = true;
    f->original = (struct message_row){0};
    if (op->err == ERR_OK) {
        f->original = find->found;
        f->original.row.audience = arena_str(&f->batch->arena, find->found.row.audience);
    }
    store_op_free(op);
    work(m);
}

static LOOP void find_original(struct memory *m, const struct event_row *row)
{
    struct store_event_find *find = STORE_NEW(event_find, EVENT_FIND);
    find->tenant = m->options.tenant;
    find->room = row->room;
    find->seq = row->of;
    find->op.done = original_here;
    find->op.arg = m;
    store_submit(m->store, &find->op);
}

/* ---- a page ---- */

/* False: something must be looked up first. */
static LOOP bool take_row(struct memory *m, const struct event_row *row)
{
    struct reader *f = &m->reader;
    bool message = event_is(row, EVENT_MESSAGE);
    bool change = (event_is(row, EVENT_MESSAGE_EDITED) || event_is(row, EVENT_MESSAGE_DELETED)) && row->of;
    bool moves = event_is(row, EVENT_MEMBER_JOINED) || event_is(row, EVENT_MEMBER_LEFT);
    if (!message && !change && !moves)
        return true;
    struct room_stays *room = stays_room(&m->stays, row->room);
    if (!room || room->said_seq == UINT64_MAX) {
        load_members(m, row->room, room ? room->known : 0);
        return false;
    }
    if (moves)
        stays_event(room, row);
    if (message)
        take_message(m, room, row);
    if (!change)
        return true;
    if (!f->original_known) {
        find_original(m, row);
        return false;
    }
    f->original_known = false;
    if (f->original.row.seq)
        take_change(m, room, row, &f->original.row);
    return true;
}

static LOOP void page_done(struct memory *m)
{
    struct reader *f = &m->reader;
    struct batch *b = f->batch;
    f->behind = f->page->count && f->page->rows[f->page->count - 1].pos < f->page->head_pos;
    if (f->page->count) {
        b->pos = f->pos = f->page->rows[f->page->count - 1].pos;
        *(m->writer.last ? &m->writer.last->next : &m->writer.first) = b;
        m->writer.last = b;
        m->writer.waiting += b->count;
    } else {
        free_batch(b);
    }
    store_op_free(&f->page->op);
    f->page = NULL;
    f->batch = NULL;
    f->busy = false;
    f->backoff_ms = 0;
    write_more(m);
    if (f->again || f->behind)
        reader_more(m);
    if (!f->busy)
        tail_answer(m);
    memory_rest(m);
}

static void work(struct memory *m)
{
    struct reader *f = &m->reader;
    for (; f->at < f->page->count; f->at++) {
        if (!take_row(m, &f->page->rows[f->at]))
            return;
    }
    page_done(m);
}

static void page_here(struct store_op *op)
{
    on_loop();
    struct memory *m = op->arg;
    struct reader *f = &m->reader;
    f->page = (struct store_consume *)op;
    if (op->err != ERR_OK) {
        struct error e = op->error;
        give_up(m, &e);
        return;
    }
    f->batch = heap_alloc(sizeof *f->batch);
    f->at = 0;
    f->original_known = false;
    work(m);
}

void reader_more(struct memory *m)
{
    struct reader *f = &m->reader;
    if (f->busy) {
        f->again = true;
        return;
    }
    if (!atomic_load(&m->started) || atomic_load(&m->stopping) || timer_armed(&f->retry))
        return;
    if (m->writer.waiting > m->options.tail_max) { /* the writer calls again when there is room */
        tail_answer(m);
        return;
    }
    f->busy = true;
    f->again = false;
    struct store_consume *page = STORE_NEW(consume, CONSUME);
    page->after = f->pos;
    page->limit = m->options.batch;
    page->limit_bytes = PAGE_BYTES;
    page->op.done = page_here;
    page->op.arg = m;
    store_submit(m->store, &page->op);
}

bool reader_current(struct memory *m)
{
    const struct reader *f = &m->reader;
    if (!atomic_load(&m->started)) /* the index's cursor is being read, or cannot be */
        return !f->busy;
    bool full = m->writer.waiting > m->options.tail_max;
    return full || timer_armed(&f->retry) || (!f->busy && !f->again && !f->behind);
}

/* ---- beginning ---- */

static void cursor_here(struct index_op *op)
{
    on_loop();
    struct memory *m = op->arg;
    struct reader *f = &m->reader;
    f->busy = false;
    if (op->err != ERR_OK) {
        struct error e = op->error;
        index_op_free(op);
        atomic_store(&m->started, false);
        log_warn("memory", "the search index could not be read: %s It is tried again.", e.message);
        atomic_store(&m->failing, true);
        if (!atomic_load(&m->stopping))
            reader_begin(m);
        memory_rest(m);
        return;
    }
    f->pos = ((struct index_cursor *)op)->pos;
    atomic_store(&m->indexed_pos, f->pos);
    atomic_store(&m->turns, ((struct index_cursor *)op)->docs);
    index_op_free(op);
    atomic_store(&m->started, true);
    reader_more(m);
    if (reader_current(m))
        tail_answer(m);
    memory_rest(m);
}

static LOOP void ask_cursor(struct memory *m)
{
    struct index_cursor *cursor = INDEX_NEW(cursor, CURSOR);
    m->reader.busy = true;
    cursor->op.done = cursor_here;
    cursor->op.arg = m;
    index_submit(m->index, &cursor->op);
}

static void begin_again(struct timer *t)
{
    on_loop();
    ask_cursor(of_retry(t));
}

void reader_begin(struct memory *m)
{
    if (m->reader.busy)
        return;
    if (atomic_load(&m->failing))
        memory_retry(&m->reader.retry, &m->reader.backoff_ms, begin_again);
    else
        ask_cursor(m);
}
