/* Models and their children: loading, memory, silence, idleness, loss. See llama.h and llama_inner.h. */
#include "engine/llama_inner.h"

#include "base/clock.h"
#include "base/log.h"
#include "engine/model_pull.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    ACTIVE_MS = 3000,          /* figures are asked for so long after the last answer */
    OVERHEAD_BYTES = 64 << 20, /* of a process, beside weights and cache */
    PROMPT_NICE = 5,
};

static struct llama *shared;

struct llama *llama_shared(void)
{
    return shared;
}

struct loop *llama_home(struct llama *host)
{
    return host->home;
}

void llama_folder(struct llama *host, char to[LLAMA_PATH])
{
    const struct config *c = llama_config(host);
    if (c->llama.models.n)
        str_copy(to, LLAMA_PATH, c->llama.models);
    else
        snprintf(to, LLAMA_PATH, "%.*s/models", STR_ARG(str_sub(c->server.data, 0, LLAMA_PATH - 16)));
}

/* ---- memory */

/* A container's limit, where there is one. */
static uint64_t group_limit(void)
{
    char text[64] = "";
    uint64_t bytes = 0;
    FILE *file = fopen("/sys/fs/cgroup/memory.max", "re");
    if (file && !fgets(text, sizeof text, file))
        text[0] = '\0';
    if (file)
        fclose(file);
    return str_to_u64(str_trim(str_c(text)), &bytes) ? bytes : UINT64_MAX;
}

uint64_t llama_budget(struct llama *host)
{
    uint64_t set = llama_config(host)->llama.memory;
    if (set)
        return set;
    uint64_t all = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE), group = group_limit();
    return (all < group ? all : group) / 4 * 3;
}

uint64_t llama_needs(struct llama_model *model)
{
    uint64_t context = (uint64_t)llama_config(model->host)->llama.context;
    return model->bytes + context * model->token_bytes + OVERHEAD_BYTES;
}

static bool takes_memory(const struct llama_model *model)
{
    return model->state == LLAMA_LOADED || (model->state == LLAMA_LOADING && model->child);
}

static uint64_t taken_by_others(const struct llama_model *model, unsigned *count)
{
    uint64_t bytes = 0;
    *count = 0;
    for (const struct llama_model *m = model->host->models; m; m = m->next) {
        if (m != model && takes_memory(m)) {
            bytes += m->memory;
            (*count)++;
        }
    }
    return bytes;
}

static struct llama_model *longest_idle(const struct llama_model *but)
{
    struct llama_model *found = NULL;
    for (struct llama_model *m = but->host->models; m; m = m->next) {
        if (m != but && m->state == LLAMA_LOADED && !m->jobs && (!found || m->used_us < found->used_us))
            found = m;
    }
    return found;
}

/* Unloads what is idle until the model fits. False: others work, it must wait; or it failed. */
static bool make_room(struct llama_model *model) LOOP
{
    struct llama *host = model->host;
    uint64_t needs = llama_needs(model), budget = llama_budget(host);
    unsigned count;
    if (needs > budget) {
        char sentence[GEN_SENTENCE];
        snprintf(
            sentence, sizeof sentence,
            "The model '%s' needs about %.1f GB, but models may take %.1f GB here (llama.memory). Choose a "
            "smaller model or quantization, or a smaller llama.context.",
            model->name, (double)needs / 1e9, (double)budget / 1e9);
        llama_fail(model, false, sentence);
        return false;
    }
    while (needs + taken_by_others(model, &count) > budget ||
           count >= (unsigned)llama_config(host)->llama.max_loaded) {
        struct llama_model *idle = longest_idle(model);
        if (!idle)
            return false;
        log_info("llama", "%s makes room for %s", idle->name, model->name);
        llama_unload(idle);
    }
    return true;
}

/* ---- the child */

