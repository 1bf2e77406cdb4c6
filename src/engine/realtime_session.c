/* Sessions of the realtime driver: connection, conversation, life between turns; see realtime_inner.h. */
#include "engine/realtime_inner.h"

#include "base/clock.h"

#include <stdlib.h>

enum { HEADERS_MAX = 16, APPEND_BYTES = REALTIME_RATE * 2, EVENT_MAX = 4 << 20 };

static uint64_t now_ms(void)
{
    return clock_mono_us() / 1000;
}

/* ---- life ---- */

static void unlink_session(struct rt_session *s)
{
    if (!s->link)
        return;
    *s->link = s->next;
    if (s->next)
        s->next->link = s->link;
    s->link = NULL;
}

static void to_front(struct rt_session *s)
{
    unlink_session(s);
    s->next = s->provider->sessions;
    s->link = &s->provider->sessions;
    if (s->next)
        s->next->link = &s->next;
    s->provider->sessions = s;
    s->used_ms = now_ms();
}

static void release(struct rt_session *s) LOOP
{
    if (s->phase != RT_DEAD || s->busy)
        return;
    timer_close(&s->timer);
    while (s->item_count)
        rt_item_drop(s, s->item_count - 1);
    free(s->items);
    free((char *)s->key.p);
    free((char *)s->model.p);
    free((char *)s->voice.p);
    free((char *)s->configured.p);
    buf_release(&s->draining_text);
    free(s);
}

/* Gone; its generation, if any, was told or does not care. */
static void end_session(struct rt_session *s) LOOP
{
    if (s->phase == RT_DEAD)
        return;
    s->phase = RT_DEAD;
    if (s->gen)
        s->gen->session = NULL;
    s->gen = NULL;
    ws_client_cancel(s->ws);
    timer_cancel(&s->timer);
    unlink_session(s);
    release(s);
}

static void on_session_timer(struct timer *timer)
{
    on_loop();
    struct rt_session *s = CONTAINER(timer, struct rt_session, timer);
    struct rt_gen *g = s->gen;
    if (s->draining && g) { /* the cancelled answer does not end: another session for the one that waits */
        end_session(s);
        rt_session_take(g);
    } else {
        end_session(s);
    }
}

static void become_idle(struct rt_session *s) LOOP
{
    s->used_ms = now_ms();
    timer_arm(&s->timer, REALTIME_IDLE_MS, on_session_timer);
}

void rt_sessions_close(struct realtime *p)
{
    while (p->sessions)
        end_session(p->sessions);
}

/* ---- sending ---- */

static void post(struct rt_session *s, const struct buf *event) LOOP
{
    ws_client_send(s->ws, buf_str(event), true);
}

static void configure(struct rt_session *s, struct rt_gen *g, struct buf *b) LOOP
{
    rt_write_update(b, s->provider, g);
    if (str_eq(s->configured, buf_str(b)))
        return;
    free((char *)s->configured.p);
    s->configured = heap_str(buf_str(b));
    post(s, b);
}

static void create_item(struct rt_session *s, const struct rt_item *item, struct buf *b) LOOP
{
    rt_write_item(b, item);
    post(s, b);
    rt_item_keep(s, item);
}

static void ask(struct rt_session *s, struct rt_gen *g, struct buf *b) LOOP
{
    g->wait_commit = false;
    g->asked = true;
    s->answer_id[0] = '\0';
    s->played = false;
    rt_write_create(b, g);
    post(s, b);
}

