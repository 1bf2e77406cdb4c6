/*
 * Lorebooks in a room: scanning for a turn, and what entries that count messages (sticky, cooldown) left
 * behind. See turn.h.
 *
 * The state lies in the log: turn.ended says, where anything counts, how many messages the conversation had
 * up to the turn's cause and what is left of each effect (`lore_state`). Memory keeps the newest few of them
 * for each persona, so that another answer to an older message starts from what was true there; a room that
 * is loaded reads them back. Whatever was said since is counted off.
 */
#include "room/turn.h"

#include "base/clock.h"
#include "base/config.h"
#include "persona/lorebooks.h"
#include "persona/macro.h"

#include <stdlib.h>

enum { STATES = 6 };

struct state {
    uint64_t cause; /* the message up to which it counted */
    uint64_t messages, answers;
    struct lore_timed *timed; /* in the arena */
    size_t count;
    struct arena arena;
};

struct room_lore {
    struct state states[STATES]; /* newest first */
};

void room_lore_free(struct room_lore *lore)
{
    for (size_t i = 0; lore && i < STATES; i++)
        arena_release(&lore->states[i].arena);
    free(lore);
}

/* ---- from the log ---- */

static int64_t left(const struct json *item, const char *name)
{
    int64_t n = json_get_i64(item, name, 0);
    return n < 0 ? LORE_FOREVER : n;
}

static void read_state(struct state *s, const struct json *state)
{
    const struct json *timed = json_get(state, "timed");
    s->messages = (uint64_t)json_get_i64(state, "messages", 0);
    s->answers = (uint64_t)json_get_i64(state, "answers", 0);
    if (!timed || timed->type != JSON_ARRAY)
        return;
    s->timed = arena_array(&s->arena, struct lore_timed, timed->count);
    json_each (item, timed)
        s->timed[s->count++] = (struct lore_timed){
            .book = arena_str(&s->arena, json_get_str(item, "book", STR_NONE)),
            .entry = arena_str(&s->arena, json_get_str(item, "entry", STR_NONE)),
            .sticky = left(item, "sticky"),
            .cooldown = left(item, "cooldown"),
        };
}

void room_lore_read(struct room *room, const struct event_row *row)
{
    struct room_persona *p = room_persona(room, row->author);
    struct arena a = ARENA_INIT;
    struct json *data = NULL;
    if (!p || str_find(row->data, STR("\"lore_state\":{")) == SIZE_MAX ||
        json_parse(&a, row->data, &data, NULL) != ERR_OK) {
        arena_release(&a);
        return;
    }
    if (!p->lore)
        p->lore = heap_alloc(sizeof *p->lore);
    struct state *states = p->lore->states;
    arena_release(&states[STATES - 1].arena);
    memmove(states + 1, states, (STATES - 1) * sizeof *states);
    states[0] = (struct state){.cause = row->cause};
    read_state(&states[0], json_get(data, "lore_state"));
    arena_release(&a);
}

/* ---- for a turn ---- */

/* The newest state from before the message that the turn answers. */
static LOOP const struct state *state_of(const struct turn *turn)
{
    const struct room_persona *p = room_persona(turn->room, turn->persona);
    for (size_t i = 0; p && p->lore && i < STATES; i++) {
        const struct state *s = &p->lore->states[i];
        if (s->messages && (!turn->cause || s->cause < turn->cause))
            return s;
    }
    return NULL;
}

static LOOP void count(struct turn *turn, struct lore_input *in)
{
    const struct state *s = state_of(turn);
    const struct said *shown[ROOM_SHOWN_MAX];
    size_t n = turn_transcript(turn, shown, ROOM_SHOWN_MAX);
    uint64_t messages = 0, answers = 0;
    for (size_t i = 0; i < n; i++) {
        if (s && shown[i]->seq <= s->cause)
            continue;
        messages++;
        answers += id_eq(shown[i]->author, turn->persona);
    }
    in->total = messages + (s ? s->messages : 0);
    in->answers = answers + (s ? s->answers : 0);
    if (!s || !s->count)
        return;
    struct lore_timed *timed = arena_array(&turn->arena, struct lore_timed, s->count);
    for (size_t i = 0; i < s->count; i++) {
        timed[i] = s->timed[i];
        timed[i].book = arena_str(&turn->arena, timed[i].book);
        timed[i].entry = arena_str(&turn->arena, timed[i].entry);
    }
    in->timed = timed;
    in->timed_count = lore_timed_pass(timed, s->count, messages);
}

