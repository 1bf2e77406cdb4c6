/*
 * The SQLite driver's reads of the log: pages of events and of messages, single events, the log of all rooms,
 * open turns. Each runs in one read transaction, so a page and the head it names belong together.
 */
#include "store/sqlite.h"

#include <stdlib.h>

static unsigned page_limit(unsigned limit)
{
    return limit == 0 || limit > STORE_PAGE_MAX ? STORE_PAGE_MAX : limit;
}

static void put_range(struct query *q, int64_t room, uint64_t after, uint64_t before)
{
    put_i64(q, room);
    put_u64(q, after);
    put_u64(q, before ? before : INT64_MAX);
}

/* The row under the cursor, appended to a growing array; the columns after EVENT_COLUMNS may name the room.
 */
static struct event_row *add_row(struct query *q, struct arena *a, struct event_row **rows, size_t *count,
                                 size_t *cap)
{
    *rows = store_grow(a, *rows, *count, cap, sizeof **rows);
    struct event_row *row = &(*rows)[(*count)++];
    col_event(q, a, row);
    return row;
}

enum err sqlite_events_page(struct driver_session *s, struct store_op *op, struct error *e)
{
    static const enum sql statements[2][2] = {{SQL_EVENTS_UP, SQL_EVENTS_DOWN},
                                              {SQL_EVENTS_UP_OF, SQL_EVENTS_DOWN_OF}};
    struct store_events_page *p = (struct store_events_page *)op;
    struct room_ref ref;
    enum err err = sqlite_room_find(&s->c, p->tenant, p->room, &ref, e);
    if (err)
        return err;
    unsigned limit = page_limit(p->limit);
    size_t cap = 0;
    struct query q = query(&s->c, statements[p->kind_count > 0][p->desc]);
    put_range(&q, ref.n, p->after, p->before);
    put_u64(&q, limit + 1);
    if (p->kind_count)
        put_list(&q, &op->arena, p->kinds, p->kind_count);
    while (query_row(&q)) {
        if (p->count == limit) {
            p->more = true;
            break;
        }
        struct event_row *row = add_row(&q, &op->arena, &p->rows, &p->count, &cap);
        row->tenant = p->tenant;
        row->room = p->room;
    }
    query_end(&q);
    p->head_seq = ref.head_seq;
    return ERR_OK;
}

/* What became of a message, from columns at..at+3: deleted, then data, time and number of the latest edit. */
static void col_fold(struct query *q, int at, struct arena *a, struct message_row *m)
{
    m->deleted = col_i64(q, at) != 0;
    m->edited_data = col_str(q, at + 1, a);
    m->edited_ms = col_i64(q, at + 2);
    m->edited_seq = col_u64(q, at + 3);
}

enum err sqlite_messages_page(struct driver_session *s, struct store_op *op, struct error *e)
{
    struct store_messages_page *p = (struct store_messages_page *)op;
    struct room_ref ref;
    enum err err = sqlite_room_find(&s->c, p->tenant, p->room, &ref, e);
    if (err)
        return err;
    unsigned limit = page_limit(p->limit);
    size_t cap = 0;
    uint64_t after = !p->cleared && ref.cleared_seq > p->after ? ref.cleared_seq : p->after;
    struct query q = query(&s->c, p->desc ? SQL_MESSAGES_DOWN : SQL_MESSAGES_UP);
    put_range(&q, ref.n, after, p->before);
    put_i64(&q, p->deleted);
    put_u64(&q, limit + 1);
    while (query_row(&q)) {
        if (p->count == limit) {
            p->more = true;
            break;
        }
        p->rows = store_grow(&op->arena, p->rows, p->count, &cap, sizeof *p->rows);
        struct message_row *m = &p->rows[p->count++];
        col_event(&q, &op->arena, &m->row);
        m->row.tenant = p->tenant;
        m->row.room = p->room;
        col_fold(&q, EVENT_COLUMN_COUNT, &op->arena, m);
    }
    query_end(&q);
    return ERR_OK;
}

/* ---- one event ----------------------------------------------------------------------------------------- */

/* The room's key and the number of a message's id; room none: of any room of the tenant. */
static bool find_ref(struct conn *c, struct store_event_find *f, int64_t *room, uint64_t *seq)
{
    bool found = false;
    int64_t wanted = *room;
    struct query q = query(c, SQL_MESSAGE_BY_REF);
    put_id(&q, f->ref);
    while (!found && query_row(&q)) {
        *room = col_i64(&q, 0);
        *seq = col_u64(&q, 1);
        found = wanted == 0 || wanted == *room;
    }
    query_end(&q);
    if (!found || wanted)
        return found;
    q = query(c, SQL_ROOM_BY_N);
    put_i64(&q, *room);
    found = query_row(&q) && id_eq(col_id(&q, 1), f->tenant);
    if (found)
        f->room = col_id(&q, 0);
    query_end(&q);
    return found;
}

