/*
 * A realtime response without a room: an engine asked with the session's items, in the persona's words where
 * the session has one. See realtime.h.
 *
 * Nothing of it is kept by the house: `engine/NAME` sessions live in their items alone, and responses outside
 * the conversation leave no trace.
 */
#include "api/realtime.h"

#include "base/clock.h"
#include "engine/engine.h"
#include "engine/scripted.h"
#include "persona/compose.h"
#include "persona/filter.h"
#include "persona/house.h"

#include <stdlib.h>

struct direct {
    struct arena arena;
    struct word_filter *filter;
    uint64_t prompt_tokens;
};

/* ---- what is asked ---- */

static void add_call(struct jw *w, const struct rt_item *item)
{
    jw_object(w);
    jw_kv_string(w, "id", item->call_id);
    jw_kv_string(w, "type", STR("function"));
    jw_key(w, STR("function"));
    jw_object(w);
    jw_kv_string(w, "name", item->name);
    jw_kv_string(w, "arguments", buf_str(&item->text));
    jw_end_object(w);
    jw_end_object(w);
}

struct str rt_exchange(struct arena *a, const struct realtime *s)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    const struct rt_item *from = NULL;
    /* Behind the last that the assistant said. */
    for (const struct rt_item *item = s->first; item; item = item->next) {
        if (item->gone)
            continue;
        if (item->type == RT_MESSAGE && item->role == RT_ASSISTANT)
            from = NULL;
        else if (item->type != RT_MESSAGE && !from)
            from = item;
    }
    if (!from)
        return STR_NONE;
    jw_array(&w);
    for (const struct rt_item *item = from; item; item = item->next) {
        if (item->gone || item->type == RT_MESSAGE)
            continue;
        jw_object(&w);
        if (item->type == RT_CALL) {
            jw_kv_string(&w, "role", STR("assistant"));
            jw_kv_null(&w, "content");
            jw_key(&w, STR("tool_calls"));
            jw_array(&w);
            /* Calls that follow each other were made together. */
            add_call(&w, item);
            while (item->next && !item->next->gone && item->next->type == RT_CALL) {
                item = item->next;
                add_call(&w, item);
            }
            jw_end_array(&w);
        } else {
            jw_kv_string(&w, "role", STR("tool"));
            jw_kv_string(&w, "tool_call_id", item->call_id);
            jw_kv_string(&w, "content", buf_str(&item->text));
        }
        jw_end_object(&w);
    }
    jw_end_array(&w);
    return arena_str(a, buf_str(&b));
}

static struct gen_message message_of(struct arena *a, const struct rt_item *item)
{
    static const enum gen_role roles[] = {GEN_SYSTEM, GEN_USER, GEN_ASSISTANT};
    struct gen_message m = {.role = roles[item->role], .content = arena_str(a, buf_str(&item->text))};
    if (item->picture_count) {
        m.content_raw = rt_pictures_parts(a, item);
        m.pictures = true;
        m.content = arena_printf(a, "%.*s\n[%zu pictures]", STR_ARG(m.content), item->picture_count);
    }
    if (item->type == RT_CALL_OUTPUT) {
        m.role = GEN_TOOL;
        m.tool_call_id = arena_str(a, item->call_id);
    } else if (item->type == RT_CALL) {
        CLEANUP_BUF struct buf b = BUF_INIT;
        struct jw w = JW(&b);
        jw_array(&w);
        add_call(&w, item);
        jw_end_array(&w);
        m = (struct gen_message){
            .role = GEN_ASSISTANT, .content_raw = STR("null"), .tool_calls = arena_str(a, buf_str(&b))};
    }
    return m;
}

struct messages {
    struct gen_message *v;
    size_t n;
};

/* Items of response.input: described, or named by item_reference. */
static enum err read_input(struct rt_response *r, struct arena *a, struct messages *out,
                           struct error *e) LOOP;
