/*
 * What is asked about models, and what is told: lists, the library, loading by hand, figures. See llama.h.
 *
 * An op that names or lists models first has a worker look at the folder, then waits until every new file of
 * it was looked into, so that the first list is whole.
 */
#include "engine/llama_inner.h"

#include "engine/model_pull.h"

#include <stdio.h>
#include <stdlib.h>

enum { PROBE_MS = 15 * 1000 };

struct llama_scan {
    struct job job;
    struct llama_scan *next;
    struct llama *host;
    struct llama_op *op;
    char folder[LLAMA_PATH];
    struct model_file *files;
    size_t count;
    bool found; /* the worker is done */
};

/* ---- ops */

struct llama_op *llama_op_new(enum llama_verb verb, struct str name)
{
    struct llama_op *op = heap_alloc(sizeof *op);
    op->verb = verb;
    op->name = arena_str(&op->arena, name);
    return op;
}

void llama_op_free(struct llama_op *op)
{
    arena_release(&op->arena);
    free(op);
}

static void op_back(struct msg *msg)
{
    on_loop();
    struct llama_op *op = CONTAINER(msg, struct llama_op, msg);
    op->done(op);
}

static void op_end(struct llama_op *op)
{
    op->msg.deliver = op_back;
    loop_post(op->from, &op->msg);
}

/* ---- a model as JSON */

static struct json *parsed(struct arena *a, const char *text)
{
    struct json *json = NULL;
    return text && json_parse(a, str_c(text), &json, NULL) == ERR_OK ? json : NULL;
}

static void put_text(struct jw *w, const char *key, const struct json *from, const char *member)
{
    struct str text = json_get_str(from, member, STR_NONE);
    if (text.n)
        jw_kv_string(w, key, text);
    else
        jw_kv_null(w, key);
}

static void put_number(struct jw *w, const char *key, const struct json *from, const char *member)
{
    int64_t n = json_get_i64(from, member, 0);
    if (n > 0)
        jw_kv_i64(w, key, n);
    else
        jw_kv_null(w, key);
}

/* The members of a frame, without its name. */
static void put_frame(struct jw *w, const char *key, const struct json *frame)
{
    jw_key(w, str_c(key));
    if (!frame) {
        jw_null(w);
        return;
    }
    jw_object(w);
    json_each (member, frame) {
        if (str_eq(member->key, STR("ev")))
            continue;
        jw_key(w, member->key);
        jw_raw(w, member->raw);
    }
    jw_end_object(w);
}

static const char *state_name(const struct llama_model *m)
{
    static const char *const names[] = {"file", "loading", "loaded", "failed"};
    /* Looking into a file that nobody asked for is not loading. */
    return names[m->state == LLAMA_LOADING && !m->child && !m->jobs && !m->wanted ? LLAMA_FILE : m->state];
}

static void put_origin(struct jw *w, struct arena *a, struct str origin)
{
    struct json *json = NULL;
    if (origin.n && json_parse(a, origin, &json, NULL) != ERR_OK)
        json = NULL;
    put_text(w, "sha256", json, "sha256");
    put_text(w, "url", json, "url");
    put_text(w, "licence", json, "licence");
}

static void put_needs(struct jw *w, struct llama_model *m) LOOP
{
    uint64_t needs = llama_needs(m);
    jw_kv_u64(w, "needs_bytes", needs);
    jw_kv_bool(w, "fits", needs <= llama_budget(m->host));
    jw_key(w, STR("memory_bytes"));
    if (m->state == LLAMA_LOADED)
        jw_u64(w, m->memory);
    else
        jw_null(w);
}

static struct str base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return str_c(slash ? slash + 1 : path);
}

