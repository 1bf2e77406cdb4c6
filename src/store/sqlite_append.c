/*
 * The SQLite driver's writes to rooms: append and forget.
 *
 * An append is: seen before? -> the room -> its epoch -> the client id -> what was expected -> the rows ->
 * the head. Everything runs inside the group's transaction on the one writing connection, so what is read
 * here cannot change before it is written.
 */
#include "base/clock.h"
#include "store/cursor.h"
#include "store/sqlite.h"

#include <stdlib.h>

enum err sqlite_room_missing(struct id room, struct error *e)
{
    return error_set(e, ERR_NOT_FOUND, "There is no room with the id '%s'.", id_text(room).c);
}

enum err sqlite_room_find(struct conn *c, struct id tenant, struct id room, struct room_ref *out,
                          struct error *e)
{
    struct query q = query(c, SQL_ROOM_FIND);
    put_id(&q, room);
    put_id(&q, tenant);
    bool found = query_row(&q);
    if (found)
        *out = (struct room_ref){
            .n = col_i64(&q, 0),
            .head_seq = col_u64(&q, 1),
            .epoch = col_u64(&q, 2),
            .version = col_u64(&q, 3),
            .cleared_seq = col_u64(&q, 4),
            .created_ms = col_i64(&q, 5),
        };
    query_end(&q);
    return found ? ERR_OK : sqlite_room_missing(room, e);
}

static enum err check_epoch(const struct room_ref *ref, uint64_t epoch, struct error *e)
{
    if (epoch >= ref->epoch)
        return ERR_OK;
    return error_set(e, ERR_FENCED,
                     "The room has moved to another server; connect again (this one is at %llu, the room at "
                     "%llu).",
                     (unsigned long long)epoch, (unsigned long long)ref->epoch);
}

/* ---- rows ---------------------------------------------------------------------------------------------- */

static void insert_event(struct conn *c, int64_t room, const struct event_row *r)
{
    struct query q = query(c, SQL_EVENT_INSERT);
    put_u64(&q, r->pos);
    put_i64(&q, room);
    put_u64(&q, r->seq);
    put_i64(&q, r->at_ms);
    put_str(&q, r->kind);
    put_i64(&q, r->v);
    put_i64(&q, r->author_type);
    put_id(&q, r->author);
    put_str(&q, r->author_name);
    put_id(&q, r->turn);
    put_some(&q, r->cause);
    put_some(&q, r->parent);
    put_opt(&q, r->audience);
    put_id(&q, r->ref);
    put_some(&q, r->of);
    put_opt(&q, r->client_id);
    put_str(&q, r->data);
    put_i64(&q, r->key_id);
    query_run(&q);
}

static void put_message(struct query *q, uint64_t pos, int64_t room, uint64_t seq)
{
    put_u64(q, pos);
    put_i64(q, room);
    put_u64(q, seq);
    query_run(q);
}

/* What the five known kinds mean to the tables beside events. */
static void fold(struct conn *c, int64_t room, const struct event_row *r)
{
    struct query q;
    if (str_eq(r->kind, STR("message"))) {
        q = query(c, SQL_MESSAGE_INSERT);
        put_i64(&q, room);
        put_u64(&q, r->seq);
        put_u64(&q, r->pos);
        put_id(&q, r->ref);
        query_run(&q);
    } else if (str_eq(r->kind, STR("message.edited"))) {
        q = query(c, SQL_MESSAGE_EDITED);
        put_message(&q, r->pos, room, r->of);
    } else if (str_eq(r->kind, STR("message.deleted"))) {
        q = query(c, SQL_MESSAGE_DELETED);
        put_i64(&q, room);
        put_u64(&q, r->of);
        query_run(&q);
    } else if (str_eq(r->kind, STR("turn.started"))) {
        q = query(c, SQL_TURN_OPEN);
        put_id(&q, r->turn);
        put_i64(&q, room);
        put_u64(&q, r->pos);
        query_run(&q);
    } else if (str_eq(r->kind, STR("turn.ended"))) {
        q = query(c, SQL_TURN_CLOSE);
        put_id(&q, r->turn);
        put_i64(&q, room);
        query_run(&q);
    }
}