static bool read_event(struct conn *c, struct store_event_find *f, int64_t room, uint64_t seq)
{
    struct message_row *m = &f->found;
    struct query q = query(c, SQL_EVENT_BY_SEQ);
    put_i64(&q, room);
    put_u64(&q, seq);
    bool found = query_row(&q);
    if (found)
        col_event(&q, &f->op.arena, &m->row);
    query_end(&q);
    m->row.tenant = f->tenant;
    m->row.room = f->room;
    q = query(c, SQL_MESSAGE_STATE);
    put_i64(&q, room);
    put_u64(&q, seq);
    if (query_row(&q))
        col_fold(&q, 0, &f->op.arena, m);
    query_end(&q);
    return found;
}

static void read_about(struct conn *c, struct arena *a, struct id tenant, struct id room, int64_t n,
                       uint64_t seq, struct event_row **rows, size_t *count, size_t *cap)
{
    struct query q = query(c, SQL_EVENTS_ABOUT);
    put_i64(&q, n);
    put_u64(&q, seq);
    while (query_row(&q)) {
        struct event_row *row = add_row(&q, a, rows, count, cap);
        row->tenant = tenant;
        row->room = room;
    }
    query_end(&q);
}

enum err sqlite_event_find(struct driver_session *s, struct store_op *op, struct error *e)
{
    struct store_event_find *f = (struct store_event_find *)op;
    struct room_ref ref = {0};
    uint64_t seq = f->seq;
    size_t cap = 0;
    enum err err = ERR_OK;
    if (!id_none(f->room))
        err = sqlite_room_find(&s->c, f->tenant, f->room, &ref, e);
    if (err)
        return err;
    bool found = id_none(f->ref) ? ref.n != 0 : find_ref(&s->c, f, &ref.n, &seq);
    if (!found || !read_event(&s->c, f, ref.n, seq))
        return id_none(f->ref)
                   ? error_set(e, ERR_NOT_FOUND, "The room has no event with the number %llu.",
                               (unsigned long long)seq)
                   : error_set(e, ERR_NOT_FOUND, "There is no message with the id '%s'.", id_text(f->ref).c);
    read_about(&s->c, &op->arena, f->tenant, f->room, ref.n, seq, &f->about, &f->about_count, &cap);
    return ERR_OK;
}

static int by_seq(const void *a, const void *b)
{
    uint64_t x = ((const struct event_row *)a)->seq, y = ((const struct event_row *)b)->seq;
    return x < y ? -1 : x > y;
}

enum err sqlite_events_about(struct driver_session *s, struct store_op *op, struct error *e)
{
    struct store_events_about *p = (struct store_events_about *)op;
    struct room_ref ref;
    size_t cap = 0;
    enum err err = sqlite_room_find(&s->c, p->tenant, p->room, &ref, e);
    if (err)
        return err;
    for (size_t i = 0; i < p->seq_count; i++)
        read_about(&s->c, &op->arena, p->tenant, p->room, ref.n, p->seqs[i], &p->rows, &p->count, &cap);
    if (p->count)
        qsort(p->rows, p->count, sizeof *p->rows, by_seq);
    return ERR_OK;
}

/* ---- all rooms ----------------------------------------------------------------------------------------- */

static uint64_t cursor_of(struct conn *c, struct str consumer)
{
    struct query q = query(c, SQL_CURSOR_GET);
    put_str(&q, consumer);
    uint64_t pos = query_row(&q) ? col_u64(&q, 0) : 0;
    query_end(&q);
    return pos;
}

enum err sqlite_consume(struct driver_session *s, struct store_op *op, struct error *e)
{
    struct store_consume *p = (struct store_consume *)op;
    size_t cap = 0;
    uint64_t bytes = 0;
    (void)e;
    p->cursor = str_empty(p->consumer) ? p->after : cursor_of(&s->c, p->consumer);
    struct query q = query(&s->c, SQL_HEAD_POS);
    p->head_pos = query_row(&q) ? col_u64(&q, 0) : 0;
    query_end(&q);
    if (!p->limit)
        return ERR_OK;
    q = query(&s->c, SQL_CONSUME);
    put_u64(&q, p->cursor);
    put_u64(&q, page_limit(p->limit));
    while ((!p->limit_bytes || bytes < p->limit_bytes) && query_row(&q)) {
        struct event_row *row = add_row(&q, &op->arena, &p->rows, &p->count, &cap);
        row->room = col_id(&q, EVENT_COLUMN_COUNT);
        row->tenant = col_id(&q, EVENT_COLUMN_COUNT + 1);
        bytes += row->data.n;
    }
    query_end(&q);
    return ERR_OK;
}

enum err sqlite_open_turns(struct driver_session *s, struct store_op *op, struct error *e)
{
    struct store_open_turns *p = (struct store_open_turns *)op;
    size_t cap = 0;
    (void)e;
    struct query q = query(&s->c, SQL_TURNS);
    put_id(&q, p->tenant);
    put_id(&q, p->room);
    while (query_row(&q)) {
        struct event_row *row = add_row(&q, &op->arena, &p->rows, &p->count, &cap);
        row->room = col_id(&q, EVENT_COLUMN_COUNT);
        row->tenant = col_id(&q, EVENT_COLUMN_COUNT + 1);
    }
    query_end(&q);
    return ERR_OK;
}
