/*
 * eidolon-llama: the child process that holds one model and runs it for the server (engine/llama_wire.h).
 *
 *   eidolon-llama [--lib FOLDER]     llama.cpp's libraries lie in FOLDER; default: where the executable is
 *
 * Started by the server with a socket on descriptor 3. It loads llama.cpp, gives up what it does not need (no
 * network, no other programs; loop/child.h), says hello, and then does as it is told. Three threads: this one
 * reads frames and makes requests of them, one runs the model (schedule.c), one sends (out.c).
 *
 * A model file is foreign bytes, and llama.cpp is a large program: what goes wrong here ends this process,
 * and the server starts another.
 */
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine/llama_wire.h"
#include "loop/child.h"
#include "out.h"
#include "schedule.h"
#include "stats.h"

static void hello(void)
{
    struct jw *w = out_begin("hello", 0);
    jw_kv_string(w, "version", str_c(lib.llama_version()));
    jw_kv_string(w, "release", STR(LLAMA_RELEASE));
    jw_key(w, STR("backends"));
    jw_array(w);
    for (size_t i = 0; i < lib.ggml_backend_dev_count(); i++) {
        char name[256];
        ggml_backend_dev_t device = lib.ggml_backend_dev_get(i);
        snprintf(name, sizeof name, "%s: %s", lib.ggml_backend_dev_name(device),
                 lib.ggml_backend_dev_description(device));
        jw_string(w, str_trim(str_c(name)));
    }
    jw_end_array(w);
    out_end();
}

/* ggml gives up the process for what it did not expect; this is said first. */
static void last_words(const char *why)
{
    struct str line = str_trim(str_c(why));
    line = str_sub(line, 0, str_find_char(line, '\n'));
    out_error(0, "malformed", "llama.cpp gave up: %.*s", STR_ARG(line));
    out_flush();
    _exit(1);
}

static uint32_t count(const struct json *frame, const char *key)
{
    int64_t v = json_get_i64(frame, key, 0);
    return v < 0 ? 0 : v > INT32_MAX ? INT32_MAX : (uint32_t)v;
}

static void load(const struct json *frame)
{
    struct model_options *o = heap_alloc(sizeof *o);
    int64_t layers = json_get_i64(frame, "gpu_layers", 0), memory = json_get_i64(frame, "memory_max", 0);
    *o = (struct model_options){
        .path = heap_cstr(json_get_str(frame, "path", STR_NONE)),
        .context = count(frame, "context"),
        .sequences = count(frame, "sequences"),
        .batch = count(frame, "batch"),
        .threads = count(frame, "threads"),
        .gpu_layers = layers < 0           ? -1
                      : layers > INT16_MAX ? INT16_MAX
                                           : (int32_t)layers,
        .memory_max = memory > 0 ? (uint64_t)memory : 0,
    };
    schedule_load(o);
}

static void ask(uint64_t id, const struct json *frame, struct request *make(uint64_t, const struct json *))
{
    if (schedule_full()) {
        out_error(id, "overloaded", "%d answers are waiting for this model already; try again later.",
                  QUEUE_MAX);
        return;
    }
    pthread_rwlock_rdlock(&model_lock);
    struct request *r = make(id, frame);
    pthread_rwlock_unlock(&model_lock);
    if (r)
        schedule_add(r);
}

static void frame_came(struct str text)
{
    struct arena a = ARENA_INIT;
    struct json *frame;
    struct error e;
    if (json_parse(&a, text, &frame, &e) != ERR_OK) {
        fprintf(stderr, "A frame from the server is not JSON: %s\n", e.message);
        arena_release(&a);
        return;
    }
    struct str op = json_get_str(frame, "op", STR_NONE);
    uint64_t id = (uint64_t)json_get_i64(frame, "id", 0);
    if (str_eq(op, STR("generate")))
        ask(id, frame, request_generate);
    else if (str_eq(op, STR("embed")))
        ask(id, frame, request_embed);
    else if (str_eq(op, STR("cancel")))
        schedule_cancel(id);
    else if (str_eq(op, STR("stats")))
        stats_tell();
    else if (str_eq(op, STR("load")))
        load(frame);
    else if (str_eq(op, STR("end")))
        schedule_end();
    else
        fprintf(stderr, "The server asks for '%.*s', which this child does not know.\n",
                STR_ARG(str_sub(op, 0, 64)));
    arena_release(&a);
}

static void *runs(void *unused)
{
    (void)unused;
    schedule_run();
}

static bool own_folder(char *to, size_t size)
{
    char path[4096];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    if (n <= 0)
        return false;
    path[n] = '\0';
    return str_copy(to, size, str_c(dirname(path)));
}

int main(int argc, char **argv)
{
    char folder[4096];
    struct error e = {0};
    if (argc == 3 && strcmp(argv[1], "--lib") == 0)
        str_copy(folder, sizeof folder, str_c(argv[2]));
    else if (argc != 1 || !own_folder(folder, sizeof folder))
        return fprintf(stderr, "usage: eidolon-llama [--lib FOLDER], by the server only\n"), 64;
    enum err err = library_load(folder, &e);
    if (!err)
        err = child_confine(lib.gpu ? CHILD_KEEP_FILES : 0, 0,
                            &e); /* before the first thread: they inherit it */
    out_start();
    if (err) {
        out_error(0, "unavailable", "%s", e.message);
        out_flush();
        _exit(1);
    }
    lib.ggml_set_abort_callback(last_words);
    pthread_t thread;
    if (pthread_create(&thread, NULL, runs, NULL) != 0)
        _exit(1);
    hello();
    struct buf frame = BUF_INIT;
    while (child_read(&frame))
        frame_came(buf_str(&frame));
    _exit(0);
}