static void put_model(struct jw *w, struct llama_model *m, struct str origin) LOOP
{
    struct arena a = ARENA_INIT;
    const struct json *details = parsed(&a, m->details), *loaded = parsed(&a, m->loaded);
    jw_object(w);
    jw_kv_string(w, "name", str_c(m->name));
    jw_kv_string(w, "file", base_name(m->path));
    jw_kv_u64(w, "size_bytes", m->bytes);
    jw_kv_u64(w, "parts", m->parts);
    put_origin(w, &a, origin);
    jw_kv_string(w, "state", str_c(state_name(m)));
    if (m->error[0])
        jw_kv_string(w, "error", str_c(m->error));
    else
        jw_kv_null(w, "error");
    jw_kv_double(w, "progress", m->progress);
    put_text(w, "arch", details, "arch");
    put_number(w, "parameters", details, "parameters");
    put_number(w, "context", details, "context");
    put_text(w, "quantization", details, "quantization");
    jw_kv_bool(w, "template", json_get_bool(details, "template", false));
    jw_kv_bool(w, "embeds", json_get_bool(details, "embeds", false));
    put_needs(w, m);
    put_frame(w, "loaded", loaded);
    put_frame(w, "stats", parsed(&a, m->stats));
    jw_kv_u64(w, "answers", m->answers);
    jw_end_object(w);
    arena_release(&a);
}

/* ---- ops on models */

static void list(struct llama_scan *s, struct jw *w) LOOP
{
    jw_array(w);
    for (size_t i = 0; i < s->count; i++)
        put_model(w, llama_model_of(s->host, &s->files[i]), s->files[i].origin);
    /* What engines name by a path outside the folder. */
    for (struct llama_model *m = s->host->models; m; m = m->next) {
        bool gone = m->state == LLAMA_FAILED && str_starts(str_c(m->path), str_c(s->folder));
        bool listed = m->state == LLAMA_FILE || gone;
        for (size_t i = 0; i < s->count && !listed; i++)
            listed = str_eq(s->files[i].path, str_c(m->path));
        if (!listed)
            put_model(w, m, STR_NONE);
    }
    jw_end_array(w);
}

static const struct model_file *named(const struct llama_scan *s)
{
    for (size_t i = 0; i < s->count; i++)
        if (str_eq(s->files[i].name, s->op->name))
            return &s->files[i];
    return NULL;
}

static void load(struct llama_model *m) LOOP
{
    m->wanted = m->state != LLAMA_LOADED;
    if (m->state == LLAMA_FAILED) {
        m->state = LLAMA_FILE;
        m->lasting = false;
        m->retry_ms = 0;
        m->error[0] = '\0';
    }
    llama_pump(m);
}

static enum err unload(struct llama_model *m, struct llama_op *op) LOOP
{
    if (m->jobs && !op->force)
        return error_set(
            &op->error, ERR_BUSY,
            "The model '%s' is writing an answer; try again when it is done, or use ?force=true.", m->name);
    llama_jobs_fail(m, true, GEN_UNAVAILABLE, "The model was unloaded while it wrote.");
    llama_unload(m);
    return ERR_OK;
}

static void answer(struct llama_scan *s) LOOP
{
    struct llama_op *op = s->op;
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    if (s->host->stopped) {
        op->err = error_set(&op->error, ERR_CLOSED, "The server stops.");
    } else if (op->err == ERR_OK && op->verb == LLAMA_LIST) {
        list(s, &w);
    } else if (op->err == ERR_OK) {
        const struct model_file *file = named(s);
        struct llama_model *m = file ? llama_model_of(s->host, file) : NULL;
        if (!m)
            op->err = error_set(&op->error, ERR_NOT_FOUND, "There is no model called '%.*s'.",
                                STR_ARG(str_sub(op->name, 0, 100)));
        else if (op->verb == LLAMA_LOAD)
            load(m);
        else if (op->verb == LLAMA_UNLOAD)
            op->err = unload(m, op);
        if (m && !op->err)
            put_model(&w, m, file->origin);
    }
    op->json = arena_str(&op->arena, buf_str(&b));
    op_end(op);
    arena_release(&s->job.arena);
    free(s);
}

static bool looked_into(const struct llama_scan *s) LOOP
{
    for (size_t i = 0; i < s->count && !s->host->stopped; i++)
        if (llama_model_of(s->host, &s->files[i])->inspecting)
            return false;
    return true;
}

