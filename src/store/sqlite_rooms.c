/*
 * The SQLite driver's reads of room heads.
 */
#include "store/cursor.h"
#include "store/sqlite.h"

enum { ROOMS_DEFAULT = 50, ROOM_COLUMN_N = 15 };

static void col_room(struct query *q, struct arena *a, struct room_row *r)
{
    *r = (struct room_row){
        .id = col_id(q, 0),
        .tenant = col_id(q, 1),
        .owner = col_id(q, 2),
        .title = col_str(q, 3, a),
        .state = col_str(q, 4, a),
        .members = col_str(q, 5, a),
        .settings = col_str(q, 6, a),
        .external = col_str(q, 7, a),
        .created_ms = col_i64(q, 8),
        .updated_ms = col_i64(q, 9),
        .deleted_ms = col_i64(q, 10),
        .head_seq = col_u64(q, 11),
        .cleared_seq = col_u64(q, 12),
        .version = col_u64(q, 13),
        .last_ms = col_i64(q, 14),
    };
}

enum err sqlite_room_get(struct driver_session *s, struct store_op *op, struct error *e)
{
    struct store_room_get *g = (struct store_room_get *)op;
    bool by_name = id_none(g->room);
    struct query q = query(&s->c, by_name ? SQL_ROOM_BY_EXTERNAL : SQL_ROOM_GET);
    if (by_name)
        put_str(&q, g->external);
    else
        put_id(&q, g->room);
    put_id(&q, g->tenant);
    bool found = query_row(&q);
    if (found)
        col_room(&q, &op->arena, &g->row);
    query_end(&q);
    if (found)
        return ERR_OK;
    if (!by_name)
        return sqlite_room_missing(g->room, e);
    return error_set(e, ERR_NOT_FOUND, "There is no room with the outside name '%.*s'.",
                     STR_ARG(str_sub(g->external, 0, 100)));
}

static void add_preview(struct conn *c, struct arena *a, struct room_row *row, int64_t n)
{
    struct query q = query(c, SQL_ROOM_LAST_TEXT);
    put_i64(&q, n);
    put_u64(&q, row->cleared_seq);
    if (query_row(&q)) {
        struct str data = {(const char *)sqlite3_column_text(q.s, 0), 0};
        data.n = (size_t)sqlite3_column_bytes(q.s, 0);
        row->last_text = row_preview(a, data);
    }
    query_end(&q);
}

enum err sqlite_rooms_list(struct driver_session *s, struct store_op *op, struct error *e)
{
    struct store_rooms_list *p = (struct store_rooms_list *)op;
    struct list_place from = {.number = INT64_MAX};
    memset(from.id.b, 0xff, sizeof from.id.b);
    enum err err = str_empty(p->after) ? ERR_OK : list_place_read(&op->arena, p->after, &from, e);
    if (err)
        return err;
    unsigned limit = p->limit == 0 ? ROOMS_DEFAULT : p->limit > STORE_PAGE_MAX ? STORE_PAGE_MAX : p->limit;
    size_t cap = 0;
    bool more = false;
    struct query q = query(&s->c, id_none(p->owner) ? SQL_ROOMS_OF_ALL : SQL_ROOMS_OF_OWNER);
    put_id(&q, p->tenant);
    put_id(&q, p->owner);
    put_i64(&q, from.number);
    put_blob(&q, from.id.b, sizeof from.id.b);
    put_i64(&q, p->deleted);
    put_opt(&q, p->find);
    put_u64(&q, limit + 1);
    while (!more && query_row(&q)) {
        more = p->count == limit;
        if (more)
            break;
        p->rows = store_grow(&op->arena, p->rows, p->count, &cap, sizeof *p->rows);
        col_room(&q, &op->arena, &p->rows[p->count]);
        add_preview(&s->c, &op->arena, &p->rows[p->count++], col_i64(&q, ROOM_COLUMN_N));
    }
    query_end(&q);
    const struct room_row *last = p->count ? &p->rows[p->count - 1] : NULL;
    if (more && last)
        p->next = list_place_write(&op->arena, &(struct list_place){.number = last->last_ms, .id = last->id});
    return ERR_OK;
}
