/*
 * The memory driver's rooms and events.
 */
#include "base/clock.h"
#include "store/cursor.h"
#include "store/mem.h"

#include <stdlib.h>

enum { ROOMS_DEFAULT = 50 };

#define ROOM_STRINGS(r)                                                                                      \
    {                                                                                                        \
        &(r)->title, &(r)->state, &(r)->members, &(r)->settings, &(r)->external                              \
    }

struct mem_room *mem_room_find(struct driver_db *db, struct id tenant, struct id room, struct error *e)
{
    struct mem_room *found = map_get(&db->rooms, id_key(&room));
    if (found && id_eq(found->head.tenant, tenant))
        return found;
    error_set(e, ERR_NOT_FOUND, "There is no room with the id '%s'.", id_text(room).c);
    return NULL;
}

static unsigned page_limit(unsigned limit)
{
    return limit == 0 || limit > STORE_PAGE_MAX ? STORE_PAGE_MAX : limit;
}

static bool is(const struct event_row *row, const char *kind)
{
    return str_eq(row->kind, str_c(kind));
}

/* ---- append -------------------------------------------------------------------------------------------- */

static enum err check_rows(struct event_row *rows, size_t count, uint64_t first, struct error *e)
{
    for (size_t i = 0; i < count; i++) {
        const struct event_row *r = &rows[i];
        uint64_t seq = first + i;
        if (str_empty(r->kind) || str_empty(r->data))
            return error_set(e, ERR_INVALID, "An event needs a kind and data.");
        if ((is(r, "turn.started") || is(r, "turn.ended")) && id_none(r->turn))
            return error_set(e, ERR_INVALID, "A turn's event needs the turn's id.");
        if (row_resolve(r->cause, first, count) >= seq || row_resolve(r->parent, first, count) >= seq ||
            row_resolve(r->of, first, count) >= seq)
            return error_set(e, ERR_INVALID, "An event can only name events that came before it.");
    }
    return ERR_OK;
}

static void add_rows(struct driver_db *db, struct mem_room *room, struct event_row *rows, size_t count)
{
    uint64_t first = room->head.head_seq + 1;
    int64_t now = clock_wall_ms();
    for (size_t i = 0; i < count; i++) {
        struct event_row *r = &rows[i];
        r->tenant = room->head.tenant;
        r->room = room->head.id;
        r->seq = first + i;
        r->pos = db->next_pos++;
        r->at_ms = r->at_ms ? r->at_ms : now;
        r->cause = row_resolve(r->cause, first, count);
        r->parent = row_resolve(r->parent, first, count);
        r->of = row_resolve(r->of, first, count);
        struct mem_event *event = heap_alloc(sizeof *event);
        event->row = *r;
        event->strings = mem_own_event(&event->row);
        room->events = mem_grow(room->events, r->seq - 1, &room->cap, sizeof *room->events);
        room->events[r->seq - 1] = event;
        db->log = mem_grow(db->log, db->log_count, &db->log_cap, sizeof *db->log);
        db->log[db->log_count++] = event;
        room->head.last_ms = r->at_ms > room->head.last_ms ? r->at_ms : room->head.last_ms;
    }
    room->head.head_seq += count;
}

static bool external_taken(const struct driver_db *db, const struct room_row *head, struct id tenant,
                           struct id room)
{
    for (size_t i = 0; i < db->room_count && !str_empty(head->external) && !head->deleted_ms; i++) {
        const struct mem_room *r = db->room_list[i];
        if (!r->purged && !r->head.deleted_ms && id_eq(r->head.tenant, tenant) && !id_eq(r->head.id, room) &&
            str_eq(r->head.external, head->external))
            return true;
    }
    return false;
}

static void set_head(struct mem_room *room, const struct room_row *head)
{
    struct room_row old = room->head;
    void *strings = room->strings;
    room->head = *head;
    room->head.id = old.id;
    room->head.tenant = old.tenant;
    room->head.created_ms = old.created_ms;
    room->head.head_seq = old.head_seq;
    room->head.last_ms = old.last_ms;
    room->head.version = old.version + 1;
    struct str *list[] = ROOM_STRINGS(&room->head);
    room->strings = mem_own(list, sizeof list / sizeof *list);
    free(strings);
}

