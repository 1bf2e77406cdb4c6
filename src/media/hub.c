/* The hub: its opening, counting, reading, changing and erasing; see hub.h. Taking in is hub_add.c, letting
 * go hub_drop.c. */
#include "media/hub_inner.h"

#include "base/clock.h"
#include "base/log.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TRIES_MAX = 5 };

/* What a server that was killed had not finished taking in. */
static void sweep_incoming(const char *data)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/incoming", data);
    DIR *folder = opendir(path);
    for (const struct dirent *d; folder && (d = readdir(folder));) {
        if (d->d_name[0] != '.')
            unlinkat(dirfd(folder), d->d_name, 0);
    }
    if (folder)
        closedir(folder);
}

struct media_hub *media_hub_new(const struct media_hub_options *options)
{
    struct media_hub *hub = heap_alloc(sizeof *hub);
    hub->options = *options;
    snprintf(hub->folder, sizeof hub->folder, "%.*s", STR_ARG(options->folder));
    pthread_mutex_init(&hub->lock, NULL);
    sweep_incoming(hub->folder);
    hub->looks = looks_new(options->loops);
    return hub;
}

void media_hub_free(struct media_hub *hub)
{
    if (!hub)
        return;
    looks_free(hub->looks);
    pthread_mutex_destroy(&hub->lock);
    free(hub->drops);
    free(hub);
}

void media_hub_stop(struct media_hub *hub)
{
    looks_stop(hub->looks);
    if (loop_self() == loops_get(hub->options.loops, 0)) {
        hub->stopped = true;
        timer_close(&hub->timer);
    }
}

void media_hub_set_config(struct media_hub *hub, const struct config *config)
{
    pthread_mutex_lock(&hub->lock);
    hub->usage.quota = config->media.quota;
    hub->usage.file_max = config->media.file_max;
    hub->keep_ms[MEDIA_UPLOAD] = config->media.keep_uploads;
    hub->keep_ms[MEDIA_RECORDING] = config->media.keep_recordings;
    hub->keep_ms[MEDIA_GENERATED] = config->media.keep_generated;
    hub->keep_ms[MEDIA_SPEECH] = config->media.keep_speech;
    hub->lasting = str_eq(config->store.driver, STR("sqlite"));
    pthread_mutex_unlock(&hub->lock);
}

struct looks *media_hub_looks(struct media_hub *hub)
{
    return hub->looks;
}

struct str media_hub_new_path(struct media_hub *hub, struct arena *a)
{
    struct str folder = arena_printf(a, "%s/incoming", hub->folder);
    mkdir(folder.p, 0700); /* there already, or the file's own opening says why not */
    return arena_printf(a, "%s/media-%s", folder.p, id_text(id_new()).c);
}

void media_hub_usage(struct media_hub *hub, struct media_usage *out)
{
    pthread_mutex_lock(&hub->lock);
    *out = hub->usage;
    pthread_mutex_unlock(&hub->lock);
}

void media_count(struct media_hub *hub, const struct media *m, int sign)
{
    pthread_mutex_lock(&hub->lock);
    hub->usage.of[m->source].count += (uint64_t)(int64_t)sign;
    hub->usage.of[m->source].bytes += (uint64_t)(sign * (int64_t)m->bytes);
    pthread_mutex_unlock(&hub->lock);
}

/* ---- deeds ---- */

struct media_deed *media_deed_new(void)
{
    struct media_deed *deed = heap_alloc(sizeof *deed);
    deed->fd = -1;
    return deed;
}

void media_deed_free(struct media_deed *deed)
{
    look_release(&deed->look);
    arena_release(&deed->arena);
    free(deed);
}

void media_deed_end(struct media_deed *deed, enum err err, const struct error *e)
{
    if (deed->fd >= 0)
        close(deed->fd);
    deed->fd = -1;
    if (deed->reserved) {
        pthread_mutex_lock(&deed->hub->lock);
        deed->hub->reserved -= deed->reserved_bytes;
        pthread_mutex_unlock(&deed->hub->lock);
    }
    deed->reserved = false;
    if (err && deed->path.n)
        unlink(deed->path.p); /* what was taken over and not kept; gone already where it became a blob */
    deed->err = err;
    if (err && e != &deed->error)
        deed->error = *e;
    deed->done(deed);
}