static bool beside(char to[LLAMA_PATH], const char *under)
{
    char self[LLAMA_PATH - 64];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n <= 0)
        return false;
    self[n] = '\0';
    *strrchr(self, '/') = '\0';
    snprintf(to, LLAMA_PATH, "%s/%s/%s", self, under, LLAMA_CHILD_NAME);
    return access(to, X_OK) == 0;
}

bool llama_program(struct llama *host, char to[LLAMA_PATH])
{
    const struct config *c = llama_config(host);
    if (c->llama.program.n) {
        str_copy(to, LLAMA_PATH, c->llama.program);
        return access(to, X_OK) == 0;
    }
    return beside(to, "lib") || beside(to, "../lib/eidolon");
}

static void set_text(char **to, struct str text)
{
    free(*to);
    *to = text.n ? heap_cstr(text) : NULL;
}

static void send_load(struct llama_model *model) LOOP
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    const struct config *c = llama_config(model->host);
    unsigned count;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    int64_t threads = c->llama.threads ? c->llama.threads : cores > 1 ? cores - 1 : 1;
    uint64_t budget = llama_budget(model->host), others = taken_by_others(model, &count);
    jw_object(&w);
    jw_kv_string(&w, "op", STR("load"));
    jw_kv_string(&w, "path", str_c(model->path));
    jw_kv_i64(&w, "context", c->llama.context);
    jw_kv_i64(&w, "sequences", c->llama.sequences);
    jw_kv_i64(&w, "batch", c->llama.batch);
    jw_kv_i64(&w, "threads", threads);
    /* On the wire 0 is the child's own choice, all of them, and below 0 none. */
    int64_t layers = c->llama.gpu_layers;
    jw_kv_i64(&w, "gpu_layers", layers < 0 ? 0 : layers == 0 ? -1 : layers);
    jw_kv_u64(&w, "memory_max", budget > others ? budget - others : 1);
    jw_end_object(&w);
    model->told = true;
    child_send(model->child, buf_str(&b), NULL);
}

static void on_loaded(struct llama_model *model, const struct json *frame) LOOP
{
    uint64_t memory = (uint64_t)json_get_i64(frame, "memory_bytes", 0);
    if (model->state != LLAMA_LOADING)
        return;
    set_text(&model->loaded, frame->raw);
    model->state = LLAMA_LOADED;
    model->progress = 1;
    model->memory = memory ? memory : model->memory;
    model->error[0] = '\0';
    model->retry_ms = 0;
    model->wanted = false;
    model->used_us = clock_mono_us();
    log_info("llama", "%s is loaded (%.1f s, %.2f GB)", model->name,
             (double)(model->used_us - model->loading_us) / 1e6, (double)model->memory / 1e9);
    llama_figures_update(model);
    llama_pump(model);
}

static void on_load_failed(struct llama_model *model, const struct json *frame) LOOP
{
    struct str code = json_get_str(frame, "code", STR_NONE);
    char sentence[GEN_SENTENCE];
    str_copy(sentence, sizeof sentence,
             json_get_str(frame, "sentence",
                          STR("The model could not be loaded, and its process did not say why.")));
    if (model->state == LLAMA_LOADING)
        llama_fail(model, str_eq(code, STR("malformed")), sentence);
}

static void on_stats(struct llama_model *model, const struct json *frame, bool *alive) LOOP
{
    /* Figures that stand still are no sign of life: a process may answer while its work hangs. */
    *alive = !model->stats || !str_eq(str_c(model->stats), frame->raw);
    set_text(&model->stats, frame->raw);
    uint64_t memory = (uint64_t)json_get_i64(frame, "memory_bytes", 0);
    if (memory)
        model->memory = memory;
    llama_figures_update(model);
}