/* What is new: settings, items taken back, items, the newest one perhaps as sound, and the question. */
static void send_turn(struct rt_session *s, const struct rt_fit *fit) LOOP
{
    struct rt_gen *g = s->gen;
    CLEANUP_BUF struct buf b = BUF_MAX(EVENT_MAX);
    configure(s, g, &b);
    if (fit->tail) {
        rt_write_delete(&b, s->items[s->item_count - 1].id);
        post(s, &b);
        rt_item_drop(s, s->item_count - 1);
    }
    for (size_t i = 0; i < fit->from; i++) {
        rt_write_delete(&b, s->items[0].id);
        post(s, &b);
        rt_item_drop(s, 0);
    }
    bool spoken = g->said.n && fit->next < g->item_count;
    for (size_t i = fit->next; i < g->item_count - (spoken ? 1 : 0); i++)
        create_item(s, &g->items[i], &b);
    if (!spoken) {
        ask(s, g, &b);
        return;
    }
    for (struct str rest = g->said; rest.n; rest = str_from(rest, APPEND_BYTES)) {
        rt_write_append(&b, str_sub(rest, 0, APPEND_BYTES));
        post(s, &b);
    }
    rt_write_commit(&b);
    post(s, &b);
    g->wait_commit = true;
}

/* The newest message's sound has become an item, or was refused: then its text is sent. */
static void committed(struct rt_session *s, struct str item_id, bool refused) LOOP
{
    struct rt_gen *g = s->gen;
    CLEANUP_BUF struct buf b = BUF_MAX(EVENT_MAX);
    struct rt_item item = g->items[g->item_count - 1];
    if (refused) {
        create_item(s, &item, &b);
    } else {
        str_copy(item.id, sizeof item.id, item_id);
        rt_item_keep(s, &item);
    }
    ask(s, g, &b);
}

/* ---- a cancelled answer ---- */

static void tell_heard(struct rt_session *s) LOOP
{
    struct rt_item *last = s->item_count ? &s->items[s->item_count - 1] : NULL;
    CLEANUP_BUF struct buf b = BUF_INIT;
    if (!s->played || !last || last->role != GEN_ASSISTANT || !last->sound_ms || !last->id[0])
        return;
    s->played = false;
    if (s->played_ms >= last->sound_ms) /* beyond its end would be an error, and all was heard */
        return;
    last->cut = true;
    rt_write_truncate(&b, last->id, s->played_ms);
    post(s, &b);
}

static void keep_answer(struct rt_session *s, struct str text, uint64_t samples, bool partial) LOOP
{
    struct rt_item item = {.role = GEN_ASSISTANT,
                           .text = text,
                           .sound_ms = (uint32_t)(samples * 1000 / REALTIME_RATE),
                           .partial = partial};
    if (!s->answer_id[0] || !text.n)
        return;
    memcpy(item.id, s->answer_id, sizeof item.id);
    s->answer_id[0] = '\0';
    rt_item_keep(s, &item);
    tell_heard(s);
}

static void drained(struct rt_session *s) LOOP
{
    struct rt_gen *g = s->gen;
    s->draining = false;
    timer_cancel(&s->timer);
    keep_answer(s, buf_str(&s->draining_text), s->draining_samples, true);
    buf_release(&s->draining_text);
    if (!g) {
        become_idle(s);
        return;
    }
    struct rt_fit fit;
    if (rt_fits(s, g, &fit)) {
        send_turn(s, &fit);
    } else {
        end_session(s);
        rt_session_take(g);
    }
}

void rt_session_cancel(struct rt_gen *g)
{
    struct rt_session *s = g->session;
    if (!s)
        return;
    g->session = NULL;
    s->gen = NULL;
    if (!g->asked || !s->key.n || s->draining) {
        if (!s->draining)
            end_session(s); /* half a question is in it */
        return;
    }
    CLEANUP_BUF struct buf b = BUF_INIT;
    if (g->paused)
        ws_client_pause(s->ws, false);
    s->draining = true;
    buf_clear(&s->draining_text);
    buf_add(&s->draining_text, buf_str(&g->text));
    s->draining_samples = g->samples;
    rt_write_cancel(&b);
    post(s, &b);
    timer_arm(&s->timer, REALTIME_DRAIN_MS, on_session_timer);
}