static enum err read_input(struct rt_response *r, struct arena *a, struct messages *out, struct error *e)
{
    struct json *list = NULL;
    enum err err = json_parse(a, r->input, &list, e);
    if (err)
        return err;
    out->v = arena_array(a, struct gen_message, list->count);
    json_each (entry, list) {
        struct rt_item *item = NULL;
        struct str id = json_get_str(entry, "id", STR_NONE);
        if (str_eq(json_get_str(entry, "type", STR_NONE), STR("item_reference"))) {
            item = rt_item_find(r->session, id);
            if (!item)
                return rt_refuse(e, "item_not_found", "response.input",
                                 "The item '%.*s' is not in this conversation.", STR_ARG(str_sub(id, 0, 64)));
            out->v[out->n++] = message_of(a, item);
            continue;
        }
        err = rt_item_read(entry, &item, e);
        if (!err && item->sound.n)
            err = rt_refuse(e, "invalid_value", "response.input",
                            "Sound is heard in the conversation only; create an item of it and name that.");
        if (!err)
            err = rt_pictures_seen(r->session, item, e);
        if (!err)
            out->v[out->n++] = message_of(a, item);
        if (item)
            rt_item_free(item);
        if (err)
            return err;
    }
    return ERR_OK;
}

static void take_items(struct rt_response *r, struct arena *a, struct messages *out)
{
    const struct realtime *s = r->session;
    out->v = arena_array(a, struct gen_message, s->item_count + 1);
    for (const struct rt_item *item = s->first; item; item = item->next)
        if (!item->gone && (item->type != RT_MESSAGE || item->text.n || item->picture_count))
            out->v[out->n++] = message_of(a, item);
}

/* The persona's opening, the messages, the persona's closing; or the instructions and the messages. */
static void with_persona(struct rt_response *r, struct direct *d, struct messages *m)
{
    struct realtime *s = r->session;
    struct arena *a = &d->arena;
    struct prompt prompt = {0};
    struct call call = {.api = s->api};
    size_t n = 0;
    struct gen_message *v;
    if (!s->persona) {
        v = arena_array(a, struct gen_message, m->n + 1);
        if (r->instructions.n)
            v[n++] = (struct gen_message){.role = GEN_SYSTEM, .content = r->instructions};
        for (size_t k = 0; k < m->n; k++)
            v[n++] = m->v[k];
        *m = (struct messages){v, n};
        return;
    }
    const struct house *house = personas_house(s->api->parts.personas);
    const struct profile *profile = house_profile(house, ID_NONE);
    struct prompt_input in = {.persona = s->persona,
                              .user = profile ? profile->name : str_c(s->who.name),
                              .profile = profile ? profile->description : STR_NONE,
                              .limits = &house->limits,
                              .instruction = r->instructions,
                              .now_ms = clock_wall_ms(),
                              .pick_seed = random_u64(),
                              .budget_tokens = (size_t)call_config(&call)->room.context_tokens};
    persona_compose(a, &in, &prompt);
    d->prompt_tokens = prompt.tokens;
    v = arena_array(a, struct gen_message, prompt.count + m->n);
    for (size_t i = 0; i < prompt.count; i++) {
        v[n++] = (struct gen_message){.role = GEN_SYSTEM, .content = prompt.messages[i].text};
        for (size_t k = 0; i == 0 && k < m->n; k++)
            v[n++] = m->v[k];
    }
    *m = (struct messages){v, n};
}

static const struct scripted_input *hints(struct rt_response *r, struct arena *a, const struct messages *m)
{
    const struct persona *p = r->session->persona;
    struct scripted_input *in = arena_new(a, struct scripted_input);
    struct scripted_turn *turns = arena_array(a, struct scripted_turn, m->n);
    for (size_t i = 0; i < m->n; i++)
        if (m->v[i].role == GEN_USER || m->v[i].role == GEN_ASSISTANT)
            turns[in->transcript_count++] =
                (struct scripted_turn){.author = m->v[i].role == GEN_USER ? SCRIPTED_PERSON : SCRIPTED_SELF,
                                       .text = m->v[i].content};
    in->transcript = turns;
    in->persona = (struct scripted_persona){
        .name = STR("Eidolon"), .style = STR("plain"), .warmth = .5, .humor = .5, .talkativeness = .5};
    if (p)
        in->persona = (struct scripted_persona){.name = persona_called(p),
                                                .slug = str_empty(p->cast) ? p->slug : p->cast,
                                                .description = p->description,
                                                .starters = p->starters.v,
                                                .starter_count = p->starters.n,
                                                .warmth = p->traits[TRAIT_AGREEABLENESS],
                                                .humor = p->traits[TRAIT_HUMOR],
                                                .talkativeness = p->traits[TRAIT_TALKATIVENESS]};
    in->user_name = str_c(r->session->who.name);
    in->seed = random_u64();
    in->now_ms = clock_wall_ms();
    return in;
}

