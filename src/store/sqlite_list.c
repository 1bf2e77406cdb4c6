/*
 * The SQLite driver's listings: what documents show in lists, and what they are found by (store.h,
 * docs_find).
 *
 * Beside the documents stand small rows that lists are read from:
 *   shelves    one a (tenant, type): how many documents are listed, and the next number
 *   doc_list   one a document: names, times, brief; an index for each order, covering its key and n
 *   tags, tagged   which tags there are, how often; which documents have one
 *   doc_words  an FTS5 table of the folded words, with an index of one- and two-letter beginnings
 * A document's number n is its shelf's number in the high half and a small one in the low half, so that the
 * documents of a shelf are one range of FTS5's rowids, and a set of them is a bitmap.
 *
 * Finding: each word and each tag gives a bitmap; their intersection counts the total. A small set is sorted
 * by its keys; a large one is met soon by walking the order's index. So no question costs more than one pass
 * over small rows (docs/decisions/2026-11-21-persona-lists.md).
 *
 * Only what is alive has words and tags here; a deleted document keeps its number.
 */
#include "base/fold.h"
#include "store/cursor.h"
#include "store/sqlite.h"

#include <stdlib.h>

enum { FIND_DEFAULT = 50, SPARSE_MAX = 512, SHELF_SHIFT = 32, TAG_MAX = 400 };

/* ---- shelves ------------------------------------------------------------------------------------------- */

struct shelf {
    int64_t k;
    uint64_t count, next;
};

static bool shelf_find(struct conn *c, struct id tenant, struct str type, struct shelf *out)
{
    struct query q = query(c, SQL_SHELF_FIND);
    put_id(&q, tenant);
    put_str(&q, type);
    bool found = query_row(&q);
    if (found)
        *out = (struct shelf){col_i64(&q, 0), col_u64(&q, 1), col_u64(&q, 2)};
    query_end(&q);
    return found;
}

static void shelf_make(struct conn *c, struct id tenant, struct str type, struct shelf *out)
{
    if (shelf_find(c, tenant, type, out))
        return;
    struct query q = query(c, SQL_SHELF_INSERT);
    put_id(&q, tenant);
    put_str(&q, type);
    query_run(&q);
    *out = (struct shelf){.k = sqlite3_last_insert_rowid(c->db), .next = 1};
}

static void shelf_count(struct conn *c, int64_t k, int by)
{
    struct query q = query(c, SQL_SHELF_COUNT);
    put_i64(&q, by);
    put_i64(&q, k);
    query_run(&q);
}

/* ---- writing ------------------------------------------------------------------------------------------- */

/* The document's row of the list. */
struct listed {
    int64_t n, shelf;
    bool there, alive;
};

static struct listed listed_find(struct conn *c, int64_t shelf, struct id id)
{
    struct listed l = {.shelf = shelf};
    struct query q = query(c, SQL_LIST_FIND);
    put_i64(&q, shelf);
    put_id(&q, id);
    l.there = query_row(&q);
    if (l.there) {
        l.n = col_i64(&q, 0);
        l.alive = col_i64(&q, 1) == 0;
    }
    query_end(&q);
    return l;
}

static void run_n(struct conn *c, enum sql sql, int64_t n)
{
    struct query q = query(c, sql);
    put_i64(&q, n);
    query_run(&q);
}

/* Takes words and tags away. */
static void forget_words(struct conn *c, int64_t n)
{
    run_n(c, SQL_TAGS_LESS, n);
    run_n(c, SQL_TAGGED_DELETE, n);
    run_n(c, SQL_WORDS_DELETE, n);
}