static void scan_run(struct job *job)
{
    on_worker();
    struct llama_scan *s = CONTAINER(job, struct llama_scan, job);
    s->op->err = model_files_scan(&job->arena, s->folder, &s->files, &s->count, &s->op->error);
    if (s->op->err || s->op->verb != LLAMA_DELETE)
        return;
    const struct model_file *file = named(s);
    s->op->err = file ? model_file_delete(file, &s->op->error)
                      : error_set(&s->op->error, ERR_NOT_FOUND, "There is no model called '%.*s'.",
                                  STR_ARG(str_sub(s->op->name, 0, 100)));
}

static void scan_done(struct job *job)
{
    on_loop();
    struct llama_scan *s = CONTAINER(job, struct llama_scan, job);
    s->host->errands--;
    s->found = true;
    bool whole = s->op->verb == LLAMA_LIST || s->op->verb == LLAMA_SHOW;
    for (size_t i = 0; whole && i < s->count && !s->host->stopped; i++)
        llama_inspect(llama_model_of(s->host, &s->files[i]));
    llama_show_settle(s->host);
}

static void scan_begin(struct llama *host, struct llama_op *op) LOOP
{
    struct llama_scan *s = heap_alloc(sizeof *s);
    s->host = host;
    s->op = op;
    s->job.run = scan_run;
    s->job.done = scan_done;
    llama_folder(host, s->folder);
    s->next = host->scans;
    host->scans = s;
    host->errands++;
    workers_submit(host->workers, &s->job);
}

/* Deleting: what is in use is unloaded first, or refused. */
static void delete_begin(struct llama *host, struct llama_op *op) LOOP
{
    for (struct llama_model *m = host->models; m; m = m->next) {
        if (!str_eq(str_c(m->name), op->name) || m->state == LLAMA_FILE || m->state == LLAMA_FAILED)
            continue;
        op->err = unload(m, op);
        if (op->err) {
            op_end(op);
            return;
        }
    }
    scan_begin(host, op);
}

/* ---- the library */

static void library_answer(struct llama *host, struct llama_op *op) LOOP
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    struct arena a = ARENA_INIT;
    const struct json *hello = parsed(&a, host->hello), *backends = json_get(hello, "backends");
    char program[LLAMA_PATH] = "", folder[LLAMA_PATH];
    bool there = llama_program(host, program);
    llama_folder(host, folder);
    jw_object(&w);
    jw_kv_bool(&w, "found", hello != NULL);
    jw_kv_bool(&w, "program", there);
    put_text(&w, "version", hello, "version");
    put_text(&w, "release", hello, "release");
    jw_kv_raw(&w, "backends", backends ? backends->raw : STR("[]"));
    if (hello || !host->library_error[0])
        jw_kv_null(&w, "error");
    else
        jw_kv_string(&w, "error", str_c(host->library_error));
    jw_kv_string(&w, "folder", str_c(folder));
    jw_kv_u64(&w, "memory_budget", llama_budget(host));
    jw_kv_i64(&w, "context", llama_config(host)->llama.context);
    jw_end_object(&w);
    op->json = arena_str(&op->arena, buf_str(&b));
    arena_release(&a);
    op_end(op);
}

static void probe_end(struct llama *host, struct str hello, const char *error) LOOP
{
    if (host->probe)
        child_close(host->probe);
    host->probe = NULL;
    host->probing = false;
    host->probed = true;
    timer_cancel(&host->probe_late);
    if (hello.n) {
        free(host->hello);
        host->hello = heap_cstr(hello);
    } else {
        str_copy(host->library_error, sizeof host->library_error, str_c(error));
    }
    llama_show_settle(host);
}

static void probe_frame(void *arg, struct str frame)
{
    on_loop();
    struct arena a = ARENA_INIT;
    struct json *json = NULL;
    frame = arena_str(&a, frame);
    if (json_parse(&a, frame, &json, NULL) != ERR_OK)
        json = NULL;
    if (str_eq(json_get_str(json, "ev", STR_NONE), STR("hello")))
        probe_end(arg, frame, "");
    else
        probe_end(arg, STR_NONE,
                  arena_cstr(
                      &a, json_get_str(json, "sentence", STR("The model program does not say what it is."))));
    arena_release(&a);
}

