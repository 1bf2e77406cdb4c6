/*
 * Cloned voices: a reference clip goes to a provider, which makes a voice of it.
 *
 * POST /api/voices/clone               multipart: file, provider, name, consent; language and transcript if
 * known DELETE /api/voices/{provider}/{name} the voice goes at the provider, then here
 *
 * Nobody's voice is taken without a word: `consent` says who agreed and when, and is kept, with the clip (a
 * blob) and the provider's name for the voice, in one document. The blob is put first, then the provider is
 * asked, then the document is written; a voice whose document cannot be written is removed at the provider
 * again. Whoever asked may go meanwhile: the deed is finished without him.
 */
#include "api/multipart.h"
#include "api/voices.h"
#include "base/clock.h"
#include "persona/card_import.h"
#include "tenant/principal.h"
#include "voice/chain.h"

#include <stdlib.h>

enum { TITLE_MAX = 100, CONSENT_MIN = 8, CONSENT_MAX = 2000, TRANSCRIPT_MAX = 4000, SLUG_MAX = 200 };

struct cloning {
    struct job job;
    struct http_ref ref;
    struct api *api;
    struct arena arena;
    struct tts_clone clone; /* its strings lie in the arena */
    struct str provider, consent, voice;
    const struct tts_driver *driver;
    struct speech_provider settings; /* copied */
    struct tts *tts;
    struct blob_hash clip;
    struct error error;
};

static LOOP void cloning_free(void *arg)
{
    struct cloning *c = arg;
    if (c->tts)
        c->driver->close(c->tts);
    arena_release(&c->arena);
    free(c);
}

static void free_later(void *arg)
{
    on_loop();
    cloning_free(arg);
}

/* The end, told or not; the driver's callback may still be on the stack. */
static LOOP void finish(struct cloning *c)
{
    struct http_req *req = http_find(c->ref);
    if (req && c->error.err)
        call_error(req->user, &c->error);
    loop_defer(loop_self(), free_later, c);
}

/* ---- the document ---- */
static struct str slug_of(struct arena *a, struct str provider, struct str name)
{
    return arena_printf(a, "%.*s/%.*s", STR_ARG(provider), STR_ARG(name));
}

static void write_doc(struct buf *to, const struct cloning *c)
{
    char at[CLOCK_TEXT];
    struct jw w = JW(to);
    clock_format(at, clock_wall_ms());
    jw_object(&w);
    jw_kv_string(&w, "provider", c->provider);
    jw_kv_string(&w, "name", c->voice);
    jw_kv_string(&w, "title", c->clone.name);
    jw_kv_string(&w, "language", c->clone.language);
    jw_kv_string(&w, "consent", c->consent);
    jw_kv_string(&w, "clip", str_c(blob_text(&c->clip).c));
    jw_kv_string(&w, "type", c->clone.type);
    jw_kv_string(&w, "created_at", str_c(at));
    jw_end_object(&w);
}

static LOOP void answer(struct cloning *c)
{
    struct http_req *req = http_find(c->ref);
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    if (!req)
        return;
    jw_object(&w);
    jw_kv_string(&w, "provider", c->provider);
    jw_kv_string(&w, "name", c->voice);
    jw_kv_string(&w, "language", c->clone.language);
    jw_kv_string(&w, "about", c->clone.name);
    jw_kv_bool(&w, "cloned", true);
    jw_kv_string(&w, "consent", c->consent);
    jw_kv_string(&w, "clip", str_c(blob_text(&c->clip).c));
    jw_kv_string(&w, "preview", slug_of(&c->arena, c->provider, c->voice));
    jw_end_object(&w);
    call_json(req->user, 201, buf_str(&b));
}

static void removed_again(void *arg, struct str voice, enum err err, const struct error *e)
{
    on_loop();
    (void)voice;
    (void)err;
    (void)e;
    finish(arg);
}

static void kept(struct store_op *op)
{
    on_loop();
    struct cloning *c = op->arg;
    struct error ignored = {0};
    c->error = op->error;
    store_op_free(op);
    if (!c->error.err) {
        answer(c);
        finish(c);
    } else if (!c->driver->unclone(c->tts, c->voice, removed_again, c, &ignored)) {
        finish(c);
    }
}