static enum err check_row(const struct event_row *r, uint64_t seq, struct error *e)
{
    bool turn = str_eq(r->kind, STR("turn.started")) || str_eq(r->kind, STR("turn.ended"));
    if (str_empty(r->kind) || str_empty(r->data))
        return error_set(e, ERR_INVALID, "An event needs a kind and data.");
    if (turn && id_none(r->turn))
        return error_set(e, ERR_INVALID, "A turn's event needs the turn's id.");
    if (r->cause >= seq || r->parent >= seq || r->of >= seq)
        return error_set(e, ERR_INVALID, "An event can only name events that came before it.");
    return ERR_OK;
}

enum err sqlite_rows_insert(struct driver_session *s, struct id tenant, struct id room, struct room_ref *ref,
                            struct event_row *rows, size_t count, struct error *e)
{
    uint64_t first = ref->head_seq + 1;
    int64_t now = clock_wall_ms();
    for (size_t i = 0; i < count; i++) {
        struct event_row *r = &rows[i];
        r->tenant = tenant;
        r->room = room;
        r->seq = first + i;
        r->at_ms = r->at_ms ? r->at_ms : now;
        r->cause = row_resolve(r->cause, first, count);
        r->parent = row_resolve(r->parent, first, count);
        r->of = row_resolve(r->of, first, count);
        enum err err = check_row(r, r->seq, e);
        if (err)
            return err;
        r->pos = s->db->next_pos++;
        insert_event(&s->c, ref->n, r);
        fold(&s->c, ref->n, r);
    }
    ref->head_seq += count;
    return ERR_OK;
}

static void write_head_seq(struct conn *c, const struct room_ref *ref, uint64_t epoch, int64_t at_ms)
{
    struct query q = query(c, SQL_ROOM_HEAD);
    put_u64(&q, ref->head_seq);
    put_u64(&q, epoch > ref->epoch ? epoch : ref->epoch);
    put_i64(&q, at_ms);
    put_i64(&q, ref->n);
    query_run(&q);
}

/* ---- append -------------------------------------------------------------------------------------------- */

/* The first answer again: numbers from the memory of operations, the rest from the rows. */
static bool replay(struct driver_session *s, struct store_append *a)
{
    uint64_t v[OP_VALUES];
    struct room_ref ref = {0};
    if (!sqlite_op_replay(&s->c, a->op.op_id, v) ||
        sqlite_room_find(&s->c, a->tenant, a->room, &ref, NULL) != ERR_OK)
        return false;
    a->head_seq = v[0];
    a->version = v[1];
    a->deduped = v[3];
    for (size_t i = 0; i < a->count && (!a->deduped || i == 0); i++) {
        struct query q = query(&s->c, SQL_EVENT_BY_SEQ);
        put_i64(&q, ref.n);
        put_u64(&q, v[2] + i);
        if (query_row(&q)) {
            col_event(&q, &a->op.arena, &a->rows[i]);
            a->rows[i].tenant = a->tenant;
            a->rows[i].room = a->room;
        }
        query_end(&q);
    }
    if (a->head)
        a->head->version = a->version;
    return true;
}

static bool dedupe(struct driver_session *s, struct store_append *a, const struct room_ref *ref)
{
    if (!a->count || str_empty(a->rows[0].client_id))
        return false;
    struct query q = query(&s->c, SQL_EVENT_BY_CLIENT);
    put_i64(&q, ref->n);
    put_str(&q, a->rows[0].client_id);
    put_id(&q, a->rows[0].author);
    a->deduped = query_row(&q);
    struct event_row first;
    if (a->deduped)
        col_event(&q, &a->op.arena, &first);
    query_end(&q);
    if (!a->deduped)
        return false;
    first.tenant = a->tenant;
    first.room = a->room;
    a->rows[0] = first;
    a->head_seq = ref->head_seq;
    a->version = ref->version;
    return true;
}

