/*
 * waifu-rt3d's chat call, and its endpoints that are not built yet.
 *
 * POST /api/chat: one message to one persona, in the session that is named or a new one, answered whole or
 * (stream: true, or Accept: text/event-stream) as server-sent events: {"delta":"..."} pieces, then the whole
 * answer.
 */
#include "api/ask.h"

struct chat {
    struct ask *ask;
    bool stream, begun;
};

static void send_event(struct chat *chat, struct str json) LOOP;
static void send_event(struct chat *chat, struct str json)
{
    struct http_req *req = chat->ask->call->req;
    if (!chat->begun)
        http_sse_begin(req);
    chat->begun = true;
    struct shared *frame = http_sse_frame(STR_NONE, STR_NONE, json);
    http_sse_send(req, frame);
    shared_unref(frame);
}

static void told(struct ask *ask, struct str text)
{
    on_loop();
    struct chat *chat = ask->arg;
    if (!chat->stream)
        return;
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    jw_object(&w);
    jw_kv_string(&w, "session_id", str_c(id_text(ask->room).c));
    jw_kv_string(&w, "delta", text);
    jw_end_object(&w);
    send_event(chat, buf_str(&b));
}

static void write_mood(struct jw *w, const struct ask *ask)
{
    static const char *const fields[] = {"label", "valence", "arousal", "dominance"};
    struct json *mood = NULL;
    jw_key(w, STR("affect"));
    if (str_empty(ask->mood) || json_parse(call_arena(ask->call), ask->mood, &mood, NULL)) {
        jw_null(w);
        return;
    }
    jw_object(w);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (json_get(mood, fields[i]))
            jw_kv_raw(w, fields[i], json_get(mood, fields[i])->raw);
    jw_end_object(w);
}

static void write_answer(struct jw *w, const struct ask *ask)
{
    jw_object(w);
    jw_kv_string(w, "session_id", str_c(id_text(ask->room).c));
    jw_kv_string(w, "reply", ask->reply);
    jw_kv_raw(w, "message", ask->message);
    write_mood(w, ask);
    jw_key(w, STR("usage"));
    if (ask->usage.known) {
        jw_object(w);
        jw_kv_u64(w, "prompt_tokens", ask->usage.prompt_tokens);
        jw_kv_u64(w, "completion_tokens", ask->usage.completion_tokens);
        jw_kv_u64(w, "total_tokens", ask->usage.prompt_tokens + ask->usage.completion_tokens);
        jw_end_object(w);
    } else {
        jw_null(w);
    }
    jw_end_object(w);
}

static void answered(struct ask *ask)
{
    on_loop();
    struct chat *chat = ask->arg;
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    if (ask->cancelled && !ask->error.err)
        error_set(&ask->error, ERR_CANCELLED, "The answer was cancelled in the room.");
    if (ask->error.err && !chat->begun) {
        call_error(ask->call, &ask->error);
        return;
    }
    if (ask->error.err) {
        jw_object(&w);
        jw_key(&w, STR("error"));
        error_object_write(&w, &ask->error, ask->call->req->request_id);
        jw_end_object(&w);
    } else {
        write_answer(&w, ask);
    }
    if (chat->stream) {
        send_event(chat, buf_str(&b));
        http_stream_end(ask->call->req);
    } else {
        call_json(ask->call, 200, buf_str(&b));
    }
}

static void first_persona(struct call *call, struct personas_op *op)
{
    on_loop();
    struct ask *ask = call->state;
    if (op->count == 0) {
        call_refuse(call, ERR_REFUSED, "There is no persona to talk to; create one first.");
        return;
    }
    ask->persona = arena_str(call_arena(call), str_c(id_text(op->list[0]->id).c));
    ask_begin(ask);
}

void handle_chat_post(struct call *call)
{
    struct str text = json_get_str(call->body, "text", json_get_str(call->body, "message", STR_NONE));
    struct str session = json_get_str(call->body, "session_id", STR_NONE);
    if (str_empty(text)) {
        call_refuse_param(call, ERR_MISSING_FIELD, "text", "Say something: 'text' is missing.");
        return;
    }
    struct ask *ask = ask_new(call);
    struct chat *chat = arena_new(call_arena(call), struct chat);
    chat->ask = ask;
    chat->stream = json_get_bool(call->body, "stream", false) || call_wants_stream(call);
    ask->arg = chat;
    ask->text = text;
    ask->delta = told;
    ask->done = answered;
    ask->quiet = true;
    if (!str_empty(session)) {
        if (id_parse(session, &ask->room))
            ask_begin(ask);
        else
            call_refuse_param(call, ERR_NOT_FOUND, "session_id", "No session has this id.");
        return;
    }
    ask->persona = json_get_str(call->body, "character", STR_NONE);
    if (!str_empty(ask->persona)) {
        ask_begin(ask);
        return;
    }
    struct persona_deed *deed = call_persona(call, first_persona);
    deed->op.limit = 1;
    personas_list(call->api->parts.personas, &deed->op);
}

/* ---- not built yet */

void handle_not_yet_avatars(struct call *call)
{
    call_refuse(call, ERR_NOT_IMPLEMENTED, "Avatars are not built yet; personas have a portrait until then.");
}
