/*
 * Compiled lorebooks at hand: a shelf a loop, and bringing together what a turn needs; see lorebooks.h.
 *
 * A gather looks on the shelf for each book, in turn, and reads the first that is missing from the store;
 * then looks again. What it has found it pins, so that others cannot push it off the shelf meanwhile.
 */
#include "persona/lorebooks_inner.h"

#include "base/log.h"

#include <stdlib.h>

enum { SHELF_MAX = 128, ATTEMPTS_MAX = 4 * LORE_BOOKS_MAX };

/* ---- the shelf ---- */

static LOOP struct lore_shelf *shelf_here(struct lorebooks *books)
{
    return &books->shelves[loop_index(loop_self())];
}

static void take_out(struct lore_shelf *shelf, struct held *h)
{
    *(h->newer ? &h->newer->older : &shelf->newest) = h->older;
    *(h->older ? &h->older->newer : &shelf->oldest) = h->newer;
    h->newer = h->older = NULL;
    map_del(&shelf->held, id_key(&h->id));
    shelf->count--;
}

static void drop(struct lore_shelf *shelf, struct held *h)
{
    take_out(shelf, h);
    h->stale = true;
    if (h->pins)
        return;
    lore_compiled_free(h->compiled);
    free(h);
}

static void unpin(struct held *h)
{
    if (--h->pins || !h->stale)
        return;
    lore_compiled_free(h->compiled);
    free(h);
}

static void put(struct lore_shelf *shelf, struct held *h)
{
    struct held *old = map_get(&shelf->held, id_key(&h->id));
    if (old)
        drop(shelf, old);
    for (struct held *o = shelf->oldest, *next; o && shelf->count >= SHELF_MAX; o = next) {
        next = o->newer;
        if (!o->pins)
            drop(shelf, o);
    }
    h->older = shelf->newest;
    *(shelf->newest ? &shelf->newest->newer : &shelf->oldest) = h;
    shelf->newest = h;
    map_set(&shelf->held, id_key(&h->id), h);
    shelf->count++;
}

void lore_shelf_release(struct lore_shelf *shelf)
{
    while (shelf->oldest) {
        shelf->oldest->pins = 0;
        drop(shelf, shelf->oldest);
    }
    map_release(&shelf->held);
}

struct change {
    struct msg msg;
    struct lorebooks *books;
    struct id id;
};

static LOOP void forget(struct lorebooks *books, struct id id)
{
    struct lore_shelf *shelf = shelf_here(books);
    struct held *h = map_get(&shelf->held, id_key(&id));
    shelf->changes++;
    shelf->everywhere_known = false;
    if (h)
        drop(shelf, h);
}

static void forget_here(struct msg *msg)
{
    on_loop();
    struct change *change = CONTAINER(msg, struct change, msg);
    forget(change->books, change->id);
    free(change);
}

void lorebooks_changed(struct lorebooks *books, struct id id)
{
    struct loop *self = loop_self();
    forget(books, id);
    for (unsigned i = 0; i < loops_count(books->loops); i++) {
        struct loop *other = loops_get(books->loops, i);
        if (other == self)
            continue;
        struct change *change = heap_alloc(sizeof *change);
        change->msg.deliver = forget_here;
        change->books = books;
        change->id = id;
        loop_post(other, &change->msg);
    }
}

/* ---- books onto the shelf ---- */

static struct held *compile(struct lore_shelf *shelf, struct id id, uint64_t version,
                            const struct lore_book *book)
{
    struct held *h = heap_alloc(sizeof *h);
    h->id = id;
    h->version = version;
    if (book)
        h->compiled = lore_compile(str_c(id_text(id).c), version, book);
    put(shelf, h);
    return h;
}

static void shelve_doc(struct lore_shelf *shelf, const struct doc_row *doc)
{
    struct arena a = ARENA_INIT;
    struct lorebook *b = NULL;
    struct error e = {0};
    if (lorebook_of_doc(&a, doc, true, &b, &e) != ERR_OK)
        log_error("persona", "%s", e.message);
    compile(shelf, doc->id, doc->version, b ? b->book : NULL);
    arena_release(&a);
}

static struct held *own_book(struct lore_shelf *shelf, const struct persona *p)
{
    struct held *h = map_get(&shelf->held, id_key(&p->id));
    if (h && h->version == p->version)
        return h;
    struct arena a = ARENA_INIT;
    struct lore_book *book = NULL;
    struct error e = {0};
    if (lore_of_persona(&a, p, &book, &e) != ERR_OK)
        log_warn("persona", "The lorebook in the card of '%.*s' is left out: %s", STR_ARG(p->name),
                 e.message);
    if (book && str_empty(book->name))
        book->name = p->name;
    h = compile(shelf, p->id, p->version, book);
    arena_release(&a);
    return h;
}

/* ---- gathering ---- */

struct reading {
    struct lore_gather *gather;
    struct id id;
    uint64_t changes;
};

static void look(struct lore_gather *g) LOOP;

static LOOP struct reading *reading_new(struct store_op *op, struct lore_gather *g, struct id id)
{
    struct reading *r = arena_new(&op->arena, struct reading);
    *r = (struct reading){g, id, shelf_here(g->books)->changes};
    return r;
}

