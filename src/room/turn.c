/* The turn machine: from step to step, and what each does but generate (turn_generate.c); see turn.h. */
#include "room/turn.h"

#include "base/clock.h"
#include "base/config.h"
#include "language/facts.h"
#include "room/speaking.h"

/* Open questions ("what do you know about me?") look at so many times more memories. */
enum { OPEN_QUESTION_FACTOR = 5 };

typedef void turn_handler(struct turn *turn);
static turn_handler recall, compose, express, remember;

static turn_handler *const handlers[STEP_COUNT] = {
    [STEP_PERCEIVE] = turn_perceive, [STEP_RECALL] = recall,   [STEP_COMPOSE] = compose,
    [STEP_GENERATE] = turn_generate, [STEP_EXPRESS] = express, [STEP_REMEMBER] = remember,
};

static LOOP void close_step(struct turn *turn)
{
    uint64_t now = clock_mono_us();
    turn->step_us[turn->step] = now - turn->step_began_us;
    turn->step_began_us = now;
    if (!turn->preview)
        count_step(turn->room->home->rooms, turn->step, turn->step_us[turn->step]);
}

void turn_stop(struct turn *turn)
{
    if (turn->stop_reason)
        turn_fail(turn, GEN_UNAVAILABLE, "%s", turn->stop_reason);
    else
        turn_finish(turn, TURN_CANCELLED);
}

void turn_go(struct turn *turn, enum turn_step step)
{
    close_step(turn);
    turn->step = step;
    if (turn->cancelled)
        turn_stop(turn);
    else
        handlers[step](turn);
}

const struct house *turn_house(const struct turn *turn)
{
    return personas_house(turn->room->home->rooms->deps.personas);
}

/* ---- perceive: who am I, what did I hear, how does it make me feel ---- */

static void persona_here(struct personas_op *get)
{
    on_loop();
    struct turn *turn = CONTAINER(get, struct turn, get);
    turn->pending = false;
    if (turn->cancelled) {
        turn_stop(turn);
        return;
    }
    if (get->err != ERR_OK) {
        turn_fail(turn, GEN_UNAVAILABLE, "%s", get->error.message);
        return;
    }
    const struct persona *p = get->persona;
    struct error no = {0};
    if (!turn->preview && limits_meet(&turn_house(turn)->limits, p, &no) != ERR_OK) {
        turn_fail(turn, GEN_REFUSED, "%s", no.message);
        return;
    }
    struct room_persona *member = room_persona(turn->room, turn->persona);
    room_persona_name(member, persona_called(p), p->slug);
    member->talkativeness = p->traits[TRAIT_TALKATIVENESS];
    member->baseline = room_mood_baseline(p->traits);
    affect_read(turn->heard, &turn->affect);
    turn->mood = mood_pull(room_mood_now(member), &turn->affect, MOOD_PULL_WEIGHT);
    turn_go(turn, STEP_RECALL);
}

void turn_perceive(struct turn *turn)
{
    on_loop();
    turn->get.key = arena_str(&turn->arena, str_c(id_text(turn->persona).c));
    turn->get.arena = &turn->arena;
    turn->get.done = persona_here;
    turn->pending = true;
    personas_get(turn->room->home->rooms->deps.personas, &turn->get);
}

/* ---- recall ---- */

static void recalled(struct memory_recall *op)
{
    on_loop();
    struct turn *turn = CONTAINER(op, struct turn, recall);
    turn->pending = false;
    timer_cancel(&turn->recall_timeout);
    /* Memory that fails or is late costs its memories, not the turn; its record says so. */
    turn_go(turn, STEP_COMPOSE);
}

static void recall_late(struct timer *timer)
{
    on_loop();
    struct turn *turn = CONTAINER(timer, struct turn, recall_timeout);
    if (turn->pending)
        memory_recall_cancel(&turn->recall);
}

static struct str *split_words(struct arena *a, struct str text, size_t *count)
{
    struct str *words = arena_array(a, struct str, text.n / 2 + 1), rest = text, word;
    *count = 0;
    while (str_cut(&rest, ' ', &word)) {
        if (word.n)
            words[(*count)++] = word;
    }
    return words;
}

static void recall(struct turn *turn)
{
    on_loop();
    const struct config *config = rooms_config(turn->room->home->rooms);
    struct memory_recall *r = &turn->recall;
    const struct said *shown[ROOM_SHOWN_MAX];
    size_t count = turn_transcript(turn, shown, ROOM_SHOWN_MAX);
    struct buf words = BUF_INIT;
    person_query_expand(&turn->arena, turn->heard, &words);
    r->person = turn->person;
    r->persona = turn->persona;
    r->room = turn->room->id;
    r->text = turn->heard;
    r->words = split_words(&turn->arena, arena_str(&turn->arena, buf_str(&words)), &r->word_count);
    buf_release(&words);
    uint64_t *exclude = arena_array(&turn->arena, uint64_t, count);
    for (size_t i = 0; i < count; i++)
        exclude[i] = shown[i]->seq;
    r->exclude = exclude;
    r->exclude_count = count;
    r->budget_tokens = config->memory.recall_limit ? (size_t)config->memory.token_budget : 0;
    r->max_hits = (unsigned)config->memory.recall_limit;
    struct person_question question;
    if (person_question_parse(&turn->arena, turn->heard, &question) &&
        (question.everything || question.recent)) {
        /* "What do you know about me?" has no words of its own to rank by: more is looked at. */
        r->max_hits *= OPEN_QUESTION_FACTOR;
        r->budget_tokens *= OPEN_QUESTION_FACTOR;
    }
    r->arena = &turn->arena;
    r->done = recalled;
    turn->pending = true;
    timer_arm(&turn->recall_timeout, config->memory.recall_timeout, recall_late);
    memory_recall(turn->room->home->rooms->deps.memory, r);
}

/* ---- compose ---- */

static void lore_here(struct lore_gather *op)
{
    on_loop();
    struct turn *turn = CONTAINER(op, struct turn, gather);
    turn->pending = false;
    if (turn->cancelled) {
        turn_stop(turn);
        return;
    }
    turn_compose(turn);
    if (turn->preview)
        turn_preview_end(turn);
    else
        turn_go(turn, STEP_GENERATE);
}

/* What it answers is translated, if it is to be. */
static void compose_now(struct turn *turn)
{
    on_loop();
    struct lore_gather *g = &turn->gather;
    g->persona = turn->get.persona;
    g->room = room_setting_list(turn->room, &turn->arena, "lorebooks", &g->room_count);
    g->arena = &turn->arena;
    g->done = lore_here;
    turn->pending = true;
    lorebooks_gather(personas_lorebooks(turn->room->home->rooms->deps.personas), g);
}

static void compose(struct turn *turn)
{
    on_loop();
    if (!translate_wait(turn, compose_now))
        compose_now(turn);
}

/* ---- express, remember ---- */

/* The answer as it will be kept. What is spoken was given to the voice as it came (speaking.h), and goes on
 * by itself. */
static void express(struct turn *turn)
{
    on_loop();
    struct str kept = str_trim(buf_str(&turn->text));
    size_t lead = (size_t)(kept.p - turn->text.p);
    buf_drop(&turn->text, lead);
    turn->text.n = kept.n;
    speaking_text_over(turn->room, turn->id);
    turn_go(turn, STEP_REMEMBER);
}

static void remember(struct turn *turn)
{
    on_loop();
    turn_finish(turn, TURN_DONE);
}
