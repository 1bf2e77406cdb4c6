/* Taking a file in; see hub.h. */
#include "media/hub_inner.h"

#include "base/clock.h"
#include "base/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MODE = 0600, MB = 1000 * 1000 };

/* ---- a worker opens it ---- */

static enum err write_bytes(struct media_deed *deed, struct error *e)
{
    int fd = open(deed->path.p, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, FILE_MODE);
    struct str rest = deed->bytes;
    while (fd >= 0 && rest.n) {
        ssize_t n = write(fd, rest.p, rest.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        rest = str_from(rest, (size_t)n);
    }
    int why = errno;
    if (fd >= 0)
        close(fd);
    return fd >= 0 && !rest.n
               ? ERR_OK
               : error_set(e, ERR_IO, "The file cannot be written to the data folder: %s.", strerror(why));
}

static void open_file(struct job *job)
{
    on_worker();
    struct media_deed *deed = CONTAINER(job, struct media_deed, job);
    struct stat st;
    if (deed->bytes.n) {
        deed->path = media_hub_new_path(deed->hub, &deed->arena);
        deed->err = write_bytes(deed, &deed->error);
        if (deed->err)
            return;
    }
    deed->fd = open(deed->path.p, O_RDONLY | O_CLOEXEC);
    if (deed->fd < 0 || fstat(deed->fd, &st) != 0)
        deed->err = error_set(&deed->error, ERR_IO, "The upload could not be read again (%s); try once more.",
                              strerror(errno));
    else
        deed->media.bytes = (uint64_t)st.st_size;
}

/* ---- the child looks into it ---- */

static enum err room_left(struct media_deed *deed, struct error *e)
{
    struct media_hub *hub = deed->hub;
    uint64_t used = 0, n = deed->media.bytes;
    pthread_mutex_lock(&hub->lock);
    for (unsigned i = 0; i < MEDIA_SOURCES; i++)
        used += hub->usage.of[i].bytes;
    used += hub->reserved;
    uint64_t quota = hub->usage.quota, max = hub->usage.file_max;
    bool fits = (!quota || used + n <= quota) && n <= max;
    if (fits)
        hub->reserved += n;
    pthread_mutex_unlock(&hub->lock);
    deed->reserved = fits;
    deed->reserved_bytes = n;
    if (fits)
        return ERR_OK;
    if (n > max)
        return error_set(e, ERR_TOO_BIG, "The file has %llu MB; at most %llu are taken (media.file_max).",
                         (unsigned long long)(n / MB), (unsigned long long)(max / MB));
    return error_set(
        e, ERR_TOO_BIG,
        "Media take %llu of %llu MB already (media.quota), and this file has %llu; delete some, or "
        "raise the quota.",
        (unsigned long long)(used / MB), (unsigned long long)(quota / MB), (unsigned long long)(n / MB));
}

static void looked(struct look *look);

static void opened(struct job *job)
{
    on_loop();
    struct media_deed *deed = CONTAINER(job, struct media_deed, job);
    enum err err = deed->err;
    if (!err)
        err = room_left(deed, &deed->error);
    if (err) {
        media_deed_end(deed, err, &deed->error);
        return;
    }
    deed->look.order = LOOK_WHOLE;
    deed->look.file = deed->fd;
    deed->look.keep_places = deed->keep_places;
    deed->look.arena = &deed->arena;
    deed->look.done = looked;
    look_submit(deed->hub->looks, &deed->look);
}

static void take_about(struct media_deed *deed)
{
    struct media *m = &deed->media;
    const struct json *about = deed->look.about, *peaks = json_get(about, "peaks");
    m->image = str_eq(json_get_str(about, "kind", STR_NONE), STR("image"));
    m->type = json_get_str(about, "type", STR_NONE);
    m->animated = json_get_bool(about, "animated", false);
    m->places = json_get_bool(about, "places", false);
    m->duration_ms = (uint64_t)json_get_i64(about, "duration_ms", 0);
    m->width = (uint32_t)json_get_i64(about, "width", 0);
    m->height = (uint32_t)json_get_i64(about, "height", 0);
    m->rate = (uint32_t)json_get_i64(about, "rate", 0);
    m->channels = (uint32_t)json_get_i64(about, "channels", 0);
    m->peaks = peaks && peaks->type == JSON_ARRAY ? peaks->raw : STR_NONE;
    m->state = STR("ready");
}

/* ---- a worker puts it among the blobs ---- */

static void keep_files(struct job *job)
{
    on_worker();
    struct media_deed *deed = CONTAINER(job, struct media_deed, job);
    struct blobs *blobs = deed->hub->options.blobs;
    struct look *look = &deed->look;
    struct media *m = &deed->media;
    if (look->clean.n) {
        deed->err = blob_put(blobs, buf_str(&look->clean), &m->file, &deed->error);
        m->bytes = look->clean.n;
        if (!deed->err)
            unlink(deed->path.p);
    } else {
        deed->err = blob_adopt(blobs, deed->path.p, &m->file, &deed->error);
    }
    if (!deed->err && look->preview.n) {
        deed->err = blob_put(blobs, buf_str(&look->preview), &m->preview, &deed->error);
        m->has_preview = true;
        m->bytes += look->preview.n;
    }
    if (!deed->err && look->seen.n) {
        deed->err = blob_put(blobs, buf_str(&look->seen), &m->seen, &deed->error);
        m->has_seen = true;
        m->bytes += look->seen.n;
    }
}

/* ---- and the store its document ---- */

static void stored(struct store_op *op)
{
    on_loop();
    struct media_deed *deed = op->arg;
    struct store_doc_put *put = CONTAINER(op, struct store_doc_put, op);
    enum err err = op->err;
    struct error e = op->error;
    deed->media.version = put->doc.version;
    deed->media.created_ms = put->doc.created_ms;
    store_op_free(op);
    if (err)
        media_drop_all(deed->hub, &deed->media);
    else
        media_count(deed->hub, &deed->media, 1);
    media_deed_end(deed, err, &e);
}

static void kept(struct job *job)
{
    on_loop();
    struct media_deed *deed = CONTAINER(job, struct media_deed, job);
    if (deed->err) {
        media_deed_end(deed, deed->err, &deed->error);
        return;
    }
    struct store_doc_put *put = STORE_NEW(doc_put, DOC_PUT);
    deed->media.id = id_new();
    media_fill_put(put, &deed->media, deed->hub->options.tenant);
    put->create = true;
    if (deed->idem) {
        put->idem = arena_new(&put->op.arena, struct store_idem);
        *put->idem = *deed->idem;
        put->idem->result = arena_str(&put->op.arena, str_c(id_text(deed->media.id).c));
    }
    put->op.done = stored;
    put->op.arg = deed;
    store_submit(deed->hub->options.store, &put->op);
}

static void looked(struct look *look)
{
    on_loop();
    struct media_deed *deed = CONTAINER(look, struct media_deed, look);
    if (look->err) {
        media_deed_end(deed, look->err, &look->error);
        return;
    }
    take_about(deed);
    if (deed->image_only && !deed->media.image) {
        error_set(&deed->error, ERR_UNSUPPORTED_TYPE,
                  "This is a recording; what is wanted here is a picture.");
        media_deed_end(deed, ERR_UNSUPPORTED_TYPE, &deed->error);
        return;
    }
    deed->job = (struct job){.run = keep_files, .done = kept};
    workers_submit(deed->hub->options.workers, &deed->job);
}

/* A name for people: no folders, no control characters. */
static struct str plain_name(struct arena *a, struct str name)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    char cut[MEDIA_NAME_MAX + 1];
    size_t slash;
    while ((slash = str_find_char(name, '/')) != SIZE_MAX || (slash = str_find_char(name, '\\')) != SIZE_MAX)
        name = str_from(name, slash + 1);
    for (size_t i = 0; i < name.n; i++)
        buf_add_char(&b, (unsigned char)name.p[i] < ' ' || name.p[i] == 0x7f ? ' ' : name.p[i]);
    if (!utf8_valid(buf_str(&b)))
        return STR_NONE;
    str_copy(cut, sizeof cut, str_trim(buf_str(&b)));
    return arena_str(a, str_c(cut));
}

void media_add(struct media_hub *hub, struct media_deed *deed)
{
    deed->hub = hub;
    deed->media.name = plain_name(&deed->arena, deed->media.name);
    deed->job = (struct job){.run = open_file, .done = opened};
    workers_submit(hub->options.workers, &deed->job);
}
