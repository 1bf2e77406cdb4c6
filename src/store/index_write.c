/*
 * The search index's writes: adding, replacing and erasing turns.
 */
#include "store/index_inner.h"

#include <stdlib.h>

struct batch {
    struct index_session *s;
    struct arena *arena;
    struct new_posting *postings;
    size_t count, cap;
    int64_t added, removed;
};

struct scope index_scope_find(struct conn *c, struct id owner, struct id persona)
{
    struct scope scope = {0};
    struct query q = query(c, SQL_INDEX_SCOPE_FIND);
    put_blob(&q, owner.b, sizeof owner.b);
    put_blob(&q, persona.b, sizeof persona.b);
    if (query_row(&q))
        scope = (struct scope){col_i64(&q, 0), col_u64(&q, 1), col_u64(&q, 2)};
    query_end(&q);
    return scope;
}

static int64_t scope_make(struct conn *c, struct id owner, struct id persona)
{
    int64_t n = index_scope_find(c, owner, persona).n;
    if (n)
        return n;
    struct query q = query(c, SQL_INDEX_SCOPE_INSERT);
    put_blob(&q, owner.b, sizeof owner.b);
    put_blob(&q, persona.b, sizeof persona.b);
    query_run(&q);
    return sqlite3_last_insert_rowid(c->db);
}

static void scope_add(struct conn *c, int64_t scope, int64_t docs, int64_t tokens)
{
    struct query q = query(c, SQL_INDEX_SCOPE_ADD);
    put_i64(&q, docs);
    put_i64(&q, tokens);
    put_i64(&q, scope);
    query_run(&q);
}

int64_t index_room(struct conn *c, struct id room, bool make)
{
    struct query q = query(c, SQL_INDEX_ROOM_FIND);
    put_blob(&q, room.b, sizeof room.b);
    int64_t n = query_row(&q) ? col_i64(&q, 0) : 0;
    query_end(&q);
    if (n || !make)
        return n;
    q = query(c, SQL_INDEX_ROOM_INSERT);
    put_blob(&q, room.b, sizeof room.b);
    query_run(&q);
    return sqlite3_last_insert_rowid(c->db);
}

/* ---- removing ------------------------------------------------------------------------------------------ */

static void remove_doc(struct index_session *s, struct arena *a, int64_t id, int64_t scope, int64_t length,
                       struct str text)
{
    struct terms t = {.arena = a};
    index_terms_add(s, &t, text, 0);
    for (size_t i = 0; i < t.count; i++)
        postings_remove(&s->c, scope, t.list[i].term, (uint64_t)id);
    struct query q = query(&s->c, SQL_INDEX_DOC_DELETE);
    put_i64(&q, id);
    query_run(&q);
    scope_add(&s->c, scope, -1, -length);
}

/* One turn leaves every scope, or one scope (not 0); how many it left. */
static size_t remove_turn(struct index_session *s, struct arena *a, int64_t room, uint64_t seq, int64_t only)
{
    struct {
        int64_t id, scope, length;
        struct str text;
    } *found = NULL;
    size_t n = 0, cap = 0;
    struct query q = query(&s->c, SQL_INDEX_DOCS_OF);
    put_i64(&q, room);
    put_u64(&q, seq);
    while (query_row(&q)) {
        if (only && col_i64(&q, 1) != only)
            continue;
        found = store_grow(a, found, n, &cap, sizeof *found);
        found[n].id = col_i64(&q, 0);
        found[n].scope = col_i64(&q, 1);
        found[n].length = col_i64(&q, 2);
        found[n++].text = col_str(&q, 3, a);
    }
    query_end(&q);
    for (size_t i = 0; i < n; i++)
        remove_doc(s, a, found[i].id, found[i].scope, found[i].length, found[i].text);
    return n;
}

/* ---- adding -------------------------------------------------------------------------------------------- */

static void flush(struct batch *b)
{
    postings_add(&b->s->c, b->postings, b->count);
    b->count = 0;
}

static int64_t insert_doc(struct conn *c, const struct index_doc *d, int64_t scope, int64_t room,
                          uint32_t length)
{
    struct query q = query(c, SQL_INDEX_DOC_INSERT);
    put_i64(&q, scope);
    put_i64(&q, room);
    put_u64(&q, d->seq);
    put_i64(&q, d->at_ms);
    put_i64(&q, d->author_type);
    put_id(&q, d->author);
    put_i64(&q, length);
    put_str(&q, d->text);
    query_run(&q);
    return sqlite3_last_insert_rowid(c->db);
}

/* True if the turn is in the scope already with this very text: a batch that is put twice costs little. */
static bool same_there(struct conn *c, int64_t room, uint64_t seq, int64_t scope, struct str text,
                       bool *there)
{
    struct query q = query(c, SQL_INDEX_DOC_FIND);
    put_i64(&q, room);
    put_u64(&q, seq);
    put_i64(&q, scope);
    *there = query_row(&q);
    bool same = *there && str_eq(text, str_of((const char *)sqlite3_column_text(q.s, 1),
                                              (size_t)sqlite3_column_bytes(q.s, 1)));
    query_end(&q);
    return same;
}

static void add_doc(struct batch *b, const struct index_doc *d)
{
    struct conn *c = &b->s->c;
    int64_t scope = scope_make(c, d->owner, d->persona), room = index_room(c, d->room, true);
    bool there;
    if (same_there(c, room, d->seq, scope, d->text, &there))
        return;
    if (there) {
        flush(b); /* what is to be removed may still wait to be posted */
        b->removed += (int64_t)remove_turn(b->s, b->arena, room, d->seq, scope);
    }
    struct terms t = {.arena = b->arena};
    index_terms_add(b->s, &t, d->text, 0);
    int64_t id = insert_doc(c, d, scope, room, t.length);
    for (size_t i = 0; i < t.count; i++) {
        b->postings = store_grow(b->arena, b->postings, b->count, &b->cap, sizeof *b->postings);
        b->postings[b->count++] = (struct new_posting){
            .scope = scope,
            .term = t.list[i].term,
            .posting = {(uint64_t)id, (uint8_t)(t.list[i].times < 255 ? t.list[i].times : 255),
                        (uint8_t)(t.length < 255 ? t.length : 255)},
        };
    }
    scope_add(c, scope, 1, t.length);
    b->added++;
}

enum err index_run_put(struct index_session *s, struct index_put *op, struct error *e)
{
    (void)e;
    struct arena arena = ARENA_INIT;
    struct batch b = {.s = s, .arena = &arena};
    for (size_t i = 0; i < op->doc_count; i++)
        add_doc(&b, &op->docs[i]);
    flush(&b);
    if (op->pos)
        index_meta_set(&s->c, "cursor", op->pos);
    arena_release(&arena);
    return ERR_OK;
}

enum err index_run_erase(struct index_session *s, struct index_erase *op, struct error *e)
{
    (void)e;
    struct arena arena = ARENA_INIT;
    int64_t room = index_room(&s->c, op->room, false);
    for (size_t i = 0; room && i < op->seq_count; i++)
        op->removed += remove_turn(s, &arena, room, op->seqs[i], 0);
    arena_release(&arena);
    return ERR_OK;
}
