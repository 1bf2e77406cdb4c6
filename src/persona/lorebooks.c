/* The registry of lorebooks: its documents; see lorebooks.h. (lorebooks_gather.c: the compiled ones.) */
#include "persona/lorebooks_inner.h"

#include "base/clock.h"

#include <stdlib.h>

enum { LIST_DEFAULT = 50, LIST_LIMIT = 200 };

struct lorebooks *lorebooks_new(struct store *store, struct loops *loops, struct id tenant, struct id owner)
{
    struct lorebooks *books = heap_alloc(sizeof *books);
    books->store = store;
    books->loops = loops;
    books->tenant = tenant;
    books->owner = owner;
    return books;
}

void lorebooks_free(struct lorebooks *books)
{
    if (!books)
        return;
    for (unsigned i = 0; i < LOOPS_MAX; i++)
        lore_shelf_release(&books->shelves[i]);
    free(books);
}

/* ---- documents ---- */

/* {"name":…,"everywhere":…,"count":…,"book":{…}}: the head can be read without the book. */
static void write_doc(struct buf *to, const struct lorebook *b)
{
    struct jw w = JW(to);
    jw_object(&w);
    jw_kv_string(&w, "name", b->book->name);
    jw_kv_bool(&w, "everywhere", b->everywhere);
    jw_kv_u64(&w, "count", b->book->count);
    jw_key(&w, STR("book"));
    lore_book_write(&w, b->book);
    jw_end_object(&w);
}

enum err lorebook_of_doc(struct arena *a, const struct doc_row *doc, bool whole, struct lorebook **out,
                         struct error *e)
{
    static const struct str mark = STR_INIT(",\"book\":{"); /* quotes within strings are escaped */
    struct lorebook *b = arena_new(a, struct lorebook);
    struct json *head = NULL;
    size_t at = str_find(doc->data, mark);
    struct str text =
        whole || at == SIZE_MAX ? doc->data : arena_printf(a, "%.*s}", STR_ARG(str_sub(doc->data, 0, at)));
    enum err err = json_parse(a, text, &head, e);
    if (err == ERR_OK && whole)
        err = lore_book_read(a, json_get(head, "book"), &b->book, e);
    if (err != ERR_OK)
        return error_set(e, ERR_CORRUPT,
                         "The stored lorebook %s cannot be read; restore the store from a backup.",
                         id_text(doc->id).c);
    b->id = doc->id;
    b->owner = doc->owner;
    b->version = doc->version;
    b->created_ms = doc->created_ms;
    b->updated_ms = doc->updated_ms;
    b->deleted_ms = doc->deleted_ms;
    b->name = json_get_str(head, "name", STR_NONE);
    b->everywhere = json_get_bool(head, "everywhere", false);
    b->count = (size_t)json_get_i64(head, "count", 0);
    *out = b;
    return ERR_OK;
}

static LOOP void end_now(void *arg)
{
    struct lorebooks_op *op = arg;
    op->done(op);
}

static void end_later(void *arg)
{
    on_loop();
    end_now(arg);
}

/* Fails before anything was submitted: done() still comes after the call. */
static LOOP void refuse(struct lorebooks_op *op, enum err err)
{
    op->err = err;
    loop_defer(loop_self(), end_later, op);
}

static void written(struct store_op *base)
{
    on_loop();
    struct store_doc_put *put = (struct store_doc_put *)base;
    struct lorebooks_op *op = base->arg;
    op->err = base->err;
    op->error = base->error;
    if (base->err == ERR_OK) {
        op->book->version = put->doc.version;
        op->book->created_ms = put->doc.created_ms;
        op->book->updated_ms = put->doc.updated_ms;
        op->book->deleted_ms = 0;
        lorebooks_changed(op->books, op->book->id);
    }
    store_op_free(base);
    op->done(op);
}

