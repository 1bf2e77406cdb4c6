/* Templates: listed, shown, and personas made of them. See persona/template.h. */
#include "api/idem.h"
#include "api/persona.h"
#include "persona/template.h"

void handle_templates_page(struct call *call)
{
    struct page page;
    struct template t;
    struct str industry;
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w;
    if (!page_begin(&page, call) || !call_query(call, "industry", &industry))
        return;
    list_begin(&w, &b);
    for (size_t at = 0; template_next(call_arena(call), &at, &t);) {
        bool wanted = str_empty(industry) || str_eq(json_get_str(t.root, "industry", STR_NONE), industry);
        if (wanted && page_has(&page, t.id))
            template_write_summary(&w, &t);
    }
    list_end(&w, page_next(&page));
    call_json(call, 200, buf_str(&b));
}

static bool find(struct call *call, struct template *t) LOOP;
static bool find(struct call *call, struct template *t)
{
    struct error e = {0};
    if (template_find(call_arena(call), call_param(call, 0), t, &e) == ERR_OK)
        return true;
    call_error(call, &e);
    return false;
}

void handle_template_show(struct call *call)
{
    struct template t;
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    if (!find(call, &t))
        return;
    template_write(&w, call_arena(call), &t);
    call_json(call, 200, buf_str(&b));
}

static void create(struct call *call)
{
    on_loop();
    struct template t;
    struct error e = {0};
    struct persona *made = NULL;
    if (!find(call, &t))
        return;
    struct persona_deed *deed = call_persona(call, persona_created);
    deed->failures = true;
    deed->op.idem = idem_of(call, &deed->arena);
    if (template_persona(&deed->arena, &t, json_get_str(call->body, "name", STR_NONE),
                         json_get(call->body, "variables"), &made, &e)) {
        deed->op.err = e.err;
        deed->op.error = e;
        deed->op.done(&deed->op);
        return;
    }
    deed->op.given = persona_copy(&deed->arena, made);
    deed->op.author = call->who.user;
    personas_add(call->api->parts.personas, &deed->op);
}

void handle_template_create(struct call *call)
{
    idem_check(call, create, persona_replay);
}
