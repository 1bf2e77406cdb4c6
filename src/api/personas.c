/*
 * Personas: create, import, read, change, delete, restore, copy, and their cards.
 *
 * The registry (persona/personas.h) checks bodies and keeps them; here they become answers. Lists are in
 * persona_list.c.
 */
#include "persona/personas.h"
#include "api/idem.h"
#include "api/multipart.h"

static void send_persona(struct call *call, const struct persona *p, int status) LOOP;
static void send_persona(struct call *call, const struct persona *p, int status)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    persona_write_json(&w, p);
    call_resource(call, status, p->version, buf_str(&b));
}

static void answer_persona(struct call *call, struct personas_op *op)
{
    on_loop();
    send_persona(call, op->persona, 200);
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

/* ---- create, import, duplicate: each once per Idempotency-Key */

static void replayed(struct call *call, struct personas_op *op)
{
    on_loop();
    idem_mark_replayed(call);
    send_persona(call, op->persona, 201);
}

static void replay(struct call *call, struct str result)
{
    on_loop();
    struct persona_deed *deed = call_persona(call, replayed);
    deed->op.key = arena_str(&deed->arena, result);
    deed->op.deleted = true;
    personas_get(call->api->parts.personas, &deed->op);
}

static void created(struct call *call, struct personas_op *op)
{
    on_loop();
    if (op->err == ERR_CONFLICT) {
        idem_lost(call, &op->error, replay);
    } else if (op->err) {
        call_error(call, &op->error);
    } else {
        http_set_header(call->req, "Location",
                        arena_printf(call_arena(call), "/api/personas/%s", id_text(op->persona->id).c));
        send_persona(call, op->persona, 201);
    }
}

static struct persona_deed *creation_new(struct call *call) LOOP;
static struct persona_deed *creation_new(struct call *call)
{
    struct persona_deed *deed = deed_new(call, created);
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
    idem_check(call, create, replay);
}

static void duplicate(struct call *call)
{
    on_loop();
    personas_duplicate(call->api->parts.personas, &creation_new(call)->op);
}

void handle_persona_duplicate(struct call *call)
{
    idem_check(call, duplicate, replay);
}

/* The card: the body itself, or the part `file` of a form. */
static enum err find_card(struct call *call, struct str *card, struct error *e)
{
    struct str type;
    struct multipart_part part;
    *card = call->req->body;
    if (!http_header(call->req, "Content-Type", &type) || !multipart_is(type))
        return ERR_OK;
    enum err err = multipart_find(type, call->req->body, STR("file"), &part, e);
    if (!err)
        *card = part.bytes;
    return err;
}

static void import(struct call *call)
{
    on_loop();
    struct error e = {0};
    struct str card;
    if (find_card(call, &card, &e)) {
        call_error(call, &e);
        return;
    }
    if (str_empty(card)) {
        call_refuse(call, ERR_INVALID, "Send a character card as the body, or as the part 'file' of a form.");
        return;
    }
    struct persona_deed *deed = creation_new(call);
    deed->op.body = arena_str(&deed->arena, card);
    personas_import(call->api->parts.personas, &deed->op);
}

void handle_persona_import(struct call *call)
{
    idem_check(call, import, replay);
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
    struct persona_deed *deed = deed_new(call, deleted);
    struct str given;
    if (http_header(call->req, "If-Match", &given))
        deed->op.if_match = arena_str(&deed->arena, given);
    personas_delete(call->api->parts.personas, &deed->op);
}

void handle_persona_restore(struct call *call)
{
    personas_restore(call->api->parts.personas, &deed_new(call, answer_persona)->op);
}

/* ---- cards */

static void answer_card(struct call *call, struct personas_op *op)
{
    on_loop();
    CLEANUP_BUF struct buf b = BUF_INIT;
    persona_card_write(&b, op->persona);
    http_set_header(
        call->req, "Content-Disposition",
        arena_printf(call_arena(call), "attachment; filename=\"%.*s.json\"", STR_ARG(op->persona->slug)));
    call_json(call, 200, buf_str(&b));
}

void handle_persona_card(struct call *call)
{
    struct str format = call_param(call, 1);
    if (str_eq(format, STR("json")))
        personas_get(call->api->parts.personas, &deed_new(call, answer_card)->op);
    else if (str_eq(format, STR("png")) || str_eq(format, STR("charx")))
        call_refuse(call, ERR_NOT_IMPLEMENTED,
                    "Cards are written as JSON only so far; ask for card.json instead.");
    else
        call_refuse(call, ERR_NOT_FOUND, "A card has the formats json, png and charx.");
}
