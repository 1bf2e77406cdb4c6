/* Versions of personas: which there are, one as it was, what differs, and back to one. */
#include "api/call.h"
#include "base/clock.h"
#include "persona/personas.h"

static struct persona_deed *deed_new(struct call *call,
                                     void (*then)(struct call *, struct personas_op *)) LOOP;
static struct persona_deed *deed_new(struct call *call, void (*then)(struct call *, struct personas_op *))
{
    struct persona_deed *deed = call_persona(call, then);
    deed->op.key = arena_str(&deed->arena, call_param(call, 0));
    return deed;
}

/* The version that the path names; 0: answered. */
static uint64_t version_of(struct call *call) LOOP;
static uint64_t version_of(struct call *call)
{
    uint64_t version = 0;
    if (str_to_u64(call_param(call, 1), &version) && version && version <= INT64_MAX)
        return version;
    call_refuse(call, ERR_NOT_FOUND,
                "A version is a whole number from 1 on; list them to see which there are.");
    return 0;
}

static void write_version(struct jw *w, const struct doc_version *v)
{
    char at[CLOCK_TEXT];
    clock_format(at, v->at_ms);
    jw_object(w);
    jw_kv_u64(w, "version", v->version);
    jw_kv_string(w, "at", str_c(at));
    if (id_none(v->author))
        jw_kv_null(w, "author");
    else
        jw_kv_string(w, "author", str_empty(v->author_name) ? STR("You") : v->author_name);
    if (str_empty(v->note))
        jw_kv_null(w, "note");
    else
        jw_kv_string(w, "note", v->note);
    jw_kv_raw(w, "changed", v->fields);
    jw_end_object(w);
}

static void answer_versions(struct call *call, struct personas_op *op)
{
    on_loop();
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w;
    list_begin(&w, &b);
    for (size_t i = 0; i < op->count; i++)
        write_version(&w, &op->versions[i]);
    list_end(&w, op->next);
    call_json(call, 200, buf_str(&b));
}

void handle_versions_page(struct call *call)
{
    unsigned limit;
    struct str after;
    if (!call_query_limit(call, &limit) || !call_query(call, "after", &after))
        return;
    struct persona_deed *deed = deed_new(call, answer_versions);
    deed->op.limit = limit;
    deed->op.after = arena_str(&deed->arena, after);
    personas_versions(call->api->parts.personas, &deed->op);
}

static void answer_persona(struct call *call, struct personas_op *op)
{
    on_loop();
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    persona_write_json(&w, op->persona);
    call_resource(call, 200, op->persona->version, buf_str(&b));
}

void handle_version_show(struct call *call)
{
    uint64_t version = version_of(call);
    if (!version)
        return;
    struct persona_deed *deed = deed_new(call, answer_persona);
    deed->op.version = version;
    personas_version(call->api->parts.personas, &deed->op);
}

static void answer_diff(struct call *call, struct personas_op *op)
{
    on_loop();
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    jw_object(&w);
    jw_kv_u64(&w, "from", op->persona->version);
    jw_kv_u64(&w, "to", op->other->version);
    jw_key(&w, STR("fields"));
    persona_diff_write(&w, op->persona, op->other);
    jw_end_object(&w);
    call_json(call, 200, buf_str(&b));
}

void handle_version_diff(struct call *call)
{
    uint64_t version = version_of(call), to = 0;
    if (!version || !call_query_u64(call, "to", &to))
        return;
    struct persona_deed *deed = deed_new(call, answer_diff);
    deed->op.version = version;
    deed->op.other_version = to;
    personas_versions_two(call->api->parts.personas, &deed->op);
}

void handle_version_restore(struct call *call)
{
    uint64_t version = version_of(call);
    struct str given;
    if (!version)
        return;
    struct persona_deed *deed = deed_new(call, answer_persona);
    deed->op.version = version;
    if (http_header(call->req, "If-Match", &given))
        deed->op.if_match = arena_str(&deed->arena, given);
    personas_version_restore(call->api->parts.personas, &deed->op);
}
