/*
 * POST /v1/chat/completions: reads the request and chooses who answers; see openai.h.
 *
 * A persona remembers when the request says who speaks (`user`, or metadata.room): its room is found by that
 * key, opened at the first request, and only the last message is said in it - what went before is in the
 * room. With tools or a response_format, or without a key, the persona answers from the messages given, and
 * nothing is kept.
 */
#include "api/openai.h"
#include "persona/house.h"

#include "api/ask.h"
#include "api/seen.h"
#include "engine/engine.h"

#include <stdio.h>

/* ---- messages */

static bool bad_message(struct call *call, size_t index, const char *what) LOOP;
static bool bad_message(struct call *call, size_t index, const char *what)
{
    char param[32];
    snprintf(param, sizeof param, "messages.%zu", index);
    call_refuse_param(call, ERR_INVALID, param, "The message %zu %s", index, what);
    return false;
}

/* The text of a list of parts; parts that are no text are kept for the engine in content_raw. */
static struct str parts_text(struct arena *a, const struct json *parts)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    json_each (part, parts) {
        struct str text = json_get_str(part, "text", STR_NONE);
        if (b.n && text.n)
            buf_add_char(&b, '\n');
        buf_add(&b, text);
    }
    return arena_str(a, buf_str(&b));
}

static bool read_role(struct str role, enum gen_role *out)
{
    static const struct {
        const char *name;
        enum gen_role role;
    } roles[] = {{"system", GEN_SYSTEM},       {"developer", GEN_SYSTEM}, {"user", GEN_USER},
                 {"assistant", GEN_ASSISTANT}, {"tool", GEN_TOOL},        {"function", GEN_TOOL}};
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++) {
        if (str_eq(role, str_c(roles[i].name))) {
            *out = roles[i].role;
            return true;
        }
    }
    return false;
}

static bool read_message(struct call *call, size_t index, const struct json *from,
                         struct gen_message *to) LOOP;
static bool read_message(struct call *call, size_t index, const struct json *from, struct gen_message *to)
{
    const struct json *content = json_get(from, "content"), *calls = json_get(from, "tool_calls");
    if (from->type != JSON_OBJECT)
        return bad_message(call, index, "must be an object with a role and a content.");
    if (!read_role(json_get_str(from, "role", STR_NONE), &to->role))
        return bad_message(call, index, "needs a role: system, developer, user, assistant or tool.");
    to->name = json_get_str(from, "name", STR_NONE);
    to->tool_call_id = json_get_str(from, "tool_call_id", STR_NONE);
    if (calls && calls->type == JSON_ARRAY)
        to->tool_calls = calls->raw;
    if (content && content->type == JSON_STRING) {
        to->content = content->string;
    } else if (content && content->type == JSON_ARRAY) {
        to->content = parts_text(call_arena(call), content);
        to->content_raw = content->raw;
    } else if (content && content->type == JSON_NULL) {
        to->content_raw = content->raw;
    } else if (!calls) {
        return bad_message(call, index, "needs a content: a string or a list of parts.");
    }
    return true;
}

bool chat_read_messages(struct call *call, struct chat_messages *out)
{
    const struct json *messages = json_get(call->body, "messages");
    if (!messages || messages->count == 0) {
        call_refuse_param(call, ERR_INVALID, "messages", "'messages' must have at least one message.");
        return false;
    }
    out->n = 0;
    out->v = arena_array(call_arena(call), struct gen_message, messages->count);
    json_each (item, messages) {
        if (!read_message(call, out->n, item, &out->v[out->n]))
            return false;
        out->n++;
    }
    return true;
}

/* ---- options */

static struct str raw_of(const struct json *body, const char *key)
{
    const struct json *value = json_get(body, key);
    return value && value->type != JSON_NULL ? value->raw : STR_NONE;
}

static double double_of(const struct json *body, const char *key, double fallback)
{
    return json_get_double(body, key, fallback);
}

