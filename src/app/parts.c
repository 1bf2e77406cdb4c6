/* The parts of the running server, opened and closed; see serve.h. */
#include "api/media.h"
#include "app/errand.h"
#include "app/listeners.h"
#include "app/serve.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/share.h"
#include "engine/scripted.h"
#include "loop/fetch.h"
#include "media/hub.h"
#include "net/ws_client.h"
#include "persona/house.h"
#include "voice/cache.h"
#include "voice/remote_tts.h"
#include "voice/sherpa.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LOOPS_DEFAULT_MAX = 8, GOODBYE_MS = 1000 };

/* The web app; weak, so that the server can be built and tested without it. */
extern const struct assets webapp_assets __attribute__((weak));

static void over(void *arg)
{
    errand_done(arg);
}

/* ---- opening ---- */

static enum err make_folder(const char *folder, struct error *e)
{
    if (mkdir(folder, 0700) == 0 || errno == EEXIST)
        return ERR_OK;
    return error_set(e, ERR_IO, "The data folder %s cannot be made: %s. Name another one with --data.",
                     folder, strerror(errno));
}

static unsigned loop_threads(const struct parts *p)
{
    const struct config *config = options_config(p->options);
    if (p->local)
        return 1; /* it serves one command */
    if (config->server.loops > 0)
        return (unsigned)config->server.loops;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return cores < 1 ? 1 : cores > LOOPS_DEFAULT_MAX ? LOOPS_DEFAULT_MAX : (unsigned)cores;
}

static enum err open_stores(struct parts *p, const char *folder, struct error *e)
{
    const struct config *config = options_config(p->options);
    struct store_options options = {
        .driver = config->store.driver,
        .folder = str_c(folder),
        .readers = (unsigned)config->store.readers,
        .batch_max = (unsigned)config->store.batch_max,
        .queue_max = (unsigned)config->store.queue_max,
        .cache_bytes = config->store.cache_size,
        .min_free_bytes = config->store.min_free,
        .checkpoint_pages = (unsigned)config->store.checkpoint_pages,
    };
    struct error complaint = {0};
    enum err err = store_open(&options, &p->store, e);
    if (err == ERR_OK)
        err = settings_load(p->options->settings, p->store, &complaint, e);
    if (err == ERR_OK && complaint.err != ERR_OK)
        log_warn("app", "%s", complaint.message);
    if (err == ERR_OK)
        err = index_open(&(struct index_options){.folder = folder}, &p->index, e);
    return err;
}

static void load_rules(const struct config *config, const char *folder)
{
    char path[4096];
    CLEANUP_BUF struct buf complaints = BUF_MAX(65536);
    snprintf(path, sizeof path, "%s/scripted", folder);
    scripted_setup(str_c(path), (unsigned)config->engine.scripted_delay, &complaints);
    struct str rest = buf_str(&complaints), line;
    while (str_cut(&rest, '\n', &line))
        log_warn("engine", "%.*s", STR_ARG(line));
}

static enum err open_cards(struct parts *p, const char *folder, struct error *e)
{
    const struct config *config = options_config(p->options);
    struct card_pool_options options = {.children = (unsigned)config->card.readers,
                                        .time_ms = config->card.read_timeout};
    enum err err = blobs_open(str_c(folder), &p->blobs, e);
    if (err == ERR_OK)
        p->card_pool = card_pool_new(p->loops, &options);
    return err;
}

/* Once all of them are there. */
static void join_cards(struct parts *p)
{
    p->cards = (struct card_importer){
        .loops = p->loops,
        .workers = p->workers,
        .store = p->store,
        .personas = p->personas,
        .blobs = p->blobs,
        .pool = p->card_pool,
        .tenant = tenant_local(),
    };
}

static void set_speech_models(const char *folder)
{
    CLEANUP_BUF struct buf models = BUF_INIT;
    buf_printf(&models, "%s/models", folder);
    sherpa_set_models(buf_str(&models));
}