void rt_session_leave(struct rt_gen *g, bool keep)
{
    struct rt_session *s = g->session;
    if (!s)
        return;
    g->session = NULL;
    s->gen = NULL;
    if (!keep || !s->key.n) {
        end_session(s);
        return;
    }
    if (g->paused)
        ws_client_pause(s->ws, false);
    keep_answer(s, buf_str(&g->text), g->samples, false);
    become_idle(s);
}

void rt_session_played(struct realtime *p, struct str key, uint32_t played_ms)
{
    struct rt_session *s = p->sessions;
    while (s && !str_eq(s->key, key))
        s = s->next;
    if (!s || !key.n)
        return;
    s->played = true;
    s->played_ms = played_ms;
    if (!s->gen && !s->draining)
        tell_heard(s);
}

void rt_session_pause(struct rt_session *s, bool paused)
{
    ws_client_pause(s->ws, paused);
}

/* ---- what comes ---- */

static void on_error(struct rt_session *s, const struct rt_event *event) LOOP
{
    enum rt_origin origin = rt_origin(event->event_id);
    struct rt_gen *g = s->gen;
    if (origin == RT_ORIGIN_TIDY || str_eq(event->error_code, STR("response_cancel_not_active"))) {
        /* Nothing was said any more; or an item was not there, and what is held is not what was thought. */
        if (s->draining && str_eq(event->error_code, STR("response_cancel_not_active")))
            drained(s);
        else if (!g)
            end_session(s);
    } else if (g && g->wait_commit && origin == RT_ORIGIN_SOUND) {
        committed(s, STR_NONE, true);
    } else if (s->draining || !g) {
        end_session(s);
        if (g)
            rt_session_take(g);
    } else {
        rt_gen_event(g, event);
    }
}

static void on_draining(struct rt_session *s, const struct rt_event *event) LOOP
{
    if (event->kind == RT_ITEM_ADDED && str_eq(event->item_type, STR("message")))
        str_copy(s->answer_id, sizeof s->answer_id, event->item_id);
    if (event->kind == RT_DONE)
        drained(s);
}

static void on_answer(struct rt_session *s, const struct rt_event *event) LOOP
{
    struct rt_gen *g = s->gen;
    if (event->kind == RT_COMMITTED && g->wait_commit)
        committed(s, event->item_id, false);
    else if (event->kind == RT_ITEM_ADDED && str_eq(event->item_type, STR("message")) && g->asked)
        str_copy(s->answer_id, sizeof s->answer_id, event->item_id);
    else if (g->asked || event->kind == RT_HEARD)
        rt_gen_event(g, event);
}

static void on_event(struct rt_session *s, const struct rt_event *event) LOOP
{
    if (event->kind == RT_SESSION_CREATED) {
        int64_t left = event->expires_at_s * 1000 - clock_wall_ms();
        if (event->expires_at_s > 0)
            s->expires_ms = now_ms() + (left > 0 ? (uint64_t)left : 0);
        if (s->phase == RT_OPENING) {
            struct rt_fit all = {0};
            s->phase = RT_READY;
            if (s->gen)
                send_turn(s, &all);
        }
    } else if (event->kind == RT_ERROR) {
        on_error(s, event);
    } else if (s->draining) {
        on_draining(s, event);
    } else if (s->gen) {
        on_answer(s, event);
    }
}

static void on_message(void *arg, struct str payload, bool text)
{
    on_loop();
    struct rt_session *s = arg;
    struct arena a = ARENA_INIT;
    struct rt_event event;
    s->busy++;
    if (text && rt_event_read(&a, payload, &event)) {
        on_event(s, &event);
    } else {
        struct rt_gen *g = s->draining ? NULL : s->gen;
        if (g)
            rt_gen_malformed(g);
        else
            end_session(s);
    }
    arena_release(&a);
    s->busy--;
    release(s);
}

