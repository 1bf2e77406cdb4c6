/*
 * The socket of a realtime session: who opens it, the order in which its events are carried out, its end. See
 * realtime.h.
 */
#include "api/realtime.h"

#include "base/clock.h"
#include "engine/engine.h"
#include "persona/house.h"

#include <stdlib.h>

enum { FLOWS = 1 << 0 /* not held back by what waits */, AT_ONCE = 1 << 1 /* nor by what stands in line */ };

/* ---- operations and steps ---- */

static void session_free(struct realtime *s)
{
    for (struct rt_item *item = s->first, *next; item; item = next) {
        next = item->next;
        rt_item_free(item);
    }
    free((char *)s->model.p);
    rt_config_release(&s->config);
    arena_release(&s->arena);
    free(s);
}

struct room_op *rt_op(struct realtime *s, enum room_verb verb)
{
    struct room_op *op = room_op_new(verb, &s->who, s->room);
    op->arg = s;
    return op;
}

void rt_submit(struct realtime *s, struct room_op *op, void (*done)(struct room_op *), bool waits)
{
    op->done = done;
    s->pending++;
    s->waits += waits;
    room_submit(s->api->parts.rooms, op);
}

bool rt_op_over(struct realtime *s, bool waited)
{
    s->pending--;
    s->waits -= waited;
    if (s->ws)
        return true;
    if (s->pending == 0)
        session_free(s);
    return false;
}

void rt_step_add(struct realtime *s, void (*run)(struct realtime *, struct rt_step *), struct str text,
                 void *arg, bool first)
{
    struct rt_step *step = heap_alloc(sizeof *step);
    *step = (struct rt_step){.run = run, .text = text.n ? heap_str(text) : STR_NONE, .arg = arg};
    s->queued += text.n;
    if (first) {
        step->next = s->steps;
        s->steps = step;
        if (!step->next)
            s->steps_tail = &step->next;
    } else {
        *s->steps_tail = step;
        s->steps_tail = &step->next;
    }
}

static struct rt_step *step_take(struct realtime *s)
{
    struct rt_step *step = s->steps;
    s->steps = step->next;
    if (!s->steps)
        s->steps_tail = &s->steps;
    s->queued -= step->text.n;
    return step;
}

static void step_free(struct rt_step *step)
{
    free((char *)step->text.p);
    free(step->arg);
    free(step);
}

void rt_go_on(struct realtime *s)
{
    if (s->running)
        return;
    s->running = true;
    while (s->ws && s->steps && !s->waits) {
        struct rt_step *step = step_take(s);
        step->run(s, step);
        step_free(step);
    }
    s->running = false;
}

/* ---- what clients send ---- */

static void session_update(struct realtime *s, const struct json *event) LOOP;
static void session_update(struct realtime *s, const struct json *event)
{
    struct error e = {0};
    const struct json *session = json_get(event, "session");
    struct call call = {.api = s->api};
    s->config.house = call_config(&call);
    enum err err = session ? rt_config_change(&s->config, session, s->audio_sent, &e)
                           : rt_refuse(&e, "missing_required_parameter", "session",
                                       "The event needs its 'session', an object.");
    if (err) {
        rt_error(s, &e, json_get_str(event, "event_id", STR_NONE));
        return;
    }
    rt_hear_config(s);
    struct rt_event ev;
    rt_begin(&ev, "session.updated");
    jw_key(&ev.w, STR("session"));
    rt_session_write(&ev.w, s);
    rt_send(s, &ev);
}

/* Of what the server still has of its voice: a client that plays by itself empties its own buffer too. */
static void output_clear(struct realtime *s, const struct json *event) LOOP;
static void output_clear(struct realtime *s, const struct json *event)
{
    struct rt_response *r = rt_response_active(s);
    (void)event;
    struct rt_event ev;
    rt_begin(&ev, "output_audio_buffer.cleared");
    if (r)
        jw_kv_string(&ev.w, "response_id", str_c(r->id));
    else
        jw_kv_null(&ev.w, "response_id");
    rt_send(s, &ev);
    if (r && r->audio)
        rt_response_stop(r, "client_cancelled");
}

static const struct {
    const char *type;
    void (*handle)(struct realtime *, const struct json *);
    unsigned flags;
} types[] = {
    {"session.update", session_update, FLOWS},
    {"input_audio_buffer.append", rt_hear_append, FLOWS},
    {"input_audio_buffer.commit", rt_hear_commit, FLOWS},
    {"input_audio_buffer.clear", rt_hear_clear, FLOWS},
    {"output_audio_buffer.clear", output_clear, AT_ONCE},
    {"conversation.item.create", rt_item_create, 0},
    {"conversation.item.delete", rt_item_delete, 0},
    {"conversation.item.retrieve", rt_item_retrieve, 0},
    {"conversation.item.truncate", rt_item_truncate, 0},
    {"response.create", rt_response_create, 0},
    {"response.cancel", rt_response_cancel, AT_ONCE},
};

