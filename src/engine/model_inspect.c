/* Both sides of looking into a model file; see model_inspect.h. */
#include "engine/model_inspect.h"

#include "base/arena.h"
#include "base/json.h"
#include "engine/gguf.h"
#include "loop/child.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { INSPECT_MS = 20 * 1000, HEAD_MAX = 512 << 20, CHILD_MEMORY = 768 << 20 };

struct asked {
    struct asked *next;
    char *path;
    inspected_fn *done;
    void *arg;
};

struct inspector {
    struct loop *loop;
    struct asked *first, **tail;
    struct child *child;
    struct timer timer;
    bool late;
};

static void next(struct inspector *in) LOOP;

/* The first of the queue has its answer. */
static void finish(struct inspector *in, struct str json, const char *sentence) LOOP
{
    struct asked *asked = in->first;
    in->first = asked->next;
    if (!in->first)
        in->tail = &in->first;
    child_close(in->child);
    in->child = NULL;
    timer_cancel(&in->timer);
    inspected_fn *done = asked->done;
    void *arg = asked->arg;
    free(asked->path);
    free(asked);
    next(in); /* before done(), which may free the inspector */
    done(arg, json, sentence);
}

static void on_frame(void *arg, struct str frame)
{
    on_loop();
    struct arena a = ARENA_INIT;
    struct json *json = NULL;
    /* Out of the child's buffer, which finish() frees. */
    frame = arena_str(&a, frame);
    if (json_parse(&a, frame, &json, NULL) != ERR_OK || json->type != JSON_OBJECT) {
        finish(arg, STR_NONE, "The file could not be looked into.");
    } else {
        struct str sentence = json_get_str(json, "sentence", STR_NONE);
        finish(arg, sentence.n ? STR_NONE : frame, sentence.n ? arena_cstr(&a, sentence) : "");
    }
    arena_release(&a);
}

static void on_lost(void *arg, const char *sentence)
{
    on_loop();
    struct inspector *in = arg;
    char text[512];
    snprintf(text, sizeof text, "The file could not be looked into. %s", sentence);
    finish(in, STR_NONE,
           in->late ? "Looking into the file took too long; it is damaged, or its disk is very slow." : text);
}

static void on_late(struct timer *timer)
{
    on_loop();
    struct inspector *in = CONTAINER(timer, struct inspector, timer);
    in->late = true;
    child_kill(in->child);
}

static void next(struct inspector *in)
{
    static const struct child_events events = {on_frame, on_lost};
    if (!in->first || in->child)
        return;
    const char *args[] = {MODEL_INSPECT_COMMAND, in->first->path, NULL};
    const struct child_options options = {.name = "gguf", .args = args, .nice = 5};
    in->late = false;
    in->child = child_open(in->loop, &options, &events, in);
    timer_arm(&in->timer, INSPECT_MS, on_late);
}

struct inspector *inspector_new(struct loop *loop)
{
    struct inspector *in = heap_alloc(sizeof *in);
    in->loop = loop;
    in->tail = &in->first;
    return in;
}

void inspector_free(struct inspector *in)
{
    if (in->child)
        child_close(in->child);
    timer_close(&in->timer);
    while (in->first) {
        struct asked *asked = in->first;
        in->first = asked->next;
        free(asked->path);
        free(asked);
    }
    free(in);
}

void inspect(struct inspector *in, struct str path, inspected_fn *done, void *arg)
{
    struct asked *asked = heap_alloc(sizeof *asked);
    asked->path = heap_cstr(path);
    asked->done = done;
    asked->arg = arg;
    *in->tail = asked;
    in->tail = &asked->next;
    next(in);
}

/* ---- the child */

static int say(const struct gguf *g, const char *sentence)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    jw_object(&w);
    if (sentence) {
        jw_kv_string(&w, "sentence", str_c(sentence));
    } else {
        jw_kv_string(&w, "arch", str_c(g->arch));
        jw_kv_string(&w, "name", str_c(g->name));
        jw_kv_string(&w, "quantization", str_c(g->quantization));
        jw_kv_u64(&w, "parameters", g->parameters);
        jw_kv_u64(&w, "context", g->context);
        jw_kv_u64(&w, "embedding", g->embedding);
        jw_kv_u64(&w, "layers", g->layers);
        jw_kv_u64(&w, "vocabulary", g->vocabulary);
        jw_kv_u64(&w, "token_bytes", gguf_token_bytes(g));
        jw_kv_u64(&w, "part", g->part);
        jw_kv_u64(&w, "parts", g->parts);
        jw_kv_bool(&w, "template", g->template);
        jw_kv_bool(&w, "embeds", g->embeds);
    }
    jw_end_object(&w);
    return child_write(buf_str(&b)) ? 0 : 1;
}

int model_inspect_child(const char *path)
{
    struct error e = {0};
    struct gguf g;
    struct stat st;
    char sentence[256];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        snprintf(sentence, sizeof sentence, "The model file cannot be opened: %s.",
                 fd < 0 ? strerror(errno) : "it is no plain file");
        return say(NULL, sentence);
    }
    if (st.st_size == 0)
        return say(NULL, "The model file is empty. Download it again.");
    size_t head = (uint64_t)st.st_size < HEAD_MAX ? (size_t)st.st_size : HEAD_MAX;
    void *map = mmap(NULL, head, PROT_READ, MAP_PRIVATE, fd, 0);
    if (map == MAP_FAILED)
        return say(NULL, "The model file cannot be read.");
    if (child_confine(CHILD_NO_FILES, CHILD_MEMORY, &e) != ERR_OK)
        return say(NULL, e.message);
    if (gguf_read(str_of(map, head), (uint64_t)st.st_size, &g, &e) != ERR_OK)
        return say(NULL, e.message);
    return say(&g, NULL);
}
