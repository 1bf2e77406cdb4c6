/*
 * A persona that answers from the messages it is given, and keeps nothing.
 *
 * The persona's own texts come first (persona/compose.h), then the client's messages as they were sent, tools
 * and pictures included; the client's system texts are instructions to the persona and stand last.
 */
#include "api/generate.h"
#include "api/openai.h"
#include "base/clock.h"
#include "engine/scripted.h"
#include "persona/compose.h"
#include "persona/filter.h"
#include "persona/house.h"

struct character {
    struct completion *completion;
    uint64_t prompt_tokens;
    struct word_filter *filter; /* words to avoid; NULL: none */
    void (*closed)(struct http_req *, bool);
};

/* What the filter is certain of goes to the client. */
static LOOP void say(struct character *ch, struct str text, bool end)
{
    CLEANUP_BUF struct buf out = BUF_INIT;
    if (!ch->filter) {
        if (text.n)
            completion_delta(ch->completion, text);
        return;
    }
    filter_feed(ch->filter, text, end, &out);
    if (out.n)
        completion_delta(ch->completion, buf_str(&out));
}

static void on_delta(struct generation *g, struct str text)
{
    on_loop();
    struct character *ch = g->arg;
    say(ch, text, false);
}

static void on_tool_call(struct generation *g, struct str json)
{
    on_loop();
    struct character *ch = g->arg;
    completion_tool_call(ch->completion, json);
}

static void on_finished(struct generation *g, const struct gen_end *end)
{
    on_loop();
    struct character *ch = g->arg;
    struct error e = {0};
    struct gen_usage usage = end->usage;
    if (end->code != GEN_OK) {
        generation_error(end, &e);
        completion_fail(ch->completion, &e);
        return;
    }
    say(ch, STR_NONE, true);
    if (!usage.known)
        usage.prompt_tokens = ch->prompt_tokens;
    completion_end(ch->completion, end->finish, &usage, buf_str(&g->tool_calls));
}

static void closed(struct http_req *req, bool complete)
{
    on_loop();
    struct call *call = req->user;
    struct generation *g = call->state;
    struct character *ch = g->arg;
    completion_release(ch->completion);
    filter_release(ch->filter);
    ch->closed(req, complete);
}

static struct str system_texts(struct arena *a, const struct chat_messages *messages)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    for (size_t i = 0; i < messages->n; i++) {
        if (messages->v[i].role != GEN_SYSTEM)
            continue;
        if (b.n)
            buf_add_char(&b, '\n');
        buf_add(&b, messages->v[i].content);
    }
    return arena_str(a, buf_str(&b));
}

static void compose(struct call *call, const struct persona *persona, const struct chat_messages *messages,
                    struct prompt *out)
{
    const struct house *house = personas_house(call->api->parts.personas);
    const struct profile *profile = house_profile(house, ID_NONE);
    struct prompt_input in = {.persona = persona,
                              .user = profile ? profile->name : str_c(call->who.name),
                              .profile = profile ? profile->description : STR_NONE,
                              .limits = &house->limits,
                              .instruction = system_texts(call_arena(call), messages),
                              .now_ms = clock_wall_ms(),
                              .pick_seed = random_u64(),
                              .budget_tokens = (size_t)call_config(call)->room.context_tokens};
    persona_compose(call_arena(call), &in, out);
}

/* The persona's opening, the client's conversation, the persona's closing. */
static void fill_messages(struct arena *a, const struct prompt *prompt, const struct chat_messages *messages,
                          struct gen_request *out)
{
    struct gen_message *v = arena_array(a, struct gen_message, prompt->count + messages->n);
    size_t n = 0;
    for (size_t i = 0; i < prompt->count; i++) {
        v[n++] = (struct gen_message){.role = GEN_SYSTEM, .content = prompt->messages[i].text};
        for (size_t k = 0; i == 0 && k < messages->n; k++)
            if (messages->v[k].role != GEN_SYSTEM)
                v[n++] = messages->v[k];
    }
    out->messages = v;
    out->message_count = n;
}

static const struct scripted_input *hints(struct call *call, const struct persona *p,
                                          const struct chat_messages *messages)
{
    struct arena *a = call_arena(call);
    struct scripted_input *in = arena_new(a, struct scripted_input);
    struct scripted_turn *turns = arena_array(a, struct scripted_turn, messages->n);
    for (size_t i = 0; i < messages->n; i++) {
        const struct gen_message *m = &messages->v[i];
        if (m->role == GEN_USER || m->role == GEN_ASSISTANT)
            turns[in->transcript_count++] =
                (struct scripted_turn){.author = m->role == GEN_USER ? SCRIPTED_PERSON : SCRIPTED_SELF,
                                       .name = m->name,
                                       .text = m->content};
    }
    in->transcript = turns;
    in->persona = (struct scripted_persona){.name = persona_called(p),
                                            .slug = str_empty(p->cast) ? p->slug : p->cast,
                                            .description = p->description,
                                            .starters = p->starters.v,
                                            .starter_count = p->starters.n,
                                            .warmth = p->traits[TRAIT_AGREEABLENESS],
                                            .humor = p->traits[TRAIT_HUMOR],
                                            .talkativeness = p->traits[TRAIT_TALKATIVENESS]};
    const struct profile *profile = house_profile(personas_house(call->api->parts.personas), ID_NONE);
    in->user_name = profile ? arena_str(a, profile->name) : str_c(call->who.name);
    in->seed = (uint64_t)json_get_i64(call->body, "seed", (int64_t)(random_u64() >> 1));
    in->now_ms = clock_wall_ms();
    return in;
}

void character_start(struct completion *c, const struct persona *persona,
                     const struct chat_messages *messages)
{
    struct call *call = c->call;
    struct arena *a = call_arena(call);
    struct generation *g = generation_new(call);
    struct character *ch = arena_new(a, struct character);
    struct prompt prompt = {0};
    ch->completion = c;
    ch->closed = call->req->on_closed;
    call->req->on_closed = closed;
    g->arg = ch;
    g->delta = on_delta;
    g->tool_call = on_tool_call;
    struct persona_list words = limits_words(a, &personas_house(call->api->parts.personas)->limits, persona);
    ch->filter = filter_new(a, &words);
    g->finished = on_finished;
    compose(call, persona, messages, &prompt);
    ch->prompt_tokens = prompt.tokens;
    for (size_t i = 0; i < messages->n; i++)
        ch->prompt_tokens += compose_tokens(messages->v[i].content) + PROMPT_MESSAGE_TOKENS;
    fill_messages(a, &prompt, messages, &g->request);
    g->request.stream = true;
    g->request.hints = hints(call, persona, messages);
    g->request.sampling.temperature = persona->sampling.temperature;
    g->request.sampling.top_p = persona->sampling.top_p;
    g->request.sampling.frequency_penalty = persona->sampling.frequency_penalty;
    g->request.sampling.presence_penalty = persona->sampling.presence_penalty;
    if (persona->sampling.max_tokens)
        g->request.sampling.max_tokens = persona->sampling.max_tokens;
    chat_read_options(call->body, a, &g->request);
    generation_start(g, persona->engine);
}