static void queued(struct realtime *s, struct rt_step *step);

static void handle(struct realtime *s, struct str payload, bool from_line) LOOP;
static void handle(struct realtime *s, struct str payload, bool from_line)
{
    struct arena a = ARENA_INIT;
    struct error e = {0};
    struct json *event = NULL;
    struct str event_id = STR_NONE;
    size_t t = 0;
    enum err err = json_parse(&a, payload, &event, &e);
    if (err) {
        str_copy(e.code, sizeof e.code, STR("invalid_json"));
    } else {
        event_id = json_get_str(event, "event_id", STR_NONE);
        struct str type = json_get_str(event, "type", STR_NONE);
        while (t < sizeof types / sizeof *types && !str_eq(type, str_c(types[t].type)))
            t++;
        if (str_empty(type))
            err = rt_refuse(&e, "missing_required_parameter", "type", "An event is an object with a 'type'.");
        else if (t == sizeof types / sizeof *types)
            err = rt_refuse(&e, "invalid_value", "type",
                            "Invalid value '%.*s': docs/REALTIME.md lists the events "
                            "that a client can send.",
                            STR_ARG(str_sub(type, 0, 64)));
    }
    bool line = !from_line && !err && !(types[t].flags & AT_ONCE) &&
                (s->steps || (s->waits && (!(types[t].flags & FLOWS) || rt_hear_stale(s))));
    if (line && s->queued + payload.n > REALTIME_QUEUED_MAX) {
        err = error_set(&e, ERR_LIMIT,
                        "Too much waits to be carried out; wait for answers before sending more.");
        line = false;
    }
    if (line)
        rt_step_add(s, queued, payload, NULL, false);
    else if (err)
        rt_error(s, &e, event_id);
    else
        types[t].handle(s, event);
    arena_release(&a);
}

static void queued(struct realtime *s, struct rt_step *step)
{
    on_loop();
    handle(s, step->text, true);
}

static void on_message(struct ws *ws, struct str payload, bool text, void *arg)
{
    on_loop();
    struct realtime *s = arg;
    struct error e = {0};
    (void)ws;
    if (text) {
        handle(s, payload, false);
        rt_go_on(s);
        return;
    }
    rt_refuse(&e, "invalid_value", "",
              "Events are text messages with JSON; sound goes in "
              "input_audio_buffer.append, in base64.");
    rt_error(s, &e, STR_NONE);
}

static void on_drain(struct ws *ws, void *arg)
{
    on_loop();
    struct realtime *s = arg;
    (void)ws;
    if (s->sub_open)
        sub_resume(&s->sub);
    if (s->ear_open)
        sub_resume(&s->ear_sub);
}

/* ---- the end ---- */

static void on_closed(struct ws *ws, unsigned code, void *arg)
{
    on_loop();
    struct realtime *s = arg;
    (void)ws;
    (void)code;
    s->ws = NULL;
    rt_responses_drop(s);
    rt_hear_close(s);
    rt_room_close(s);
    timer_close(&s->expiry);
    timer_close(&s->idle);
    timer_close(&s->held);
    while (s->steps)
        step_free(step_take(s));
    if (s->pending == 0)
        session_free(s);
}

static void expired(struct timer *timer)
{
    on_loop();
    struct realtime *s = CONTAINER(timer, struct realtime, expiry);
    struct error e = {0};
    struct call call = {.api = s->api};
    uint64_t most = call_config(&call)->realtime.session_max;
    error_set(&e, ERR_INVALID, "The session reached its longest duration of %llu %s; open another one.",
              (unsigned long long)(most >= 60000 ? most / 60000 : most / 1000),
              most >= 60000 ? "minutes" : "seconds");
    str_copy(e.code, sizeof e.code, STR("session_expired"));
    rt_error(s, &e, STR_NONE);
    ws_close(s->ws, 1001, STR("session_expired"));
}

/* ---- the beginning ---- */

struct opening {
    struct str model, session; /* session: raw, of a client secret; or empty */
};

