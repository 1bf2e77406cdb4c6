/*
 * Media: listing, showing, changing, deleting, and what they take.
 *
 * Bytes go out as files with ranges, and as nothing else: with nosniff, and a policy under which a browser
 * runs none of it.
 */
#include "api/media.h"
#include "api/render.h"

#include "base/fold.h"
#include "persona/card_import.h"

#include <stdlib.h>
#include <unistd.h>

enum { MEDIA_FIND_WORDS = 12 };

static struct media_hub *hub_of(const struct call *call)
{
    return call->api->parts.media;
}

/* ---- deeds ---- */

static void deed_back(struct media_deed *deed)
{
    on_loop();
    const struct media_call *back = deed->arg;
    struct http_req *req = http_find(back->ref);
    if (req && deed->err && !back->failures)
        call_error(req->user, &deed->error);
    else if (req)
        back->then(req->user, deed);
    media_deed_free(deed);
}

struct media_deed *media_call_new(struct call *call, void (*then)(struct call *, struct media_deed *))
{
    struct media_deed *deed = media_deed_new();
    struct media_call *back = arena_new(&deed->arena, struct media_call);
    *back = (struct media_call){.deed = deed, .ref = http_ref(call->req), .then = then};
    deed->arg = back;
    deed->done = deed_back;
    return deed;
}

struct media_deed *media_call_on(struct call *call, void (*then)(struct call *, struct media_deed *))
{
    struct id id;
    uint64_t version;
    if (!call_param_id(call, 0, "medium", &id) || !call_if_match(call, &version))
        return NULL;
    struct media_deed *deed = media_call_new(call, then);
    deed->media.id = id;
    deed->expect_version = version;
    return deed;
}

void media_send(struct call *call, const struct media *m, int status)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    media_write(&w, m, true);
    call_resource(call, status, m->version, buf_str(&b));
}

/* ---- the list ---- */

/* A state that is of this moment, not of the document. */
static void set_state(struct media *m)
{
    double progress;
    if (media_is_transcribing(m->id, &progress))
        m->state = STR("transcribing");
}

static void answer_page(struct call *call, struct store_op *op)
{
    on_loop();
    struct store_docs_find *find = (struct store_docs_find *)op;
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w;
    list_begin(&w, &b);
    for (size_t i = 0; i < find->count; i++) {
        struct media m;
        if (media_of_doc(&op->arena, &find->rows[i], &m, NULL) == ERR_OK) {
            set_state(&m);
            media_write(&w, &m, false);
        }
    }
    list_end(&w, find->next);
    call_json(call, 200, buf_str(&b));
}

static bool add_tag(struct call *call, struct store_docs_find *find, struct str *tags, const char *what) LOOP;
static bool add_tag(struct call *call, struct store_docs_find *find, struct str *tags, const char *what)
{
    struct str value;
    enum media_source source;
    struct id id;
    if (!call_query(call, what, &value))
        return false;
    if (str_empty(value))
        return true;
    bool good = str_eq(str_c(what), STR("room")) ? id_parse(value, &id)
                : str_eq(str_c(what), STR("kind"))
                    ? str_eq(value, STR("image")) || str_eq(value, STR("audio"))
                    : media_source_parse(value, &source);
    if (!good) {
        call_refuse_param(
            call, ERR_INVALID, what,
            "'room' is the id of a room, 'kind' is image or audio, 'source' is upload, generated, "
            "recording or speech.");
        return false;
    }
    tags[find->tag_count++] = media_tag(&find->op.arena, what, value);
    return true;
}

static bool read_query(struct call *call, struct store_docs_find *find) LOOP;
static bool read_query(struct call *call, struct store_docs_find *find)
{
    struct arena *a = &find->op.arena;
    struct str after, words, *tags = arena_array(a, struct str, 3);
    find->tags = tags;
    if (!call_query_limit(call, &find->limit) || !call_query(call, "after", &after) ||
        !call_query(call, "find", &words) || !call_query_flag(call, "keep", &find->favourites) ||
        !add_tag(call, find, tags, "room") || !add_tag(call, find, tags, "kind") ||
        !add_tag(call, find, tags, "source"))
        return false;
    find->words = fold_list(a, arena_str(a, words), &find->word_count);
    if (find->word_count > MEDIA_FIND_WORDS)
        find->word_count = MEDIA_FIND_WORDS;
    find->after = arena_str(a, after);
    return true;
}

void handle_media_page(struct call *call)
{
    struct store_docs_find *find = STORE_NEW(docs_find, DOCS_FIND);
    find->type = MEDIA_DOC_TYPE;
    find->tenant = call->who.tenant;
    find->order = DOCS_BY_CREATED;
    find->descending = true;
    find->whole = true;
    if (read_query(call, find))
        call_store(call, &find->op, answer_page);
    else
        store_op_free(&find->op);
}

void handle_media_usage(struct call *call)
{
    struct media_usage usage;
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    uint64_t bytes = 0, count = 0;
    media_hub_usage(hub_of(call), &usage);
    jw_object(&w);
    jw_key(&w, STR("sources"));
    jw_object(&w);
    for (unsigned i = 0; i < MEDIA_SOURCES; i++) {
        jw_key(&w, str_c(media_source_names[i]));
        jw_object(&w);
        jw_kv_u64(&w, "count", usage.of[i].count);
        jw_kv_u64(&w, "bytes", usage.of[i].bytes);
        jw_end_object(&w);
        bytes += usage.of[i].bytes;
        count += usage.of[i].count;
    }
    jw_end_object(&w);
    jw_kv_u64(&w, "count", count);
    jw_kv_u64(&w, "bytes", bytes);
    jw_kv_u64(&w, "quota", usage.quota);
    jw_kv_u64(&w, "file_max", usage.file_max);
    jw_end_object(&w);
    call_json(call, 200, buf_str(&b));
}