static void take_frame(struct llama_model *model, const struct json *frame) LOOP
{
    struct str ev = json_get_str(frame, "ev", STR_NONE);
    bool alive = true;
    if (str_eq(ev, STR("hello"))) {
        set_text(&model->host->hello, frame->raw);
        model->hello = true;
        if (model->state == LLAMA_LOADING && !model->told)
            send_load(model);
    } else if (str_eq(ev, STR("progress"))) {
        model->progress = json_get_double(frame, "fraction", model->progress);
    } else if (str_eq(ev, STR("loaded"))) {
        on_loaded(model, frame);
    } else if (str_eq(ev, STR("failed"))) {
        on_load_failed(model, frame);
    } else if (str_eq(ev, STR("stats"))) {
        on_stats(model, frame, &alive);
    } else if (str_eq(ev, STR("error")) && !json_get_i64(frame, "id", 0)) {
        /* Of no question: what it says before it gives itself up. */
        str_copy(model->words, sizeof model->words, json_get_str(frame, "sentence", STR_NONE));
        if (model->words[0] && !model->killed)
            model->killed = model->words;
    } else {
        llama_answer(model, ev, frame);
    }
    if (alive)
        model->frame_us = clock_mono_us();
}

static void on_frame(void *arg, struct str text)
{
    on_loop();
    struct llama_model *model = arg;
    struct arena a = ARENA_INIT;
    struct json *frame = NULL;
    struct str copy = arena_str(&a, text); /* the child may be closed while it is read */
    if (json_parse(&a, copy, &frame, NULL) == ERR_OK && frame->type == JSON_OBJECT) {
        take_frame(model, frame);
    } else if (!model->killed) {
        model->killed = "The model process said something that makes no sense and was ended.";
        child_kill(model->child);
    }
    arena_release(&a);
}

static void forget_process(struct llama_model *model)
{
    set_text(&model->loaded, STR_NONE);
    set_text(&model->stats, STR_NONE);
    model->hello = model->told = false;
    model->killed = NULL;
    model->memory = 0;
    model->progress = 0;
}

static void on_lost(void *arg, const char *sentence)
{
    on_loop();
    struct llama_model *model = arg;
    enum llama_state was = model->state;
    const char *why = model->killed ? model->killed : sentence;
    model->crashes++;
    log_warn("llama", "%s: %s", model->name, why);
    forget_process(model);
    if (was == LLAMA_LOADING) {
        llama_fail(model, false, why);
        return;
    }
    model->state = LLAMA_FILE;
    str_copy(model->error, sizeof model->error, str_c(why));
    llama_figures_update(model);
    llama_jobs_fail(model, false, GEN_CUT, why);
    /* What it had not begun goes to its successor; the child keeps to its back-off. */
    llama_pump_all(model->host);
}

static void on_tick(struct timer *timer);

static void start_child(struct llama_model *model) LOOP
{
    static const struct child_events events = {on_frame, on_lost};
    char program[LLAMA_PATH];
    if (!llama_program(model->host, program)) {
        char sentence[GEN_SENTENCE];
        if (llama_config(model->host)->llama.program.n)
            snprintf(sentence, sizeof sentence,
                     "The program that runs models, %.250s, is not there. Correct llama.program.", program);
        else
            snprintf(sentence, sizeof sentence,
                     "This installation cannot run models: lib/%s is not beside the program. `eidolon "
                     "doctor` says "
                     "how to get it.",
                     LLAMA_CHILD_NAME);
        llama_fail(model, false, sentence);
        return;
    }
    model->state = LLAMA_LOADING;
    model->progress = 0;
    model->memory = llama_needs(model);
    model->loading_us = model->frame_us = clock_mono_us();
    if (model->child) {
        child_start(model->child);
    } else {
        const struct child_options options = {.name = "model", .program = program, .nice = PROMPT_NICE};
        model->child = child_open(model->host->home, &options, &events, model);
    }
    if (!timer_armed(&model->host->tick))
        timer_arm(&model->host->tick, LLAMA_TICK_MS, on_tick);
}

void llama_unload(struct llama_model *model)
{
    if (model->child)
        child_close(model->child);
    model->child = NULL;
    forget_process(model);
    if (model->state != LLAMA_FAILED)
        model->state = LLAMA_FILE;
    model->wanted = false;
    llama_figures_update(model);
}