static struct mem_room *make_room(struct driver_db *db, struct store_append *a)
{
    struct mem_room *room = heap_alloc(sizeof *room);
    struct room_row *h = a->head;
    h->id = room->head.id = a->room;
    h->tenant = room->head.tenant = a->tenant;
    h->created_ms = h->created_ms ? h->created_ms : clock_wall_ms();
    h->updated_ms = h->updated_ms ? h->updated_ms : h->created_ms;
    room->head.created_ms = room->head.last_ms = h->created_ms;
    if (a->count && a->rows[a->count - 1].at_ms)
        room->head.last_ms = a->rows[a->count - 1].at_ms;
    map_set(&db->rooms, id_key(&room->head.id), room);
    db->room_list = mem_grow(db->room_list, db->room_count, &db->room_cap, sizeof *db->room_list);
    db->room_list[db->room_count++] = room;
    return room;
}

static void lend_row(struct arena *a, const struct mem_event *event, struct event_row *to)
{
    *to = event->row;
    mem_lend_event(a, to);
}

static void replay(struct driver_db *db, struct store_append *a, const struct mem_note *note)
{
    const struct mem_room *room = map_get(&db->rooms, id_key(&a->room));
    a->head_seq = note->values[0];
    a->version = note->values[1];
    a->deduped = note->values[3];
    for (size_t i = 0; room && i < a->count && (!a->deduped || i == 0); i++)
        lend_row(&a->op.arena, room->events[note->values[2] + i - 1], &a->rows[i]);
    if (a->head)
        a->head->version = a->version;
}

static void remember(struct driver_db *db, struct store_append *a, uint64_t first)
{
    struct mem_note *note = mem_op_note(db, &a->op);
    if (!note)
        return;
    note->values[0] = a->head_seq;
    note->values[1] = a->version;
    note->values[2] = first;
    note->values[3] = a->deduped;
}

static bool dedupe(struct store_append *a, const struct mem_room *room)
{
    struct event_row *row = a->count ? &a->rows[0] : NULL;
    for (size_t i = 0; row && !str_empty(row->client_id) && i < room->head.head_seq; i++) {
        const struct event_row *r = &room->events[i]->row;
        if (str_eq(r->client_id, row->client_id) && id_eq(r->author, row->author)) {
            lend_row(&a->op.arena, room->events[i], row);
            a->deduped = true;
            a->head_seq = room->head.head_seq;
            a->version = room->head.version;
            return true;
        }
    }
    return false;
}

static enum err check_epoch(const struct mem_room *room, uint64_t epoch, struct error *e)
{
    return epoch >= room->epoch
               ? ERR_OK
               : error_set(e, ERR_FENCED, "The room has moved to another server; connect again.");
}

/* Everything that can refuse an append; nothing is changed. */
static enum err check_append(struct driver_db *db, const struct store_append *a, const struct mem_room *room,
                             struct error *e)
{
    if (room && a->expect_version && a->expect_version != room->head.version)
        return error_set(e, ERR_PRECONDITION, "The room was changed meanwhile; read it again.");
    if (room && a->expect_head && a->expect_seq != room->head.head_seq)
        return error_set(e, ERR_CONFLICT, "Something happened in the room meanwhile; read it again.");
    if (a->head && external_taken(db, a->head, a->tenant, a->room))
        return error_set_param(e, ERR_CONFLICT, "external",
                               "Another room has this outside name already; choose another.");
    enum err err = mem_idem_check(db, a->idem, e);
    return err ? err : check_rows(a->rows, a->count, (room ? room->head.head_seq : 0) + 1, e);
}

static enum err find_room(struct driver_db *db, const struct store_append *a, struct mem_room **out,
                          struct error *e)
{
    struct mem_room *any = map_get(&db->rooms, id_key(&a->room));
    *out = NULL;
    if (a->create && any)
        return error_set_param(e, ERR_CONFLICT, "id", "A room with the id '%s' is there already.",
                               id_text(a->room).c);
    if (a->create)
        return a->head ? ERR_OK : error_set(e, ERR_INVALID, "A new room needs its head.");
    *out = mem_room_find(db, a->tenant, a->room, e);
    return *out ? check_epoch(*out, a->epoch, e) : ERR_NOT_FOUND;
}