static LOOP void keep(struct cloning *c)
{
    CLEANUP_BUF struct buf doc = BUF_INIT;
    struct store_doc_put *put = STORE_NEW(doc_put, DOC_PUT);
    struct arena *a = &put->op.arena;
    struct str slug = slug_of(a, c->provider, c->voice);
    write_doc(&doc, c);
    put->doc = (struct doc_row){.type = STR(VOICE_CLONE_DOC),
                                .id = id_of_name(STR(VOICE_CLONE_DOC), slug),
                                .tenant = tenant_local(),
                                .owner = tenant_owner(),
                                .slug = slug,
                                .sort = slug,
                                .data = arena_str(a, buf_str(&doc))};
    put->undelete = true;
    put->op.arg = c;
    put->op.done = kept;
    store_submit(c->api->parts.store, &put->op);
}

/* ---- the provider ---- */
static void cloned(void *arg, struct str voice, enum err err, const struct error *e)
{
    on_loop();
    struct cloning *c = arg;
    if (err) {
        c->error = *e;
        finish(c);
        return;
    }
    c->voice = arena_str(&c->arena, voice);
    keep(c);
}

static void put_clip(struct job *job)
{
    on_worker();
    struct cloning *c = CONTAINER(job, struct cloning, job);
    blob_put(c->api->parts.cards->blobs, c->clone.clip, &c->clip, &c->error);
}

static void clip_put(struct job *job)
{
    on_loop();
    struct cloning *c = CONTAINER(job, struct cloning, job);
    if (c->error.err ||
        c->driver->open(loop_self(), c->api->parts.workers, &c->settings, &c->tts, &c->error) != ERR_OK ||
        !c->driver->clone(c->tts, &c->clone, cloned, c, &c->error))
        finish(c);
}

/* ---- what is asked ---- */
static struct str form_text(struct call *call, struct str type, const char *name)
{
    struct multipart_part part;
    return multipart_find(type, call->req->body, str_c(name), &part, NULL) ? STR_NONE : str_trim(part.bytes);
}

/* What the clip is by its first bytes; empty: no recording. */
static struct str clip_type(struct str clip)
{
    unsigned char first = clip.n ? (unsigned char)clip.p[0] : 0,
                  second = clip.n > 1 ? (unsigned char)clip.p[1] : 0;
    if (str_starts(clip, STR("RIFF")) && str_eq(str_sub(clip, 8, 4), STR("WAVE")))
        return STR("audio/wav");
    if (str_starts(clip, STR("fLaC")))
        return STR("audio/flac");
    if (str_starts(clip, STR("OggS")))
        return STR("audio/ogg");
    if (str_eq(str_sub(clip, 4, 4), STR("ftyp")))
        return STR("audio/mp4");
    if (str_starts(clip, STR("ID3")) || (first == 0xff && (second & 0xe0) == 0xe0))
        return STR("audio/mpeg");
    return STR_NONE;
}

static LOOP bool refuse_text(struct call *call, const char *param, struct str text, size_t least, size_t most,
                             const char *sentence)
{
    if (text.n >= least && text.n <= most)
        return false;
    call_refuse_param(call, text.n ? ERR_INVALID : ERR_MISSING_FIELD, param, "%s", sentence);
    return true;
}

static LOOP bool can_clone(struct call *call, struct str provider, const struct tts_driver **driver,
                           const struct speech_provider **settings)
{
    *driver = chain_driver(call_config(call), provider, settings);
    if (!*driver) {
        call_refuse_param(call, ERR_NOT_FOUND, "provider", "There is no speech provider '%.*s' that speaks.",
                          STR_ARG(str_sub(provider, 0, 64)));
        return false;
    }
    if ((*driver)->clone && *settings)
        return true;
    call_refuse_param(
        call, ERR_REFUSED, "provider",
        strcmp((*driver)->name, "xtts") == 0
            ? "An XTTS server takes new voices out of its own speakers folder: put the clip there "
              "as NAME.wav, and it appears among its voices."
            : "The provider '%.*s' cannot make a voice of a recording; ElevenLabs and Fish Audio "
              "can.",
        STR_ARG(str_sub(provider, 0, 64)));
    return false;
}