static LOOP void write_book(struct lorebooks_op *op, bool create)
{
    struct lorebook *b = op->book;
    CLEANUP_BUF struct buf data = BUF_INIT;
    b->name = b->book->name;
    b->description = b->book->description;
    b->count = b->book->count;
    write_doc(&data, b);
    if (data.overflow || data.n > LORE_BOOK_MAX) {
        error_set(&op->error, ERR_TOO_BIG, "The lorebook would have %zu bytes; at most %d are allowed.",
                  data.n, LORE_BOOK_MAX);
        refuse(op, ERR_TOO_BIG);
        return;
    }
    struct store_doc_put *put = STORE_NEW(doc_put, DOC_PUT);
    struct arena *a = &put->op.arena;
    struct str mark = b->everywhere ? LOREBOOK_EVERYWHERE : STR_NONE;
    char *sort = arena_cstr(a, arena_printf(a, "%.*s%.*s", STR_ARG(b->name), STR_ARG(mark)));
    lore_fold(sort, str_c(sort));
    put->doc = (struct doc_row){.type = LOREBOOK_DOC_TYPE,
                                .id = b->id,
                                .tenant = op->books->tenant,
                                .owner = b->owner,
                                .sort = str_c(sort),
                                .data = arena_str(a, buf_str(&data))};
    put->create = create;
    put->undelete = op->restore;
    put->expect_version = create ? 0 : b->version;
    put->idem = create ? op->idem : NULL;
    if (put->idem)
        put->idem->result = arena_str(op->arena, str_c(id_text(b->id).c));
    put->op.done = written;
    put->op.arg = op;
    store_submit(op->books->store, &put->op);
}

static LOOP void reset(struct lorebooks *books, struct lorebooks_op *op)
{
    op->books = books;
    op->err = ERR_OK;
    op->error = (struct error){0};
    op->book = NULL;
    op->list = NULL;
    op->count = 0;
    op->next = STR_NONE;
}

static struct lorebook *new_book(struct lorebooks_op *op, struct lore_book *book)
{
    struct lorebook *b = arena_new(op->arena, struct lorebook);
    b->id = id_new();
    b->owner = op->books->owner;
    b->version = 1;
    b->book = book;
    return b;
}

static enum err take_everywhere(struct lorebook *b, const struct json *body, bool patch, struct error *e)
{
    const struct json *value = json_get(body, "everywhere");
    if (!value || value->type == JSON_NULL) {
        b->everywhere = patch && b->everywhere && !value;
        return ERR_OK;
    }
    if (value->type != JSON_BOOL)
        return error_set_param(e, ERR_WRONG_TYPE, "everywhere",
                               "The field 'everywhere' must be true or false.");
    b->everywhere = value->boolean;
    return ERR_OK;
}

void lorebooks_create(struct lorebooks *books, struct lorebooks_op *op)
{
    struct lore_book *book = NULL;
    reset(books, op);
    enum err err = lore_book_apply(op->arena, NULL, op->body, false, &book, &op->error);
    if (err == ERR_OK && str_empty(str_trim(book->name)))
        err = error_set_param(&op->error, ERR_MISSING_FIELD, "name",
                              "A lorebook needs a name; send the field 'name'.");
    if (err == ERR_OK) {
        op->book = new_book(op, book);
        err = take_everywhere(op->book, op->body, false, &op->error);
    }
    if (err != ERR_OK)
        refuse(op, err);
    else
        write_book(op, true);
}

void lorebooks_import(struct lorebooks *books, struct lorebooks_op *op)
{
    struct lore_book *book = NULL;
    reset(books, op);
    enum err err = lore_file_read(op->arena, op->file, &book, &op->error);
    if (err != ERR_OK) {
        refuse(op, err);
        return;
    }
    if (str_empty(str_trim(book->name)))
        book->name = op->file_name.n ? op->file_name : STR("Lorebook");
    op->book = new_book(op, book);
    write_book(op, true);
}

/* ---- finding ---- */

static LOOP void read_doc(struct lorebooks_op *op, void (*then)(struct store_op *))
{
    struct store_doc_get *get = STORE_NEW(doc_get, DOC_GET);
    get->type = LOREBOOK_DOC_TYPE;
    get->tenant = op->books->tenant;
    get->id = op->id;
    get->deleted = op->deleted || op->restore;
    get->op.done = then;
    get->op.arg = op;
    store_submit(op->books->store, &get->op);
}

/* The document into op->book; false: the op has failed with a sentence. */
static bool take_doc(struct store_op *base)
{
    struct lorebooks_op *op = base->arg;
    struct store_doc_get *get = (struct store_doc_get *)base;
    op->err = base->err;
    op->error = base->error;
    if (op->err == ERR_NOT_FOUND)
        error_set(&op->error, ERR_NOT_FOUND, "There is no lorebook '%s'; see GET /api/lorebooks.",
                  id_text(op->id).c);
    else if (op->err == ERR_GONE)
        error_set(&op->error, ERR_GONE, "This lorebook was deleted; POST to its /restore brings it back.");
    if (op->err == ERR_OK) {
        struct doc_row doc = get->doc;
        doc.data = arena_str(op->arena, doc.data);
        op->err = lorebook_of_doc(op->arena, &doc, true, &op->book, &op->error);
    }
    store_op_free(base);
    return op->err == ERR_OK;
}

