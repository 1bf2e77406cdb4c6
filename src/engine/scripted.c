/*
 * The driver of the scripted responder: makes the whole reply at once (scripted_reply.c, some 100 us) and
 * emits it word by word at the pace of a quick typist, the first word without delay.
 *
 * request->hints is a struct scripted_input; the reply is finished before start() returns, so nothing of the
 * request is kept. Without hints (a plain engine behind /v1) the answer says honestly what it is. Usage
 * counts words.
 *
 * Owned by one loop, like every provider: generations are a short list of heap objects with a timer each.
 */
#include "engine/scripted.h"

#include <pthread.h>
#include <stdlib.h>

#include "engine/drivers.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct scripted_rules *shared;
static unsigned delay_ms = SCRIPTED_DELAY_MS;
static struct {
    struct str directory;
    struct buf *complaints;
} setup;

static void load(void)
{
    shared = scripted_rules_load(setup.directory, setup.complaints);
}

void scripted_setup(struct str directory, unsigned delay, struct buf *complaints)
{
    setup.directory = directory;
    setup.complaints = complaints;
    delay_ms = delay;
    pthread_once(&once, load);
    setup.complaints = NULL;
    setup.directory = STR_NONE;
}

const struct scripted_rules *scripted_shared(void)
{
    pthread_once(&once, load);
    return shared;
}

struct generation {
    struct generation *next;
    struct script *script;
    uint64_t id;
    struct timer timer;
    struct gen_emit emit;
    void *arg;
    struct buf text;
    size_t at;
    struct gen_end end;
    bool paused;
};

struct script {
    struct provider provider; /* first */
    struct generation *running;
};

static uint64_t count_words(struct str text)
{
    uint64_t count = 0;
    bool inside = false;
    for (size_t i = 0; i < text.n; i++) {
        bool space = text.p[i] == ' ' || text.p[i] == '\n' || text.p[i] == '\t';
        count += !space && !inside;
        inside = !space;
    }
    return count;
}

static enum err script_open(struct loop *loop, const struct config_provider *config, struct provider **out,
                            struct error *e)
{
    (void)config;
    (void)e;
    struct script *s = heap_alloc(sizeof *s);
    s->provider = (struct provider){&scripted_driver, loop};
    *out = &s->provider;
    return ERR_OK;
}

static void free_generation(struct generation *g) LOOP
{
    timer_close(&g->timer);
    buf_release(&g->text);
    free(g);
}

static void unlink_and_free(struct generation *g) LOOP
{
    for (struct generation **at = &g->script->running; *at; at = &(*at)->next)
        if (*at == g) {
            *at = g->next;
            break;
        }
    free_generation(g);
}

static void fire(struct timer *timer);

/* The next word with the space before it; the end comes with its own tick, so that nothing follows a cancel.
 */
static void emit_word(struct generation *g) LOOP
{
    size_t to = g->at;
    while (to < g->text.n && g->text.p[to] == ' ')
        to++;
    while (to < g->text.n && g->text.p[to] != ' ' && g->text.p[to] != '\n')
        to++;
    if (delay_ms == 0)
        to = g->text.n;
    if (to == g->at)
        to++;
    struct str piece = str_sub(buf_str(&g->text), g->at, to - g->at);
    g->at = to;
    timer_arm(&g->timer, g->at < g->text.n ? delay_ms : 0, fire);
    if (g->emit.delta)
        g->emit.delta(g->arg, piece); /* may cancel, and so free g */
}

static void fire(struct timer *timer)
{
    on_loop();
    struct generation *g = CONTAINER(timer, struct generation, timer);
    if (g->paused)
        return;
    if (g->at < g->text.n) {
        emit_word(g);
        return;
    }
    struct gen_emit emit = g->emit;
    void *arg = g->arg;
    struct gen_end end = g->end;
    unlink_and_free(g);
    emit.end(arg, &end);
}

/* Cuts at the first stop sequence and at max_tokens words. */
static enum gen_finish limit(struct buf *text, const struct gen_sampling *sampling)
{
    for (size_t i = 0; i < sampling->stop_count; i++) {
        size_t at = sampling->stop[i].n ? str_find(buf_str(text), sampling->stop[i]) : SIZE_MAX;
        if (at != SIZE_MAX)
            text->n = at;
    }
    int64_t most = sampling->max_tokens, words = 0;
    for (size_t i = 0; most > 0 && i < text->n; i++) {
        bool begins = text->p[i] != ' ' && (i == 0 || text->p[i - 1] == ' ');
        words += begins;
        if (words > most) {
            text->n = i;
            while (text->n && text->p[text->n - 1] == ' ')
                text->n--;
            return GEN_LENGTH;
        }
    }
    return GEN_STOP;
}

static uint64_t script_start(struct provider *p, const struct gen_request *request,
                             const struct gen_emit *emit, void *arg, struct gen_end *end)
{
    on_loop();
    (void)end;
    struct script *s = (struct script *)p;
    struct generation *g = heap_alloc(sizeof *g);
    g->script = s;
    g->id = gen_id_new();
    g->emit = *emit;
    g->arg = arg;
    if (request->hints)
        scripted_reply(scripted_shared(), request->hints, &g->text);
    else
        buf_add(
            &g->text,
            STR("This is Eidolon's scripted responder, not a language model: it plays personas from written "
                "rules and has no answer of its own here. Talk to a persona, or configure an engine with a "
                "model."));
    g->end =
        (struct gen_end){.code = GEN_OK, .finish = limit(&g->text, &request->sampling), .retry_after_ms = -1};
    g->end.began = g->text.n > 0;
    g->end.usage.known = true;
    for (size_t i = 0; i < request->message_count; i++)
        g->end.usage.prompt_tokens += count_words(request->messages[i].content);
    g->end.usage.completion_tokens = count_words(buf_str(&g->text));
    g->next = s->running;
    s->running = g;
    timer_arm(&g->timer, 0, fire);
    return g->id;
}

static struct generation *find(struct provider *p, uint64_t id)
{
    struct generation *g = ((struct script *)p)->running;
    while (g && g->id != id)
        g = g->next;
    return g;
}

static void script_cancel(struct provider *p, uint64_t id)
{
    on_loop();
    struct generation *g = find(p, id);
    if (g)
        unlink_and_free(g);
}

static void script_pause(struct provider *p, uint64_t id, bool paused)
{
    on_loop();
    struct generation *g = find(p, id);
    if (!g || g->paused == paused)
        return;
    g->paused = paused;
    if (!paused)
        timer_arm(&g->timer, 0, fire);
}

static void script_close(struct provider *p)
{
    on_loop();
    struct script *s = (struct script *)p;
    for (struct generation *g = s->running, *next; g; g = next) {
        next = g->next;
        free_generation(g);
    }
    free(s);
}

const struct provider_driver scripted_driver = {"scripted",   script_open,  script_start, script_cancel,
                                                script_pause, script_close, NULL};
