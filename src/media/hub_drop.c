/* Letting go: blobs of documents that went, what is past its time; and counting at the start. See hub.h. */
#include "media/hub_inner.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdlib.h>

/* ---- blobs ---- */

static void add_drop(struct media_hub *hub, const struct blob_hash *hash, int64_t since_ms)
{
    if (hub->drop_count == hub->drop_cap) {
        hub->drop_cap = hub->drop_cap ? hub->drop_cap * 2 : 16;
        hub->drops = heap_realloc(hub->drops, hub->drop_cap * sizeof *hub->drops);
    }
    hub->drops[hub->drop_count++] = (struct media_drop){*hash, since_ms};
}

void media_drop_all(struct media_hub *hub, const struct media *m)
{
    int64_t now_ms = clock_wall_ms();
    pthread_mutex_lock(&hub->lock);
    if (hub->lasting) { /* a store that forgets is no judge of what lies in the folder */
        add_drop(hub, &m->file, now_ms);
        if (m->has_preview)
            add_drop(hub, &m->preview, now_ms);
        if (m->has_seen)
            add_drop(hub, &m->seen, now_ms);
        if (m->has_words)
            add_drop(hub, &m->words, now_ms);
    }
    pthread_mutex_unlock(&hub->lock);
}

struct dropping {
    struct job job;
    struct media_hub *hub;
    struct media_drop *drops;
    size_t count;
    int64_t before_ms;
    struct blob_set named;
    struct error error;
};

static void remove_blobs(struct job *job)
{
    on_worker();
    struct dropping *d = CONTAINER(job, struct dropping, job);
    for (size_t i = 0; i < d->count; i++) {
        if (!blob_set_has(&d->named, &d->drops[i].hash))
            blob_remove(d->hub->options.blobs, &d->drops[i].hash, d->before_ms, &d->error);
    }
}

static void end_dropping(struct dropping *d) LOOP;
static void end_dropping(struct dropping *d)
{
    if (d->error.err)
        log_warn("media", "%s", d->error.message);
    d->hub->dropping = false;
    blob_set_release(&d->named);
    free(d->drops);
    free(d);
}

static void removed(struct job *job)
{
    on_loop();
    end_dropping(CONTAINER(job, struct dropping, job));
}

static void named(struct store_op *op)
{
    on_loop();
    struct dropping *d = op->arg;
    struct store_blob_names *names = CONTAINER(op, struct store_blob_names, op);
    if (op->err || d->hub->stopped) {
        end_dropping(d); /* the sweep of housekeeping finds them */
    } else {
        for (size_t i = 0; i < names->count; i++)
            blob_set_add(&d->named, &names->hashes[i]);
        d->job = (struct job){.run = remove_blobs, .done = removed};
        workers_submit(d->hub->options.workers, &d->job);
    }
    store_op_free(op);
}

/* Those that waited long enough; the others stay. NULL: none. */
static struct dropping *take_due(struct media_hub *hub)
{
    int64_t before_ms = clock_wall_ms() - MEDIA_DROP_MS;
    struct dropping *d = NULL;
    size_t left = 0;
    pthread_mutex_lock(&hub->lock);
    for (size_t i = 0; i < hub->drop_count; i++) {
        if (hub->drops[i].since_ms > before_ms) {
            hub->drops[left++] = hub->drops[i];
            continue;
        }
        if (!d) {
            d = heap_alloc(sizeof *d);
            *d = (struct dropping){.hub = hub, .before_ms = before_ms};
            d->drops = heap_alloc(hub->drop_count * sizeof *d->drops);
        }
        d->drops[d->count++] = hub->drops[i];
    }
    hub->drop_count = left;
    pthread_mutex_unlock(&hub->lock);
    return d;
}

