/*
 * The memory driver's documents.
 */
#include "base/clock.h"
#include "store/cursor.h"
#include "store/mem.h"

#include <stdlib.h>

enum { DOCS_DEFAULT = 50 };

#define DOC_STRINGS(d)                                                                                       \
    {                                                                                                        \
        &(d)->type, &(d)->slug, &(d)->sort, &(d)->data                                                       \
    }

static void lend(struct arena *a, const struct mem_doc *doc, struct doc_row *to)
{
    *to = doc->row;
    struct str *list[] = DOC_STRINGS(to);
    mem_lend(a, list, sizeof list / sizeof *list);
}

static bool same_shelf(const struct mem_doc *d, struct id tenant, struct str type)
{
    return !d->erased && id_eq(d->row.tenant, tenant) && str_eq(d->row.type, type);
}

static struct mem_doc *find(struct driver_db *db, struct id tenant, struct str type, struct id id)
{
    for (size_t i = 0; i < db->doc_count; i++)
        if (same_shelf(db->docs[i], tenant, type) && id_eq(db->docs[i]->row.id, id))
            return db->docs[i];
    return NULL;
}

struct mem_doc *mem_doc_find(struct driver_db *db, struct id tenant, struct str type, struct id id)
{
    return find(db, tenant, type, id);
}

static struct mem_doc *by_slug(struct driver_db *db, struct id tenant, struct str type, struct str slug,
                               bool deleted)
{
    struct mem_doc *best = NULL;
    for (size_t i = 0; i < db->doc_count && !str_empty(slug); i++) {
        struct mem_doc *d = db->docs[i];
        if (!same_shelf(d, tenant, type) || !str_eq(d->row.slug, slug))
            continue;
        if (!d->row.deleted_ms)
            return d;
        if (deleted && (!best || d->row.deleted_ms > best->row.deleted_ms))
            best = d;
    }
    return best;
}

static enum err missing(struct str type, struct error *e)
{
    return error_set(e, ERR_NOT_FOUND, "There is no such %.*s.", STR_ARG(type));
}

static enum err changed(struct str type, struct error *e)
{
    return error_set(e, ERR_PRECONDITION, "The %.*s was changed meanwhile; read it again.", STR_ARG(type));
}

static enum err check_put(struct driver_db *db, const struct store_doc_put *p, const struct mem_doc *old,
                          struct error *e)
{
    const struct doc_row *d = &p->doc;
    if (old && p->create)
        return error_set_param(e, ERR_CONFLICT, "id", "A %.*s with this id is there already.",
                               STR_ARG(d->type));
    if (old && old->row.deleted_ms && !p->undelete)
        return error_set(e, ERR_GONE, "The %.*s was deleted; restore it first.", STR_ARG(d->type));
    if (!old && !p->create && p->expect_version)
        return missing(d->type, e);
    if (old && p->expect_version && p->expect_version != old->row.version)
        return changed(d->type, e);
    const struct mem_doc *twin = by_slug(db, d->tenant, d->type, d->slug, false);
    if (twin && twin != old)
        return error_set_param(e, ERR_CONFLICT, "slug",
                               "Another %.*s has the name '%.*s' already; choose another.", STR_ARG(d->type),
                               STR_ARG(str_sub(d->slug, 0, 100)));
    return mem_idem_check(db, p->idem, e);
}

static void replay(struct doc_row *d, const struct mem_note *seen)
{
    d->version = seen->values[0];
    d->created_ms = (int64_t)seen->values[1];
    memcpy(d->id.b, &seen->values[2], sizeof d->id.b);
}

enum err mem_doc_put(struct driver_db *db, struct store_op *op, struct error *e)
{
    struct store_doc_put *p = (struct store_doc_put *)op;
    struct doc_row *d = &p->doc;
    const struct mem_note *seen = mem_op_seen(db, op);
    if (seen) {
        replay(d, seen);
        return ERR_OK;
    }
    if (id_none(d->id))
        d->id = id_new();
    struct mem_doc *doc = find(db, d->tenant, d->type, d->id);
    enum err err = check_put(db, p, doc, e);
    if (err)
        return err;
    mem_idem_keep(db, p->idem);
    struct doc_row before = doc ? doc->row : (struct doc_row){0};
    bool there = doc;
    d->updated_ms = clock_wall_ms();
    d->created_ms = doc ? doc->row.created_ms : d->created_ms ? d->created_ms : d->updated_ms;
    d->deleted_ms = 0;
    d->version = (doc ? doc->row.version : 0) + 1;
    if (!doc) {
        doc = heap_alloc(sizeof *doc);
        db->docs = mem_grow(db->docs, db->doc_count, &db->doc_cap, sizeof *db->docs);
        db->docs[db->doc_count++] = doc;
    }
    void *old = doc->strings;
    doc->row = *d;
    struct str *list[] = DOC_STRINGS(&doc->row);
    doc->strings = mem_own(list, sizeof list / sizeof *list);
    if (p->listing)
        mem_listing_set(doc, p->listing);
    if (p->change)
        mem_history_add(doc, there ? &before : NULL, p->change);
    else if (there)
        mem_history_follow(doc, before.version, d->version);
    free(old);
    struct mem_note *note = mem_op_note(db, op);
    if (note) {
        note->values[0] = d->version;
        note->values[1] = (uint64_t)d->created_ms;
        memcpy(&note->values[2], d->id.b, sizeof d->id.b);
    }
    return ERR_OK;
}