static void got(struct store_op *base)
{
    on_loop();
    struct lorebooks_op *op = base->arg;
    take_doc(base);
    op->done(op);
}

void lorebooks_get(struct lorebooks *books, struct lorebooks_op *op)
{
    reset(books, op);
    read_doc(op, got);
}

static void listed(struct store_op *base)
{
    on_loop();
    struct store_docs_list *list = (struct store_docs_list *)base;
    struct lorebooks_op *op = base->arg;
    op->err = base->err;
    op->error = base->error;
    if (op->err == ERR_OK) {
        op->list = arena_array(op->arena, struct lorebook *, list->count);
        op->next = arena_str(op->arena, list->next);
    }
    for (size_t i = 0; op->err == ERR_OK && i < list->count; i++) {
        struct lorebook *b = NULL;
        op->err = lorebook_of_doc(op->arena, &list->rows[i], false, &b, &op->error);
        if (op->err == ERR_OK)
            op->list[op->count++] = b;
        if (op->err == ERR_OK)
            b->name = arena_str(op->arena, b->name);
    }
    store_op_free(base);
    op->done(op);
}

void lorebooks_list(struct lorebooks *books, struct lorebooks_op *op)
{
    struct store_docs_list *list = STORE_NEW(docs_list, DOCS_LIST);
    reset(books, op);
    list->type = LOREBOOK_DOC_TYPE;
    list->tenant = books->tenant;
    list->after = arena_str(&list->op.arena, op->after);
    list->find = arena_str(&list->op.arena, op->find);
    list->limit = op->limit == 0 ? LIST_DEFAULT : op->limit > LIST_LIMIT ? LIST_LIMIT : op->limit;
    list->deleted = op->deleted;
    list->op.done = listed;
    list->op.arg = op;
    store_submit(books->store, &list->op);
}

/* ---- changing ---- */

static LOOP bool version_ok(struct lorebooks_op *op)
{
    if (!op->if_version || op->if_version == op->book->version)
        return true;
    op->err = error_set(&op->error, ERR_PRECONDITION,
                        "The lorebook changed meanwhile; read it again and repeat the change.");
    op->done(op);
    return false;
}

static void change_found(struct store_op *base)
{
    on_loop();
    struct lorebooks_op *op = base->arg;
    if (!take_doc(base)) {
        op->done(op);
        return;
    }
    if (!version_ok(op))
        return;
    struct lore_book *book = NULL;
    op->err = lore_book_apply(op->arena, op->book->book, op->body, op->patch, &book, &op->error);
    if (op->err == ERR_OK && str_empty(str_trim(book->name)))
        op->err = error_set_param(&op->error, ERR_MISSING_FIELD, "name",
                                  "A lorebook needs a name; send the field 'name'.");
    if (op->err == ERR_OK)
        op->err = take_everywhere(op->book, op->body, op->patch, &op->error);
    if (op->err != ERR_OK) {
        op->done(op);
        return;
    }
    op->book->book = book;
    write_book(op, false);
}

void lorebooks_update(struct lorebooks *books, struct lorebooks_op *op, bool patch)
{
    reset(books, op);
    op->patch = patch;
    read_doc(op, change_found);
}

static void restore_found(struct store_op *base)
{
    on_loop();
    struct lorebooks_op *op = base->arg;
    if (!take_doc(base) || !op->book->deleted_ms)
        op->done(op);
    else
        write_book(op, false);
}

void lorebooks_restore(struct lorebooks *books, struct lorebooks_op *op)
{
    reset(books, op);
    op->restore = true;
    read_doc(op, restore_found);
}

static void deleted(struct store_op *base)
{
    on_loop();
    struct lorebooks_op *op = base->arg;
    op->err = base->err;
    op->error = base->error;
    if (op->err == ERR_NOT_FOUND)
        error_set(&op->error, ERR_NOT_FOUND, "There is no lorebook '%s'; see GET /api/lorebooks.",
                  id_text(op->id).c);
    lorebooks_changed(op->books, op->id);
    store_op_free(base);
    op->done(op);
}

void lorebooks_delete(struct lorebooks *books, struct lorebooks_op *op)
{
    struct store_doc_delete *del = STORE_NEW(doc_delete, DOC_DELETE);
    reset(books, op);
    del->type = LOREBOOK_DOC_TYPE;
    del->tenant = books->tenant;
    del->id = op->id;
    del->expect_version = op->if_version;
    del->op.done = deleted;
    del->op.arg = op;
    store_submit(books->store, &del->op);
}
