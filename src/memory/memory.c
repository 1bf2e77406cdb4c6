/* Memory's life: opening, hints from anywhere, state, stopping; see memory.h. */
#include "memory/inner.h"
#include "memory/recall.h"

#include <stdlib.h>

enum { BATCH_DEFAULT = 128, TAIL_DEFAULT = 1024 };

static void hint_here(struct msg *msg)
{
    on_loop();
    struct memory *m = CONTAINER(msg, struct memory, hint);
    atomic_store(&m->hinted, false);
    reader_more(m);
}

enum err memory_new(struct store *store, struct index *index, struct loop *home,
                    const struct memory_options *options, struct memory **out, struct error *e)
{
    (void)e;
    struct memory *m = heap_alloc(sizeof *m);
    m->store = store;
    m->index = index;
    m->home = home;
    m->options = *options;
    if (!m->options.batch)
        m->options.batch = BATCH_DEFAULT;
    if (!m->options.tail_max)
        m->options.tail_max = TAIL_DEFAULT;
    if (!m->options.candidates)
        m->options.candidates = RECALL_CANDIDATES;
    m->hint.deliver = hint_here;
    *out = m;
    return ERR_OK;
}

void memory_free(struct memory *m)
{
    if (!m)
        return;
    while (m->writer.first) {
        struct batch *b = m->writer.first;
        m->writer.first = b->next;
        arena_release(&b->arena);
        free(b);
    }
    stays_release(&m->stays);
    free(m);
}

static void begin(void *arg)
{
    on_loop();
    reader_begin(arg);
}

void memory_start(struct memory *m)
{
    loop_call(m->home, begin, m);
}

void memory_hint(struct memory *m)
{
    if (m && !atomic_exchange(&m->hinted, true))
        loop_post(m->home, &m->hint);
}

void memory_retry(struct timer *t, uint64_t *backoff_ms, void (*fire)(struct timer *))
{
    *backoff_ms = *backoff_ms ? *backoff_ms * 2 : BACKOFF_FIRST_MS;
    if (*backoff_ms > BACKOFF_LAST_MS)
        *backoff_ms = BACKOFF_LAST_MS;
    timer_arm(t, *backoff_ms, fire);
}

void memory_rest(struct memory *m)
{
    if (!atomic_load(&m->stopping) || m->reader.busy || m->writer.busy || !m->stopped)
        return;
    void (*stopped)(void *) = m->stopped;
    m->stopped = NULL;
    timer_close(&m->reader.retry);
    timer_close(&m->writer.retry);
    timer_close(&m->writer.linger);
    stopped(m->stopped_arg);
}

static void stop(void *arg)
{
    on_loop();
    struct memory *m = arg;
    atomic_store(&m->stopping, true);
    timer_cancel(&m->reader.retry);
    timer_cancel(&m->writer.retry);
    timer_cancel(&m->writer.linger);
    tail_answer(m);
    memory_rest(m);
}

void memory_stop(struct memory *m, void (*stopped)(void *arg), void *arg)
{
    m->stopped = stopped;
    m->stopped_arg = arg;
    loop_call(m->home, stop, m);
}

struct memory_state memory_state(const struct memory *m)
{
    return (struct memory_state){.indexed_pos = atomic_load(&m->indexed_pos),
                                 .turns = atomic_load(&m->turns),
                                 .forgotten = atomic_load(&m->forgotten),
                                 .recalls = atomic_load(&m->recalls),
                                 .recall_us_total = atomic_load(&m->recall_us),
                                 .failing = atomic_load(&m->failing)};
}
