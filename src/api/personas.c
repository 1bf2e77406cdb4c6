/*
 * Personas: create, read, change, delete, restore, copy. Cards and pictures are in cards.c.
 *
 * The registry (persona/personas.h) checks bodies and keeps them; here they become answers. Lists are in
 * persona_list.c.
 */
#include "api/idem.h"
#include "api/persona.h"

void persona_send(struct call *call, const struct persona *p, int status)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    persona_write_json(&w, p);
    call_resource(call, status, p->version, buf_str(&b));
}

static void answer_persona(struct call *call, struct personas_op *op)
{
    on_loop();
    persona_send(call, op->persona, 200);
}

/* An operation on the persona that the path names, with the body's text. */
static struct persona_deed *deed_new(struct call *call,
                                     void (*then)(struct call *, struct personas_op *)) LOOP;
static struct persona_deed *deed_new(struct call *call, void (*then)(struct call *, struct personas_op *))
{
    struct persona_deed *deed = call_persona(call, then);
    deed->op.key = arena_str(&deed->arena, call_param(call, 0));
    if (call->body)
        deed->op.body = arena_str(&deed->arena, call->body->raw);
    return deed;
}

/* ---- create, duplicate: each once per Idempotency-Key */

static void replayed(struct call *call, struct personas_op *op)
{
    on_loop();
    idem_mark_replayed(call);
    persona_send(call, op->persona, 201);
}

void persona_replay(struct call *call, struct str result)
{
    on_loop();
    struct persona_deed *deed = call_persona(call, replayed);
    deed->op.key = arena_str(&deed->arena, result);
    deed->op.deleted = true;
    personas_get(call->api->parts.personas, &deed->op);
}

void persona_created(struct call *call, struct personas_op *op)
{
    on_loop();
    if (op->err == ERR_CONFLICT) {
        idem_lost(call, &op->error, persona_replay);
    } else if (op->err) {
        call_error(call, &op->error);
    } else {
        http_set_header(call->req, "Location",
                        arena_printf(call_arena(call), "/api/personas/%s", id_text(op->persona->id).c));
        persona_send(call, op->persona, 201);
    }
}

static struct persona_deed *creation_new(struct call *call) LOOP;
static struct persona_deed *creation_new(struct call *call)
{
    struct persona_deed *deed = deed_new(call, persona_created);
    deed->failures = true;
    deed->op.idem = idem_of(call, &deed->arena);
    return deed;
}

static void create(struct call *call)
{
    on_loop();
    personas_create(call->api->parts.personas, &creation_new(call)->op);
}

void handle_persona_post(struct call *call)
{
    idem_check(call, create, persona_replay);
}

static void duplicate(struct call *call)
{
    on_loop();
    personas_duplicate(call->api->parts.personas, &creation_new(call)->op);
}

void handle_persona_duplicate(struct call *call)
{
    idem_check(call, duplicate, persona_replay);
}

/* ---- one persona */

void handle_persona_show(struct call *call)
{
    personas_get(call->api->parts.personas, &deed_new(call, answer_persona)->op);
}

static void update(struct call *call, enum persona_change how) LOOP;
static void update(struct call *call, enum persona_change how)
{
    struct persona_deed *deed = deed_new(call, answer_persona);
    struct str given;
    if (http_header(call->req, "If-Match", &given))
        deed->op.if_match = arena_str(&deed->arena, given);
    personas_update(call->api->parts.personas, &deed->op, how);
}

void handle_persona_put(struct call *call)
{
    update(call, PERSONA_REPLACE);
}

void handle_persona_patch(struct call *call)
{
    update(call, PERSONA_PATCH);
}

static void deleted(struct call *call, struct personas_op *op)
{
    on_loop();
    (void)op;
    call_status(call, 204);
}

void handle_persona_delete(struct call *call)
{
    bool forget = false;
    if (!call_query_flag(call, "forget", &forget))
        return;
    struct persona_deed *deed = deed_new(call, deleted);
    struct str given;
    if (http_header(call->req, "If-Match", &given))
        deed->op.if_match = arena_str(&deed->arena, given);
    deed->op.erase = forget;
    personas_delete(call->api->parts.personas, &deed->op);
}

void handle_persona_restore(struct call *call)
{
    personas_restore(call->api->parts.personas, &deed_new(call, answer_persona)->op);
}
