/*
 * The memory driver's listings and earlier versions of documents: what sqlite_list.c and sqlite_history.c do
 * with indexes is a scan here.
 */
#include "base/fold.h"
#include "store/cursor.h"
#include "store/mem.h"

#include <stdlib.h>

enum { FIND_DEFAULT = 50, VERSIONS_DEFAULT = 50 };

/* ---- listings ------------------------------------------------------------------------------------------ */

static void free_listing(struct mem_doc *doc)
{
    if (doc->listing)
        arena_release(&doc->listing->arena);
    free(doc->listing);
    doc->listing = NULL;
}

void mem_listing_set(struct mem_doc *doc, const struct doc_listing *l)
{
    struct mem_listing *copy = heap_alloc(sizeof *copy);
    struct arena *a = &copy->arena;
    copy->l = *l;
    copy->l.name = fold_text(a, l->name);
    copy->l.brief = arena_str(a, l->brief);
    copy->l.words = arena_str(a, l->words);
    copy->shown = arena_array(a, struct str, l->tag_count);
    struct str *folded = arena_array(a, struct str, l->tag_count);
    copy->l.tag_count = 0;
    for (size_t i = 0; i < l->tag_count; i++) {
        struct str shown = str_trim(l->tags[i]), tag = str_trim(fold_text(a, shown));
        bool twice = str_empty(tag);
        for (size_t k = 0; k < copy->l.tag_count; k++)
            twice |= str_eq(folded[k], tag);
        if (twice)
            continue;
        copy->shown[copy->l.tag_count] = arena_str(a, shown);
        folded[copy->l.tag_count++] = tag;
    }
    copy->l.tags = folded;
    free_listing(doc);
    doc->listing = copy;
}

enum err mem_doc_relist(struct driver_db *db, struct store_op *op, struct error *e)
{
    struct store_doc_relist *p = (struct store_doc_relist *)op;
    struct mem_doc *doc = mem_doc_find(db, p->tenant, p->type, p->id);
    if (!doc)
        return error_set(e, ERR_NOT_FOUND, "There is no such %.*s.", STR_ARG(p->type));
    if (doc->row.version != p->version || doc->row.deleted_ms)
        return error_set(e, ERR_PRECONDITION, "The %.*s was changed meanwhile.", STR_ARG(p->type));
    mem_listing_set(doc, p->listing);
    return ERR_OK;
}

static bool on_shelf(const struct mem_doc *d, struct id tenant, struct str type)
{
    return !d->erased && !d->row.deleted_ms && d->listing && id_eq(d->row.tenant, tenant) &&
           str_eq(d->row.type, type);
}

static bool has_word(const struct doc_listing *l, struct str start)
{
    struct str rest = l->words, word;
    while (str_cut(&rest, ' ', &word)) {
        if (str_starts(word, start))
            return true;
    }
    return false;
}

static bool has_tag(const struct doc_listing *l, struct str tag)
{
    struct arena a = ARENA_INIT;
    struct str folded = str_trim(fold_text(&a, tag));
    bool found = false;
    for (size_t i = 0; i < l->tag_count; i++)
        found |= str_eq(l->tags[i], folded);
    arena_release(&a);
    return found;
}

static bool fits(const struct mem_doc *d, const struct store_docs_find *p)
{
    const struct doc_listing *l = &d->listing->l;
    for (size_t i = 0; i < p->word_count; i++) {
        if (!has_word(l, p->words[i]))
            return false;
    }
    for (size_t i = 0; i < p->tag_count; i++) {
        if (!has_tag(l, p->tags[i]))
            return false;
    }
    return !p->favourites || l->favourite;
}

static struct list_place place_of(const struct mem_doc *d, enum docs_order order)
{
    struct list_place at = {.id = d->row.id};
    if (order == DOCS_BY_NAME)
        at.text = d->listing->l.name;
    else
        at.number = order == DOCS_BY_UPDATED ? d->row.updated_ms : d->row.created_ms;
    return at;
}

static int compare(const struct list_place *a, const struct list_place *b)
{
    int text = str_cmp(a->text, b->text);
    if (a->number != b->number)
        return a->number < b->number ? -1 : 1;
    return text ? text : memcmp(a->id.b, b->id.b, sizeof a->id.b);
}

struct found {
    struct list_place place;
    const struct mem_doc *doc;
};

static int ascending(const void *a, const void *b)
{
    return compare(&((const struct found *)a)->place, &((const struct found *)b)->place);
}

static int descending(const void *a, const void *b)
{
    return ascending(b, a);
}