enum err mem_append(struct driver_db *db, struct store_op *op, struct error *e)
{
    struct store_append *a = (struct store_append *)op;
    const struct mem_note *seen = mem_op_seen(db, op);
    struct mem_room *room;
    if (a->count > STORE_ROWS_MAX)
        return error_set(e, ERR_TOO_BIG, "One append takes %d events at most.", STORE_ROWS_MAX);
    if (seen) {
        replay(db, a, seen);
        return ERR_OK;
    }
    enum err err = find_room(db, a, &room, e);
    if (err)
        return err;
    if (room && dedupe(a, room)) {
        remember(db, a, a->rows[0].seq);
        return ERR_OK;
    }
    err = check_append(db, a, room, e);
    if (err)
        return err;
    mem_idem_keep(db, a->idem);
    if (!room)
        room = make_room(db, a);
    uint64_t first = room->head.head_seq + 1;
    if (a->head)
        set_head(room, a->head);
    room->epoch = a->epoch > room->epoch ? a->epoch : room->epoch;
    add_rows(db, room, a->rows, a->count);
    a->head_seq = room->head.head_seq;
    a->version = room->head.version;
    if (a->head) {
        a->head->version = a->version;
        a->head->head_seq = a->head_seq;
        a->head->created_ms = room->head.created_ms;
    }
    remember(db, a, first);
    return ERR_OK;
}

/* ---- forget -------------------------------------------------------------------------------------------- */

static void erase(struct mem_event *event)
{
    void *old = event->strings;
    event->row.author_name = event->row.client_id = STR_NONE;
    event->row.data = STR(STORE_ERASED);
    event->row.key_id = 0;
    event->strings = mem_own_event(&event->row);
    free(old);
}

static bool listed(const uint64_t *seqs, size_t count, uint64_t seq)
{
    for (size_t i = 0; seq && i < count; i++)
        if (seqs[i] == seq)
            return true;
    return false;
}

enum err mem_forget(struct driver_db *db, struct store_op *op, struct error *e)
{
    struct store_forget *f = (struct store_forget *)op;
    struct mem_room *room = mem_room_find(db, f->tenant, f->room, e);
    enum err err = room ? check_epoch(room, f->epoch, e) : ERR_NOT_FOUND;
    if (!err && f->note)
        err = check_rows(f->note, 1, room->head.head_seq + 1, e);
    if (err)
        return err;
    f->erased = arena_array(&op->arena, uint64_t, room->head.head_seq);
    for (size_t i = 0; i < room->head.head_seq; i++) {
        const struct event_row *r = &room->events[i]->row;
        if (!listed(f->seqs, f->seq_count, r->seq) && !listed(f->seqs, f->seq_count, r->of))
            continue;
        erase(room->events[i]);
        f->erased[f->erased_count++] = r->seq;
    }
    if (f->note)
        add_rows(db, room, f->note, 1);
    f->head_seq = room->head.head_seq;
    return ERR_OK;
}

/* ---- reading ------------------------------------------------------------------------------------------- */

static bool wanted(const struct event_row *row, const struct str *kinds, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (str_eq(kinds[i], row->kind))
            return true;
    return count == 0;
}

/* The i-th number of a walk from one end of (after, before). */
static bool walk(const struct mem_room *room, uint64_t after, uint64_t before, bool desc, uint64_t i,
                 uint64_t *seq)
{
    uint64_t last = room->head.head_seq;
    if (before && before - 1 < last)
        last = before - 1;
    if (last <= after || i >= last - after)
        return false;
    *seq = desc ? last - i : after + 1 + i;
    return true;
}

enum err mem_events_page(struct driver_db *db, struct store_op *op, struct error *e)
{
    struct store_events_page *p = (struct store_events_page *)op;
    const struct mem_room *room = mem_room_find(db, p->tenant, p->room, e);
    unsigned limit = page_limit(p->limit);
    size_t cap = 0;
    uint64_t seq;
    if (!room)
        return ERR_NOT_FOUND;
    p->head_seq = room->head.head_seq;
    for (uint64_t i = 0; walk(room, p->after, p->before, p->desc, i, &seq); i++) {
        const struct mem_event *event = room->events[seq - 1];
        if (!wanted(&event->row, p->kinds, p->kind_count))
            continue;
        if (p->count == limit) {
            p->more = true;
            break;
        }
        p->rows = store_grow(&op->arena, p->rows, p->count, &cap, sizeof *p->rows);
        lend_row(&op->arena, event, &p->rows[p->count++]);
    }
    return ERR_OK;
}

/* A message and what later events did to it. */
static void fold(struct arena *a, const struct mem_room *room, uint64_t seq, struct message_row *to)
{
    lend_row(a, room->events[seq - 1], &to->row);
    to->deleted = str_eq(to->row.data, STR(STORE_ERASED));
    for (uint64_t i = seq; i < room->head.head_seq; i++) {
        const struct event_row *r = &room->events[i]->row;
        if (r->of != seq)
            continue;
        if (is(r, "message.deleted"))
            to->deleted = true;
        if (is(r, "message.edited") && !str_eq(r->data, STR(STORE_ERASED))) {
            to->edited_data = arena_str(a, r->data);
            to->edited_ms = r->at_ms;
            to->edited_seq = r->seq;
        }
    }
}