static enum err open_organs(struct parts *p, const char *folder, struct error *e)
{
    const struct config *config = options_config(p->options);
    struct personas_options who = {.tenant = tenant_local(),
                                   .owner = tenant_owner(),
                                   .versions = (unsigned)options_config(p->options)->persona.versions};
    struct memory_options remember = {.tenant = tenant_local()};
    enum err err = personas_new(p->store, p->loops, &who, &p->personas, e);
    if (err == ERR_OK)
        err = memory_new(p->store, p->index, loops_get(p->loops, 0), &remember, &p->memory, e);
    if (err == ERR_OK)
        load_rules(config, folder);
    if (err == ERR_OK)
        err = engines_new(p->loops, config, &p->engines, e);
    p->voices = voices_new(p->workers);
    p->spoken = speech_cache_new(folder, options_config(p->options)->voice.cache_size);
    voices_set_cache(p->voices, p->spoken);
    voices_configure(p->voices, options_config(p->options));
    set_speech_models(folder);
    p->ear = ear_new(p->loops);
    p->ears = ears_new(p->loops, &(struct asr_house){.ear = p->ear}, config);
    p->listening = listening_new(p->loops, p->ears);
    if (err == ERR_OK)
        p->llama = llama_new(p->loops, p->workers, config);
    return err;
}

static void open_media(struct parts *p, const char *folder)
{
    struct media_hub_options options = {
        .loops = p->loops,
        .workers = p->workers,
        .store = p->store,
        .blobs = p->blobs,
        .tenant = tenant_local(),
        .folder = str_c(folder),
    };
    p->media = media_hub_new(&options);
    media_hub_set_config(p->media, options_config(p->options));
}

static void settings_changed(void *arg, const struct config *now)
{
    on_loop();
    struct parts *p = arg;
    struct net_limits limits = net_limits_of(now);
    engines_replace(p->engines, now);
    voices_configure(p->voices, now);
    ears_replace(p->ears, now);
    speech_cache_set_max(p->spoken, now->voice.cache_size);
    llama_set_config(p->llama, now);
    rooms_set_config(p->rooms, now);
    media_hub_set_config(p->media, now);
    net_set_limits(p->net, &limits);
}

static void open_rooms(struct parts *p)
{
    struct room_deps deps = {
        .loops = p->loops,
        .store = p->store,
        .personas = p->personas,
        .memory = p->memory,
        .engines = p->engines,
        .config = options_config(p->options),
        .voices = p->voices,
        .workers = p->workers,
        .blobs = p->blobs,
        .encode_sound = api_encode_sound,
        .media = p->media,
    };
    for (unsigned f = 0; f < FORMATS; f++)
        deps.encode[f] = api_encoders[f];
    p->rooms = rooms_new(&deps);
    struct api_parts api = {
        .loops = p->loops,
        .store = p->store,
        .personas = p->personas,
        .memory = p->memory,
        .engines = p->engines,
        .llama = p->llama,
        .spoken = p->spoken,
        .voices = p->voices,
        .ear = p->ear,
        .media = p->media,
        .ears = p->ears,
        .listening = p->listening,
        .workers = p->workers,
        .rooms = p->rooms,
        .settings = p->options->settings,
        .cards = &p->cards,
        .assets = &webapp_assets,
    };
    p->api = api_new(&api);
    settings_on_change(p->options->settings, settings_changed, p);
}

/* ---- what must be done before anybody is let in ---- */

struct seeding {
    struct personas_op op;
    struct arena arena;
    struct parts *parts;
    struct errand errand;
};

static void seeded(struct personas_op *op)
{
    on_loop();
    errand_done(&CONTAINER(op, struct seeding, op)->errand);
}

/* Then the cast; a house that could not be read keeps everything at its default, which is the safe side. */
static void house_loaded(struct personas_op *op)
{
    on_loop();
    struct seeding *s = CONTAINER(op, struct seeding, op);
    if (op->err != ERR_OK)
        log_warn("persona", "profiles and content limits could not be read: %s", op->error.message);
    s->op.done = seeded;
    personas_seed(s->parts->personas, &s->op);
}