static void probe_lost(void *arg, const char *sentence)
{
    on_loop();
    probe_end(arg, STR_NONE, sentence);
}

static void probe_slow(struct timer *timer)
{
    on_loop();
    probe_end(CONTAINER(timer, struct llama, probe_late), STR_NONE,
              "The model program did not say what it is within 15 s.");
}

static void probe_begin(struct llama *host) LOOP
{
    static const struct child_events events = {probe_frame, probe_lost};
    char program[LLAMA_PATH];
    if (host->probing)
        return;
    host->probing = true;
    if (!llama_program(host, program)) {
        probe_end(host, STR_NONE,
                  "The program that runs models, lib/" LLAMA_CHILD_NAME ", is not beside Eidolon's own. Run "
                  "`eidolon doctor`, or set llama.program.");
        return;
    }
    const struct child_options options = {.name = "model", .program = program};
    host->probe = child_open(host->home, &options, &events, host);
    timer_arm(&host->probe_late, PROBE_MS, probe_slow);
}

/* ---- arriving, and being answered */

void llama_show_settle(struct llama *host)
{
    for (struct llama_scan **at = &host->scans; *at;) {
        struct llama_scan *s = *at;
        if (!s->found || !looked_into(s)) {
            at = &s->next;
            continue;
        }
        *at = s->next;
        answer(s);
        at = &host->scans; /* answering may change the list */
    }
    while (host->library_ops && (!host->probing || host->stopped)) {
        struct llama_op *op = host->library_ops;
        struct msg *next = op->msg.next;
        host->library_ops = next ? CONTAINER(next, struct llama_op, msg) : NULL;
        library_answer(host, op);
    }
}

static void op_here(struct msg *msg)
{
    on_loop();
    struct llama_op *op = CONTAINER(msg, struct llama_op, msg);
    struct llama *host = llama_shared();
    if (host->stopped) {
        op->err = error_set(&op->error, ERR_CLOSED, "The server stops.");
        op_end(op);
    } else if (op->verb == LLAMA_LIBRARY) {
        op->msg.next = host->library_ops ? &host->library_ops->msg : NULL;
        host->library_ops = op;
        if (!host->hello)
            probe_begin(host);
        llama_show_settle(host);
    } else if (op->verb == LLAMA_PULL || op->verb == LLAMA_PULLS || op->verb == LLAMA_PULL_SHOW ||
               op->verb == LLAMA_PULL_END) {
        pulls_op(host->pulls, op);
        op_end(op);
    } else if (op->verb == LLAMA_DELETE) {
        delete_begin(host, op);
    } else {
        scan_begin(host, op);
    }
}

void llama_submit(struct llama *host, struct llama_op *op)
{
    op->from = loop_self();
    op->msg.deliver = op_here;
    loop_post(host->home, &op->msg);
}

/* ---- figures, for any thread */

static struct llama_figures *figures_of(struct llama *host, const char *name)
{
    char label[GEN_MODEL_LABEL];
    str_copy(label, sizeof label, str_c(name));
    for (char *c = label; *c; c++)
        if (*c == '"' || *c == '\\' || *c < ' ')
            *c = '_';
    for (struct llama_figures *f = host->figures; f; f = f->next)
        if (!strcmp(f->name, label))
            return f;
    struct llama_figures *f = heap_alloc(sizeof *f);
    memcpy(f->name, label, sizeof label);
    f->next = host->figures;
    host->figures = f;
    return f;
}