enum err mem_messages_page(struct driver_db *db, struct store_op *op, struct error *e)
{
    struct store_messages_page *p = (struct store_messages_page *)op;
    const struct mem_room *room = mem_room_find(db, p->tenant, p->room, e);
    unsigned limit = page_limit(p->limit);
    size_t cap = 0;
    uint64_t seq;
    if (!room)
        return ERR_NOT_FOUND;
    uint64_t after = !p->cleared && room->head.cleared_seq > p->after ? room->head.cleared_seq : p->after;
    for (uint64_t i = 0; walk(room, after, p->before, p->desc, i, &seq); i++) {
        struct message_row m = {0};
        if (!is(&room->events[seq - 1]->row, "message"))
            continue;
        fold(&op->arena, room, seq, &m);
        if (m.deleted && !p->deleted)
            continue;
        if (p->count == limit) {
            p->more = true;
            break;
        }
        p->rows = store_grow(&op->arena, p->rows, p->count, &cap, sizeof *p->rows);
        p->rows[p->count++] = m;
    }
    return ERR_OK;
}

static void collect_about(const struct mem_room *room, struct arena *a, const uint64_t *seqs, size_t count,
                          struct event_row **rows, size_t *n)
{
    size_t cap = 0;
    for (size_t i = 0; i < room->head.head_seq; i++) {
        if (!listed(seqs, count, room->events[i]->row.of))
            continue;
        *rows = store_grow(a, *rows, *n, &cap, sizeof **rows);
        lend_row(a, room->events[i], &(*rows)[(*n)++]);
    }
}

enum err mem_events_about(struct driver_db *db, struct store_op *op, struct error *e)
{
    struct store_events_about *p = (struct store_events_about *)op;
    const struct mem_room *room = mem_room_find(db, p->tenant, p->room, e);
    if (!room)
        return ERR_NOT_FOUND;
    collect_about(room, &op->arena, p->seqs, p->seq_count, &p->rows, &p->count);
    return ERR_OK;
}

static const struct mem_event *find_event(struct driver_db *db, const struct store_event_find *f)
{
    for (size_t i = 0; i < db->log_count; i++) {
        const struct mem_event *event = db->log[i];
        if (!event || !id_eq(event->row.tenant, f->tenant) ||
            (!id_none(f->room) && !id_eq(event->row.room, f->room)))
            continue;
        if (id_none(f->ref) ? !id_none(f->room) && event->row.seq == f->seq : id_eq(event->row.ref, f->ref))
            return event;
    }
    return NULL;
}

enum err mem_event_find(struct driver_db *db, struct store_op *op, struct error *e)
{
    struct store_event_find *f = (struct store_event_find *)op;
    if (!id_none(f->room) && !mem_room_find(db, f->tenant, f->room, e))
        return ERR_NOT_FOUND;
    const struct mem_event *event = find_event(db, f);
    if (!event)
        return error_set(e, ERR_NOT_FOUND, "There is no such event; read the room again.");
    const struct mem_room *room = map_get(&db->rooms, id_key(&event->row.room));
    fold(&op->arena, room, event->row.seq, &f->found);
    f->room = event->row.room;
    collect_about(room, &op->arena, &event->row.seq, 1, &f->about, &f->about_count);
    return ERR_OK;
}

enum err mem_consume(struct driver_db *db, struct store_op *op, struct error *e)
{
    struct store_consume *p = (struct store_consume *)op;
    const uint64_t *cursor = str_empty(p->consumer) ? NULL : map_get(&db->cursors, p->consumer);
    size_t cap = 0, bytes = 0;
    (void)e;
    p->cursor = str_empty(p->consumer) ? p->after : cursor ? *cursor : 0;
    p->head_pos = db->next_pos - 1;
    for (uint64_t i = p->cursor; i < db->log_count && p->limit && p->count < page_limit(p->limit); i++) {
        if (!db->log[i])
            continue;
        if (p->limit_bytes && bytes >= p->limit_bytes)
            break;
        p->rows = store_grow(&op->arena, p->rows, p->count, &cap, sizeof *p->rows);
        lend_row(&op->arena, db->log[i], &p->rows[p->count++]);
        bytes += db->log[i]->row.data.n;
    }
    return ERR_OK;
}

static bool ended(const struct mem_room *room, const struct event_row *start)
{
    for (size_t i = start->seq; i < room->head.head_seq; i++)
        if (is(&room->events[i]->row, "turn.ended") && id_eq(room->events[i]->row.turn, start->turn))
            return true;
    return false;
}