static void add_tag(struct conn *c, int64_t shelf, int64_t n, struct str folded, struct str shown)
{
    struct query q = query(c, SQL_TAG_PUT);
    put_i64(&q, shelf);
    put_str(&q, folded);
    put_str(&q, shown);
    query_run(&q);
    q = query(c, SQL_TAGGED_INSERT);
    put_i64(&q, n);
    put_i64(&q, shelf);
    put_str(&q, folded);
    query_run(&q);
    if (sqlite3_changes(c->db) == 0)
        return; /* the same tag twice */
    q = query(c, SQL_TAG_MORE);
    put_i64(&q, shelf);
    put_str(&q, folded);
    query_run(&q);
}

static void add_words(struct conn *c, int64_t shelf, int64_t n, const struct doc_listing *l)
{
    struct arena a = ARENA_INIT;
    for (size_t i = 0; i < l->tag_count; i++) {
        struct str shown = str_sub(str_trim(l->tags[i]), 0, TAG_MAX);
        struct str folded = str_trim(fold_text(&a, shown));
        if (folded.n)
            add_tag(c, shelf, n, folded, shown);
    }
    struct query q = query(c, SQL_WORDS_INSERT);
    put_i64(&q, n);
    put_str(&q, l->words);
    query_run(&q);
    arena_release(&a);
}

static void put_listing(struct query *q, const struct doc_row *d, struct str name,
                        const struct doc_listing *l)
{
    put_str(q, name);
    put_i64(q, d->created_ms);
    put_i64(q, d->updated_ms);
    put_u64(q, d->version);
    put_i64(q, l->form);
    put_i64(q, l->favourite);
    put_str(q, l->brief);
}

void sqlite_listing_put(struct conn *c, const struct doc_row *d, const struct doc_listing *l)
{
    struct arena a = ARENA_INIT;
    struct shelf shelf;
    shelf_make(c, d->tenant, d->type, &shelf);
    struct listed at = listed_find(c, shelf.k, d->id);
    if (at.there && at.alive)
        forget_words(c, at.n);
    if (!at.there)
        at.n = (shelf.k << SHELF_SHIFT) + (int64_t)shelf.next;
    struct query q = query(c, at.there ? SQL_LIST_UPDATE : SQL_LIST_INSERT);
    put_listing(&q, d, fold_text(&a, l->name), l);
    put_i64(&q, at.n);
    if (!at.there) {
        put_i64(&q, shelf.k);
        put_id(&q, d->id);
    }
    query_run(&q);
    if (!at.there)
        run_n(c, SQL_SHELF_NEXT, shelf.k);
    if (!at.alive)
        shelf_count(c, shelf.k, 1);
    add_words(c, shelf.k, at.n, l);
    arena_release(&a);
}

static bool listed_doc(struct conn *c, struct id tenant, struct str type, struct id id, struct listed *out)
{
    struct shelf shelf;
    if (!shelf_find(c, tenant, type, &shelf))
        return false;
    *out = listed_find(c, shelf.k, id);
    return out->there;
}

void sqlite_listing_deleted(struct conn *c, struct id tenant, struct str type, struct id id, int64_t at_ms)
{
    struct listed at;
    if (!listed_doc(c, tenant, type, id, &at) || !at.alive)
        return;
    forget_words(c, at.n);
    struct query q = query(c, SQL_LIST_DELETED);
    put_i64(&q, at_ms);
    put_i64(&q, at.n);
    query_run(&q);
    shelf_count(c, at.shelf, -1);
}

void sqlite_listing_erase(struct driver_session *s, struct id tenant, struct str type, struct id id)
{
    struct listed at;
    if (!listed_doc(&s->c, tenant, type, id, &at))
        return;
    if (at.alive) {
        forget_words(&s->c, at.n);
        shelf_count(&s->c, at.shelf, -1);
    }
    run_n(&s->c, SQL_LIST_ERASE, at.n);
    s->db->words_erased = true;
}

