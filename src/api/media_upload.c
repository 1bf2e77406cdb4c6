/*
 * POST /api/media: a picture or a recording comes in; once per Idempotency-Key.
 *
 * The body lies in a file already (BODY_FILE); a worker takes it over, or the part `file` of a form out of
 * it, and the hub does the rest. Whatever refuses it, and whoever leaves midway, leaves nothing behind.
 */
#include "api/idem.h"
#include "api/media.h"
#include "api/multipart.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FIELD_ROOM, FIELD_NAME, FIELD_SOURCE, FIELD_KEEP, FIELD_PLACES, FIELDS, FILE_MODE = 0600 };
static const char *const field_names[FIELDS] = {"room", "name", "source", "keep", "places"};

struct upload {
    struct job job;
    struct http_ref ref;
    struct media_deed *deed;
    struct str from, type; /* in the deed's arena */
    struct str fields[FIELDS];
    bool hash_it;
    uint8_t hash[SHA256_DIGEST_LENGTH];
    struct error error;
};

/* ---- on a worker ---- */

static enum err copy_part(struct upload *u, struct str bytes, struct error *e)
{
    int fd = open(u->deed->path.p, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, FILE_MODE);
    while (fd >= 0 && bytes.n) {
        ssize_t n = write(fd, bytes.p, bytes.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        bytes = str_from(bytes, (size_t)n);
    }
    int why = errno;
    if (fd >= 0)
        close(fd);
    return fd >= 0 && !bytes.n
               ? ERR_OK
               : error_set(e, ERR_IO, "The upload cannot be written to the data folder: %s.", strerror(why));
}

static enum err take_form(struct upload *u, struct str body, struct error *e)
{
    struct multipart_part part;
    struct arena *a = &u->deed->arena;
    for (int f = 0; f < FIELDS; f++) {
        if (multipart_find(u->type, body, str_c(field_names[f]), &part, NULL) == ERR_OK)
            u->fields[f] = arena_str(a, str_trim(str_sub(part.bytes, 0, MEDIA_NAME_MAX)));
    }
    enum err err = multipart_find(u->type, body, STR("file"), &part, e);
    if (err)
        return err;
    if (str_empty(u->fields[FIELD_NAME]))
        u->fields[FIELD_NAME] = arena_str(a, part.filename);
    if (str_empty(part.bytes))
        return error_set_param(e, ERR_INVALID, "file",
                               "The part 'file' is empty; send a picture or a recording.");
    return copy_part(u, part.bytes, e);
}

static enum err take_over(struct upload *u, struct error *e)
{
    bool form = multipart_is(u->type);
    struct stat st;
    int fd = open(u->from.p, O_RDONLY | O_CLOEXEC);
    enum err err = ERR_OK;
    if (fd < 0 || fstat(fd, &st) != 0 || st.st_size == 0) {
        err = error_set_param(e, ERR_INVALID, "file",
                              "Send a picture or a recording as the body, or as the part 'file' of a form.");
    } else if (form || u->hash_it) {
        void *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (map == MAP_FAILED) {
            err = error_set(e, ERR_IO, "The upload could not be read again; try once more.");
        } else {
            if (u->hash_it)
                SHA256(map, (size_t)st.st_size, u->hash);
            err = form ? take_form(u, str_of(map, (size_t)st.st_size), e) : ERR_OK;
            munmap(map, (size_t)st.st_size);
        }
    }
    if (fd >= 0)
        close(fd);
    if (!err && !form && rename(u->from.p, u->deed->path.p) != 0)
        err =
            error_set(e, ERR_IO, "The upload could not be taken over (%s); try once more.", strerror(errno));
    return err;
}

static enum err read_fields(struct upload *u, struct error *e)
{
    struct media *m = &u->deed->media;
    if (u->fields[FIELD_ROOM].n && !id_parse(u->fields[FIELD_ROOM], &m->room))
        return error_set_param(e, ERR_INVALID, "room", "'room' is the id of a room.");
    if (u->fields[FIELD_SOURCE].n && (!media_source_parse(u->fields[FIELD_SOURCE], &m->source) ||
                                      (m->source != MEDIA_UPLOAD && m->source != MEDIA_RECORDING)))
        return error_set_param(e, ERR_INVALID, "source", "'source' is upload or recording.");
    if (u->fields[FIELD_PLACES].n && !str_eq(u->fields[FIELD_PLACES], STR("keep")))
        return error_set_param(
            e, ERR_INVALID, "places",
            "'places' is keep, or left out: then where and with what a picture was taken is "
            "taken out of it.");
    m->name = u->fields[FIELD_NAME];
    m->keep = str_eq(u->fields[FIELD_KEEP], STR("true"));
    u->deed->keep_places = u->fields[FIELD_PLACES].n > 0;
    return ERR_OK;
}

static void prepare(struct job *job)
{
    on_worker();
    struct upload *u = CONTAINER(job, struct upload, job);
    if (take_over(u, &u->error) == ERR_OK)
        read_fields(u, &u->error);
}

/* ---- back on the loop ---- */

static void drop(struct media_deed *deed)
{
    if (!deed)
        return;
    unlink(deed->path.p);
    media_deed_free(deed);
}

static void found_again(struct call *call, struct media_deed *deed)
{
    on_loop();
    idem_mark_replayed(call);
    media_send(call, &deed->media, 201);
}

static void replay(struct call *call, struct str result)
{
    on_loop();
    struct media_deed *deed = media_call_new(call, found_again);
    id_parse(result, &deed->media.id);
    media_get(call->api->parts.media, deed);
}

static void added(struct call *call, struct media_deed *deed)
{
    on_loop();
    if (deed->err == ERR_CONFLICT) {
        idem_lost(call, &deed->error, replay);
    } else if (deed->err) {
        call_error(call, &deed->error);
    } else {
        http_set_header(call->req, "Location",
                        arena_printf(call_arena(call), "/api/media/%s", id_text(deed->media.id).c));
        media_send(call, &deed->media, 201);
    }
}

static void fresh(struct call *call)
{
    on_loop();
    struct upload *u = call->state;
    struct media_deed *deed = u->deed;
    u->deed = NULL; /* it lives on without the request */
    deed->idem = idem_of(call, &deed->arena);
    media_add(call->api->parts.media, deed);
}

/* The request ends with the upload still in its hands: its key was known, or the client left. */
static void closed(struct http_req *req, bool complete)
{
    on_loop();
    struct call *call = req->user;
    struct upload *u = call->state;
    (void)complete;
    drop(u->deed);
}

static void prepared(struct job *job)
{
    on_loop();
    struct upload *u = CONTAINER(job, struct upload, job);
    struct http_req *req = http_find(u->ref);
    struct call *call = req ? req->user : NULL;
    if (call && u->error.err) {
        call_error(call, &u->error);
    } else if (call) {
        struct upload *kept = arena_new(call_arena(call), struct upload);
        *kept = *u;
        u->deed = NULL;
        call->state = kept;
        req->on_closed = closed;
        if (kept->hash_it)
            call->body_hash = kept->hash;
        /* The deed answers through the request, as it is then. */
        struct media_call *back = kept->deed->arg;
        back->ref = http_ref(req);
        idem_check(call, fresh, replay);
    }
    drop(u->deed);
    free(u);
}

void handle_media_post(struct call *call)
{
    struct str key;
    struct upload *u = heap_alloc(sizeof *u);
    u->deed = media_call_new(call, added);
    struct arena *a = &u->deed->arena;
    ((struct media_call *)u->deed->arg)->failures = true;
    for (int f = 0; f < FIELDS; f++) {
        if (!call_query(call, field_names[f], &u->fields[f])) {
            media_deed_free(u->deed);
            free(u);
            return;
        }
        u->fields[f] = arena_str(a, u->fields[f]);
    }
    u->ref = http_ref(call->req);
    u->from = arena_str(a, str_c(call->req->body_path));
    http_header(call->req, "Content-Type", &u->type);
    u->type = arena_str(a, u->type);
    u->hash_it = http_header(call->req, "Idempotency-Key", &key);
    u->deed->path = media_hub_new_path(call->api->parts.media, a);
    u->deed->media.owner = call->who.user;
    u->job = (struct job){.run = prepare, .done = prepared};
    workers_submit(call->api->parts.workers, &u->job);
}