enum err mem_doc_delete(struct driver_db *db, struct store_op *op, struct error *e)
{
    struct store_doc_delete *p = (struct store_doc_delete *)op;
    if (mem_op_seen(db, op))
        return ERR_OK;
    struct mem_doc *doc = find(db, p->tenant, p->type, p->id);
    if (!doc)
        return missing(p->type, e);
    if (p->expect_version && p->expect_version != doc->row.version)
        return changed(p->type, e);
    if (p->erase) {
        doc->erased = true;
        mem_doc_forget(doc);
    } else if (!doc->row.deleted_ms) {
        doc->row.deleted_ms = clock_wall_ms();
        doc->row.version++;
        mem_history_follow(doc, doc->row.version - 1, doc->row.version);
    }
    mem_op_note(db, op);
    return ERR_OK;
}

enum err mem_doc_get(struct driver_db *db, struct store_op *op, struct error *e)
{
    struct store_doc_get *p = (struct store_doc_get *)op;
    const struct mem_doc *doc = id_none(p->id) ? by_slug(db, p->tenant, p->type, p->slug, p->deleted)
                                               : find(db, p->tenant, p->type, p->id);
    if (!doc)
        return missing(p->type, e);
    if (doc->row.deleted_ms && !p->deleted)
        return error_set(e, ERR_GONE, "The %.*s was deleted; restore it first.", STR_ARG(p->type));
    lend(&op->arena, doc, &p->doc);
    return ERR_OK;
}

/* ---- lists --------------------------------------------------------------------------------------------- */

static char small(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static int text_order(struct str a, struct str b)
{
    for (size_t i = 0; i < a.n && i < b.n; i++) {
        int gap = (unsigned char)small(a.p[i]) - (unsigned char)small(b.p[i]);
        if (gap)
            return gap;
    }
    return a.n < b.n ? -1 : a.n > b.n;
}

/* Below 0: the document's place in the list is before `at`. */
static int order(const struct doc_row *d, const struct list_place *at, bool newest_first)
{
    int ids = memcmp(d->id.b, at->id.b, sizeof d->id.b);
    if (newest_first)
        return d->created_ms != at->number ? (d->created_ms > at->number ? -1 : 1) : -ids;
    int text = text_order(d->sort, at->text);
    return text ? text : ids;
}

static struct list_place place_of(const struct doc_row *d)
{
    return (struct list_place){.number = d->created_ms, .text = d->sort, .id = d->id};
}

static const struct mem_doc *next_doc(const struct driver_db *db, const struct store_docs_list *p,
                                      const struct list_place *from)
{
    const struct mem_doc *best = NULL;
    for (size_t i = 0; i < db->doc_count; i++) {
        const struct mem_doc *d = db->docs[i];
        if (!same_shelf(d, p->tenant, p->type) || (d->row.deleted_ms != 0) != p->deleted ||
            (!id_none(p->owner) && !id_eq(d->row.owner, p->owner)) || !mem_contains(d->row.sort, p->find) ||
            (from && order(&d->row, from, p->newest_first) <= 0))
            continue;
        struct list_place at = best ? place_of(&best->row) : (struct list_place){0};
        if (!best || order(&d->row, &at, p->newest_first) < 0)
            best = d;
    }
    return best;
}

enum err mem_docs_list(struct driver_db *db, struct store_op *op, struct error *e)
{
    struct store_docs_list *p = (struct store_docs_list *)op;
    struct list_place from;
    bool begun = !str_empty(p->after);
    const struct mem_doc *doc;
    size_t cap = 0;
    enum err err = begun ? list_place_read(&op->arena, p->after, &from, e) : ERR_OK;
    if (err)
        return err;
    unsigned limit = p->limit == 0 ? DOCS_DEFAULT : p->limit > STORE_PAGE_MAX ? STORE_PAGE_MAX : p->limit;
    while ((doc = next_doc(db, p, begun ? &from : NULL)) && p->count < limit) {
        p->rows = store_grow(&op->arena, p->rows, p->count, &cap, sizeof *p->rows);
        lend(&op->arena, doc, &p->rows[p->count]);
        from = place_of(&p->rows[p->count++]);
        begun = true;
    }
    if (doc)
        p->next = list_place_write(&op->arena, &from);
    return ERR_OK;
}

enum err mem_blob_names(struct driver_db *db, struct store_op *op, struct error *e)
{
    struct store_blob_names *p = (struct store_blob_names *)op;
    struct blob_set set = {0};
    (void)e;
    for (size_t i = 0; i < db->doc_count; i++) {
        if (!db->docs[i]->erased)
            blob_set_add_text(&set, db->docs[i]->row.data);
        for (const struct mem_version *v = db->docs[i]->versions; v; v = v->older)
            blob_set_add_text(&set, v->v.data);
    }
    for (size_t i = 0; i < db->log_count; i++) {
        const struct mem_event *event = db->log[i];
        if (event && (str_eq(event->row.kind, STR("speech")) ||
                      (str_eq(event->row.kind, STR("message")) &&
                       str_find(event->row.data, STR("\"media\"")) != SIZE_MAX)))
            blob_set_add_text(&set, event->row.data);
    }
    blob_set_move(&set, &op->arena, &p->hashes, &p->count);
    return ERR_OK;
}
