/*
 * Keeping core blocks: what the queue's moments tell of a person goes into the block of (person, persona).
 *
 * Two passes over the taken batches: reading facts, a few messages at a time so that the loop stays quick;
 * then each block that is concerned is read, changed and written, one after another. A block knows the
 * position up to which it was made, so an index that is rebuilt from zero does not add anything twice.
 *
 * The name a person tells is kept per persona: what was told to Mia is Mia's (docs/decisions,
 * 2026-11-21-memory.md).
 */
#include "memory/blocks.h"

#include "memory/inner.h"

#include <stdlib.h>

enum { SLICE = 8, CONFLICTS_MAX = 4, MESSAGE_FACTS = 8 };

/* One moment that concerns a block: facts that were told, or none: it was taken back. */
struct change {
    struct change *next;
    const struct moment *moment;
    struct person_fact facts[MESSAGE_FACTS];
    size_t count;
};

struct scope {
    struct scope *next;
    struct id person, persona;
    struct change *first, *last;
};

struct taking {
    struct memory *m;
    struct arena arena;
    struct batch *batch; /* where reading is */
    size_t left, at;     /* batches still to read, moment in the present one */
    struct scope *scopes, *current;
    unsigned conflicts;
    struct person_fact facts[MESSAGE_FACTS]; /* of the message read last: all its scopes share it */
    size_t count;
    struct str text;
    void (*done)(struct memory *, enum err);
};

static void next_scope(struct taking *t) LOOP;

static LOOP void finish(struct taking *t, enum err err)
{
    struct memory *m = t->m;
    void (*done)(struct memory *, enum err) = t->done;
    arena_release(&t->arena);
    free(t);
    done(m, err);
}

struct id block_id(struct id person, struct id persona)
{
    char both[2 * ID_TEXT];
    id_format(both, person);
    id_format(both + ID_TEXT - 1, persona);
    return id_of_name(STR("block"), str_c(both));
}

size_t blocks_read(struct arena *a, struct str data, struct memory_block out[BLOCKS_MAX])
{
    struct block *b = arena_new(a, struct block);
    block_read(a, data, b);
    struct str text = block_text(a, b);
    if (str_empty(text))
        return 0;
    out[0] = (struct memory_block){.name = STR("person"), .text = text, .reason = STR("core")};
    return 1;
}

/* ---- one block ---- */

static bool apply(struct block *b, const struct scope *scope)
{
    bool changed = false;
    uint64_t pos = b->pos;
    for (const struct change *c = scope->first; c; c = c->next) {
        const struct index_doc *doc = &c->moment->doc;
        if (c->moment->pos <= b->pos)
            continue; /* the log is read again: it is in already */
        if (c->moment->back)
            changed |= block_forget(b, doc->room, doc->seq);
        for (size_t i = 0; i < c->count; i++)
            changed |= block_add(b, &c->facts[i], doc->room, doc->seq, doc->at_ms);
        pos = c->moment->pos > pos ? c->moment->pos : pos;
    }
    b->pos = pos;
    return changed;
}

static void read_block(struct taking *t) LOOP;

static void block_written(struct store_op *op)
{
    on_loop();
    struct taking *t = op->arg;
    enum err err = op->err;
    store_op_free(op);
    if ((err == ERR_PRECONDITION || err == ERR_CONFLICT) && ++t->conflicts < CONFLICTS_MAX) {
        read_block(t);
        return;
    }
    if (err != ERR_OK) {
        finish(t, err);
        return;
    }
    t->current = t->current->next;
    t->conflicts = 0;
    next_scope(t);
}

