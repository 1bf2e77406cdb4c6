/*
 * What a turn shows its engine: the newest messages of its branch, the persona, what was recalled, the mood;
 * once as a prompt for models (persona/compose.h) and once as structure for the scripted responder
 * (engine/scripted.h).
 *
 * Which messages: the branch from the newest message back. What people said after the message this turn
 * answers is left out (each has a turn of its own), and what this persona answered meanwhile stands before
 * that message, so that the question is the last thing the engine reads. A retry sees the branch up to its
 * question only.
 */
#include "room/turn.h"

#include "base/clock.h"
#include "base/config.h"

/* Newest first in `out`'s order: oldest first. */
size_t turn_transcript(const struct turn *turn, const struct said **out, size_t max)
{
    const struct room *room = turn->room;
    size_t limit = (size_t)rooms_config(room->home->rooms)->room.context_messages;
    bool retry = !id_none(turn->retry_of);
    size_t count = room_branch(room, retry ? turn->parent : room_leaf(room), out, max < limit ? max : limit);
    if (retry || !turn->cause)
        return count;
    const struct said *question = NULL;
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        const struct said *s = out[i];
        if (s->seq == turn->cause && s->author_type == AUTHOR_USER) {
            question = s;
            continue;
        }
        if (s->seq > turn->cause && s->author_type == AUTHOR_USER)
            continue;
        /* Another persona's answer to the same question is heard after it. */
        if (question && !id_eq(s->author, turn->persona)) {
            out[kept++] = question;
            question = NULL;
        }
        out[kept++] = s;
    }
    if (question)
        out[kept++] = question;
    return kept;
}

/* A message as `person` knows it: who interrupted heard only its beginning. */
static LOOP struct str as_heard(const struct room *room, struct arena *a, const struct said *s,
                                struct id person)
{
    bool cut = !id_none(s->heard_by) && id_eq(s->heard_by, person);
    if (!cut || !str_starts(s->text, s->heard)) /* it was edited since */
        return arena_str(a, translate_shown(room, s));
    return s->heard.n ? arena_printf(a, "%.*s\xe2\x80\x94", STR_ARG(s->heard)) : STR_NONE;
}

static LOOP void fill_turns(struct turn *turn, struct prompt_input *in, struct str user)
{
    const struct said *shown[ROOM_SHOWN_MAX];
    size_t count = turn_transcript(turn, shown, ROOM_SHOWN_MAX);
    struct prompt_turn *turns = arena_array(&turn->arena, struct prompt_turn, count + 1);
    struct scripted_turn *hints = arena_array(&turn->arena, struct scripted_turn, count + 1);
    for (size_t i = 0; i < count; i++) {
        const struct said *s = shown[i];
        bool self = id_eq(s->author, turn->persona);
        /* The room may let go of old messages while the engine still reads. */
        struct str name = arena_str(&turn->arena, s->name),
                   text = turn_in_words(turn, s,
                                        as_heard(turn->room, &turn->arena, s, self ? turn->person : ID_NONE));
        turns[i] = (struct prompt_turn){.seq = s->seq, .self = self, .name = name, .text = text};
        if (i + 1 < count && s->author_type == AUTHOR_USER)
            in->heard_before_ms = s->at_ms;
        hints[i] = (struct scripted_turn){
            .author = self                             ? SCRIPTED_SELF
                      : id_eq(s->author, turn->person) ? SCRIPTED_PERSON
                                                       : SCRIPTED_OTHER,
            .name = name,
            .text = text,
            .at_ms = s->at_ms,
        };
    }
    if (turn->preview && turn->heard.n) {
        /* What would be said is the last that the engine reads. */
        turns[count] = (struct prompt_turn){.seq = turn->room->head + 1, .name = user, .text = turn->heard};
        hints[count++] = (struct scripted_turn){
            .author = SCRIPTED_PERSON, .name = user, .text = turn->heard, .at_ms = clock_wall_ms()};
    }
    in->turns = turns;
    in->turn_count = count;
    turn->hints.transcript = hints;
    turn->hints.transcript_count = count;
}