static void seed(void *arg)
{
    on_loop();
    struct seeding *s = arg;
    s->op.arena = &s->arena;
    s->op.done = house_loaded;
    personas_house_load(s->parts->personas, &s->op);
}

static void prepare(struct parts *p)
{
    struct seeding s = {.parts = p, .errand = ERRAND(NULL, NULL)};
    struct errand recovered = ERRAND(NULL, NULL);
    loop_call(loops_get(p->loops, 0), seed, &s);
    rooms_recover(p->rooms, loops_get(p->loops, 0), over, &recovered);
    errand_wait(&s.errand);
    errand_wait(&recovered);
    rooms_drop_imports(p->rooms, loops_get(p->loops, 0));
    if (s.op.err != ERR_OK)
        log_warn("persona", "the cast could not be brought up to date: %s", s.op.error.message);
    arena_release(&s.arena);
}

static void refreshed(struct personas_op *op)
{
    on_loop();
    struct parts *p = CONTAINER(op, struct parts, refresh);
    if (op->err == ERR_OK && op->count)
        log_info("persona", "the list entries of %zu personas were made anew", op->count);
    arena_release(&p->refresh_arena);
}

/* What lists show of personas that an earlier version wrote; nobody waits for it. */
static void refresh(void *arg)
{
    on_loop();
    struct parts *p = arg;
    p->refresh.arena = &p->refresh_arena;
    p->refresh.done = refreshed;
    personas_refresh(p->personas, &p->refresh);
}

static void *check_store(void *arg)
{
    struct parts *p = arg;
    struct error e = {0};
    thread_become(THREAD_PLAIN, "check");
    if (store_check(p->store, &e) != ERR_OK)
        log_error("store", "%s", e.message);
    else
        log_info("store", "the last stop was not clean; the whole store was looked over and is sound");
    return NULL;
}

static void start_media(void *arg)
{
    on_loop();
    media_hub_start(arg);
}

static void start_models(void *arg)
{
    on_loop();
    llama_start(arg);
}

enum err parts_open(struct parts *p, struct error *e)
{
    char folder[4096];
    p->socket.folder_fd = -1;
    str_copy(folder, sizeof folder, options_config(p->options)->server.data);
    enum err err = make_folder(folder, e);
    if (err == ERR_OK)
        err = open_stores(p, folder, e);
    if (err == ERR_OK)
        err = loops_new(loop_threads(p), &p->loops, e);
    if (err == ERR_OK) {
        p->workers = workers_new((unsigned)options_config(p->options)->server.workers);
        err = open_organs(p, folder, e);
        if (err == ERR_OK)
            err = open_cards(p, folder, e);
    }
    if (err != ERR_OK)
        return err;
    join_cards(p);
    open_media(p, folder);
    open_rooms(p);
    struct net_config net = {.limits = net_limits_of(options_config(p->options)), .workers = p->workers};
    err = net_new(p->loops, &net, &p->net, e);
    if (err != ERR_OK)
        return err;
    api_set_net(p->api, p->net);
    loops_start(p->loops);
    p->running = true;
    memory_start(p->memory);
    run_on_loop(llama_home(p->llama), start_models, p->llama);
    run_on_loop(loops_get(p->loops, 0), start_media, p->media);
    prepare(p);
    api_set_ready(p->api);
    err = listeners_open(p, e);
    if (err != ERR_OK)
        return err;
    housekeeping_start(p);
    loop_call(loops_get(p->loops, 0), refresh, p);
    if (store_was_unclean(p->store))
        p->checking = pthread_create(&p->checker, NULL, check_store, p) == 0;
    return ERR_OK;
}

/* ---- closing ---- */

static void leave_engines(void *arg)
{
    on_loop();
    struct parts *p = arg;
    engines_stop(p->engines, loop_self());
    card_pool_stop(p->card_pool);
}