static bool take_doc(struct media_deed *deed, struct store_op *op) LOOP;
static bool take_doc(struct media_deed *deed, struct store_op *op)
{
    struct store_doc_get *get = CONTAINER(op, struct store_doc_get, op);
    enum err err = op->err;
    struct error e = op->error;
    if (!err)
        err = media_of_doc(&deed->arena, &get->doc, &deed->media, &e);
    if (err == ERR_NOT_FOUND || err == ERR_GONE)
        err = error_set(&e, ERR_NOT_FOUND,
                        "There is no picture or recording with the id '%s'; it may have been "
                        "deleted.",
                        id_text(deed->media.id).c);
    store_op_free(op);
    if (err)
        media_deed_end(deed, err, &e);
    return !err;
}

static void find(struct media_hub *hub, struct media_deed *deed, void (*then)(struct store_op *)) LOOP;
static void find(struct media_hub *hub, struct media_deed *deed, void (*then)(struct store_op *))
{
    struct store_doc_get *get = STORE_NEW(doc_get, DOC_GET);
    deed->hub = hub;
    get->type = MEDIA_DOC_TYPE;
    get->tenant = hub->options.tenant;
    get->id = deed->media.id;
    get->op.done = then;
    get->op.arg = deed;
    store_submit(hub->options.store, &get->op);
}

static void got(struct store_op *op)
{
    on_loop();
    struct media_deed *deed = op->arg;
    if (take_doc(deed, op))
        media_deed_end(deed, ERR_OK, NULL);
}

void media_get(struct media_hub *hub, struct media_deed *deed)
{
    find(hub, deed, got);
}

/* ---- changing ---- */

static void changed(struct store_op *op)
{
    on_loop();
    struct media_deed *deed = op->arg;
    struct store_doc_put *put = CONTAINER(op, struct store_doc_put, op);
    enum err err = op->err;
    struct error e = op->error;
    deed->media.version = put->doc.version;
    store_op_free(op);
    if (err == ERR_PRECONDITION && !deed->expect_version && ++deed->tries < TRIES_MAX)
        media_change(deed->hub, deed); /* somebody else changed it meanwhile: once more on top of that */
    else
        media_deed_end(deed, err, &e);
}

static void write_change(struct media_deed *deed) LOOP;
static void write_change(struct media_deed *deed)
{
    struct store_doc_put *put = STORE_NEW(doc_put, DOC_PUT);
    media_fill_put(put, &deed->media, deed->hub->options.tenant);
    put->expect_version = deed->expect_version ? deed->expect_version : deed->media.version;
    put->op.done = changed;
    put->op.arg = deed;
    store_submit(deed->hub->options.store, &put->op);
}

static void put_words(struct job *job)
{
    on_worker();
    struct media_deed *deed = CONTAINER(job, struct media_deed, job);
    deed->err = blob_put(deed->hub->options.blobs, deed->words, &deed->media.words, &deed->error);
}

static void words_put(struct job *job)
{
    on_loop();
    struct media_deed *deed = CONTAINER(job, struct media_deed, job);
    if (deed->err) {
        media_deed_end(deed, deed->err, &deed->error);
        return;
    }
    deed->media.has_words = true;
    write_change(deed);
}

static void change_found(struct store_op *op)
{
    on_loop();
    struct media_deed *deed = op->arg;
    if (!take_doc(deed, op))
        return;
    if (!deed->change(deed)) {
        media_deed_end(deed, deed->err, &deed->error);
    } else if (deed->words.n) {
        deed->job = (struct job){.run = put_words, .done = words_put};
        workers_submit(deed->hub->options.workers, &deed->job);
    } else {
        write_change(deed);
    }
}

void media_change(struct media_hub *hub, struct media_deed *deed)
{
    find(hub, deed, change_found);
}

/* ---- erasing ---- */

static void erased(struct store_op *op)
{
    on_loop();
    struct media_deed *deed = op->arg;
    enum err err = op->err;
    struct error e = op->error;
    store_op_free(op);
    if (!err) {
        media_count(deed->hub, &deed->media, -1);
        media_drop_all(deed->hub, &deed->media);
    }
    media_deed_end(deed, err, &e);
}

static void erase_found(struct store_op *op)
{
    on_loop();
    struct media_deed *deed = op->arg;
    if (!take_doc(deed, op))
        return;
    if (deed->change && !deed->change(deed)) {
        media_deed_end(deed, deed->err, &deed->error);
        return;
    }
    struct store_doc_delete *delete = STORE_NEW(doc_delete, DOC_DELETE);
    delete->type = MEDIA_DOC_TYPE;
    delete->tenant = deed->hub->options.tenant;
    delete->id = deed->media.id;
    delete->expect_version = deed->expect_version;
    delete->erase = true;
    delete->op.done = erased;
    delete->op.arg = deed;
    store_submit(deed->hub->options.store, &delete->op);
}

void media_erase(struct media_hub *hub, struct media_deed *deed)
{
    find(hub, deed, erase_found);
}
