/* Shapes of answers; see render.h. */
#include "api/render.h"

#include "base/clock.h"

void render_time(struct jw *w, const char *key, int64_t wall_ms)
{
    char text[CLOCK_TEXT];
    if (!wall_ms) {
        jw_kv_null(w, key);
        return;
    }
    clock_format(text, wall_ms);
    jw_kv_string(w, key, str_c(text));
}

static void render_member(struct jw *w, const char *type, struct str id, struct str name, struct str slug)
{
    jw_object(w);
    jw_kv_string(w, "type", str_c(type));
    jw_kv_string(w, "id", id);
    jw_kv_string(w, "name", name);
    if (!str_empty(slug))
        jw_kv_string(w, "slug", slug);
    jw_end_object(w);
}

static void render_head(struct jw *w, uint64_t head, uint64_t cleared, uint64_t version)
{
    jw_kv_u64(w, "head", head);
    jw_kv_u64(w, "cleared", cleared);
    jw_kv_u64(w, "version", version);
}

/* What is set about a room besides: fields of the API, each with what stands for nothing. */
static void render_settings(struct jw *w, struct str text)
{
    static const struct {
        const char *name;
        struct str none;
    } fields[] = {{"lorebooks", STR_INIT("[]")},
                  {"profile", STR_INIT("null")},
                  {"voice", STR_INIT("\"auto\"")},
                  {"translate", STR_INIT("null")},
                  {"greeting", STR_INIT("0")}};
    struct arena a = ARENA_INIT;
    struct json *settings = NULL;
    if (text.n && json_parse(&a, text, &settings, NULL) != ERR_OK)
        settings = NULL;
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        const struct json *value = json_get(settings, fields[i].name);
        jw_kv_raw(w, fields[i].name, value ? value->raw : fields[i].none);
    }
    arena_release(&a);
}

void render_room(struct jw *w, const struct room_view *view)
{
    jw_object(w);
    jw_kv_string(w, "id", str_c(id_text(view->id).c));
    jw_kv_string(w, "title", view->title);
    jw_kv_string(w, "state", str_c(room_state_names[view->state]));
    jw_key(w, STR("members"));
    jw_array(w);
    for (size_t i = 0; i < view->member_count; i++) {
        const struct room_member *m = &view->members[i];
        render_member(w, m->type == AUTHOR_PERSONA ? "persona" : "user", str_c(id_text(m->id).c), m->name,
                      m->slug);
    }
    jw_end_array(w);
    render_settings(w, view->settings);
    render_head(w, view->head_seq, view->cleared_seq, view->version);
    render_time(w, "created_at", view->created_ms);
    render_time(w, "updated_at", view->updated_ms);
    render_time(w, "deleted_at", view->deleted_ms);
    jw_end_object(w);
}

static void render_stored_members(struct jw *w, struct call *call, const struct room_row *row)
{
    struct json *members = NULL;
    jw_key(w, STR("members"));
    jw_array(w);
    render_member(w, "user", str_c(id_text(row->owner).c), str_c(call->who.name), STR_NONE);
    if (json_parse(call_arena(call), row->members, &members, NULL) == ERR_OK) {
        json_each (m, members) {
            if (!json_get_bool(m, "left", false))
                render_member(w, "persona", json_get_str(m, "id", STR_NONE),
                              json_get_str(m, "name", STR_NONE), json_get_str(m, "slug", STR_NONE));
        }
    }
    jw_end_array(w);
}

void render_room_row(struct jw *w, struct call *call, const struct room_row *row)
{
    jw_object(w);
    jw_kv_string(w, "id", str_c(id_text(row->id).c));
    jw_kv_string(w, "title", row->title);
    jw_kv_string(w, "state", row->state);
    render_stored_members(w, call, row);
    render_settings(w, row->settings);
    render_head(w, row->head_seq, row->cleared_seq, row->version);
    render_time(w, "created_at", row->created_ms);
    render_time(w, "updated_at", row->updated_ms);
    render_time(w, "deleted_at", row->deleted_ms);
    jw_kv_string(w, "last_text", row->last_text);
    render_time(w, "last_at", row->last_ms);
    jw_end_object(w);
}

/* The event's data with another text; every other member as it was written. */
static struct str with_text(struct arena *a, const struct json *data, struct str text)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    jw_object(&w);
    json_each (member, data) {
        jw_key(&w, member->key);
        if (str_eq(member->key, STR("text")))
            jw_string(&w, text);
        else
            jw_raw(&w, member->raw);
    }
    jw_end_object(&w);
    return arena_str(a, buf_str(&b));
}

void render_message(struct jw *w, struct arena *a, const struct message_row *message)
{
    struct event_row row = message->row;
    struct json *data = NULL, *edited = NULL;
    json_parse(a, row.data, &data, NULL);
    struct str text = json_get_str(data, "text", STR_NONE);
    const struct json *reply_to = json_get(data, "reply_to");
    if (!str_empty(message->edited_data) && json_parse(a, message->edited_data, &edited, NULL) == ERR_OK) {
        text = json_get_str(edited, "text", text);
        row.data = with_text(a, data, text);
    }
    CLEANUP_BUF struct buf envelope = BUF_INIT;
    struct jw inner = JW(&envelope);
    event_write(&inner, &row);
    jw_object(w);
    jw_kv_string(w, "id", json_get_str(data, "id", str_c(id_text(row.ref).c)));
    jw_kv_string(w, "text", text);
    jw_kv_raw(w, "reply_to", reply_to ? reply_to->raw : STR_NONE);
    render_time(w, "edited_at", message->edited_ms);
    if (message->deleted)
        jw_kv_bool(w, "deleted", true);
    struct json *fields = NULL;
    if (json_parse(a, arena_str(a, buf_str(&envelope)), &fields, NULL) == ERR_OK) {
        json_each (field, fields) {
            jw_key(w, field->key);
            jw_raw(w, field->raw);
        }
    }
    jw_end_object(w);
}

void render_message_event(struct jw *w, struct arena *a, const struct event_row *row)
{
    struct message_row message = {.row = *row};
    render_message(w, a, &message);
}