void llama_fail(struct llama_model *model, bool lasting, const char *sentence)
{
    char text[GEN_SENTENCE];
    str_copy(text, sizeof text, str_c(sentence)); /* it may lie in what is freed here */
    llama_unload(model);
    model->state = LLAMA_FAILED;
    model->lasting = lasting;
    model->retry_ms = model->retry_ms ? model->retry_ms * 2 : RETRY_FIRST_MS;
    if (model->retry_ms > RETRY_MAX_MS)
        model->retry_ms = RETRY_MAX_MS;
    model->retry_us = clock_mono_us() + model->retry_ms * 1000;
    str_copy(model->error, sizeof model->error, str_c(text));
    log_warn("llama", "%s could not be loaded: %s", model->name, text);
    llama_jobs_fail(model, true, GEN_UNAVAILABLE, text);
    llama_pump_all(model->host);
}

/* ---- what is due */

static void on_inspected(void *arg, struct str json, const char *sentence)
{
    on_loop();
    struct llama_model *model = arg;
    struct arena a = ARENA_INIT;
    struct json *details = NULL;
    model->inspecting = false;
    if (model->state == LLAMA_LOADING)
        model->state = LLAMA_FILE;
    if (!json.n) {
        llama_fail(model, true, sentence);
    } else if (json_parse(&a, arena_str(&a, json), &details, NULL) == ERR_OK) {
        set_text(&model->details, json);
        model->token_bytes = (uint64_t)json_get_i64(details, "token_bytes", 0);
        llama_pump(model);
    }
    arena_release(&a);
    llama_show_settle(model->host);
}

struct inspector *llama_inspector(struct llama *host)
{
    if (!host->inspector)
        host->inspector = inspector_new(host->home);
    return host->inspector;
}

void llama_inspect(struct llama_model *model)
{
    if (model->details || model->inspecting || (model->state == LLAMA_FAILED && model->lasting))
        return;
    model->inspecting = true;
    inspect(llama_inspector(model->host), str_c(model->path), on_inspected, model);
}

static void begin(struct llama_model *model) LOOP
{
    if (model->there < model->parts) {
        char sentence[GEN_SENTENCE];
        snprintf(sentence, sizeof sentence,
                 "Of the %u parts of the model '%s' only %u are there. Download it again.", model->parts,
                 model->name, model->there);
        llama_fail(model, true, sentence);
    } else if (!model->details) {
        model->state = LLAMA_LOADING;
        llama_inspect(model);
    } else if (make_room(model)) {
        start_child(model);
    }
}

void llama_pump(struct llama_model *model)
{
    if (model->host->stopped || model->state == LLAMA_LOADING)
        return;
    if (model->state == LLAMA_LOADED) {
        llama_send_jobs(model);
        return;
    }
    if (!model->jobs && !model->wanted)
        return;
    if (model->state == LLAMA_FAILED && !model->wanted &&
        (model->lasting || clock_mono_us() < model->retry_us)) {
        llama_jobs_fail(model, true, GEN_UNAVAILABLE, model->error);
        return;
    }
    begin(model);
}

void llama_pump_all(struct llama *host)
{
    for (struct llama_model *m = host->models; m; m = m->next)
        if (m->state == LLAMA_FILE)
            llama_pump(m);
}

static void watch(struct llama_model *model, uint64_t now) LOOP
{
    const struct config *c = llama_config(model->host);
    bool works = model->state == LLAMA_LOADING || model->sent;
    if (works && !model->killed && child_running(model->child) &&
        now - model->frame_us > c->llama.stall_timeout * 1000) {
        model->killed =
            "The model process was silent for longer than llama.stall_timeout allows and was ended.";
        child_kill(model->child);
        return;
    }
    if (!child_running(model->child) && model->state == LLAMA_LOADING)
        model->frame_us = now; /* it waits for its back-off */
    if (model->state != LLAMA_LOADED)
        return;
    if (model->sent || now - model->used_us < ACTIVE_MS * 1000ull)
        child_send(model->child, STR("{\"op\":\"stats\"}"), NULL);
    if (!model->jobs && c->llama.idle_timeout && now - model->used_us > c->llama.idle_timeout * 1000) {
        log_info("llama", "%s is unloaded: nobody used it for a while", model->name);
        llama_unload(model);
    }
}