/* Which of its greetings the persona began with, where the beginning is still in sight. */
static int greeting_of(struct turn *turn, const struct prompt_input *prompt)
{
    const struct persona *p = prompt->persona;
    if (!prompt->turn_count || !prompt->turns[0].self)
        return LORE_UNSET;
    for (size_t i = 0; i <= p->greetings.n; i++) {
        if (str_eq(str_trim(persona_greeting(&turn->arena, prompt, i)), str_trim(prompt->turns[0].text)))
            return (int)i;
    }
    return LORE_UNSET;
}

static void give_hints(struct turn *turn)
{
    const struct lore_result *r = &turn->lore;
    struct str *texts = arena_array(&turn->arena, struct str, r->kept);
    size_t n = 0;
    for (size_t i = 0; i < r->kept; i++) {
        if (r->hits[i].text.n)
            texts[n++] = r->hits[i].text;
    }
    turn->hints.lore = texts;
    turn->hints.lore_count = n;
}

void turn_lore(struct turn *turn, struct prompt_input *prompt)
{
    const struct config *config = rooms_config(turn->room->home->rooms);
    struct macro_values values = prompt_macros(prompt);
    struct lore_message *messages = arena_array(&turn->arena, struct lore_message, prompt->turn_count);
    for (size_t i = 0; i < prompt->turn_count; i++) {
        const struct prompt_turn *t = &prompt->turns[i];
        messages[i] = (struct lore_message){.name = t->name, .text = t->text, .self = t->self};
    }
    struct lore_input in = {
        .books = turn->gather.sources,
        .book_count = turn->gather.count,
        .messages = messages,
        .message_count = prompt->turn_count,
        .greeting = LORE_UNSET,
        .seed = id_hash(turn->id),
        .budget_tokens = prompt->budget_tokens * (size_t)config->lore.budget_percent / 100,
        .rules = lore_rules_of(config),
        .values = &values,
    };
    count(turn, &in);
    for (size_t i = 0; i < in.book_count; i++) {
        turn->lore_counts |= lore_compiled_timed(in.books[i].book);
        if (in.greeting == LORE_UNSET && lore_compiled_greets(in.books[i].book))
            in.greeting = greeting_of(turn, prompt);
    }
    lore_scan(&turn->arena, &in, &turn->lore);
    turn->lore_counts |= turn->lore.timed_count > 0;
    turn->lore_messages = in.total;
    turn->lore_answers = in.answers;
    prompt->lore = &turn->lore;
    give_hints(turn);
}

struct lore_rules lore_rules_of(const struct config *config)
{
    return (struct lore_rules){.scan_depth = config->lore.scan_depth,
                               .max_levels = config->lore.max_recursion,
                               .recursive = config->lore.recursive,
                               .names = config->lore.scan_names,
                               .case_sensitive = config->lore.case_sensitive,
                               .whole_words = config->lore.whole_words};
}

/* ---- into the log ---- */

static void write_left(struct jw *w, const char *name, int64_t n)
{
    if (n)
        jw_kv_i64(w, name, n == LORE_FOREVER ? -1 : n);
}

void turn_lore_write(struct jw *w, const struct turn *turn)
{
    const struct lore_result *r = &turn->lore;
    if (r->count || r->warning_count) {
        jw_key(w, STR("lore"));
        lore_write_hits(w, r, false);
    }
    if (r->count > r->kept) {
        jw_key(w, STR("lore_dropped"));
        lore_write_hits(w, r, true);
    }
    if (r->warning_count) {
        jw_key(w, STR("lore_warnings"));
        jw_array(w);
        for (size_t i = 0; i < r->warning_count; i++)
            jw_string(w, r->warnings[i]);
        jw_end_array(w);
    }
    if (!turn->lore_counts)
        return;
    jw_key(w, STR("lore_state"));
    jw_object(w);
    jw_kv_u64(w, "messages", turn->lore_messages);
    jw_kv_u64(w, "answers", turn->lore_answers);
    jw_key(w, STR("timed"));
    jw_array(w);
    for (size_t i = 0; i < r->timed_count; i++) {
        jw_object(w);
        jw_kv_string(w, "book", r->timed[i].book);
        jw_kv_string(w, "entry", r->timed[i].entry);
        write_left(w, "sticky", r->timed[i].sticky);
        write_left(w, "cooldown", r->timed[i].cooldown);
        jw_end_object(w);
    }
    jw_end_array(w);
    jw_end_object(w);
}