enum err mem_open_turns(struct driver_db *db, struct store_op *op, struct error *e)
{
    struct store_open_turns *p = (struct store_open_turns *)op;
    size_t cap = 0;
    (void)e;
    for (size_t i = 0; i < db->log_count; i++) {
        const struct mem_event *event = db->log[i];
        if (!event || !is(&event->row, "turn.started") || !id_eq(event->row.tenant, p->tenant) ||
            (!id_none(p->room) && !id_eq(event->row.room, p->room)) ||
            ended(map_get(&db->rooms, id_key(&event->row.room)), &event->row))
            continue;
        p->rows = store_grow(&op->arena, p->rows, p->count, &cap, sizeof *p->rows);
        lend_row(&op->arena, event, &p->rows[p->count++]);
    }
    return ERR_OK;
}

/* ---- heads --------------------------------------------------------------------------------------------- */

static void lend_head(struct arena *a, const struct mem_room *room, struct room_row *to)
{
    *to = room->head;
    struct str *list[] = ROOM_STRINGS(to);
    mem_lend(a, list, sizeof list / sizeof *list);
}

enum err mem_room_get(struct driver_db *db, struct store_op *op, struct error *e)
{
    struct store_room_get *g = (struct store_room_get *)op;
    const struct mem_room *room = NULL;
    if (!id_none(g->room)) {
        room = mem_room_find(db, g->tenant, g->room, e);
        if (!room)
            return ERR_NOT_FOUND;
    }
    for (size_t i = 0; !room && i < db->room_count; i++) {
        const struct mem_room *r = db->room_list[i];
        if (!r->purged && !r->head.deleted_ms && id_eq(r->head.tenant, g->tenant) &&
            str_eq(r->head.external, g->external))
            room = r;
    }
    if (!room)
        return error_set(e, ERR_NOT_FOUND, "There is no room with this outside name.");
    lend_head(&op->arena, room, &g->row);
    return ERR_OK;
}

static bool before(const struct room_row *a, int64_t last_ms, struct id id)
{
    return a->last_ms != last_ms ? a->last_ms < last_ms : memcmp(a->id.b, id.b, sizeof id.b) < 0;
}

/* The newest room that comes after the place; NULL at the end. */
static const struct mem_room *next_room(const struct driver_db *db, const struct store_rooms_list *p,
                                        const struct list_place *from)
{
    const struct mem_room *best = NULL;
    for (size_t i = 0; i < db->room_count; i++) {
        const struct mem_room *r = db->room_list[i];
        if (r->purged || !id_eq(r->head.tenant, p->tenant) || (r->head.deleted_ms != 0) != p->deleted ||
            (!id_none(p->owner) && !id_eq(r->head.owner, p->owner)) ||
            !mem_contains(r->head.title, p->find) || !before(&r->head, from->number, from->id))
            continue;
        if (!best || before(&best->head, r->head.last_ms, r->head.id))
            best = r;
    }
    return best;
}

static void add_preview(struct arena *a, const struct mem_room *room, struct room_row *to)
{
    for (uint64_t seq = room->head.head_seq; seq > room->head.cleared_seq; seq--) {
        struct message_row m = {0};
        if (!is(&room->events[seq - 1]->row, "message"))
            continue;
        fold(a, room, seq, &m);
        if (m.deleted)
            continue;
        to->last_text = row_preview(a, m.edited_seq ? m.edited_data : m.row.data);
        return;
    }
}

enum err mem_rooms_list(struct driver_db *db, struct store_op *op, struct error *e)
{
    struct store_rooms_list *p = (struct store_rooms_list *)op;
    struct list_place from = {.number = INT64_MAX};
    const struct mem_room *room;
    size_t cap = 0;
    enum err err = str_empty(p->after) ? ERR_OK : list_place_read(&op->arena, p->after, &from, e);
    if (err)
        return err;
    unsigned limit = p->limit == 0 ? ROOMS_DEFAULT : p->limit > STORE_PAGE_MAX ? STORE_PAGE_MAX : p->limit;
    while ((room = next_room(db, p, &from)) && p->count < limit) {
        p->rows = store_grow(&op->arena, p->rows, p->count, &cap, sizeof *p->rows);
        lend_head(&op->arena, room, &p->rows[p->count]);
        add_preview(&op->arena, room, &p->rows[p->count++]);
        from.number = room->head.last_ms;
        from.id = room->head.id;
    }
    if (room)
        p->next = list_place_write(&op->arena, &from);
    return ERR_OK;
}