static void on_tick(struct timer *timer)
{
    on_loop();
    struct llama *host = CONTAINER(timer, struct llama, tick);
    uint64_t now = clock_mono_us();
    bool more = false;
    for (struct llama_model *m = host->models; m; m = m->next) {
        if (m->child && m->state != LLAMA_FAILED)
            watch(m, now);
        more = more || m->child;
    }
    llama_pump_all(host); /* those that wait for room */
    if (more && !host->stopped)
        timer_arm(timer, LLAMA_TICK_MS, on_tick);
}

/* ---- models */

struct llama_model *llama_model_find(struct llama *host, struct str path)
{
    struct llama_model *m = host->models;
    while (m && !str_eq(str_c(m->path), path))
        m = m->next;
    return m;
}

struct llama_model *llama_model_of(struct llama *host, const struct model_file *file)
{
    struct llama_model *m = llama_model_find(host, file->path);
    if (!m) {
        m = heap_alloc(sizeof *m);
        m->host = host;
        m->path = heap_cstr(file->path);
        m->name = heap_cstr(file->name);
        m->next = host->models;
        host->models = m;
    } else if (m->bytes == file->bytes && m->changed_ms == file->changed_ms && m->there == file->there) {
        return m;
    } else if (m->state == LLAMA_FAILED || m->state == LLAMA_FILE) {
        /* Another file than the one that was looked into, or that failed. */
        m->state = LLAMA_FILE;
        m->error[0] = '\0';
        m->retry_ms = 0;
        set_text(&m->details, STR_NONE);
    }
    m->bytes = file->bytes;
    m->changed_ms = file->changed_ms;
    m->parts = file->parts;
    m->there = file->there;
    return m;
}

static void free_model(struct llama_model *m)
{
    free(m->path);
    free(m->name);
    free(m->details);
    free(m->loaded);
    free(m->stats);
    free(m);
}

/* ---- life */

struct llama *llama_new(struct loops *loops, struct workers *workers, const struct config *config)
{
    struct llama *host = heap_alloc(sizeof *host);
    host->loops = loops;
    host->home = loops_get(loops, 0);
    host->workers = workers;
    atomic_store(&host->config, config);
    pthread_mutex_init(&host->lock, NULL);
    host->pulls = pulls_new(host);
    shared = host;
    return host;
}

void llama_set_config(struct llama *host, const struct config *config)
{
    atomic_store_explicit(&host->config, config, memory_order_release);
}

void llama_start(struct llama *host)
{
    on_loop();
    pulls_start(host->pulls);
}

void llama_stop(struct llama *host)
{
    on_loop();
    host->stopped = true;
    pulls_stop(host->pulls);
    llama_jobs_drop(host);
    for (struct llama_model *m = host->models; m; m = m->next)
        llama_unload(m);
    if (host->inspector)
        inspector_free(host->inspector);
    host->inspector = NULL;
    if (host->probe)
        child_close(host->probe);
    host->probe = NULL;
    timer_close(&host->tick);
    timer_close(&host->probe_late);
    llama_show_settle(host);
}

void llama_free(struct llama *host)
{
    while (host->models) {
        struct llama_model *m = host->models;
        host->models = m->next;
        free_model(m);
    }
    while (host->figures) {
        struct llama_figures *f = host->figures;
        host->figures = f->next;
        free(f);
    }
    pulls_free(host->pulls);
    free(host->hello);
    pthread_mutex_destroy(&host->lock);
    if (shared == host)
        shared = NULL;
    free(host);
}