enum err sqlite_doc_relist(struct driver_session *s, struct store_op *op, struct error *e)
{
    struct store_doc_relist *p = (struct store_doc_relist *)op;
    struct doc_row d;
    enum err err = sqlite_doc_find(&s->c, &op->arena, p->tenant, p->type, p->id, &d, e);
    if (err)
        return err;
    if (d.version != p->version || d.deleted_ms)
        return error_set(e, ERR_PRECONDITION, "The %.*s was changed meanwhile.", STR_ARG(p->type));
    sqlite_listing_put(&s->c, &d, p->listing);
    return ERR_OK;
}

/* ---- sets ---------------------------------------------------------------------------------------------- */

/* A set of a shelf's documents, by the low half of n. */
struct set {
    uint64_t *bits;
    uint64_t size;
};

static struct set set_new(struct arena *a, uint64_t size)
{
    return (struct set){arena_array(a, uint64_t, size / 64 + 1), size};
}

static void set_add(struct set *s, int64_t n)
{
    uint64_t i = (uint64_t)n & UINT32_MAX;
    if (i < s->size)
        s->bits[i / 64] |= 1ull << (i % 64);
}

static bool set_has(const struct set *s, int64_t n)
{
    uint64_t i = (uint64_t)n & UINT32_MAX;
    return i < s->size && (s->bits[i / 64] >> (i % 64) & 1);
}

static uint64_t set_count(const struct set *s)
{
    uint64_t count = 0;
    for (uint64_t i = 0; i <= s->size / 64; i++)
        count += (uint64_t)__builtin_popcountll(s->bits[i]);
    return count;
}

static void set_and(struct set *s, const struct set *other)
{
    for (uint64_t i = 0; i <= s->size / 64; i++)
        s->bits[i] &= other->bits[i];
}

/* What is asked of one shelf. */
struct finding {
    struct conn *c;
    struct arena *a;
    struct store_docs_find *p;
    struct shelf shelf;
    struct set set;
    bool filtered; /* `set` counts; else everything that is alive */
};

/* The rows of a query whose first column is n become a set that narrows what is found. */
static void narrow(struct finding *f, struct query *q)
{
    struct set set = set_new(f->a, f->shelf.next);
    while (query_row(q))
        set_add(&set, col_i64(q, 0));
    query_end(q);
    if (f->filtered)
        set_and(&f->set, &set);
    else
        f->set = set;
    f->filtered = true;
}

/* "mia"* AND "por"*: beginnings of words. Folded words hold neither quotes nor white space. */
static void narrow_by_words(struct finding *f)
{
    CLEANUP_BUF struct buf match = BUF_INIT;
    for (size_t i = 0; i < f->p->word_count; i++)
        buf_printf(&match, "%s\"%.*s\" *", i ? " AND " : "", STR_ARG(f->p->words[i]));
    struct query q = query(f->c, SQL_WORDS_FIND);
    put_str(&q, buf_str(&match));
    put_i64(&q, f->shelf.k << SHELF_SHIFT);
    put_i64(&q, (f->shelf.k + 1) << SHELF_SHIFT);
    narrow(f, &q);
}

static void narrow_by_tag(struct finding *f, struct str tag)
{
    struct query q = query(f->c, SQL_TAG_FIND);
    put_i64(&q, f->shelf.k);
    put_str(&q, str_trim(fold_text(f->a, tag)));
    narrow(f, &q);
}

/* ---- pages --------------------------------------------------------------------------------------------- */

struct key {
    int64_t n;
    struct list_place place;
};

static void col_key(struct query *q, struct finding *f, struct key *key)
{
    key->n = col_i64(q, 0);
    key->place = (struct list_place){.id = col_id(q, 2)};
    if (f->p->order == DOCS_BY_NAME)
        key->place.text = col_str(q, 1, f->a);
    else
        key->place.number = col_i64(q, 1);
}

static int compare(const struct key *a, const struct key *b)
{
    int text = str_cmp(a->place.text, b->place.text);
    if (a->place.number != b->place.number)
        return a->place.number < b->place.number ? -1 : 1;
    return text ? text : memcmp(a->place.id.b, b->place.id.b, sizeof a->place.id.b);
}

