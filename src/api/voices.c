/*
 * Voices: all that can be spoken with here, and how speaking fares.
 *
 * GET /api/voices   every provider's voices; those that cannot be reached are told beside the others
 * GET /api/voice    what speaks now, and why something does not
 *
 * Providers that have a list are asked at the same time, each by a driver of its own that lives as long as
 * the request (a change of the settings meanwhile does not touch it). Voices that were cloned from here
 * (voice_clone.c) are marked, with who agreed.
 */
#include "api/voices.h"

#include "tenant/principal.h"
#include "voice/chain.h"
#include "voice/listen.h"
#include "voice/meter.h"

/* One provider that is asked. */
struct asking {
    struct voice_page *page;
    struct str name;
    const struct speech_provider *settings;
    const struct tts_driver *driver;
    struct tts *tts;
    bool open; /* its answer is still to come */
};

struct voice_page {
    struct call *call;
    struct asking *list;
    size_t count, open;
    const struct doc_row *clones;
    size_t clone_count;
    struct buf voices, unreachable;
    bool begun; /* all have been asked */
};

static LOOP void page_close(struct voice_page *p)
{
    for (size_t i = 0; i < p->count; i++) {
        if (p->list[i].tts)
            p->list[i].driver->close(p->list[i].tts);
        p->list[i].tts = NULL;
    }
    buf_release(&p->voices);
    buf_release(&p->unreachable);
}

static void page_closed(struct http_req *req, bool complete)
{
    on_loop();
    struct voice_page *p = ((struct call *)req->user)->state;
    (void)complete;
    if (p)
        page_close(p);
}

/* ---- writing ---- */
static const struct json *clone_of(struct voice_page *p, struct str provider, struct str name)
{
    struct arena *a = call_arena(p->call);
    for (size_t i = 0; i < p->clone_count; i++) {
        struct json *doc = NULL;
        if (json_parse(a, p->clones[i].data, &doc, NULL) == ERR_OK &&
            str_eq(json_get_str(doc, "provider", STR_NONE), provider) &&
            str_eq(json_get_str(doc, "name", STR_NONE), name))
            return doc;
    }
    return NULL;
}

static LOOP void write_voice(struct voice_page *p, struct str provider, const struct tts_voice *voice)
{
    struct arena *a = call_arena(p->call);
    struct jw w = JW(&p->voices);
    struct str name = str_c(voice->name), about = str_c(voice->about);
    const struct json *clone = clone_of(p, provider, name);
    if (p->voices.n > 1)
        buf_add_char(&p->voices, ',');
    jw_object(&w);
    jw_kv_string(&w, "provider", provider);
    jw_kv_string(&w, "name", name);
    jw_kv_string(&w, "language", str_c(voice->language));
    jw_kv_string(&w, "about", clone ? json_get_str(clone, "title", about) : about);
    jw_kv_bool(&w, "cloned", clone != NULL);
    if (clone) {
        jw_kv_string(&w, "consent", json_get_str(clone, "consent", STR_NONE));
        jw_kv_string(&w, "clip", json_get_str(clone, "clip", STR_NONE));
    }
    jw_kv_string(&w, "preview", arena_printf(a, "%.*s/%.*s", STR_ARG(provider), STR_ARG(name)));
    jw_end_object(&w);
}

static LOOP void finish_page(struct voice_page *p)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    if (!p->begun || p->open)
        return;
    buf_add_char(&p->voices, ']');
    buf_add_char(&p->unreachable, ']');
    jw_object(&w);
    jw_kv_raw(&w, "data", buf_str(&p->voices));
    jw_kv_null(&w, "next");
    jw_kv_raw(&w, "unreachable", buf_str(&p->unreachable));
    jw_end_object(&w);
    struct call *call = p->call;
    call_json(call, 200, buf_str(&b));
}

