/* Listings of personas, and making old ones anew; see listing.h. */
#include "persona/listing.h"
#include "persona/files.h"

#include "base/fold.h"
#include "base/utf8.h"
#include "persona/registry.h"

#include <stdlib.h>

enum { REFRESH_PAGE = 50 };

/* The first line or so, without a card's macros for names, which mean nothing in a list. */
static struct str tagline(struct arena *a, const struct persona *p, struct str text)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    size_t shown = 0;
    bool gap = false;
    while (text.n && shown < TAGLINE_MAX) {
        if (text.n >= 8 && str_ieq(str_sub(text, 0, 8), STR("{{char}}"))) {
            buf_add(&b, persona_called(p));
            shown += utf8_count(persona_called(p));
            text = str_from(text, 8);
            continue;
        }
        if (text.n >= 8 && str_ieq(str_sub(text, 0, 8), STR("{{user}}"))) {
            buf_add(&b, STR("you"));
            shown += 3;
            text = str_from(text, 8);
            continue;
        }
        struct str before = text;
        uint32_t cp = utf8_next(&text);
        bool space = cp <= ' ';
        if (space && (gap || !b.n))
            continue;
        gap = space;
        if (space)
            buf_add_char(&b, ' ');
        else
            buf_add(&b, str_sub(before, 0, before.n - text.n));
        shown++;
    }
    struct str line = str_trim(buf_str(&b));
    return text.n ? arena_printf(a, "%.*s\xe2\x80\xa6", STR_ARG(line)) : arena_str(a, line);
}

static struct str extra(const struct json *extras, const char *name)
{
    return str_trim(json_get_str(json_get(extras, "data"), name, STR_NONE));
}

static void write_label(struct jw *w, const char *name, struct str s)
{
    if (str_empty(s))
        jw_kv_null(w, name);
    else
        jw_kv_string(w, name, s);
}

static struct str brief(struct arena *a, const struct persona *p, const struct json *extras)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    struct str about = str_trim(p->description);
    jw_object(&w);
    jw_kv_string(&w, "slug", p->slug);
    jw_kv_string(&w, "name", p->name);
    jw_kv_string(&w, "tagline", tagline(a, p, str_empty(about) ? extra(extras, "creator_notes") : about));
    jw_key(&w, STR("tags"));
    jw_array(&w);
    for (size_t i = 0; i < p->tags.n; i++)
        jw_string(&w, p->tags.v[i]);
    jw_end_array(&w);
    write_label(&w, "creator", extra(extras, "creator"));
    write_label(&w, "portrait", persona_portrait_address(a, p));
    write_label(&w, "engine", p->engine);
    jw_kv_bool(&w, "adult", persona_is_adult(p));
    jw_kv_bool(&w, "favourite", p->favourite);
    jw_end_object(&w);
    return arena_str(a, buf_str(&b));
}

const struct doc_listing *persona_listing(struct arena *a, const struct persona *p)
{
    struct json *extras = NULL;
    CLEANUP_BUF struct buf words = BUF_INIT;
    if (p->extras.n && json_parse(a, p->extras, &extras, NULL) != ERR_OK)
        extras = NULL;
    fold_words(p->name, &words, LISTING_WORDS_MAX);
    fold_words(p->nickname, &words, LISTING_WORDS_MAX);
    for (size_t i = 0; i < p->tags.n; i++)
        fold_words(p->tags.v[i], &words, LISTING_WORDS_MAX);
    fold_words(extra(extras, "creator"), &words, LISTING_WORDS_MAX);
    fold_words(p->description, &words, LISTING_WORDS_MAX);
    struct doc_listing *l = arena_new(a, struct doc_listing);
    *l = (struct doc_listing){.name = arena_str(a, p->name),
                              .brief = brief(a, p, extras),
                              .words = arena_str(a, buf_str(&words)),
                              .tags = p->tags.v,
                              .tag_count = p->tags.n,
                              .favourite = p->favourite,
                              .form = LISTING_FORM};
    return l;
}

/* ---- making old listings anew ----
 *
 * A page of personas with old listings is read and rewritten one after the other, then the next page. One
 * that changed meanwhile was listed by that change. It stops at the first failure; the next start goes on.
 */

static void refresh_page(struct deed *d) LOOP;

struct refresh {
    struct deed *deed;
    struct store_docs_unlisted *page;
    size_t at;
};

static void refresh_next(struct refresh *r) LOOP;

static LOOP void refresh_end(struct refresh *r, enum err err, const struct error *e)
{
    struct deed *d = r->deed;
    if (r->page)
        store_op_free(&r->page->op);
    free(r);
    if (err != ERR_OK)
        deed_fail(d, err, e);
    else
        deed_end(d);
}

static void relisted(struct store_op *op)
{
    on_loop();
    struct refresh *r = op->arg;
    enum err err = op->err;
    struct error e = op->error;
    store_op_free(op);
    if (err != ERR_OK && err != ERR_PRECONDITION && err != ERR_NOT_FOUND) {
        refresh_end(r, err, &e);
        return;
    }
    r->deed->op->count += err == ERR_OK;
    refresh_next(r);
}

static void refresh_next(struct refresh *r)
{
    struct deed *d = r->deed;
    while (r->at < r->page->count) {
        const struct doc_row *doc = &r->page->rows[r->at++];
        struct store_doc_relist *relist = STORE_NEW(doc_relist, DOC_RELIST);
        struct arena *a = &relist->op.arena;
        struct persona *p = NULL;
        if (persona_of_doc(a, doc, &p, NULL) != ERR_OK) {
            store_op_free(&relist->op); /* unreadable: shown by its name, and said when it is opened */
            continue;
        }
        relist->type = PERSONA_DOC_TYPE;
        relist->tenant = d->ps->options.tenant;
        relist->id = doc->id;
        relist->version = doc->version;
        relist->listing = persona_listing(a, p);
        relist->op.done = relisted;
        relist->op.arg = r;
        store_submit(d->ps->store, &relist->op);
        return;
    }
    bool more = r->page->count == REFRESH_PAGE && d->op->count > d->attempt;
    d->attempt = (unsigned)d->op->count;
    if (!more) {
        refresh_end(r, ERR_OK, NULL);
        return;
    }
    store_op_free(&r->page->op);
    free(r);
    refresh_page(d);
}

static void page_read(struct store_op *op)
{
    on_loop();
    struct refresh *r = op->arg;
    r->page = (struct store_docs_unlisted *)op;
    if (op->err != ERR_OK)
        refresh_end(r, op->err, &op->error);
    else
        refresh_next(r);
}

static void refresh_page(struct deed *d)
{
    struct refresh *r = heap_alloc(sizeof *r);
    struct store_docs_unlisted *page = STORE_NEW(docs_unlisted, DOCS_UNLISTED);
    r->deed = d;
    page->type = PERSONA_DOC_TYPE;
    page->tenant = d->ps->options.tenant;
    page->form = LISTING_FORM;
    page->limit = REFRESH_PAGE;
    page->op.done = page_read;
    page->op.arg = r;
    store_submit(d->ps->store, &page->op);
}

void personas_refresh(struct personas *ps, struct personas_op *op)
{
    refresh_page(deed_new(ps, op));
}