/* ---- one of them ---- */

static void answer_about(struct call *call, struct media_deed *deed)
{
    on_loop();
    set_state(&deed->media);
    media_send(call, &deed->media, 200);
}

void handle_media_about(struct call *call)
{
    struct media_deed *deed = media_call_on(call, answer_about);
    if (deed)
        media_get(hub_of(call), deed);
}

struct opening {
    struct job job;
    struct http_ref ref;
    struct blobs *blobs;
    struct blob_hash hash;
    struct error error;
    int fd;
    char type[80], name[MEDIA_NAME_MAX + 1];
};

static void open_blob(struct job *job)
{
    on_worker();
    struct opening *o = CONTAINER(job, struct opening, job);
    uint64_t size;
    blob_open(o->blobs, &o->hash, &o->fd, &size, &o->error);
}

/* RFC 6266: the name in ASCII for old programs, and as it is. */
static void name_it(struct http_req *req, const char *name) LOOP;
static void name_it(struct http_req *req, const char *name)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    if (!name[0])
        return;
    buf_add(&b, STR("inline; filename*=UTF-8''"));
    for (const unsigned char *p = (const unsigned char *)name; *p; p++) {
        bool plain = (*p >= '0' && *p <= '9') || (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
                     *p == '.' || *p == '-' || *p == '_';
        if (plain)
            buf_add_char(&b, (char)*p);
        else
            buf_printf(&b, "%%%02X", *p);
    }
    http_set_header(req, "Content-Disposition", buf_str(&b));
}

static void opened(struct job *job)
{
    on_loop();
    struct opening *o = CONTAINER(job, struct opening, job);
    struct http_req *req = http_find(o->ref);
    if (req && o->error.err) {
        call_error(req->user, &o->error);
    } else if (req) {
        http_set_header(req, "Content-Security-Policy", STR("default-src 'none'; sandbox"));
        http_set_header(req, "Cache-Control", STR("private, max-age=31536000, immutable"));
        name_it(req, o->name);
        http_reply_fd(req, o->fd, o->type);
        o->fd = -1;
    }
    if (o->fd >= 0)
        close(o->fd);
    free(o);
}

void media_send_blob(struct call *call, const struct blob_hash *hash, const char *type, struct str name)
{
    struct opening *o = heap_alloc(sizeof *o);
    *o = (struct opening){.job = {.run = open_blob, .done = opened},
                          .ref = http_ref(call->req),
                          .blobs = call->api->parts.cards->blobs,
                          .hash = *hash,
                          .fd = -1};
    str_copy(o->type, sizeof o->type, str_c(type));
    str_copy(o->name, sizeof o->name, name);
    workers_submit(call->api->parts.workers, &o->job);
}

static void send_file(struct call *call, struct media_deed *deed)
{
    on_loop();
    char type[80];
    str_copy(type, sizeof type, deed->media.type);
    media_send_blob(call, &deed->media.file, type, deed->media.name);
}

void handle_media_file(struct call *call)
{
    struct media_deed *deed = media_blob_answer(call) ? NULL : media_call_on(call, send_file);
    if (deed)
        media_get(hub_of(call), deed);
}

static void send_preview(struct call *call, struct media_deed *deed)
{
    on_loop();
    if (deed->media.has_preview)
        media_send_blob(call, &deed->media.preview, "image/webp", STR_NONE);
    else
        call_refuse(call, ERR_NOT_FOUND,
                    "A recording has no picture; 'peaks' of its /about draw its waveform.");
}

void handle_media_preview(struct call *call)
{
    struct media_deed *deed = media_call_on(call, send_preview);
    if (deed)
        media_get(hub_of(call), deed);
}

/* ---- changing ---- */

static bool change(struct media_deed *deed)
{
    const struct media_call *back = deed->arg;
    const struct json *body = NULL;
    (void)back;
    struct json *parsed = NULL;
    if (json_parse(&deed->arena, deed->bytes, &parsed, &deed->error)) {
        deed->err = deed->error.err;
        return false;
    }
    body = parsed;
    struct str name = json_get_str(body, "name", deed->media.name);
    char cut[MEDIA_NAME_MAX + 1];
    str_copy(cut, sizeof cut, str_trim(name));
    deed->media.name = arena_str(&deed->arena, str_c(cut));
    deed->media.keep = json_get_bool(body, "keep", deed->media.keep);
    return true;
}

void handle_media_patch(struct call *call)
{
    struct media_deed *deed = media_call_on(call, answer_about);
    if (!deed)
        return;
    deed->bytes = arena_str(&deed->arena, call->body->raw);
    deed->change = change;
    media_change(hub_of(call), deed);
}

static void answer_deleted(struct call *call, struct media_deed *deed)
{
    on_loop();
    (void)deed;
    call_status(call, 204);
}

void handle_media_delete(struct call *call)
{
    struct media_deed *deed = media_call_on(call, answer_deleted);
    if (deed)
        media_erase(hub_of(call), deed);
}