/* A voice that only the settings know: its provider has no list, or does not name it there. */
static LOOP void write_own(struct asking *one, const struct tts_voice *voices, size_t count)
{
    struct str own = one->settings ? one->settings->voice : STR_NONE;
    if (!own.n)
        return;
    for (size_t i = 0; i < count; i++) {
        if (str_eq(own, str_c(voices[i].name)))
            return;
    }
    struct arena *a = call_arena(one->page->call);
    const struct tts_voice voice = {arena_cstr(a, own), arena_cstr(a, one->settings->language), ""};
    write_voice(one->page, one->name, &voice);
}

static LOOP void write_all(struct asking *one, const struct tts_voice *voices, size_t count)
{
    for (size_t i = 0; i < count; i++)
        write_voice(one->page, one->name, &voices[i]);
    write_own(one, voices, count);
}

static LOOP void write_unreachable(struct asking *one, const struct error *e)
{
    struct buf *b = &one->page->unreachable;
    struct jw w = JW(b);
    if (b->n > 1)
        buf_add_char(b, ',');
    jw_object(&w);
    jw_kv_string(&w, "provider", one->name);
    jw_kv_string(&w, "reason", str_c(e->message));
    jw_end_object(&w);
    write_own(one, NULL, 0);
}

/* ---- asking ---- */
static void listed(void *arg, const struct tts_voice *voices, size_t count, enum err err,
                   const struct error *e)
{
    on_loop();
    struct asking *one = arg;
    one->open = false;
    one->page->open--;
    if (err)
        write_unreachable(one, e);
    else
        write_all(one, voices, count);
    finish_page(one->page);
}

static LOOP void ask(struct asking *one, struct workers *workers)
{
    struct error e = {0};
    size_t count = 0;
    if (one->driver->open(loop_self(), workers, one->settings, &one->tts, &e) != ERR_OK) {
        write_unreachable(one, &e);
        return;
    }
    const struct tts_voice *fixed = one->driver->voices(one->tts, &count);
    if (count || !one->driver->list) {
        write_all(one, fixed, count);
        return;
    }
    one->open = true;
    one->page->open++;
    if (one->driver->list(one->tts, listed, one, &e))
        return;
    one->open = false;
    one->page->open--;
    write_unreachable(one, &e);
}

static LOOP void add(struct voice_page *p, struct str name, struct str wanted)
{
    const struct speech_provider *settings;
    const struct tts_driver *driver = chain_driver(call_config(p->call), name, &settings);
    if (driver && (!wanted.n || str_ieq(wanted, name)))
        p->list[p->count++] =
            (struct asking){.page = p, .name = name, .settings = settings, .driver = driver};
}

static void with_clones(struct call *call, struct store_op *op)
{
    on_loop();
    const struct store_docs_list *list = CONTAINER(op, struct store_docs_list, op);
    const struct config *config = call_config(call);
    struct arena *a = call_arena(call);
    struct str wanted = STR_NONE;
    if (!call_query(call, "provider", &wanted))
        wanted = STR_NONE;
    struct voice_page *p = arena_new(a, struct voice_page);
    struct doc_row *clones = arena_array(a, struct doc_row, list->count);
    for (size_t i = 0; i < list->count; i++)
        clones[i].data = arena_str(a, list->rows[i].data); /* the op goes when this returns */
    p->call = call;
    p->clones = clones;
    p->clone_count = list->count;
    size_t drivers;
    const struct tts_driver *const *driver = tts_drivers(&drivers);
    p->list = arena_array(a, struct asking, config->speech_count + drivers);
    buf_add_char(&p->voices, '[');
    buf_add_char(&p->unreachable, '[');
    call->state = p;
    call->req->on_closed = page_closed;
    for (size_t i = 0; i < drivers; i++) {
        if (driver[i]->can & TTS_LOCAL && !config_speech(config, str_c(driver[i]->name)))
            add(p, str_c(driver[i]->name), wanted);
    }
    for (size_t i = 0; i < config->speech_count; i++)
        add(p, config->speech[i].name, wanted);
    for (size_t i = 0; i < p->count; i++)
        ask(&p->list[i], call->api->parts.workers);
    p->begun = true;
    finish_page(p);
}