static void leave_voices(void *arg)
{
    on_loop();
    struct parts *p = arg;
    voices_stop(p->voices);
    remote_stop();
    listening_stop(p->listening);
    media_transcribe_stop();
    ears_stop(p->ears);
    sherpa_stop();
    ear_stop(p->ear);
    media_hub_stop(p->media);
}

static void leave_models(void *arg)
{
    on_loop();
    struct parts *p = arg;
    llama_stop(p->llama);
}

static void leave_fetch(void *arg)
{
    on_loop();
    (void)arg;
    ws_client_stop(loop_self());
    fetch_stop(loop_self());
}

struct memory_end {
    struct parts *parts;
    struct errand errand;
};

static void memory_ended(void *arg)
{
    errand_done(arg);
}

static void end_memory(void *arg)
{
    on_loop();
    struct memory_end *end = arg;
    memory_stop(end->parts->memory, memory_ended, &end->errand);
}

/* Turns and connections share one time to end; connections have a last moment for their goodbyes. */
static unsigned what_is_left(unsigned grace_ms, uint64_t began_us)
{
    uint64_t used_ms = (clock_mono_us() - began_us) / 1000;
    unsigned left_ms = used_ms < grace_ms ? grace_ms - (unsigned)used_ms : 0;
    unsigned goodbye_ms = grace_ms < GOODBYE_MS ? grace_ms : GOODBYE_MS;
    return left_ms > goodbye_ms ? left_ms : goodbye_ms;
}

static void stop_running(struct parts *p)
{
    unsigned grace_ms = (unsigned)options_config(p->options)->server.shutdown_timeout;
    uint64_t began_us = clock_mono_us();
    struct errand drained = ERRAND(NULL, NULL);
    struct memory_end end = {.parts = p, .errand = ERRAND(NULL, NULL)};
    housekeeping_stop(p);
    rooms_drain(p->rooms, loops_get(p->loops, 0), grace_ms, over, &drained);
    errand_wait(&drained);
    net_stop(p->net, what_is_left(grace_ms, began_us));
    loop_call(loops_get(p->loops, 0), end_memory, &end);
    errand_wait(&end.errand);
    for (unsigned i = 0; i < loops_count(p->loops); i++)
        run_on_loop(loops_get(p->loops, i), leave_engines, p);
    for (unsigned i = 0; i < loops_count(p->loops); i++)
        run_on_loop(loops_get(p->loops, i), leave_voices, p);
    run_on_loop(llama_home(p->llama), leave_models, p);
    for (unsigned i = 0; i < loops_count(p->loops); i++)
        run_on_loop(loops_get(p->loops, i), leave_fetch, p);
}

void parts_close(struct parts *p)
{
    if (p->running)
        stop_running(p);
    if (p->checking)
        pthread_join(p->checker, NULL);
    if (p->store)
        store_stop(p->store);
    if (p->index)
        index_stop(p->index);
    if (p->workers)
        workers_free(p->workers);
    if (p->loops)
        loops_stop(p->loops);
    if (p->net)
        net_free(p->net);
    if (p->socket_listener)
        socket_mark(&p->socket, false);
    socket_release(&p->socket);
    if (p->api)
        api_free(p->api);
    if (p->rooms)
        rooms_free(p->rooms);
    if (p->engines)
        engines_free(p->engines);
    if (p->llama)
        llama_free(p->llama);
    arena_release(&p->https_arena);
    if (p->voices)
        voices_free(p->voices);
    if (p->listening)
        listening_free(p->listening);
    if (p->ears)
        ears_free(p->ears);
    sherpa_free();
    speech_cache_free(p->spoken);
    if (p->ear)
        ear_free(p->ear);
    media_hub_free(p->media);
    if (p->memory)
        memory_free(p->memory);
    if (p->personas)
        personas_free(p->personas);
    card_pool_free(p->card_pool);
    blobs_close(p->blobs);
    if (p->index)
        index_close(p->index);
    if (p->store)
        store_close(p->store);
}