/* ---- what comes back ---- */

static void say(struct rt_response *r, struct str text, bool end) LOOP;
static void say(struct rt_response *r, struct str text, bool end)
{
    struct direct *d = r->direct;
    CLEANUP_BUF struct buf out = BUF_INIT;
    if (!d->filter) {
        rt_response_text(r, text);
        return;
    }
    filter_feed(d->filter, text, end, &out);
    rt_response_text(r, buf_str(&out));
}

static void on_delta(void *arg, struct str text)
{
    on_loop();
    say(arg, text, false);
}

static void on_tool_call(void *arg, struct str json)
{
    on_loop();
    struct arena a = ARENA_INIT;
    struct json *piece = NULL;
    if (json_parse(&a, json, &piece, NULL) == ERR_OK)
        rt_response_call(arg, piece);
    arena_release(&a);
}

static void on_end(void *arg, const struct gen_end *end)
{
    on_loop();
    struct rt_response *r = arg;
    struct direct *d = r->direct;
    struct error e = {0};
    r->gen = 0;
    if (end->code != GEN_OK) {
        error_set(&e, ERR_UPSTREAM, "%s", end->sentence);
        str_copy(e.code, sizeof e.code, str_c(gen_code_name(end->code)));
        rt_response_fail(r, &e);
        return;
    }
    say(r, STR_NONE, true);
    r->finish = end->finish;
    r->usage = end->usage;
    if (!end->usage.known)
        r->usage.prompt_tokens = d->prompt_tokens;
    rt_response_text_over(r);
}

void rt_direct_answer(struct rt_response *r)
{
    static const struct gen_emit emit = {.delta = on_delta, .tool_call = on_tool_call, .end = on_end};
    struct realtime *s = r->session;
    struct direct *d = r->direct = heap_alloc(sizeof *d);
    struct messages m = {0};
    struct error e = {0};
    struct gen_end end = {0};
    if (r->input.n && read_input(r, &d->arena, &m, &e) != ERR_OK) {
        rt_response_fail(r, &e);
        return;
    }
    if (!r->input.n)
        take_items(r, &d->arena, &m);
    struct gen_request request = {.stream = true};
    gen_sampling_init(&request.sampling);
    request.hints = hints(r, &d->arena, &m);
    with_persona(r, d, &m);
    request.messages = m.v;
    request.message_count = m.n;
    request.tools = rt_tools_chat(&d->arena, r->tools);
    if (request.tools.n)
        request.tool_choice = rt_tool_choice_chat(&d->arena, r->tool_choice);
    if (r->max_tokens)
        request.sampling.max_tokens = r->max_tokens;
    if (s->persona) {
        struct persona_list words =
            limits_words(&d->arena, &personas_house(s->api->parts.personas)->limits, s->persona);
        d->filter = filter_new(&d->arena, &words);
        request.sampling.temperature = s->persona->sampling.temperature;
        request.sampling.top_p = s->persona->sampling.top_p;
    }
    r->gen = engines_start(s->api->parts.engines, s->persona ? s->persona->engine : s->engine, &request,
                           &emit, r, &end);
    if (!r->gen) {
        error_set(&e, ERR_UPSTREAM, "%s", end.sentence);
        str_copy(e.code, sizeof e.code, str_c(gen_code_name(end.code)));
        rt_response_fail(r, &e);
    }
}

void rt_direct_cancel(struct rt_response *r)
{
    struct direct *d = r->direct;
    if (r->gen)
        engines_cancel(r->session->api->parts.engines, r->gen);
    r->gen = 0;
    r->direct = NULL;
    if (!d)
        return;
    filter_release(d->filter);
    arena_release(&d->arena);
    free(d);
}
