/*
 * GET /api/media/{id} where the id is a hash that an event names: a blob (store/blob.h), as a file with
 * ranges.
 *
 * A hash of 256 bits is known only to who was told it, so there is no other check than the route's scope. The
 * type is told from the first bytes: what is kept there was made by this server.
 */
#include "api/media.h"
#include "persona/card_import.h"

#include <stdlib.h>
#include <unistd.h>

enum { TYPE_BYTES = 12 };

struct opening {
    struct job job;
    struct http_ref ref;
    struct blobs *blobs;
    struct blob_hash hash;
    const char *type;
    struct error error;
    int fd;
};

static const char *type_of(const char head[TYPE_BYTES])
{
    static const struct {
        const char *bytes, *type;
    } known[] = {
        {"OggS", "audio/ogg"},  {"{", "application/json"},    {"RIFF", "audio/wav"},
        {"fLaC", "audio/flac"}, {"\x89PNG\r\n", "image/png"}, {"\xff\xd8\xff", "image/jpeg"},
        {"ID3", "audio/mpeg"},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (memcmp(head, known[i].bytes, strlen(known[i].bytes)) == 0)
            return known[i].type;
    }
    return "application/octet-stream";
}

static void open_blob(struct job *job)
{
    on_worker();
    struct opening *o = CONTAINER(job, struct opening, job);
    char head[TYPE_BYTES] = "";
    uint64_t size;
    if (blob_open(o->blobs, &o->hash, &o->fd, &size, &o->error) != ERR_OK)
        return;
    o->type = pread(o->fd, head, sizeof head, 0) >= 0 ? type_of(head) : "application/octet-stream";
}

static void opened(struct job *job)
{
    on_loop();
    struct opening *o = CONTAINER(job, struct opening, job);
    struct http_req *req = http_find(o->ref);
    struct call *call = req ? req->user : NULL;
    if (call && o->error.err) {
        call_error(call, &o->error);
    } else if (call) {
        http_set_header(req, "Content-Security-Policy", STR("default-src 'none'; sandbox"));
        http_set_header(req, "Cache-Control", STR("private, max-age=31536000, immutable"));
        http_reply_fd(req, o->fd, o->type);
        o->fd = -1;
    }
    if (o->fd >= 0)
        close(o->fd);
    arena_release(&o->job.arena);
    free(o);
}

bool media_blob_answer(struct call *call)
{
    struct blob_hash hash;
    if (!blob_parse(call_param(call, 0), &hash))
        return false;
    struct opening *o = heap_alloc(sizeof *o);
    o->ref = http_ref(call->req);
    o->blobs = call->api->parts.cards->blobs;
    o->hash = hash;
    o->fd = -1;
    o->job.run = open_blob;
    o->job.done = opened;
    workers_submit(call->api->parts.workers, &o->job);
    return true;
}