enum err mem_docs_find(struct driver_db *db, struct store_op *op, struct error *e)
{
    struct store_docs_find *p = (struct store_docs_find *)op;
    struct arena *a = &op->arena;
    struct list_place from = {0};
    enum err err = str_empty(p->after) ? ERR_OK : list_place_read(a, p->after, &from, e);
    if (err)
        return err;
    struct found *all = arena_array(a, struct found, db->doc_count);
    for (size_t i = 0; i < db->doc_count; i++) {
        const struct mem_doc *d = db->docs[i];
        if (on_shelf(d, p->tenant, p->type) && fits(d, p))
            all[p->total++] = (struct found){place_of(d, p->order), d};
    }
    qsort(all, p->total, sizeof *all, p->descending ? descending : ascending);
    size_t limit = p->limit == 0 ? FIND_DEFAULT : p->limit > STORE_PAGE_MAX ? STORE_PAGE_MAX : p->limit;
    p->rows = arena_array(a, struct doc_row, limit);
    const struct found *last = NULL;
    for (size_t i = 0; i < p->total; i++) {
        int side = str_empty(p->after) ? 0 : compare(&all[i].place, &from);
        if (!str_empty(p->after) && (p->descending ? side >= 0 : side <= 0))
            continue;
        if (p->count == limit) {
            p->next = list_place_write(a, &last->place);
            break;
        }
        last = &all[i];
        struct doc_row *row = &p->rows[p->count++];
        *row = last->doc->row;
        row->type = p->type;
        row->slug = arena_str(a, row->slug);
        row->sort = arena_str(a, row->sort);
        row->brief = arena_str(a, last->doc->listing->l.brief);
        row->data = p->whole || str_empty(row->brief) ? arena_str(a, row->data) : STR_NONE;
    }
    return ERR_OK;
}

enum err mem_docs_unlisted(struct driver_db *db, struct store_op *op, struct error *e)
{
    struct store_docs_unlisted *p = (struct store_docs_unlisted *)op;
    struct arena *a = &op->arena;
    (void)e;
    p->rows = arena_array(a, struct doc_row, p->limit);
    for (size_t i = 0; i < db->doc_count && p->count < p->limit; i++) {
        const struct mem_doc *d = db->docs[i];
        if (!on_shelf(d, p->tenant, p->type) || d->listing->l.form >= p->form)
            continue;
        struct doc_row *row = &p->rows[p->count++];
        *row = d->row;
        row->type = p->type;
        row->slug = arena_str(a, row->slug);
        row->sort = arena_str(a, row->sort);
        row->data = arena_str(a, row->data);
    }
    return ERR_OK;
}

/* ---- tags ---------------------------------------------------------------------------------------------- */

struct tally {
    struct str folded;
    struct doc_tag tag;
};

static int by_use(const void *a, const void *b)
{
    const struct tally *x = a, *y = b;
    if (x->tag.count != y->tag.count)
        return x->tag.count > y->tag.count ? -1 : 1;
    return str_cmp(x->folded, y->folded);
}

enum err mem_doc_tags(struct driver_db *db, struct store_op *op, struct error *e)
{
    struct store_doc_tags *p = (struct store_doc_tags *)op;
    struct tally *all = NULL;
    size_t cap = 0;
    struct map at = MAP_INIT; /* folded tag -> place + 1 */
    (void)e;
    for (size_t i = 0; i < db->doc_count; i++) {
        const struct mem_doc *d = db->docs[i];
        for (size_t k = 0; on_shelf(d, p->tenant, p->type) && k < d->listing->l.tag_count; k++) {
            uintptr_t known = (uintptr_t)map_get(&at, d->listing->l.tags[k]);
            if (!known) {
                all = store_grow(&op->arena, all, p->count, &cap, sizeof *all);
                all[p->count++] =
                    (struct tally){d->listing->l.tags[k], {arena_str(&op->arena, d->listing->shown[k]), 0}};
                known = p->count;
                map_set(&at, d->listing->l.tags[k], (void *)known);
            }
            all[known - 1].tag.count++;
        }
    }
    map_release(&at);
    if (p->count)
        qsort(all, p->count, sizeof *all, by_use);
    p->tags = arena_array(&op->arena, struct doc_tag, p->count);
    for (size_t i = 0; i < p->count; i++)
        p->tags[i] = all[i].tag;
    return ERR_OK;
}

/* ---- versions ------------------------------------------------------------------------------------------ */

static void free_versions(struct mem_version *v)
{
    while (v) {
        struct mem_version *older = v->older;
        arena_release(&v->arena);
        free(v);
        v = older;
    }
}

void mem_doc_forget(struct mem_doc *doc)
{
    free_listing(doc);
    free_versions(doc->versions);
    doc->versions = NULL;
}