static void doc_here(struct store_op *op)
{
    on_loop();
    struct store_doc_get *get = (struct store_doc_get *)op;
    const struct reading *r = op->arg;
    struct lore_gather *g = r->gather;
    struct lore_shelf *shelf = shelf_here(g->books);
    /* A book that changed while it was read is read again. */
    if (shelf->changes == r->changes || g->attempts >= ATTEMPTS_MAX) {
        if (op->err == ERR_OK)
            shelve_doc(shelf, &get->doc);
        else
            compile(shelf, r->id, 0, NULL);
    }
    store_op_free(op);
    look(g);
}

static LOOP void fetch(struct lore_gather *g, struct id id)
{
    struct store_doc_get *get = STORE_NEW(doc_get, DOC_GET);
    get->type = LOREBOOK_DOC_TYPE;
    get->tenant = g->books->tenant;
    get->id = id;
    get->op.done = doc_here;
    get->op.arg = reading_new(&get->op, g, id);
    store_submit(g->books->store, &get->op);
}

static void everywhere_here(struct store_op *op)
{
    on_loop();
    struct store_docs_list *list = (struct store_docs_list *)op;
    const struct reading *r = op->arg;
    struct lore_gather *g = r->gather;
    struct lore_shelf *shelf = shelf_here(g->books);
    if (shelf->changes == r->changes || g->attempts >= ATTEMPTS_MAX) {
        shelf->everywhere_count = 0;
        shelf->everywhere_known = true;
        for (size_t i = 0; op->err == ERR_OK && i < list->count && i < LORE_BOOKS_MAX; i++) {
            const struct held *h = map_get(&shelf->held, id_key(&list->rows[i].id));
            if (!h || h->version != list->rows[i].version)
                shelve_doc(shelf, &list->rows[i]);
            shelf->everywhere[shelf->everywhere_count++] = list->rows[i].id;
        }
    }
    store_op_free(op);
    look(g);
}

static LOOP void fetch_everywhere(struct lore_gather *g)
{
    struct store_docs_list *list = STORE_NEW(docs_list, DOCS_LIST);
    list->type = LOREBOOK_DOC_TYPE;
    list->tenant = g->books->tenant;
    list->find = LOREBOOK_EVERYWHERE;
    list->limit = LORE_BOOKS_MAX;
    list->op.done = everywhere_here;
    list->op.arg = reading_new(&list->op, g, ID_NONE);
    store_submit(g->books->store, &list->op);
}

static void add_source(struct lore_gather *g, struct held *h, enum lore_from from)
{
    if (!h->compiled || !lore_compiled_count(h->compiled) || g->count == LORE_BOOKS_MAX)
        return;
    for (size_t i = 0; i < g->count; i++) {
        if (g->sources[i].book == h->compiled) {
            g->sources[i].from = from; /* the nearer place counts */
            return;
        }
    }
    g->sources[g->count++] = (struct lore_source){h->compiled, from};
}

/* The book if it is at hand (pinned); else it is being read, and false. */
static LOOP bool have(struct lore_gather *g, struct id id, enum lore_from from)
{
    struct held *h = map_get(&shelf_here(g->books)->held, id_key(&id));
    if (!h) {
        fetch(g, id);
        return false;
    }
    h->pins++;
    g->pinned[g->pinned_count++] = h;
    add_source(g, h, from);
    return true;
}

static LOOP bool have_all(struct lore_gather *g, const struct str *ids, size_t count, enum lore_from from)
{
    for (size_t i = 0; i < count && i < LORE_BOOKS_MAX; i++) {
        struct id id;
        if (id_parse(ids[i], &id) && !have(g, id, from))
            return false;
    }
    return true;
}

/* Everything from the start: what was found before is there still, being pinned until all is looked for
 * again. */
static void look(struct lore_gather *g)
{
    struct lore_shelf *shelf = shelf_here(g->books);
    struct held *before[4 * LORE_BOOKS_MAX];
    size_t before_count = g->pinned_count;
    memcpy(before, g->pinned, before_count * sizeof *before);
    g->pinned_count = 0;
    g->count = 0;
    g->attempts++;
    bool all = true;
    if (!shelf->everywhere_known) {
        fetch_everywhere(g);
        all = false;
    }
    for (size_t i = 0; all && i < shelf->everywhere_count; i++)
        all = have(g, shelf->everywhere[i], LORE_EVERYWHERE);
    const struct persona *p = g->persona;
    all = all && (!p || have_all(g, p->lorebooks.v, p->lorebooks.n, LORE_ATTACHED));
    if (all && p) {
        struct held *own = own_book(shelf, p);
        own->pins++;
        g->pinned[g->pinned_count++] = own;
        add_source(g, own, LORE_OWN);
    }
    all = all && have_all(g, g->room, g->room_count, LORE_ROOM);
    for (size_t i = 0; i < before_count; i++)
        unpin(before[i]);
    if (!all)
        return;
    /* done() may end what `g` is part of. */
    before_count = g->pinned_count;
    memcpy(before, g->pinned, before_count * sizeof *before);
    g->done(g);
    for (size_t i = 0; i < before_count; i++)
        unpin(before[i]);
}

void lorebooks_gather(struct lorebooks *books, struct lore_gather *op)
{
    op->books = books;
    op->sources = arena_array(op->arena, struct lore_source, LORE_BOOKS_MAX);
    op->pinned = arena_array(op->arena, struct held *, 4 * LORE_BOOKS_MAX);
    op->pinned_count = op->count = 0;
    op->attempts = 0;
    look(op);
}