void chat_read_options(const struct json *body, struct arena *a, struct gen_request *out)
{
    struct gen_sampling *s = &out->sampling;
    const struct json *stop = json_get(body, "stop");
    s->temperature = double_of(body, "temperature", s->temperature);
    s->top_p = double_of(body, "top_p", s->top_p);
    s->frequency_penalty = double_of(body, "frequency_penalty", s->frequency_penalty);
    s->presence_penalty = double_of(body, "presence_penalty", s->presence_penalty);
    s->min_p = double_of(body, "min_p", s->min_p);
    s->repeat_penalty = double_of(body, "repeat_penalty", s->repeat_penalty);
    s->top_k = json_get_i64(body, "top_k", s->top_k);
    s->max_tokens =
        json_get_i64(body, "max_completion_tokens", json_get_i64(body, "max_tokens", s->max_tokens));
    s->seed = json_get_i64(body, "seed", s->seed);
    if (stop && (stop->type == JSON_STRING || stop->type == JSON_ARRAY)) {
        struct str *stops = arena_array(a, struct str, stop->count + 1);
        s->stop_count = 0;
        if (stop->type == JSON_STRING)
            stops[s->stop_count++] = stop->string;
        else
            json_each (item, stop)
                stops[s->stop_count++] = item->string;
        s->stop = stops;
    }
    out->key = json_get_str(body, "prompt_cache_key", json_get_str(body, "user", STR_NONE));
    out->tools = raw_of(body, "tools");
    out->tool_choice = raw_of(body, "tool_choice");
    out->response_format = raw_of(body, "response_format");
}

/* ---- a persona with a room */

struct remembered {
    struct completion completion;
    struct ask *ask;
    struct chat_messages messages;
    struct str key;   /* who speaks, or empty */
    struct str media; /* what the last message shows: ids */
    void (*closed)(struct http_req *, bool);
};

static void told(struct ask *ask, struct str text)
{
    on_loop();
    completion_delta(ask->arg, text);
}

static void answered(struct ask *ask)
{
    on_loop();
    struct completion *c = ask->arg;
    if (ask->cancelled && !ask->error.err)
        error_set(&ask->error, ERR_CANCELLED, "The answer was cancelled in the room.");
    if (ask->error.err)
        completion_fail(c, &ask->error);
    else
        completion_end(c, ask->finish, &ask->usage, STR_NONE);
}

/* One room for each persona and each key: found by its id, which is made of them. */
static struct id room_of(struct call *call, const struct persona *p, struct str key)
{
    struct str name = arena_printf(call_arena(call), "%s %s %.*s", id_text(call->who.user).c,
                                   id_text(p->id).c, STR_ARG(key));
    return id_of_name(STR("v1 room"), name);
}

static void remembered_closed(struct http_req *req, bool complete)
{
    on_loop();
    struct call *call = req->user;
    struct ask *ask = call->state;
    struct remembered *r = CONTAINER(ask->arg, struct remembered, completion);
    completion_release(&r->completion);
    r->closed(req, complete);
}

static void answer_from_room(struct call *call, struct remembered *r, const struct persona *p) LOOP;
static void answer_from_room(struct call *call, struct remembered *r, const struct persona *p)
{
    const struct gen_message *last = &r->messages.v[r->messages.n - 1];
    if (last->role != GEN_USER || (str_empty(str_trim(last->content)) && !r->media.n)) {
        call_refuse_param(call, ERR_INVALID, "messages", "The last message must be the user's, with a text.");
        return;
    }
    struct arena *a = call_arena(call);
    struct ask *ask = r->ask = ask_new(call);
    r->closed = call->req->on_closed;
    call->req->on_closed = remembered_closed;
    ask->room = room_of(call, p, r->key);
    ask->text = last->content;
    ask->media = r->media;
    ask->cancel_on_leave = true;
    ask->persona = arena_str(a, str_c(id_text(p->id).c));
    ask->title = arena_printf(a, "%.*s · %.*s", STR_ARG(persona_called(p)), STR_ARG(str_sub(r->key, 0, 60)));
    ask->external = arena_printf(a, "v1:%s:%.*s", id_text(p->id).c, STR_ARG(r->key));
    ask->quiet = true;
    ask->delta = told;
    ask->done = answered;
    ask->arg = &r->completion;
    ask_begin(ask);
}