static void on_ws_end(void *arg, const struct ws_client_end *end)
{
    on_loop();
    struct rt_session *s = arg;
    struct rt_gen *g = s->gen;
    bool waited = s->draining;
    s->ws = 0;
    s->busy++;
    end_session(s);
    if (g && waited)
        rt_session_take(g); /* it was never in there */
    else if (g)
        rt_gen_lost(g, end);
    s->busy--;
    release(s);
}

/* ---- opening, choosing ---- */

static bool open_session(struct rt_session *s, struct error *e) LOOP
{
    static const struct ws_client_events events = {.message = on_message, .end = on_ws_end};
    struct realtime *p = s->provider;
    struct fetch_header headers[HEADERS_MAX];
    size_t n = 0;
    CLEANUP_BUF struct buf url = BUF_INIT, bearer = BUF_INIT;
    buf_add(&url, str_c(p->url));
    if (str_find(str_c(p->url), STR("model=")) == SIZE_MAX && s->model.n) {
        buf_add(&url, str_find_char(str_c(p->url), '?') == SIZE_MAX ? STR("?model=") : STR("&model="));
        for (size_t i = 0; i < s->model.n; i++) {
            unsigned char c = (unsigned char)s->model.p[i];
            bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                         (c && strchr("-._~/:", c));
            if (plain)
                buf_add_char(&url, (char)c);
            else
                buf_printf(&url, "%%%02X", c);
        }
    }
    headers[n++] = (struct fetch_header){STR("User-Agent"), STR("eidolon/" EIDOLON_VERSION)};
    if (p->key[0]) {
        buf_printf(&bearer, "Bearer %s", p->key);
        headers[n++] = (struct fetch_header){STR("Authorization"), buf_str(&bearer)};
    }
    for (size_t i = 0; i < p->header_count && n < HEADERS_MAX; i++) {
        struct str value = str_c(p->header_lines[i]), name;
        if (str_cut(&value, ':', &name))
            headers[n++] = (struct fetch_header){str_trim(name), str_trim(value)};
    }
    const struct ws_client_request request = {.url = buf_str(&url),
                                              .headers = headers,
                                              .header_count = n,
                                              .connect_ms = p->connect_ms,
                                              .handshake_ms = p->first_ms};
    s->ws = ws_client_start(p->base.loop, &request, &events, s, e);
    return s->ws != 0;
}

static void new_session(struct rt_gen *g) LOOP
{
    struct realtime *p = g->provider;
    struct rt_session *s = heap_alloc(sizeof *s), *oldest = NULL;
    struct error e = {0};
    size_t count = 0;
    for (struct rt_session *other = p->sessions; other; other = other->next, count++)
        oldest = other->gen || other->draining ? oldest : other;
    if (count >= REALTIME_SESSIONS_MAX && oldest)
        end_session(oldest);
    s->provider = p;
    s->key = heap_str(g->key);
    s->model = heap_str(g->model);
    s->voice = heap_str(g->voice);
    s->expires_ms = now_ms() + REALTIME_LIFE_MS;
    s->gen = g;
    g->session = s;
    to_front(s);
    if (open_session(s, &e))
        return;
    end_session(s);
    rt_gen_stillborn(g, &e);
}

void rt_session_take(struct rt_gen *g)
{
    struct realtime *p = g->provider;
    struct rt_fit fit;
    g->asked = g->wait_commit = false;
    for (struct rt_session *s = g->key.n ? p->sessions : NULL, *next; s; s = next) {
        next = s->next;
        if (s->gen || s->phase != RT_READY || !str_eq(s->key, g->key))
            continue;
        bool fresh = str_eq(s->model, g->model) && str_eq(s->voice, g->voice) &&
                     s->expires_ms > now_ms() + REALTIME_SPARE_MS;
        if (!fresh || (!s->draining && !rt_fits(s, g, &fit))) {
            end_session(s);
            continue;
        }
        s->gen = g;
        g->session = s;
        to_front(s);
        if (s->draining)
            return; /* drained() goes on */
        timer_cancel(&s->timer);
        g->warm = true;
        send_turn(s, &fit);
        return;
    }
    new_session(g);
}
