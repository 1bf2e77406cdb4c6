/*
 * Frames to the server; see out.h. Frames are appended to one buffer, each with its length before it; the
 * sending thread swaps it for an empty one. Past PENDING_MAX whoever writes waits: a server that does not
 * read stops the model and not the machine's memory.
 */
#include "out.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/utf8.h"
#include "loop/child.h"

enum { PENDING_MAX = 16 << 20 };

static struct {
    pthread_mutex_t lock;
    pthread_cond_t more, less;
    struct buf pending;
    size_t frame; /* where the frame being written begins */
    struct jw writer;
    bool sending;
} out = {.lock = PTHREAD_MUTEX_INITIALIZER,
         .more = PTHREAD_COND_INITIALIZER,
         .less = PTHREAD_COND_INITIALIZER,
         .pending = {.max = 2U * CHILD_FRAME_MAX + PENDING_MAX}};

static void send_all(const struct buf *b)
{
    for (size_t at = 0; at < b->n;) {
        uint32_t n;
        memcpy(&n, b->p + at, sizeof n);
        if (!child_write(str_of(b->p + at + sizeof n, n)))
            _exit(0); /* the server is gone */
        at += sizeof n + n;
    }
}

static void *sender(void *unused)
{
    struct buf ours = {.max = out.pending.max};
    (void)unused;
    pthread_mutex_lock(&out.lock);
    for (;;) {
        while (!out.pending.n)
            pthread_cond_wait(&out.more, &out.lock);
        struct buf swap = ours;
        ours = out.pending;
        out.pending = swap;
        out.sending = true;
        pthread_mutex_unlock(&out.lock);
        send_all(&ours);
        buf_clear(&ours);
        pthread_mutex_lock(&out.lock);
        out.sending = false;
        pthread_cond_broadcast(&out.less);
    }
    return NULL;
}

void out_start(void)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, sender, NULL) != 0)
        abort();
    pthread_detach(thread);
}

void out_flush(void)
{
    pthread_mutex_lock(&out.lock);
    while (out.pending.n || out.sending)
        pthread_cond_wait(&out.less, &out.lock);
    pthread_mutex_unlock(&out.lock);
}

struct jw *out_begin(const char *ev, uint64_t id)
{
    pthread_mutex_lock(&out.lock);
    while (out.pending.n > PENDING_MAX)
        pthread_cond_wait(&out.less, &out.lock);
    out.frame = out.pending.n;
    uint32_t later = 0;
    buf_add(&out.pending, str_of((const char *)&later, sizeof later));
    out.writer = JW(&out.pending);
    jw_object(&out.writer);
    jw_kv_string(&out.writer, "ev", str_c(ev));
    if (id)
        jw_kv_u64(&out.writer, "id", id);
    return &out.writer;
}

void out_end(void)
{
    jw_end_object(&out.writer);
    uint32_t n = (uint32_t)(out.pending.n - out.frame - sizeof n);
    memcpy(out.pending.p + out.frame, &n, sizeof n);
    pthread_cond_signal(&out.more);
    pthread_mutex_unlock(&out.lock);
}

void out_text(const char *ev, uint64_t id, struct str text)
{
    jw_kv_string(out_begin(ev, id), "text", text);
    out_end();
}

void out_error(uint64_t id, const char *code, const char *format, ...)
{
    char sentence[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(sentence, sizeof sentence, format, args);
    va_end(args);
    struct jw *w = out_begin(id ? "error" : "failed", id);
    jw_kv_string(w, "code", str_c(code));
    char clean[3 * sizeof sentence];
    size_t n = 0;
    for (struct str rest = str_c(sentence);
         rest.n;) /* a file's name may be anything, and the end may be cut */
        n += utf8_put(clean + n, utf8_next(&rest));
    jw_kv_string(w, "sentence", str_of(clean, n));
    out_end();
}
