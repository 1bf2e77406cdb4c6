/*
 * Cards and pictures of personas: import, export, portraits, assets.
 *
 * Files are read by persona/card_import.h and written by persona/card_pack.h on a worker; here they are taken
 * out of requests and put into answers. What strangers made is answered so that no browser takes it for a
 * page: only media types of a closed list are named, nothing is sniffed (net says so of every answer), and
 * the policy lets nothing run.
 */
#include "api/idem.h"
#include "api/multipart.h"
#include "api/persona.h"
#include "persona/card_pack.h"

#include <stdlib.h>
#include <unistd.h>

struct card_limits card_limits_of(const struct config *config)
{
    struct card_limits limits = card_limits_default;
    limits.file_max = config->card.file_max;
    limits.inflated_max = config->card.inflated_max;
    limits.asset_max = config->card.asset_max;
    limits.entries_max = (uint32_t)config->card.entries_max;
    return limits;
}

/* ---- files in requests */

/* The body itself, or the part `file` of a form. */
static bool take_file(struct call *call, const char *what, struct str *bytes) LOOP;
static bool take_file(struct call *call, const char *what, struct str *bytes)
{
    struct error e = {0};
    struct str type;
    struct multipart_part part = {.bytes = call->req->body};
    if (http_header(call->req, "Content-Type", &type) && multipart_is(type) &&
        multipart_find(type, call->req->body, STR("file"), &part, &e)) {
        call_error(call, &e);
        return false;
    }
    if (str_empty(part.bytes)) {
        call_refuse(call, ERR_INVALID, "Send %s as the body, or as the part 'file' of a form.", what);
        return false;
    }
    *bytes = part.bytes;
    return true;
}

struct importing {
    struct http_ref ref;
    bool creates;
};

static void imported(struct card_import *import)
{
    on_loop();
    struct importing *importing = import->arg;
    struct http_req *req = http_find(importing->ref);
    struct call *call = req ? req->user : NULL;
    if (call && import->err == ERR_CONFLICT && importing->creates) {
        idem_lost(call, &import->error, persona_replay);
    } else if (call && import->err) {
        call_error(call, &import->error);
    } else if (call) {
        if (importing->creates)
            http_set_header(
                call->req, "Location",
                arena_printf(call_arena(call), "/api/personas/%s", id_text(import->persona->id).c));
        persona_send(call, import->persona, importing->creates && !import->same ? 201 : 200);
    }
    card_import_free(import);
}

static struct card_import *import_new(struct call *call, struct str bytes, bool creates) LOOP;
static struct card_import *import_new(struct call *call, struct str bytes, bool creates)
{
    struct card_import *import = card_import_new();
    struct importing *importing = arena_new(&import->arena, struct importing);
    *importing = (struct importing){http_ref(call->req), creates};
    import->bytes = arena_str(&import->arena, bytes);
    import->limits = card_limits_of(call_config(call));
    import->owner = call->who.user;
    import->done = imported;
    import->arg = importing;
    return import;
}

/* ---- import */

static bool want_same(struct call *call, bool *skip) LOOP;
static bool want_same(struct call *call, bool *skip)
{
    struct str same;
    if (!call_query(call, "same", &same))
        return false;
    *skip = str_eq(same, STR("skip"));
    if (*skip || str_empty(same) || str_eq(same, STR("keep")))
        return true;
    call_refuse_param(call, ERR_INVALID, "same", "'same' must be skip or keep.");
    return false;
}

void card_answer_import(struct call *call, struct str bytes)
{
    bool skip;
    if (!want_same(call, &skip))
        return;
    struct card_import *import = import_new(call, bytes, true);
    import->skip_same = skip;
    import->idem = idem_of(call, &import->arena);
    card_import_start(call->api->parts.cards, import);
}

static void import(struct call *call)
{
    on_loop();
    struct str bytes;
    if (take_file(call, "a character card", &bytes))
        card_answer_import(call, bytes);
}

void handle_persona_import(struct call *call)
{
    idem_check(call, import, persona_replay);
}

/* ---- export */

struct packing {
    struct job job;
    struct http_ref ref;
    struct persona *persona;
    struct card_packing how;
    struct buf file;
    struct error error;
};

static const char *const file_types[CARD_FORMS] = {
    [CARD_JSON] = "application/json", [CARD_PNG] = "image/png", [CARD_CHARX] = "application/zip"};

static void pack(struct job *job)
{
    on_worker();
    struct packing *p = CONTAINER(job, struct packing, job);
    card_pack(&p->file, p->persona, &p->how, &p->error);
}