static void due(struct timer *timer)
{
    on_loop();
    struct media_hub *hub = CONTAINER(timer, struct media_hub, timer);
    struct dropping *d = hub->dropping ? NULL : take_due(hub);
    timer_arm(timer, MEDIA_DROP_MS, due);
    if (!d)
        return;
    struct store_blob_names *names = STORE_NEW(blob_names, BLOB_NAMES);
    hub->dropping = true;
    names->op.done = named;
    names->op.arg = d;
    store_submit(hub->options.store, &names->op);
}

/* ---- counting, and what is past its time: both walk over all documents by their briefs ---- */

struct walk {
    struct media_hub *hub;
    bool clean; /* else count */
    uint64_t keep_ms[MEDIA_SOURCES];
};

static void ask_page(struct walk *walk, struct str after) LOOP;

static void cleaned(struct media_deed *deed)
{
    on_loop();
    if (deed->err && deed->err != ERR_NOT_FOUND && deed->err != ERR_CANCELLED)
        log_warn("media", "a medium that is past its time could not be removed: %s", deed->error.message);
    media_deed_free(deed);
}

/* Somebody may have kept it meanwhile. */
static bool still_not_kept(struct media_deed *deed)
{
    if (deed->media.keep)
        deed->err = error_set(&deed->error, ERR_CANCELLED, "It is kept.");
    return !deed->media.keep;
}

static void look_at_row(struct walk *walk, struct arena *a, const struct doc_row *row) LOOP;
static void look_at_row(struct walk *walk, struct arena *a, const struct doc_row *row)
{
    struct json *brief = NULL;
    struct media m = {.id = row->id};
    if (json_parse(a, row->brief, &brief, NULL))
        return;
    media_source_parse(json_get_str(brief, "source", STR_NONE), &m.source);
    m.bytes = (uint64_t)json_get_i64(brief, "bytes", 0);
    if (!walk->clean) {
        media_count(walk->hub, &m, 1);
        return;
    }
    uint64_t keep_ms = walk->keep_ms[m.source];
    if (!keep_ms || json_get_bool(brief, "keep", false) ||
        row->created_ms > clock_wall_ms() - (int64_t)keep_ms)
        return;
    struct media_deed *deed = media_deed_new();
    deed->media.id = row->id;
    deed->change = still_not_kept;
    deed->done = cleaned;
    media_erase(walk->hub, deed);
}

static void page_found(struct store_op *op)
{
    on_loop();
    struct walk *walk = op->arg;
    struct store_docs_find *find = CONTAINER(op, struct store_docs_find, op);
    if (op->err)
        log_warn("media", "what is kept could not be listed: %s", op->error.message);
    for (size_t i = 0; !op->err && i < find->count; i++)
        look_at_row(walk, &op->arena, &find->rows[i]);
    if (!op->err && find->next.n)
        ask_page(walk, find->next);
    else
        free(walk);
    store_op_free(op);
}

static void ask_page(struct walk *walk, struct str after)
{
    struct store_docs_find *find = STORE_NEW(docs_find, DOCS_FIND);
    find->type = MEDIA_DOC_TYPE;
    find->tenant = walk->hub->options.tenant;
    find->order = DOCS_BY_CREATED;
    find->after = arena_str(&find->op.arena, after);
    find->limit = MEDIA_PAGE;
    find->op.done = page_found;
    find->op.arg = walk;
    store_submit(walk->hub->options.store, &find->op);
}

void media_hub_start(struct media_hub *hub)
{
    struct walk *walk = heap_alloc(sizeof *walk);
    *walk = (struct walk){.hub = hub};
    timer_arm(&hub->timer, MEDIA_DROP_MS, due);
    ask_page(walk, STR_NONE);
}

void media_hub_clean(struct media_hub *hub)
{
    struct walk *walk = heap_alloc(sizeof *walk);
    *walk = (struct walk){.hub = hub, .clean = true};
    pthread_mutex_lock(&hub->lock);
    memcpy(walk->keep_ms, hub->keep_ms, sizeof walk->keep_ms);
    pthread_mutex_unlock(&hub->lock);
    ask_page(walk, STR_NONE);
}