void handle_voice_clone(struct call *call)
{
    struct str type = STR_NONE;
    struct multipart_part file;
    struct error e = {0};
    const struct tts_driver *driver;
    const struct speech_provider *settings;
    http_header(call->req, "Content-Type", &type);
    if (!multipart_is(type)) {
        call_refuse(call, ERR_UNSUPPORTED_TYPE,
                    "Send multipart/form-data with the parts file, provider, name and consent.");
        return;
    }
    if (multipart_find(type, call->req->body, STR("file"), &file, &e) != ERR_OK) {
        call_error(call, &e);
        return;
    }
    struct str provider = form_text(call, type, "provider"), name = form_text(call, type, "name"),
               consent = form_text(call, type, "consent"), sound = clip_type(file.bytes);
    if (refuse_text(call, "consent", consent, CONSENT_MIN, CONSENT_MAX,
                    "Say as 'consent' whose voice it is, and when they agreed to its being cloned.") ||
        refuse_text(call, "name", name, 1, TITLE_MAX, "Give the voice a name of at most 100 bytes.") ||
        refuse_text(call, "file", sound, 1, SIZE_MAX,
                    "The clip is no recording: send WAV, FLAC, Ogg, MP3 or M4A.") ||
        !can_clone(call, provider, &driver, &settings))
        return;
    struct cloning *c = heap_alloc(sizeof *c);
    *c = (struct cloning){.ref = http_ref(call->req), .api = call->api, .driver = driver};
    config_named_copy(&c->arena, CONFIG_SPEECH_PROVIDERS, (const struct config_named *)settings,
                      (struct config_named *)&c->settings);
    c->provider = c->settings.name;
    c->consent = arena_str(&c->arena, consent);
    c->clone = (struct tts_clone){
        .name = arena_str(&c->arena, name),
        .language = arena_str(&c->arena, form_text(call, type, "language")),
        .transcript = arena_str(&c->arena, str_sub(form_text(call, type, "transcript"), 0, TRANSCRIPT_MAX)),
        .clip = arena_str(&c->arena, file.bytes),
        .type = sound,
    };
    c->job.home = loop_self();
    c->job.run = put_clip;
    c->job.done = clip_put;
    workers_submit(call->api->parts.workers, &c->job);
}

/* ---- removing ---- */
struct removal {
    struct cloning base; /* provider, voice, driver, settings */
    struct id id;
};

static void forgotten(struct store_op *op)
{
    on_loop();
    struct removal *r = op->arg;
    struct http_req *req = http_find(r->base.ref);
    r->base.error = op->error;
    store_op_free(op);
    if (req && !r->base.error.err)
        call_status(req->user, 204);
    finish(&r->base);
}

static LOOP void forget(struct removal *r)
{
    struct store_doc_delete *delete = STORE_NEW(doc_delete, DOC_DELETE);
    delete->type = STR(VOICE_CLONE_DOC);
    delete->tenant = tenant_local();
    delete->id = r->id;
    delete->erase = true;
    delete->op.arg = r;
    delete->op.done = forgotten;
    store_submit(r->base.api->parts.store, &delete->op);
}

static void uncloned(void *arg, struct str voice, enum err err, const struct error *e)
{
    on_loop();
    struct removal *r = arg;
    (void)voice;
    /* What the provider does not know any more is gone there. */
    if (err && strcmp(e->code, "upstream_refused") != 0) {
        r->base.error = *e;
        finish(&r->base);
        return;
    }
    forget(r);
}

static void found(struct call *call, struct store_op *op)
{
    on_loop();
    const struct store_doc_get *get = CONTAINER(op, struct store_doc_get, op);
    struct removal *r = heap_alloc(sizeof *r);
    const struct speech_provider *settings;
    r->id = get->doc.id;
    r->base.ref = http_ref(call->req);
    r->base.api = call->api;
    r->base.provider = arena_str(&r->base.arena, call_param(call, 0));
    r->base.voice = arena_str(&r->base.arena, call_param(call, 1));
    r->base.driver = chain_driver(call_config(call), r->base.provider, &settings);
    if (!r->base.driver || !settings || !r->base.driver->unclone) {
        forget(r); /* the provider is not there any more: what we keep of it goes */
        return;
    }
    config_named_copy(&r->base.arena, CONFIG_SPEECH_PROVIDERS, (const struct config_named *)settings,
                      (struct config_named *)&r->base.settings);
    if (r->base.driver->open(loop_self(), call->api->parts.workers, &r->base.settings, &r->base.tts,
                             &r->base.error) != ERR_OK ||
        !r->base.driver->unclone(r->base.tts, r->base.voice, uncloned, r, &r->base.error))
        finish(&r->base);
}

void handle_voice_delete(struct call *call)
{
    struct store_doc_get *get = STORE_NEW(doc_get, DOC_GET);
    struct arena *a = &get->op.arena;
    struct str slug =
        slug_of(a, str_sub(call_param(call, 0), 0, SLUG_MAX), str_sub(call_param(call, 1), 0, SLUG_MAX));
    get->type = STR(VOICE_CLONE_DOC);
    get->tenant = tenant_local();
    get->id = id_of_name(STR(VOICE_CLONE_DOC), slug);
    call_store(call, &get->op, found);
}