static void put_head(struct query *q, const struct room_row *h)
{
    put_id(q, h->owner);
    put_str(q, h->title);
    put_str(q, h->state);
    put_str(q, h->members);
    put_str(q, h->settings);
    put_opt(q, h->external);
    put_i64(q, h->updated_ms);
    put_i64(q, h->deleted_ms);
    put_u64(q, h->cleared_seq);
}

static enum err head_taken(struct conn *c, struct error *e)
{
    if (!conn_not_unique(c))
        return ERR_OK;
    conn_error(c, NULL);
    return error_set_param(e, ERR_CONFLICT, "external",
                           "Another room has this id or this outside name already; choose another.");
}

static enum err create_room(struct driver_session *s, struct store_append *a, struct room_ref *ref,
                            struct error *e)
{
    struct room_row *h = a->head;
    if (!h)
        return error_set(e, ERR_INVALID, "A new room needs its head.");
    h->id = a->room;
    h->tenant = a->tenant;
    h->created_ms = h->created_ms ? h->created_ms : clock_wall_ms();
    h->updated_ms = h->updated_ms ? h->updated_ms : h->created_ms;
    struct query q = query(&s->c, SQL_ROOM_INSERT);
    put_head(&q, h);
    put_id(&q, a->room);
    put_id(&q, a->tenant);
    put_i64(&q, h->created_ms);
    query_run(&q);
    *ref = (struct room_ref){.n = sqlite3_last_insert_rowid(s->c.db), .version = 1};
    return head_taken(&s->c, e);
}

static enum err update_head(struct driver_session *s, struct store_append *a, struct room_ref *ref,
                            struct error *e)
{
    struct query q = query(&s->c, SQL_ROOM_UPDATE);
    put_head(&q, a->head);
    put_i64(&q, ref->n);
    query_run(&q);
    ref->version++;
    a->head->created_ms = ref->created_ms;
    return head_taken(&s->c, e);
}

static enum err check_expected(const struct store_append *a, const struct room_ref *ref, struct error *e)
{
    if (a->expect_version && a->expect_version != ref->version)
        return error_set(e, ERR_PRECONDITION,
                         "The room was changed meanwhile (it is at version %llu); read it again.",
                         (unsigned long long)ref->version);
    if (a->expect_head && a->expect_seq != ref->head_seq)
        return error_set(e, ERR_CONFLICT, "Something happened in the room meanwhile; read it again.");
    return ERR_OK;
}

/* The room as it must be before the rows: made, or found and in the expected state. */
static enum err ready_room(struct driver_session *s, struct store_append *a, struct room_ref *ref,
                           struct error *e)
{
    enum err err = sqlite_room_find(&s->c, a->tenant, a->room, ref, a->create ? NULL : e);
    if (a->create)
        return err ? create_room(s, a, ref, e)
                   : error_set_param(e, ERR_CONFLICT, "id", "A room with the id '%s' is there already.",
                                     id_text(a->room).c);
    return err ? err : check_epoch(ref, a->epoch, e);
}

static int64_t newest_at(const struct event_row *rows, size_t count)
{
    return count ? rows[count - 1].at_ms : 0;
}