static void packed(struct job *job)
{
    on_loop();
    struct packing *p = CONTAINER(job, struct packing, job);
    struct http_req *req = http_find(p->ref);
    struct call *call = req ? req->user : NULL;
    if (call && p->error.err) {
        call_error(call, &p->error);
    } else if (call) {
        http_set_header(req, "Content-Disposition",
                        arena_printf(&req->arena, "attachment; filename=\"%.*s.%s\"",
                                     STR_ARG(p->persona->slug), card_form_names[p->how.form]));
        http_reply(req, 200, file_types[p->how.form], buf_str(&p->file));
    }
    buf_release(&p->file);
    arena_release(&job->arena);
    free(p);
}

static void pack_found(struct call *call, struct personas_op *op)
{
    on_loop();
    const struct card_packing *how = call->state;
    struct packing *p = heap_alloc(sizeof *p);
    p->how = *how;
    p->ref = http_ref(call->req);
    p->persona = persona_copy(&p->job.arena, op->persona);
    p->job.run = pack;
    p->job.done = packed;
    workers_submit(call->api->parts.cards->workers, &p->job);
}

static bool want_spec(struct call *call, struct card_packing *how) LOOP;
static bool want_spec(struct call *call, struct card_packing *how)
{
    struct str spec;
    bool files = true;
    if (!call_query(call, "spec", &spec) || !call_query_flag(call, "files", &files))
        return false;
    how->without_files = !files;
    how->spec = str_eq(spec, STR("v1")) ? CARD_V1 : str_eq(spec, STR("v2")) ? CARD_V2 : CARD_V3;
    if (how->spec == CARD_V3 && spec.n && !str_eq(spec, STR("v3"))) {
        call_refuse_param(call, ERR_INVALID, "spec", "'spec' must be v3, v2 or v1.");
        return false;
    }
    if (how->form == CARD_JSON || (!spec.n && files))
        return true;
    call_refuse_param(call, ERR_INVALID, spec.n ? "spec" : "files",
                      "Only card.json is written in parts; PNG and CHARX hold everything.");
    return false;
}

static void get_persona(struct call *call, void (*then)(struct call *, struct personas_op *)) LOOP;
static void get_persona(struct call *call, void (*then)(struct call *, struct personas_op *))
{
    struct persona_deed *deed = call_persona(call, then);
    deed->op.key = arena_str(&deed->arena, call_param(call, 0));
    personas_get(call->api->parts.personas, &deed->op);
}

void handle_persona_card(struct call *call)
{
    struct str format = call_param(call, 1);
    struct card_packing *how = arena_new(call_arena(call), struct card_packing);
    bool png = str_eq(format, STR("png")), charx = str_eq(format, STR("charx"));
    if (!png && !charx && !str_eq(format, STR("json"))) {
        call_refuse(call, ERR_NOT_FOUND, "A card has the formats json, png and charx.");
        return;
    }
    how->form = png ? CARD_PNG : charx ? CARD_CHARX : CARD_JSON;
    how->blobs = call->api->parts.cards->blobs;
    call->state = how;
    if (want_spec(call, how))
        get_persona(call, pack_found);
}

/* ---- pictures and assets out */

struct opening {
    struct job job;
    struct http_ref ref;
    struct blobs *blobs;
    struct blob_hash hash;
    const char *type;
    struct error error;
    int fd;
};

static void open_file(struct job *job)
{
    on_worker();
    struct opening *o = CONTAINER(job, struct opening, job);
    uint64_t size;
    blob_open(o->blobs, &o->hash, &o->fd, &size, &o->error);
}

static void opened(struct job *job)
{
    on_loop();
    struct opening *o = CONTAINER(job, struct opening, job);
    struct http_req *req = http_find(o->ref);
    struct call *call = req ? req->user : NULL;
    struct str version;
    if (call && o->error.err) {
        call_error(call, &o->error);
    } else if (call) {
        bool known = strcmp(o->type, "application/octet-stream") != 0,
             named = call_query(call, "v", &version);
        http_set_header(req, "Content-Security-Policy", STR("default-src 'none'; sandbox"));
        http_set_header(req, "Cache-Control",
                        named && version.n ? STR("private, max-age=31536000, immutable")
                                           : STR("private, no-cache"));
        if (!known)
            http_set_header(req, "Content-Disposition", STR("attachment"));
        http_reply_fd(req, o->fd, o->type);
        o->fd = -1;
    }
    if (o->fd >= 0)
        close(o->fd);
    free(o);
}