static int ascending(const void *a, const void *b)
{
    return compare(a, b);
}

static int descending(const void *a, const void *b)
{
    return compare(b, a);
}

/* Few: each one's key is read, and the keys are sorted. */
static size_t page_of_few(struct finding *f, const struct key *from, size_t most, struct key *page)
{
    static const enum sql keys[] = {SQL_LIST_KEY_NAME, SQL_LIST_KEY_UPDATED, SQL_LIST_KEY_CREATED};
    struct key *all = arena_array(f->a, struct key, SPARSE_MAX);
    size_t count = 0, given = 0;
    for (uint64_t i = 0; i < f->set.size && count < SPARSE_MAX; i++) {
        if (!f->set.bits[i / 64]) {
            i |= 63;
            continue;
        }
        if (!(f->set.bits[i / 64] >> (i % 64) & 1))
            continue;
        struct query q = query(f->c, keys[f->p->order]);
        put_i64(&q, (f->shelf.k << SHELF_SHIFT) + (int64_t)i);
        if (query_row(&q))
            col_key(&q, f, &all[count++]);
        query_end(&q);
    }
    qsort(all, count, sizeof *all, f->p->descending ? descending : ascending);
    for (size_t i = 0; i < count && given < most; i++) {
        int side = from ? compare(&all[i], from) : 0;
        if (!from || (f->p->descending ? side < 0 : side > 0))
            page[given++] = all[i];
    }
    return given;
}

static void put_from(struct query *q, const struct finding *f, const struct key *from)
{
    bool name = f->p->order == DOCS_BY_NAME, down = f->p->descending;
    struct id last;
    memset(last.b, 0xff, sizeof last.b);
    put_i64(q, f->shelf.k);
    if (from && name)
        put_str(q, from->place.text);
    else if (from)
        put_i64(q, from->place.number);
    else if (name && down)
        put_blob(q, "", 0); /* every blob sorts after every text */
    else if (name)
        put_str(q, STR_NONE);
    else
        put_i64(q, down ? INT64_MAX : INT64_MIN);
    if (from)
        put_blob(q, from->place.id.b, sizeof from->place.id.b);
    else
        put_blob(q, down ? last.b : (const void *)"", down ? sizeof last.b : 0);
}

/* Many, or all: the order's index is walked until the page is full. */
static size_t page_of_many(struct finding *f, const struct key *from, size_t most, struct key *page)
{
    static const enum sql walks[][2] = {
        [DOCS_BY_NAME] = {SQL_LIST_BY_NAME, SQL_LIST_BY_NAME_DOWN},
        [DOCS_BY_UPDATED] = {SQL_LIST_BY_UPDATED, SQL_LIST_BY_UPDATED_DOWN},
        [DOCS_BY_CREATED] = {SQL_LIST_BY_CREATED, SQL_LIST_BY_CREATED_DOWN},
    };
    size_t given = 0;
    struct query q = query(f->c, walks[f->p->order][f->p->descending]);
    put_from(&q, f, from);
    while (given < most && query_row(&q)) {
        if (!f->filtered || set_has(&f->set, col_i64(&q, 0)))
            col_key(&q, f, &page[given++]);
    }
    query_end(&q);
    return given;
}

static void read_row(struct finding *f, int64_t n, struct doc_row *d)
{
    struct query q = query(f->c, SQL_LIST_ROW);
    put_i64(&q, n);
    *d = (struct doc_row){.type = f->p->type, .tenant = f->p->tenant};
    if (query_row(&q)) {
        d->id = col_id(&q, 0);
        d->version = col_u64(&q, 1);
        d->created_ms = col_i64(&q, 2);
        d->updated_ms = col_i64(&q, 3);
        d->brief = col_str(&q, 4, f->a);
    }
    query_end(&q);
    if (!f->p->whole && d->brief.n)
        return;
    struct str brief = d->brief;
    sqlite_doc_find(f->c, f->a, f->p->tenant, f->p->type, d->id, d, NULL);
    d->brief = brief;
}

