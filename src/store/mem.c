/*
 * The memory driver: a store without a disk, for tests and to keep the driver interface honest.
 *
 * Rooms hold their events in an array by number, the log holds all events by position, documents are a list.
 * What SQLite does with indexes is a scan here; nothing is meant to be large.
 */
#include "store/mem.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>

enum { KEY_MAX = 1024 };

/* ---- strings ------------------------------------------------------------------------------------------- */

void *mem_own(struct str **strings, size_t count)
{
    size_t n = 1;
    for (size_t i = 0; i < count; i++)
        n += strings[i]->n;
    char *block = heap_alloc(n), *at = block;
    for (size_t i = 0; i < count; i++) {
        if (strings[i]->n)
            memcpy(at, strings[i]->p, strings[i]->n);
        strings[i]->p = at;
        at += strings[i]->n;
    }
    return block;
}

void mem_lend(struct arena *a, struct str **strings, size_t count)
{
    for (size_t i = 0; i < count; i++)
        *strings[i] = strings[i]->n ? arena_str(a, *strings[i]) : STR_NONE;
}

#define EVENT_STRINGS(row)                                                                                   \
    {                                                                                                        \
        &(row)->kind, &(row)->author_name, &(row)->audience, &(row)->client_id, &(row)->data                 \
    }

void *mem_own_event(struct event_row *row)
{
    struct str *strings[] = EVENT_STRINGS(row);
    return mem_own(strings, sizeof strings / sizeof *strings);
}

void mem_lend_event(struct arena *a, struct event_row *row)
{
    struct str *strings[] = EVENT_STRINGS(row);
    mem_lend(a, strings, sizeof strings / sizeof *strings);
}