enum err sqlite_append(struct driver_session *s, struct store_op *op, struct error *e)
{
    struct store_append *a = (struct store_append *)op;
    struct room_ref ref = {0};
    if (a->count > STORE_ROWS_MAX)
        return error_set(e, ERR_TOO_BIG, "One append takes %d events at most.", STORE_ROWS_MAX);
    if (replay(s, a))
        return ERR_OK;
    enum err err = ready_room(s, a, &ref, e);
    if (err)
        return err;
    if (!a->create && dedupe(s, a, &ref)) {
        sqlite_op_remember(&s->c, op->op_id,
                           (uint64_t[OP_VALUES]){a->head_seq, a->version, a->rows[0].seq, 1});
        return ERR_OK;
    }
    uint64_t first = ref.head_seq + 1;
    err = check_expected(a, &ref, e);
    if (!err && a->idem)
        err = sqlite_idem_keep(&s->c, a->idem, e);
    if (!err && a->head && !a->create)
        err = update_head(s, a, &ref, e);
    if (!err)
        err = sqlite_rows_insert(s, a->tenant, a->room, &ref, a->rows, a->count, e);
    if (err)
        return err;
    int64_t at = newest_at(a->rows, a->count);
    write_head_seq(&s->c, &ref, a->epoch, at ? at : a->create ? a->head->created_ms : 0);
    a->head_seq = ref.head_seq;
    a->version = ref.version;
    if (a->head) {
        a->head->version = ref.version;
        a->head->head_seq = ref.head_seq;
    }
    sqlite_op_remember(&s->c, op->op_id, (uint64_t[OP_VALUES]){a->head_seq, a->version, first, 0});
    return ERR_OK;
}

/* ---- forget -------------------------------------------------------------------------------------------- */

static int by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* The numbers asked for that are there, and those of all events about them; ascending, each once. */
static void collect(struct driver_session *s, struct store_forget *f, int64_t room)
{
    size_t cap = 0, n = 0;
    uint64_t *list = NULL;
    for (size_t i = 0; i < f->seq_count; i++) {
        struct query q = query(&s->c, SQL_EVENT_BY_SEQ);
        put_i64(&q, room);
        put_u64(&q, f->seqs[i]);
        bool there = query_row(&q);
        query_end(&q);
        if (!there)
            continue;
        list = store_grow(&f->op.arena, list, n, &cap, sizeof *list);
        list[n++] = f->seqs[i];
        q = query(&s->c, SQL_EVENTS_ABOUT);
        put_i64(&q, room);
        put_u64(&q, f->seqs[i]);
        while (query_row(&q)) {
            list = store_grow(&f->op.arena, list, n, &cap, sizeof *list);
            list[n++] = col_u64(&q, 0);
        }
        query_end(&q);
    }
    if (n)
        qsort(list, n, sizeof *list, by_number);
    f->erased = list;
    f->erased_count = 0;
    for (size_t i = 0; i < n; i++)
        if (i == 0 || list[i] != list[i - 1])
            list[f->erased_count++] = list[i];
}

static void erase(struct conn *c, int64_t room, uint64_t seq)
{
    struct query q = query(c, SQL_EVENT_ERASE);
    put_str(&q, STR(STORE_ERASED));
    put_i64(&q, room);
    put_u64(&q, seq);
    query_run(&q);
    q = query(c, SQL_MESSAGE_ERASED);
    put_i64(&q, room);
    put_u64(&q, seq);
    query_run(&q);
}

enum err sqlite_forget(struct driver_session *s, struct store_op *op, struct error *e)
{
    struct store_forget *f = (struct store_forget *)op;
    struct room_ref ref = {0};
    enum err err = sqlite_room_find(&s->c, f->tenant, f->room, &ref, e);
    if (!err)
        err = check_epoch(&ref, f->epoch, e);
    if (err)
        return err;
    collect(s, f, ref.n);
    for (size_t i = 0; i < f->erased_count; i++)
        erase(&s->c, ref.n, f->erased[i]);
    if (f->note)
        err = sqlite_rows_insert(s, f->tenant, f->room, &ref, f->note, 1, e);
    if (!err)
        write_head_seq(&s->c, &ref, f->epoch, newest_at(f->note, f->note ? 1 : 0));
    f->head_seq = ref.head_seq;
    return err;
}