static void give_page(struct finding *f, const struct key *from)
{
    struct store_docs_find *p = f->p;
    size_t limit = p->limit == 0 ? FIND_DEFAULT : p->limit > STORE_PAGE_MAX ? STORE_PAGE_MAX : p->limit;
    struct key *page = arena_array(f->a, struct key, limit + 1);
    bool few = f->filtered && p->total <= SPARSE_MAX;
    size_t given = few ? page_of_few(f, from, limit + 1, page) : page_of_many(f, from, limit + 1, page);
    p->count = given > limit ? limit : given;
    p->rows = arena_array(f->a, struct doc_row, p->count);
    for (size_t i = 0; i < p->count; i++)
        read_row(f, page[i].n, &p->rows[i]);
    if (given > limit)
        p->next = list_place_write(f->a, &page[limit - 1].place);
}

enum err sqlite_docs_find(struct driver_session *s, struct store_op *op, struct error *e)
{
    struct store_docs_find *p = (struct store_docs_find *)op;
    struct finding f = {.c = &s->c, .a = &op->arena, .p = p};
    struct key from = {0};
    if (!str_empty(p->after)) {
        enum err err = list_place_read(&op->arena, p->after, &from.place, e);
        if (err)
            return err;
    }
    if (!shelf_find(&s->c, p->tenant, p->type, &f.shelf))
        return ERR_OK;
    if (p->word_count)
        narrow_by_words(&f);
    for (size_t i = 0; i < p->tag_count; i++)
        narrow_by_tag(&f, p->tags[i]);
    if (p->favourites) {
        struct query q = query(&s->c, SQL_FAVOURITES);
        put_i64(&q, f.shelf.k);
        narrow(&f, &q);
    }
    p->total = f.filtered ? set_count(&f.set) : f.shelf.count;
    give_page(&f, str_empty(p->after) ? NULL : &from);
    return ERR_OK;
}

enum err sqlite_doc_tags(struct driver_session *s, struct store_op *op, struct error *e)
{
    struct store_doc_tags *p = (struct store_doc_tags *)op;
    struct shelf shelf;
    size_t cap = 0;
    (void)e;
    if (!shelf_find(&s->c, p->tenant, p->type, &shelf))
        return ERR_OK;
    struct query q = query(&s->c, SQL_TAGS);
    put_i64(&q, shelf.k);
    while (query_row(&q)) {
        p->tags = store_grow(&op->arena, p->tags, p->count, &cap, sizeof *p->tags);
        p->tags[p->count++] = (struct doc_tag){col_str(&q, 0, &op->arena), col_u64(&q, 1)};
    }
    query_end(&q);
    return ERR_OK;
}

enum err sqlite_docs_unlisted(struct driver_session *s, struct store_op *op, struct error *e)
{
    struct store_docs_unlisted *p = (struct store_docs_unlisted *)op;
    struct shelf shelf;
    (void)e;
    if (!shelf_find(&s->c, p->tenant, p->type, &shelf))
        return ERR_OK;
    size_t limit = p->limit > STORE_PAGE_MAX ? STORE_PAGE_MAX : p->limit;
    struct id *ids = arena_array(&op->arena, struct id, limit);
    struct query q = query(&s->c, SQL_LIST_OLD);
    put_i64(&q, shelf.k);
    put_i64(&q, p->form);
    put_u64(&q, limit);
    size_t count = 0;
    while (query_row(&q))
        ids[count++] = col_id(&q, 0);
    query_end(&q);
    p->rows = arena_array(&op->arena, struct doc_row, count);
    for (size_t i = 0; i < count; i++) {
        if (sqlite_doc_find(&s->c, &op->arena, p->tenant, p->type, ids[i], &p->rows[p->count], NULL) ==
            ERR_OK)
            p->count++;
    }
    return ERR_OK;
}