static char small(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool mem_contains(struct str text, struct str part)
{
    for (size_t i = 0; i + part.n <= text.n; i++) {
        size_t k = 0;
        while (k < part.n && small(text.p[i + k]) == small(part.p[k]))
            k++;
        if (k == part.n)
            return true;
    }
    return false;
}

void *mem_grow(void *list, size_t count, size_t *cap, size_t size)
{
    if (count < *cap)
        return list;
    *cap = *cap ? *cap * 2 : 16;
    return heap_realloc(list, *cap * size);
}

/* ---- notes --------------------------------------------------------------------------------------------- */

static struct str note_key(char to[KEY_MAX], const char *space, struct str key)
{
    int n = snprintf(to, KEY_MAX, "%s:", space);
    size_t rest = key.n < KEY_MAX - (size_t)n ? key.n : KEY_MAX - (size_t)n;
    if (rest)
        memcpy(to + n, key.p, rest);
    return str_of(to, (size_t)n + rest);
}

struct mem_note *mem_note_find(struct driver_db *db, const char *space, struct str key, int64_t after_ms)
{
    char text[KEY_MAX];
    struct mem_note *note = map_get(&db->notes, note_key(text, space, key));
    return note && note->at_ms >= after_ms ? note : NULL;
}

static void free_note(struct mem_note *note)
{
    if (note)
        free((void *)note->result.p);
    free(note);
}

struct mem_note *mem_note_keep(struct driver_db *db, const char *space, struct str key)
{
    char text[KEY_MAX];
    struct mem_note *note = heap_alloc(sizeof *note);
    note->at_ms = clock_wall_ms();
    free_note(map_set(&db->notes, note_key(text, space, key), note));
    return note;
}

static struct str idem_key(char to[KEY_MAX], const struct store_idem *idem)
{
    int n = snprintf(to, KEY_MAX, "%s %.*s %.*s", id_text(idem->principal).c, STR_ARG(idem->route),
                     STR_ARG(idem->key));
    return str_of(to, n < KEY_MAX ? (size_t)n : KEY_MAX - 1);
}

enum err mem_idem_check(struct driver_db *db, const struct store_idem *idem, struct error *e)
{
    char key[KEY_MAX];
    if (!idem || !mem_note_find(db, "idem", idem_key(key, idem), clock_wall_ms() - STORE_IDEM_MS))
        return ERR_OK;
    return error_set_param(e, ERR_CONFLICT, "Idempotency-Key",
                           "This Idempotency-Key was used already; send another with a new request.");
}

void mem_idem_keep(struct driver_db *db, const struct store_idem *idem)
{
    char key[KEY_MAX];
    if (!idem)
        return;
    struct mem_note *note = mem_note_keep(db, "idem", idem_key(key, idem));
    memcpy(note->hash, idem->hash, sizeof note->hash);
    note->result = str_of(heap_cstr(idem->result), idem->result.n);
}

enum err mem_idem_get(struct driver_db *db, struct store_op *op, struct error *e)
{
    struct store_idem_get *g = (struct store_idem_get *)op;
    char key[KEY_MAX];
    const struct mem_note *note =
        mem_note_find(db, "idem", idem_key(key, &g->idem), clock_wall_ms() - STORE_IDEM_MS);
    if (!note)
        return error_set(e, ERR_NOT_FOUND, "This Idempotency-Key was not used before.");
    memcpy(g->idem.hash, note->hash, sizeof note->hash);
    g->idem.result = arena_str(&op->arena, note->result);
    return ERR_OK;
}

struct mem_note *mem_op_seen(struct driver_db *db, const struct store_op *op)
{
    return id_none(op->op_id) ? NULL : mem_note_find(db, "op", id_key(&op->op_id), 0);
}

struct mem_note *mem_op_note(struct driver_db *db, const struct store_op *op)
{
    return id_none(op->op_id) ? NULL : mem_note_keep(db, "op", id_key(&op->op_id));
}

enum err mem_cursor_set(struct driver_db *db, struct store_op *op, struct error *e)
{
    struct store_cursor_set *p = (struct store_cursor_set *)op;
    if (str_empty(p->consumer))
        return error_set(e, ERR_INVALID, "A consumer needs a name.");
    uint64_t *pos = map_get(&db->cursors, p->consumer);
    if (!pos) {
        pos = heap_alloc(sizeof *pos);
        map_set(&db->cursors, p->consumer, pos);
    }
    *pos = p->pos;
    return ERR_OK;
}

/* ---- purge --------------------------------------------------------------------------------------------- */

static void purge_room(struct driver_db *db, struct mem_room *room)
{
    for (size_t i = 0; i < room->head.head_seq; i++) {
        db->log[room->events[i]->row.pos - 1] = NULL;
        free(room->events[i]->strings);
        free(room->events[i]);
    }
    room->head.head_seq = 0;
    room->purged = true;
    map_del(&db->rooms, id_key(&room->head.id));
}

enum err mem_purge(struct driver_db *db, struct store_op *op, struct error *e)
{
    struct store_purge *p = (struct store_purge *)op;
    (void)e;
    for (size_t i = 0; i < db->room_count; i++) {
        struct mem_room *room = db->room_list[i];
        if (!room->purged && room->head.deleted_ms && room->head.deleted_ms < p->deleted_before_ms) {
            purge_room(db, room);
            p->removed++;
        }
    }
    for (size_t i = 0; i < db->doc_count; i++) {
        struct mem_doc *doc = db->docs[i];
        if (!doc->erased && doc->row.deleted_ms && doc->row.deleted_ms < p->deleted_before_ms) {
            doc->erased = true;
            mem_doc_forget(doc);
            p->removed++;
        }
    }
    void *value;
    for (size_t i = 0; map_next(&db->notes, &i, &value);) {
        struct mem_note *note = value;
        if (note->at_ms && note->at_ms < p->idem_before_ms) {
            note->at_ms = 0; /* as good as gone */
            p->removed++;
        }
    }
    return ERR_OK;
}

/* ---- the driver ---------------------------------------------------------------------------------------- */

static enum err open_db(const struct store_options *options, struct driver_db **out,
                        struct driver_opened *opened, struct error *e)
{
    (void)options, (void)e;
    struct driver_db *db = heap_alloc(sizeof *db);
    pthread_rwlock_init(&db->lock, NULL);
    db->next_pos = 1;
    *opened = (struct driver_opened){.epoch = 1};
    *out = db;
    return ERR_OK;
}

static void close_db(struct driver_db *db, bool clean)
{
    void *value;
    (void)clean;
    for (size_t i = 0; i < db->room_count; i++) {
        if (!db->room_list[i]->purged)
            purge_room(db, db->room_list[i]);
        free(db->room_list[i]->events);
        free(db->room_list[i]->strings);
        free(db->room_list[i]);
    }
    for (size_t i = 0; i < db->doc_count; i++) {
        mem_doc_forget(db->docs[i]);
        free(db->docs[i]->strings);
        free(db->docs[i]);
    }
    for (size_t i = 0; map_next(&db->notes, &i, &value);)
        free_note(value);
    for (size_t i = 0; map_next(&db->cursors, &i, &value);)
        free(value);
    map_release(&db->notes);
    map_release(&db->cursors);
    map_release(&db->rooms);
    free(db->room_list);
    free(db->docs);
    free(db->log);
    pthread_rwlock_destroy(&db->lock);
    free(db);
}

static enum err open_session(struct driver_db *db, unsigned flags, struct driver_session **out,
                             struct error *e)
{
    (void)flags, (void)e;
    *out = heap_alloc(sizeof **out);
    (*out)->db = db;
    return ERR_OK;
}

static void close_session(struct driver_session *s)
{
    free(s);
}

static enum err nothing(struct driver_session *s, struct error *e)
{
    (void)s, (void)e;
    return ERR_OK;
}

static void nothing_to_abort(struct driver_session *s)
{
    (void)s;
}

static mem_op_fn *const operations[STORE_OP_KINDS] = {
    [STORE_APPEND] = mem_append,
    [STORE_ROOM_GET] = mem_room_get,
    [STORE_ROOMS_LIST] = mem_rooms_list,
    [STORE_EVENTS_PAGE] = mem_events_page,
    [STORE_MESSAGES_PAGE] = mem_messages_page,
    [STORE_EVENT_FIND] = mem_event_find,
    [STORE_EVENTS_ABOUT] = mem_events_about,
    [STORE_CONSUME] = mem_consume,
    [STORE_CURSOR_SET] = mem_cursor_set,
    [STORE_OPEN_TURNS] = mem_open_turns,
    [STORE_IDEM_GET] = mem_idem_get,
    [STORE_FORGET] = mem_forget,
    [STORE_DOC_PUT] = mem_doc_put,
    [STORE_DOC_GET] = mem_doc_get,
    [STORE_DOCS_LIST] = mem_docs_list,
    [STORE_BLOB_NAMES] = mem_blob_names,
    [STORE_DOC_DELETE] = mem_doc_delete,
    [STORE_DOC_RELIST] = mem_doc_relist,
    [STORE_DOCS_UNLISTED] = mem_docs_unlisted,
    [STORE_DOCS_FIND] = mem_docs_find,
    [STORE_DOC_TAGS] = mem_doc_tags,
    [STORE_DOC_VERSIONS] = mem_doc_versions,
    [STORE_DOC_VERSION] = mem_doc_version,
    [STORE_PURGE] = mem_purge,
};

static enum err write_op(struct driver_session *s, struct store_op *op, struct error *e)
{
    pthread_rwlock_wrlock(&s->db->lock);
    enum err err = operations[op->kind](s->db, op, e);
    pthread_rwlock_unlock(&s->db->lock);
    return err;
}

static enum err read_op(struct driver_session *s, struct store_op *op, struct error *e)
{
    pthread_rwlock_rdlock(&s->db->lock);
    enum err err = operations[op->kind](s->db, op, e);
    pthread_rwlock_unlock(&s->db->lock);
    return err;
}

static void sizes(struct driver_db *db, uint64_t *file_bytes, uint64_t *wal_bytes)
{
    (void)db;
    *file_bytes = *wal_bytes = 0;
}

static enum err no_backup(struct driver_db *db, struct str path,
                          void (*progress)(void *arg, uint64_t done, uint64_t all), void *arg,
                          struct error *e)
{
    (void)db, (void)path, (void)progress, (void)arg;
    return error_set(e, ERR_NOT_IMPLEMENTED,
                     "The memory store keeps nothing and has no backup; set store.driver to sqlite.");
}

static enum err sound(struct driver_db *db, struct error *e)
{
    (void)db, (void)e;
    return ERR_OK;
}

const struct store_driver store_driver_memory = {
    .name = "memory",
    .lasting = false,
    .open = open_db,
    .close = close_db,
    .session = open_session,
    .session_close = close_session,
    .begin = nothing,
    .commit = nothing,
    .abort = nothing_to_abort,
    .write = write_op,
    .read = read_op,
    .tidy = nothing,
    .scrub = nothing,
    .sizes = sizes,
    .backup = no_backup,
    .check = sound,
};
