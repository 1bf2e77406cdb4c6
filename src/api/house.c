/* Profiles ("who I am") and content limits; persona/house.h keeps them. */
#include "persona/house.h"
#include "api/call.h"
#include "base/clock.h"

static struct persona_deed *op_new(struct call *call, void (*then)(struct call *, struct personas_op *)) LOOP;
static struct persona_deed *op_new(struct call *call, void (*then)(struct call *, struct personas_op *))
{
    struct persona_deed *deed = call_persona(call, then);
    struct str given;
    deed->op.key = arena_str(&deed->arena, call_param(call, 0));
    if (call->body)
        deed->op.body = arena_str(&deed->arena, call->body->raw);
    if (http_header(call->req, "If-Match", &given))
        deed->op.if_match = arena_str(&deed->arena, given);
    return deed;
}

static void write_time(struct jw *w, const char *name, int64_t ms)
{
    char text[CLOCK_TEXT];
    if (!ms) {
        jw_kv_null(w, name);
        return;
    }
    clock_format(text, ms);
    jw_kv_string(w, name, str_c(text));
}

/* ---- content limits */

static void write_list(struct jw *w, const char *name, const struct persona_list *list)
{
    jw_key(w, str_c(name));
    jw_array(w);
    for (size_t i = 0; i < list->n; i++)
        jw_string(w, list->v[i]);
    jw_end_array(w);
}

static void send_limits(struct call *call) LOOP;
static void send_limits(struct call *call)
{
    const struct content_limits *limits = &personas_house(call->api->parts.personas)->limits;
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    jw_object(&w);
    jw_kv_bool(&w, "adult", limits->adult);
    jw_kv_bool(&w, "romance", limits->romance);
    write_list(&w, "avoid_words", &limits->avoid_words);
    write_list(&w, "avoid_themes", &limits->avoid_themes);
    write_time(&w, "confirmed_at", limits->confirmed_ms);
    jw_end_object(&w);
    call_json(call, 200, buf_str(&b));
}

void handle_limits_show(struct call *call)
{
    send_limits(call);
}

static void limits_set(struct call *call, struct personas_op *op)
{
    on_loop();
    (void)op;
    send_limits(call);
}

void handle_limits_put(struct call *call)
{
    personas_limits_set(call->api->parts.personas, &op_new(call, limits_set)->op);
}

/* ---- profiles */

static void write_profile(struct jw *w, const struct profile *p)
{
    jw_object(w);
    jw_kv_string(w, "id", str_c(id_text(p->id).c));
    jw_kv_string(w, "name", p->name);
    jw_kv_string(w, "description", p->description);
    jw_kv_bool(w, "default", p->is_default);
    jw_kv_u64(w, "version", p->version);
    write_time(w, "created_at", p->created_ms);
    write_time(w, "updated_at", p->updated_ms);
    jw_end_object(w);
}

static void send_profile(struct call *call, struct id id, int status) LOOP;
static void send_profile(struct call *call, struct id id, int status)
{
    const struct profile *p = house_profile_of(personas_house(call->api->parts.personas), id);
    if (!p) {
        call_refuse(call, ERR_NOT_FOUND,
                    "There is no profile '%.*s'; see GET /api/profiles for those there are.",
                    STR_ARG(str_sub(call_param(call, 0), 0, 64)));
        return;
    }
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    write_profile(&w, p);
    call_resource(call, status, p->version, buf_str(&b));
}

void handle_profiles_page(struct call *call)
{
    const struct house *h = personas_house(call->api->parts.personas);
    struct page page;
    if (!page_begin(&page, call))
        return;
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w;
    list_begin(&w, &b);
    for (size_t i = 0; i < h->profile_count; i++) {
        struct str id = arena_str(call_arena(call), str_c(id_text(h->profiles[i].id).c));
        if (page_has(&page, id))
            write_profile(&w, &h->profiles[i]);
    }
    list_end(&w, page_next(&page));
    call_json(call, 200, buf_str(&b));
}

static void profile_made(struct call *call, struct personas_op *op)
{
    on_loop();
    http_set_header(call->req, "Location",
                    arena_printf(call_arena(call), "/api/profiles/%s", id_text(op->made).c));
    send_profile(call, op->made, 201);
}

void handle_profile_post(struct call *call)
{
    personas_profile_create(call->api->parts.personas, &op_new(call, profile_made)->op);
}

void handle_profile_show(struct call *call)
{
    struct id id;
    if (call_param_id(call, 0, "profile", &id))
        send_profile(call, id, 200);
}

static void profile_changed(struct call *call, struct personas_op *op)
{
    on_loop();
    send_profile(call, op->made, 200);
}

void handle_profile_patch(struct call *call)
{
    personas_profile_change(call->api->parts.personas, &op_new(call, profile_changed)->op);
}

static void profile_gone(struct call *call, struct personas_op *op)
{
    on_loop();
    (void)op;
    call_status(call, 204);
}

void handle_profile_delete(struct call *call)
{
    personas_profile_delete(call->api->parts.personas, &op_new(call, profile_gone)->op);
}