static struct mem_version *version_add(struct mem_doc *doc, uint64_t version, int64_t at_ms,
                                       const struct doc_change *change)
{
    struct mem_version *v = heap_alloc(sizeof *v);
    v->older = doc->versions;
    v->v = (struct doc_version){.version = version, .at_ms = at_ms, .fields = STR("[]")};
    if (change) {
        v->v.author = change->author;
        v->v.author_name = arena_str(&v->arena, change->author_name);
        v->v.note = arena_str(&v->arena, change->note);
        if (!str_empty(change->fields))
            v->v.fields = arena_str(&v->arena, change->fields);
    }
    doc->versions = v;
    return v;
}

static void trim(struct mem_doc *doc, const struct doc_change *change)
{
    size_t place = 0, bytes = 0;
    for (struct mem_version **at = &doc->versions; *at;) {
        struct mem_version *v = *at;
        place++;
        bytes += v->v.data.n;
        bool goes = (place > (size_t)change->keep + 1 && v->v.at_ms < change->keep_after_ms) ||
                    place > (size_t)change->keep * DOC_VERSIONS_FACTOR + 1 || bytes > DOC_VERSIONS_BYTES;
        if (!goes) {
            at = &v->older;
            continue;
        }
        *at = v->older;
        v->older = NULL;
        free_versions(v);
    }
}

void mem_history_add(struct mem_doc *doc, const struct doc_row *old, const struct doc_change *change)
{
    if (old) {
        struct mem_version *was = doc->versions;
        if (!was || was->v.version != old->version)
            was = version_add(doc, old->version, old->updated_ms, NULL);
        was->v.data = arena_str(&was->arena, old->data);
    }
    version_add(doc, doc->row.version, doc->row.updated_ms, change);
    if (old)
        trim(doc, change);
}

void mem_history_follow(struct mem_doc *doc, uint64_t from, uint64_t to)
{
    struct mem_version *v = doc->versions;
    if (v && v->v.version == from && str_empty(v->v.data))
        v->v.version = to;
}

static void lend_version(struct arena *a, const struct doc_version *v, struct doc_version *to)
{
    *to = *v;
    to->author_name = arena_str(a, v->author_name);
    to->note = arena_str(a, v->note);
    to->fields = arena_str(a, v->fields);
    to->data = STR_NONE;
}

enum err mem_doc_versions(struct driver_db *db, struct store_op *op, struct error *e)
{
    struct store_doc_versions *p = (struct store_doc_versions *)op;
    const struct mem_doc *doc = mem_doc_find(db, p->tenant, p->type, p->id);
    size_t limit = p->limit == 0 ? VERSIONS_DEFAULT : p->limit > STORE_PAGE_MAX ? STORE_PAGE_MAX : p->limit;
    if (!doc)
        return error_set(e, ERR_NOT_FOUND, "There is no such %.*s.", STR_ARG(p->type));
    p->rows = arena_array(&op->arena, struct doc_version, limit + 1);
    if (!p->before && (!doc->versions || doc->versions->v.version != doc->row.version))
        p->rows[p->count++] = (struct doc_version){
            .version = doc->row.version, .at_ms = doc->row.updated_ms, .fields = STR("[]")};
    for (const struct mem_version *v = doc->versions; v && !p->more; v = v->older) {
        if (p->before && v->v.version >= p->before)
            continue;
        p->more = p->count >= limit;
        if (!p->more)
            lend_version(&op->arena, &v->v, &p->rows[p->count++]);
    }
    return ERR_OK;
}

enum err mem_doc_version(struct driver_db *db, struct store_op *op, struct error *e)
{
    struct store_doc_version *p = (struct store_doc_version *)op;
    const struct mem_doc *doc = mem_doc_find(db, p->tenant, p->type, p->id);
    if (!doc)
        return error_set(e, ERR_NOT_FOUND, "There is no such %.*s.", STR_ARG(p->type));
    bool present = doc->row.version == p->version, found = present;
    if (present)
        p->row = (struct doc_version){
            .version = doc->row.version, .at_ms = doc->row.updated_ms, .fields = STR("[]")};
    for (const struct mem_version *v = doc->versions; v; v = v->older) {
        if (v->v.version != p->version)
            continue;
        found = true;
        lend_version(&op->arena, &v->v, &p->row);
        p->row.data = arena_str(&op->arena, v->v.data);
    }
    if (!found)
        return error_set(e, ERR_NOT_FOUND, "The %.*s has no version %llu, or it is no longer kept.",
                         STR_ARG(p->type), (unsigned long long)p->version);
    if (present)
        p->row.data = arena_str(&op->arena, doc->row.data);
    return ERR_OK;
}
