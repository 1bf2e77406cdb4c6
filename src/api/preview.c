/* The preview of a prompt: what a turn of a persona would send (room/preview.c makes it). */
#include "api/call.h"
#include "persona/compose.h"
#include "persona/house.h"

static void write_messages(struct jw *w, const struct prompt *prompt)
{
    static const char *const roles[] = {
        [PROMPT_SYSTEM] = "system", [PROMPT_USER] = "user", [PROMPT_ASSISTANT] = "assistant"};
    jw_key(w, STR("messages"));
    jw_array(w);
    for (size_t i = 0; i < prompt->count; i++) {
        jw_object(w);
        jw_kv_string(w, "role", str_c(roles[prompt->messages[i].role]));
        jw_kv_string(w, "text", prompt->messages[i].text);
        jw_end_object(w);
    }
    jw_end_array(w);
}

static void write_parts(struct jw *w, const struct prompt *prompt)
{
    jw_key(w, STR("parts"));
    jw_array(w);
    for (int part = 0; part < PART_COUNT; part++) {
        if (!prompt->parts[part])
            continue;
        jw_object(w);
        jw_kv_string(w, "part", str_c(prompt_part_names[part]));
        jw_kv_u64(w, "tokens", prompt->parts[part]);
        jw_kv_string(w, "text", prompt->texts[part]);
        jw_end_object(w);
    }
    jw_end_array(w);
}

static void answer_preview(struct call *call, struct room_op *op)
{
    on_loop();
    const struct room_preview *preview = op->preview;
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    jw_object(&w);
    write_messages(&w, preview->prompt);
    write_parts(&w, preview->prompt);
    jw_kv_u64(&w, "tokens", preview->prompt->tokens);
    jw_kv_u64(&w, "budget", preview->budget);
    jw_kv_raw(&w, "lore", preview->lore);
    jw_end_object(&w);
    call_json(call, 200, buf_str(&b));
}

/* An id in the body; false: answered. */
static bool read_id(struct call *call, const char *name, struct id *out) LOOP;
static bool read_id(struct call *call, const char *name, struct id *out)
{
    struct str text = json_get_str(call->body, name, STR_NONE);
    if (str_empty(text) || id_parse(text, out))
        return true;
    call_refuse_param(call, ERR_REFUSED, name,
                      "There is no %s '%.*s'; leave it out, or list those there are.", name,
                      STR_ARG(str_sub(text, 0, 64)));
    return false;
}

void handle_persona_preview(struct call *call)
{
    struct id room = ID_NONE, profile = ID_NONE;
    const struct json *greeting = json_get(call->body, "greeting");
    if (!read_id(call, "room", &room) || !read_id(call, "profile", &profile))
        return;
    if (!id_none(profile) && !house_profile_of(personas_house(call->api->parts.personas), profile)) {
        call_refuse_param(call, ERR_REFUSED, "profile", "There is no profile '%s'; see GET /api/profiles.",
                          id_text(profile).c);
        return;
    }
    struct room_op *op = room_op_new(ROOM_PREVIEW, &call->who, room);
    op->personas = arena_array(&op->arena, struct str, 1);
    op->personas[0] = arena_str(&op->arena, call_param(call, 0));
    op->persona_count = 1;
    op->text = arena_str(&op->arena, json_get_str(call->body, "text", STR_NONE));
    op->profile = profile;
    if (greeting && greeting->type == JSON_STRING)
        op->greeting = -1;
    else if (greeting && greeting->type == JSON_NUMBER)
        json_i64(greeting, &op->greeting);
    call_room(call, op, answer_preview);
}