static void fill_others(struct turn *turn, struct prompt_input *in)
{
    const struct room *room = turn->room;
    struct str *others = arena_array(&turn->arena, struct str, room->persona_count);
    size_t count = 0;
    for (size_t i = 0; i < room->persona_count; i++) {
        if (room->personas[i].present && !id_eq(room->personas[i].id, turn->persona))
            others[count++] = arena_str(&turn->arena, room->personas[i].name);
    }
    in->others = others;
    in->other_count = count;
}

static LOOP struct str who(const struct turn *turn, const struct memory_turn *t, struct str user)
{
    if (!t->by_persona)
        return str_empty(user) ? STR("User") : user;
    if (id_eq(t->author, turn->persona))
        return persona_called(turn->get.persona);
    const struct room_persona *other = room_persona(turn->room, t->author);
    return other ? other->name : STR("Another persona");
}

static LOOP void add_moment(struct turn *turn, struct buf *to, const struct memory_turn *t, struct str user)
{
    if (str_empty(t->text))
        return;
    if (to->n)
        buf_add_char(to, '\n');
    buf_add(to, who(turn, t, user));
    buf_add(to, STR(": "));
    buf_add(to, t->text);
}

static LOOP void fill_memories(struct turn *turn, struct prompt_input *in, struct str user)
{
    const struct memory_recall *r = &turn->recall;
    struct prompt_memory *memories = arena_array(&turn->arena, struct prompt_memory, r->hit_count);
    struct scripted_recall *hints = arena_array(&turn->arena, struct scripted_recall, 5 * r->hit_count);
    size_t hint_count = 0;
    for (size_t i = 0; i < r->hit_count; i++) {
        const struct memory_hit *hit = &r->hits[i];
        const struct memory_turn *window[5] = {&hit->before[1], &hit->before[0], &hit->turn, &hit->after[0],
                                               &hit->after[1]};
        CLEANUP_BUF struct buf text = BUF_INIT;
        for (size_t k = 0; k < 5; k++) {
            const struct memory_turn *t = window[k];
            add_moment(turn, &text, t, user);
            if (str_empty(t->text))
                continue;
            hints[hint_count++] = (struct scripted_recall){
                .author = !t->by_persona                    ? SCRIPTED_PERSON
                          : id_eq(t->author, turn->persona) ? SCRIPTED_SELF
                                                            : SCRIPTED_OTHER,
                .text = t->text,
                .at_ms = t->at_ms,
                .same_room = id_eq(hit->room, turn->room->id),
                .score = hit->score,
            };
        }
        memories[i] =
            (struct prompt_memory){.text = arena_str(&turn->arena, buf_str(&text)), .at_ms = hit->turn.at_ms};
    }
    in->memories = memories;
    in->memory_count = r->hit_count;
    turn->hints.recalled = hints;
    turn->hints.recalled_count = hint_count;
    struct str *blocks = arena_array(&turn->arena, struct str, r->block_count);
    for (size_t i = 0; i < r->block_count; i++)
        blocks[i] = r->blocks[i].text;
    in->blocks = turn->hints.core = blocks;
    in->block_count = turn->hints.core_count = r->block_count;
}

static void fill_hints(struct turn *turn, struct str user)
{
    const struct persona *p = turn->get.persona;
    turn->hints.persona = (struct scripted_persona){
        .name = persona_called(p),
        .slug = str_empty(p->cast) ? p->slug : p->cast,
        .description = p->description,
        .starters = p->starters.v,
        .starter_count = p->starters.n,
        .warmth = p->traits[TRAIT_AGREEABLENESS],
        .humor = p->traits[TRAIT_HUMOR],
        .talkativeness = p->traits[TRAIT_TALKATIVENESS],
    };
    turn->hints.user_name = user;
    turn->hints.mood_valence = turn->mood.valence;
    turn->hints.mood_arousal = turn->mood.arousal;
    turn->hints.mood_dominance = turn->mood.dominance;
    turn->hints.heard_valence = turn->affect.valence;
    turn->hints.heard_arousal = turn->affect.arousal;
    turn->hints.heard_label = str_c(affect_label_name(turn->affect.label));
    turn->hints.seed = id_hash(turn->id);
    turn->hints.now_ms = clock_wall_ms();
}