/* ---- the choice */

static struct str memory_key(const struct json *body)
{
    struct str room = json_get_str(json_get(body, "metadata"), "room", STR_NONE);
    return str_empty(room) ? json_get_str(body, "user", STR_NONE) : room;
}

/* A persona's engine that does not see reads that there was something to see. */
static void let_blind_read(struct call *call, struct chat_messages *messages)
{
    for (size_t i = 0; i < messages->n; i++) {
        struct gen_message *m = &messages->v[i];
        if (m->role != GEN_USER || str_find(m->content_raw, STR("\"image_url\"")) == SIZE_MAX)
            continue;
        m->pictures = true;
        m->content =
            arena_printf(call_arena(call), "%.*s%s[an image]", STR_ARG(m->content), m->content.n ? "\n" : "");
    }
}

static void persona_found(struct call *call, struct personas_op *op)
{
    on_loop();
    struct remembered *r = call->state;
    if (op->err == ERR_NOT_FOUND || op->err == ERR_GONE) {
        model_unknown(call, r->completion.model);
    } else if (op->err) {
        call_error(call, &op->error);
    } else if (limits_meet(&personas_house(call->api->parts.personas)->limits, op->persona, &op->error) !=
               ERR_OK) {
        call_error(call, &op->error);
    } else if (str_empty(r->key) || json_get(call->body, "tools") ||
               json_get(call->body, "response_format")) {
        let_blind_read(call, &r->messages);
        character_start(&r->completion, persona_copy(call_arena(call), op->persona), &r->messages);
    } else {
        answer_from_room(call, r, persona_copy(call_arena(call), op->persona));
    }
}

static void to_engine(struct call *call, struct remembered *r, struct str name) LOOP;
static void to_engine(struct call *call, struct remembered *r, struct str name)
{
    if (str_empty(name) || !engines_find(call->api->parts.engines, name))
        model_unknown(call, r->completion.model);
    else
        gateway_start(&r->completion, name, &r->messages);
}

enum { KEY_MAX = 512 };

static void with_pictures(struct call *call, struct str media);

static const struct str prefix = STR_INIT("engine/");

void handle_completions_post(struct call *call)
{
    const struct json *messages = json_get(call->body, "messages");
    bool engine = str_starts(json_get_str(call->body, "model", STR_NONE), prefix);
    bool said = !engine && memory_key(call->body).n && !json_get(call->body, "tools") &&
                !json_get(call->body, "response_format");
    if (seen_any(messages))
        seen_resolve(call, said, with_pictures);
    else
        with_pictures(call, STR_NONE);
}

/* Once what the messages show is there. */
static void with_pictures(struct call *call, struct str media)
{
    on_loop();
    struct remembered *r = arena_new(call_arena(call), struct remembered);
    r->media = media;
    if (!completion_init(&r->completion, call) || !chat_read_messages(call, &r->messages))
        return;
    struct str model = r->completion.model;
    if (str_starts(model, prefix)) {
        to_engine(call, r, str_from(model, prefix.n));
        return;
    }
    r->key = memory_key(call->body);
    if (r->key.n > KEY_MAX) {
        call_refuse_param(call, ERR_INVALID, "user", "'user' may have at most %d bytes.", KEY_MAX);
        return;
    }
    call->state = r;
    struct persona_deed *deed = call_persona(call, persona_found);
    deed->failures = true;
    deed->op.key = arena_str(&deed->arena, model);
    personas_get(call->api->parts.personas, &deed->op);
}