static void block_here(struct store_op *op)
{
    on_loop();
    struct taking *t = op->arg;
    struct store_doc_get *get = (struct store_doc_get *)op;
    bool there = op->err == ERR_OK, none = op->err == ERR_NOT_FOUND || op->err == ERR_GONE;
    if (!there && !none) {
        enum err err = op->err;
        store_op_free(op);
        finish(t, err);
        return;
    }
    struct block *b = arena_new(&op->arena, struct block);
    block_read(&op->arena, there ? get->doc.data : STR_NONE, b);
    b->persona = t->current->persona;
    bool changed = apply(b, t->current);
    if (changed) {
        CLEANUP_BUF struct buf data = BUF_INIT;
        struct store_doc_put *put = STORE_NEW(doc_put, DOC_PUT);
        block_write(b, &data);
        put->doc = (struct doc_row){.type = BLOCK_DOC_TYPE,
                                    .id = block_id(t->current->person, t->current->persona),
                                    .tenant = t->m->options.tenant,
                                    .owner = t->current->person,
                                    .data = arena_str(&put->op.arena, buf_str(&data))};
        put->create = !there;
        put->expect_version = there ? get->doc.version : 0;
        put->op.done = block_written;
        put->op.arg = t;
        store_submit(t->m->store, &put->op);
    }
    store_op_free(op);
    if (changed)
        return;
    t->current = t->current->next;
    next_scope(t);
}

static void read_block(struct taking *t)
{
    struct store_doc_get *get = STORE_NEW(doc_get, DOC_GET);
    get->type = BLOCK_DOC_TYPE;
    get->tenant = t->m->options.tenant;
    get->id = block_id(t->current->person, t->current->persona);
    get->op.done = block_here;
    get->op.arg = t;
    store_submit(t->m->store, &get->op);
}

static void next_scope(struct taking *t)
{
    if (t->current)
        read_block(t);
    else
        finish(t, ERR_OK);
}

/* ---- reading facts ---- */

static struct scope *scope_of(struct taking *t, const struct index_doc *doc)
{
    for (struct scope *s = t->scopes; s; s = s->next) {
        if (id_eq(s->person, doc->owner) && id_eq(s->persona, doc->persona))
            return s;
    }
    struct scope *s = arena_new(&t->arena, struct scope);
    s->person = doc->owner;
    s->persona = doc->persona;
    s->next = t->scopes;
    t->scopes = s;
    return s;
}

static void add_change(struct taking *t, const struct moment *moment)
{
    struct scope *s = scope_of(t, &moment->doc);
    struct change *c = arena_new(&t->arena, struct change);
    c->moment = moment;
    if (!moment->back) {
        memcpy(c->facts, t->facts, t->count * sizeof *c->facts);
        c->count = t->count;
    }
    *(s->last ? &s->last->next : &s->first) = c;
    s->last = c;
}

/* True if facts had to be read, which is the slow part. */
static bool read_moment(struct taking *t, const struct moment *moment)
{
    bool read = false;
    if (moment->back) {
        add_change(t, moment);
        return false;
    }
    if (moment->replaced || moment->doc.author_type != AUTHOR_USER ||
        !id_eq(moment->doc.author, moment->doc.owner))
        return false;
    if (moment->doc.text.p != t->text.p) {
        t->text = moment->doc.text;
        t->count = block_facts(&t->arena, moment->doc.text, moment->asked, t->facts, MESSAGE_FACTS);
        read = true;
    }
    if (t->count)
        add_change(t, moment);
    return read;
}

static void read_some(void *arg)
{
    on_loop();
    struct taking *t = arg;
    int slow = 0;
    while (t->left) {
        if (t->at == t->batch->count) {
            t->batch = t->batch->next;
            t->at = 0;
            t->left--;
            continue;
        }
        slow += read_moment(t, &t->batch->moments[t->at++]);
        if (slow == SLICE) { /* others first */
            loop_call(t->m->home, read_some, t);
            return;
        }
    }
    t->current = t->scopes;
    next_scope(t);
}

void blocks_take(struct memory *m, size_t batches, void (*done)(struct memory *, enum err))
{
    struct taking *t = heap_alloc(sizeof *t);
    t->m = m;
    t->batch = m->writer.first;
    t->left = batches;
    t->done = done;
    read_some(t);
}