static void send_file(struct call *call, const struct persona_file *file) LOOP;
static void send_file(struct call *call, const struct persona_file *file)
{
    struct opening *o = heap_alloc(sizeof *o);
    o->ref = http_ref(call->req);
    o->blobs = call->api->parts.cards->blobs;
    o->hash = file->hash;
    o->type = file->type;
    o->fd = -1;
    o->job.run = open_file;
    o->job.done = opened;
    workers_submit(call->api->parts.cards->workers, &o->job);
}

static void portrait_found(struct call *call, struct personas_op *op)
{
    on_loop();
    struct persona_files files;
    persona_files_read(call_arena(call), op->persona, &files);
    if (files.portrait)
        send_file(call, files.portrait);
    else
        call_refuse(call, ERR_NOT_FOUND, "%.*s has no picture; send one with PUT.",
                    STR_ARG(str_sub(op->persona->name, 0, 100)));
}

void handle_portrait_get(struct call *call)
{
    get_persona(call, portrait_found);
}

static void write_asset(struct jw *w, struct arena *a, const struct persona *p,
                        const struct persona_asset *asset, size_t index)
{
    const struct persona_file *file = asset->file;
    jw_object(w);
    jw_kv_u64(w, "index", index);
    jw_kv_string(w, "type", asset->type);
    jw_kv_string(w, "name", asset->name);
    jw_kv_string(w, "ext", asset->ext);
    jw_kv_string(w, "uri", file && file->head.n ? file->head : asset->uri);
    if (file) {
        jw_kv_u64(w, "size", file->size);
        jw_kv_string(w, "sha256", str_c(blob_text(&file->hash).c));
        jw_kv_string(w, "media_type", str_c(file->type));
        jw_kv_string(w, "url",
                     arena_printf(a, "/api/personas/%s/assets/%zu?v=%.12s", id_text(p->id).c, index,
                                  blob_text(&file->hash).c));
    } else {
        jw_kv_null(w, "size");
        jw_kv_null(w, "sha256");
        jw_kv_null(w, "media_type");
        jw_kv_null(w, "url");
    }
    jw_end_object(w);
}

static void assets_found(struct call *call, struct personas_op *op)
{
    on_loop();
    struct persona_files files;
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w;
    persona_files_read(call_arena(call), op->persona, &files);
    list_begin(&w, &b);
    for (size_t i = 0; i < files.asset_count; i++)
        write_asset(&w, call_arena(call), op->persona, &files.assets[i], i);
    list_end(&w, STR_NONE);
    call_json(call, 200, buf_str(&b));
}

void handle_assets_list(struct call *call)
{
    get_persona(call, assets_found);
}

static void asset_found(struct call *call, struct personas_op *op)
{
    on_loop();
    struct persona_files files;
    uint64_t index = 0;
    bool number = str_to_u64(call_param(call, 1), &index);
    persona_files_read(call_arena(call), op->persona, &files);
    if (number && index < files.asset_count && files.assets[index].file)
        send_file(call, files.assets[index].file);
    else if (number && index < files.asset_count)
        call_refuse(call, ERR_NOT_FOUND, "The bytes of this asset are not here; its card only names '%.*s'.",
                    STR_ARG(str_sub(files.assets[index].uri, 0, 150)));
    else
        call_refuse(call, ERR_NOT_FOUND, "This persona has no such asset; it has %zu.", files.asset_count);
}

void handle_asset_get(struct call *call)
{
    get_persona(call, asset_found);
}

/* ---- portraits in */

void handle_portrait_put(struct call *call)
{
    struct str bytes, given;
    if (!take_file(call, "a picture", &bytes))
        return;
    struct card_import *import = import_new(call, bytes, false);
    import->key = arena_str(&import->arena, call_param(call, 0));
    if (http_header(call->req, "If-Match", &given))
        import->if_match = arena_str(&import->arena, given);
    card_import_portrait(call->api->parts.cards, import);
}

static void take_away(struct arena *a, struct persona *p, void *arg)
{
    persona_set_portrait(a, p, arg);
}

static void taken_away(struct call *call, struct personas_op *op)
{
    on_loop();
    persona_send(call, op->persona, 200);
}

void handle_portrait_delete(struct call *call)
{
    struct persona_deed *deed = call_persona(call, taken_away);
    struct str given;
    deed->op.key = arena_str(&deed->arena, call_param(call, 0));
    if (http_header(call->req, "If-Match", &given))
        deed->op.if_match = arena_str(&deed->arena, given);
    deed->op.change = take_away;
    personas_change(call->api->parts.personas, &deed->op);
}