void llama_figures_update(struct llama_model *m)
{
    struct arena a = ARENA_INIT;
    const struct json *stats = parsed(&a, m->stats);
    pthread_mutex_lock(&m->host->lock);
    struct llama_figures *f = figures_of(m->host, m->name);
    f->loaded = m->state == LLAMA_LOADED;
    f->memory = f->loaded ? (double)m->memory : 0;
    f->crashes = (double)m->crashes;
    const struct {
        const char *key;
        double *to;
    } numbers[] = {{"queue", &f->queue},
                   {"running", &f->running},
                   {"kv_used", &f->kv_used},
                   {"kv_size", &f->kv_size},
                   {"batches", &f->batches},
                   {"batch_tokens", &f->batch_tokens},
                   {"batch_sequences_max", &f->batch_sequences_max},
                   {"prompt_tokens", &f->prompt_tokens},
                   {"prompt_ms", &f->prompt_ms},
                   {"cached_tokens", &f->cached_tokens},
                   {"decode_tokens", &f->decode_tokens},
                   {"decode_ms", &f->decode_ms},
                   {"tokens_per_second", &f->tokens_per_second}};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        *numbers[i].to = json_get_double(stats, numbers[i].key, 0);
    pthread_mutex_unlock(&m->host->lock);
    arena_release(&a);
}

static void metric(struct llama *host, struct buf *to, const char *name, const char *type, const char *help,
                   size_t offset, double factor)
{
    buf_printf(to, "# HELP eidolon_llama_%s %s\n# TYPE eidolon_llama_%s %s\n", name, help, name, type);
    for (const struct llama_figures *f = host->figures; f; f = f->next)
        buf_printf(to, "eidolon_llama_%s{model=\"%s\"} %.17g\n", name, f->name,
                   *(const double *)(const void *)((const char *)f + offset) * factor);
}

void llama_metrics_write(struct llama *host, struct buf *to)
{
#define METRIC(name, field, type, factor, help)                                                              \
    {                                                                                                        \
        name, type, help, offsetof(struct llama_figures, field), factor                                      \
    }
    static const struct {
        const char *name, *type, *help;
        size_t offset;
        double factor;
    } metrics[] = {
        METRIC("memory_bytes", memory, "gauge", 1, "Memory of a loaded model; 0: not loaded."),
        METRIC("queue", queue, "gauge", 1, "Questions that wait for a sequence."),
        METRIC("running", running, "gauge", 1, "Answers under way."),
        METRIC("kv_used_tokens", kv_used, "gauge", 1, "Tokens in the cache."),
        METRIC("kv_size_tokens", kv_size, "gauge", 1, "Tokens that the cache can hold."),
        METRIC("batches", batches, "gauge", 1, "Batches computed since loading."),
        METRIC("batch_tokens", batch_tokens, "gauge", 1, "Tokens computed in batches since loading."),
        METRIC("batch_sequences_max", batch_sequences_max, "gauge", 1, "The most answers one batch served."),
        METRIC("prompt_tokens", prompt_tokens, "gauge", 1, "Prompt tokens computed since loading."),
        METRIC("cached_tokens", cached_tokens, "gauge", 1,
               "Prompt tokens taken from the cache since loading."),
        METRIC("decode_tokens", decode_tokens, "gauge", 1, "Tokens written since loading."),
        METRIC("prompt_seconds", prompt_ms, "gauge", 1e-3, "Time spent on prompts since loading."),
        METRIC("decode_seconds", decode_ms, "gauge", 1e-3, "Time spent writing since loading."),
        METRIC("tokens_per_second", tokens_per_second, "gauge", 1, "Tokens written a second, lately."),
        METRIC("process_losses_total", crashes, "counter", 1, "Processes that ended without being asked to."),
    };
#undef METRIC
    pthread_mutex_lock(&host->lock);
    for (size_t i = 0; host->figures && i < sizeof metrics / sizeof *metrics; i++)
        metric(host, to, metrics[i].name, metrics[i].type, metrics[i].help, metrics[i].offset,
               metrics[i].factor);
    pthread_mutex_unlock(&host->lock);
}

void llama_health(struct llama *host, char *to, size_t size)
{
    unsigned loaded = 0;
    double memory = 0;
    pthread_mutex_lock(&host->lock);
    for (const struct llama_figures *f = host->figures; f; f = f->next) {
        loaded += f->loaded;
        memory += f->memory;
    }
    pthread_mutex_unlock(&host->lock);
    if (loaded)
        snprintf(to, size, "%u model%s loaded, %.2f GB.", loaded, loaded == 1 ? "" : "s", memory / 1e9);
    else if (size)
        to[0] = '\0';
}