/* What the persona wishes of its engine; the engine's own settings fill in the rest. */
static void fill_sampling(const struct persona *p, struct gen_sampling *s)
{
    gen_sampling_init(s);
    s->temperature = p->sampling.temperature;
    s->top_p = p->sampling.top_p;
    s->frequency_penalty = p->sampling.frequency_penalty;
    s->presence_penalty = p->sampling.presence_penalty;
    if (p->sampling.max_tokens)
        s->max_tokens = p->sampling.max_tokens;
}

size_t turn_budget(const struct turn *turn)
{
    const struct config *config = rooms_config(turn->room->home->rooms);
    const struct config_engine *engine = config_engine(config, turn->get.persona->engine);
    return (size_t)(engine && engine->context_tokens > 0 ? engine->context_tokens
                                                         : config->room.context_tokens);
}

/* What is asked besides the conversation itself; in the arena. */
static LOOP struct str instruction(struct turn *turn)
{
    struct str asked = turn->asked.instruction, more = translate_instruction(turn->room, &turn->arena);
    if (!asked.n || !more.n)
        return asked.n ? asked : more;
    return arena_printf(&turn->arena, "%.*s\n%.*s", STR_ARG(asked), STR_ARG(more));
}

void turn_compose(struct turn *turn)
{
    struct room *room = turn->room;
    const struct house *house = personas_house(room->home->rooms->deps.personas);
    const struct profile *profile = id_none(turn->as) ? room_profile(room) : house_profile(house, turn->as);
    struct str user = arena_str(&turn->arena, profile ? profile->name : room_user_name(room));
    struct prompt_input in = {
        .persona = turn->get.persona,
        .user = user,
        .mood = str_c(mood_label(turn->mood)),
        .now_ms = clock_wall_ms(),
        .pick_seed = id_hash(room->id),
        .budget_tokens = turn_budget(turn),
        .profile = profile ? arena_str(&turn->arena, profile->description) : STR_NONE,
        .limits = &house->limits,
        .instruction = instruction(turn),
    };
    fill_turns(turn, &in, user);
    fill_others(turn, &in);
    fill_memories(turn, &in, user);
    fill_hints(turn, user);
    turn_lore(turn, &in);
    persona_compose(&turn->arena, &in, &turn->prompt);
}

struct str turn_engine_key(const struct turn *turn, struct arena *a)
{
    return arena_printf(a, "%s %s", id_text(turn->room->id).c, id_text(turn->persona).c);
}

void turn_request(struct turn *turn, struct gen_request *out)
{
    static const enum gen_role roles[] = {
        [PROMPT_SYSTEM] = GEN_SYSTEM, [PROMPT_USER] = GEN_USER, [PROMPT_ASSISTANT] = GEN_ASSISTANT};
    struct gen_message *messages = arena_array(&turn->arena, struct gen_message, turn->prompt.count);
    for (size_t i = 0; i < turn->prompt.count; i++) {
        const struct prompt_message *m = &turn->prompt.messages[i];
        messages[i] = (struct gen_message){.role = roles[m->role], .content = m->text};
        messages[i].content_raw = turn_parts(turn, m->seq, m->text);
        messages[i].pictures = messages[i].content_raw.n > 0;
    }
    *out = (struct gen_request){.id = turn->id,
                                .messages = messages,
                                .message_count = turn->prompt.count,
                                .stream = true,
                                .key = turn_engine_key(turn, &turn->arena),
                                .hints = &turn->hints};
    fill_sampling(turn->get.persona, &out->sampling);
    turn_request_asked(turn, out);
}