static struct realtime *session_open(struct call *call, const struct opening *o) LOOP;
static struct realtime *session_open(struct call *call, const struct opening *o)
{
    static const struct ws_events events = {.message = on_message, .drain = on_drain, .closed = on_closed};
    const struct ws_options options = {
        .max_message = REALTIME_MESSAGE_MAX, .no_deflate = true, .subprotocol = "realtime"};
    struct realtime *s = heap_alloc(sizeof *s);
    struct json *session = NULL;
    uint64_t most = call_config(call)->realtime.session_max;
    s->api = call->api;
    s->who = call->who;
    s->steps_tail = &s->steps;
    s->model = heap_str(o->model);
    s->expires_s = (clock_wall_ms() + (int64_t)most) / 1000;
    rt_id(s->id, "sess");
    rt_id(s->conversation, "conv");
    rt_config_init(&s->config);
    s->config.own = s->model;
    s->config.house = call_config(call);
    /* It was checked when the secret was made. */
    if (o->session.n && json_parse(&s->arena, arena_str(&s->arena, o->session), &session, NULL) == ERR_OK)
        rt_config_change(&s->config, session, false, NULL);
    s->ws = http_upgrade_ws(call->req, &events, &options, s);
    if (!s->ws) {
        session_free(s);
        return NULL;
    }
    timer_arm(&s->expiry, most, expired);
    return s;
}

static void created(struct realtime *s) LOOP;
static void created(struct realtime *s)
{
    struct rt_event ev;
    rt_begin(&ev, "session.created");
    jw_key(&ev.w, STR("session"));
    rt_session_write(&ev.w, s);
    rt_send(s, &ev);
}

/* An error that ends the session before it began; sockets of browsers see no HTTP status. */
static void refuse_open(struct call *call, const struct opening *o, const struct error *e) LOOP;
static void refuse_open(struct call *call, const struct opening *o, const struct error *e)
{
    struct error error = *e;
    struct realtime *s = session_open(call, o);
    if (!s)
        return;
    rt_error(s, &error, STR_NONE);
    ws_close(s->ws, 1008, str_c(error_code(&error)));
}

static void unknown_model(struct call *call, const struct opening *o) LOOP;
static void unknown_model(struct call *call, const struct opening *o)
{
    struct error e = {0};
    error_set_param(&e, ERR_NOT_FOUND, "model",
                    "The model '%.*s' does not exist; GET /v1/models lists personas and engines.",
                    STR_ARG(str_sub(o->model, 0, 100)));
    str_copy(e.code, sizeof e.code, STR("model_not_found"));
    refuse_open(call, o, &e);
}

static void with_persona(struct call *call, struct personas_op *op)
{
    on_loop();
    const struct opening *o = call->state;
    const struct content_limits *limits = &personas_house(call->api->parts.personas)->limits;
    if (op->err == ERR_NOT_FOUND || op->err == ERR_GONE) {
        unknown_model(call, o);
    } else if (op->err || limits_meet(limits, op->persona, &op->error) != ERR_OK) {
        refuse_open(call, o, &op->error);
    } else {
        struct arena a = ARENA_INIT;
        struct persona *persona = persona_copy(&a, op->persona);
        struct realtime *s = session_open(call, o);
        if (!s) {
            arena_release(&a);
            return;
        }
        arena_release(&s->arena);
        s->arena = a;
        s->persona = persona;
        created(s);
    }
}

enum { MODEL_MAX = 200 };

void handle_realtime_open(struct call *call)
{
    static const struct str prefix = STR_INIT("engine/");
    struct error e = {0};
    struct opening *o = arena_new(call_arena(call), struct opening);
    if (!call_query(call, "model", &o->model))
        return;
    if (rt_authenticate(call, &o->model, &o->session, &e) != ERR_OK) {
        call_error(call, &e);
        return;
    }
    if (str_empty(o->model) || o->model.n > MODEL_MAX) {
        error_set_param(&e, ERR_INVALID, "model",
                        "Name the model, /v1/realtime?model=mia; GET /v1/models lists personas and engines.");
        str_copy(e.code, sizeof e.code, STR("missing_model"));
        o->model = STR_NONE;
        refuse_open(call, o, &e);
        return;
    }
    if (!str_starts(o->model, prefix)) {
        call->state = o;
        struct persona_deed *deed = call_persona(call, with_persona);
        deed->failures = true;
        deed->op.key = arena_str(&deed->arena, o->model);
        personas_get(call->api->parts.personas, &deed->op);
        return;
    }
    struct str name = str_from(o->model, prefix.n);
    if (str_empty(name) || !engines_find(call->api->parts.engines, name)) {
        unknown_model(call, o);
        return;
    }
    struct realtime *s = session_open(call, o);
    if (!s)
        return;
    s->engine = arena_str(&s->arena, str_from(s->model, prefix.n));
    created(s);
}