void handle_voices_list(struct call *call)
{
    struct store_docs_list *list = STORE_NEW(docs_list, DOCS_LIST);
    list->type = STR(VOICE_CLONE_DOC);
    list->tenant = tenant_local();
    list->limit = VOICE_CLONES_SHOWN;
    call_store(call, &list->op, with_clones);
}

/* ---- how it fares ---- */
static void write_speaker(struct jw *w, const struct config *config, struct str name)
{
    const struct speech_provider *settings;
    char reason[VOICE_METER_REASON];
    const struct tts_driver *driver = chain_driver(config, name, &settings);
    size_t place = SIZE_MAX;
    if (!driver)
        return;
    for (size_t k = config->voice.chain.n; k > 0; k--)
        place = str_ieq(config->voice.chain.v[k - 1], name) ? k : place;
    jw_object(w);
    jw_kv_string(w, "provider", name);
    jw_kv_string(w, "type", str_c(driver->name));
    jw_kv_bool(w, "ok", voice_meter_ok(voice_meter(name), reason));
    jw_kv_string(w, "reason", str_c(reason));
    jw_key(w, STR("place"));
    if (place == SIZE_MAX)
        jw_null(w);
    else
        jw_u64(w, place);
    jw_end_object(w);
}

void voices_write_speakers(struct jw *w, const struct config *config)
{
    size_t drivers;
    const struct tts_driver *const *driver = tts_drivers(&drivers);
    jw_array(w);
    for (size_t i = 0; i < drivers; i++) {
        if (driver[i]->can & TTS_LOCAL && !config_speech(config, str_c(driver[i]->name)))
            write_speaker(w, config, str_c(driver[i]->name));
    }
    for (size_t i = 0; i < config->speech_count; i++)
        write_speaker(w, config, config->speech[i].name);
    jw_end_array(w);
}

bool voices_health(const struct config *config, char *detail, size_t size)
{
    char reason[VOICE_METER_REASON];
    bool fine = true;
    detail[0] = '\0';
    for (size_t i = 0; i < config->speech_count && fine; i++) {
        const struct speech_provider *settings;
        if (!chain_driver(config, config->speech[i].name, &settings))
            continue;
        fine = voice_meter_ok(voice_meter(config->speech[i].name), reason);
        if (!fine)
            str_copy(detail, size, str_c(reason[0] ? reason : "A speech provider is left alone for now."));
    }
    return fine;
}

/* ear.chain, in its order. */
static LOOP void write_ears(struct jw *w, struct ears *ears)
{
    struct ears_info list[EARS_CHAIN_MAX];
    size_t count = ears ? ears_list(ears, list) : 0;
    jw_array(w);
    for (size_t i = 0; i < count; i++) {
        jw_object(w);
        jw_kv_string(w, "provider", list[i].name);
        jw_kv_string(w, "type", list[i].type);
        jw_kv_bool(w, "ok", list[i].ok);
        jw_kv_string(w, "reason", str_c(list[i].reason));
        jw_kv_u64(w, "place", i + 1);
        jw_end_object(w);
    }
    jw_end_array(w);
}

void handle_voice_state(struct call *call)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    jw_object(&w);
    jw_key(&w, STR("speak"));
    voices_write_speakers(&w, call_config(call));
    jw_key(&w, STR("hear"));
    write_ears(&w, call->api->parts.ears);
    struct listen_stats stats = {0};
    if (call->api->parts.listening)
        listening_stats(call->api->parts.listening, &stats);
    jw_kv_string(&w, "vad", stats.silero ? STR("silero") : STR("energy"));
    jw_key(&w, STR("https"));
    if (str_empty(call->api->https.url)) {
        jw_null(&w);
    } else {
        jw_object(&w);
        jw_kv_string(&w, "url", call->api->https.url);
        jw_end_object(&w);
    }
    jw_end_object(&w);
    call_json(call, 200, buf_str(&b));
}
