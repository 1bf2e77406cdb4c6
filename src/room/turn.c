/* The turn machine; see turn.h. */
#include "room/turn.h"

#include "base/clock.h"
#include "base/config.h"
#include "language/facts.h"
#include "room/speaking.h"

#include <stdlib.h>

/* Open questions ("what do you know about me?") look at so many times more memories. */
enum { OPEN_QUESTION_FACTOR = 5 };

typedef void turn_handler(struct turn *turn);
static turn_handler perceive, recall, compose, generate, express, remember;

static turn_handler *const handlers[STEP_COUNT] = {
    [STEP_PERCEIVE] = perceive, [STEP_RECALL] = recall,   [STEP_COMPOSE] = compose,
    [STEP_GENERATE] = generate, [STEP_EXPRESS] = express, [STEP_REMEMBER] = remember,
};

static LOOP void close_step(struct turn *turn)
{
    uint64_t now = clock_mono_us();
    turn->step_us[turn->step] = now - turn->step_began_us;
    turn->step_began_us = now;
    if (!turn->preview)
        count_step(turn->room->home->rooms, turn->step, turn->step_us[turn->step]);
}

/* Ends a turn that was cancelled, or that the server stops. */
static LOOP void stop(struct turn *turn)
{
    if (turn->stop_reason)
        turn_fail(turn, GEN_UNAVAILABLE, "%s", turn->stop_reason);
    else
        turn_finish(turn, TURN_CANCELLED);
}

/* On to the next step; a turn that was cancelled meanwhile ends instead. */
static LOOP void go(struct turn *turn, enum turn_step step)
{
    close_step(turn);
    turn->step = step;
    if (turn->cancelled)
        stop(turn);
    else
        handlers[step](turn);
}

static const struct house *turn_house(const struct turn *turn)
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
        stop(turn);
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
    go(turn, STEP_RECALL);
}

static void perceive(struct turn *turn)
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
    go(turn, STEP_COMPOSE);
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

/* ---- compose, generate ------------------------------------------------------------------------------------
 */

static void lore_here(struct lore_gather *op)
{
    on_loop();
    struct turn *turn = CONTAINER(op, struct turn, gather);
    turn->pending = false;
    if (turn->cancelled) {
        stop(turn);
        return;
    }
    turn_compose(turn);
    if (turn->preview)
        turn_preview_end(turn);
    else
        go(turn, STEP_GENERATE);
}

static void compose(struct turn *turn)
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

/* A piece of the answer, to keep and to show; false: that is as much as an answer may have. */
static LOOP bool say(struct turn *turn, struct str text)
{
    struct room *room = turn->room;
    size_t max = rooms_config(room->home->rooms)->room.reply_max;
    if (turn->index == 0) {
        turn->first_delta_us = clock_mono_us() - turn->since_us;
        count_first_delta(room->home->rooms, turn->first_delta_us);
    }
    if (turn->text.n + text.n > max) {
        turn->cut = true;
        text.n = max - turn->text.n;
        while (text.n && ((unsigned char)text.p[text.n] & 0xC0) == 0x80)
            text.n--;
    }
    buf_add(&turn->text, text);
    CLEANUP_BUF struct buf data = BUF_INIT;
    struct jw w = JW(&data);
    jw_object(&w);
    jw_kv_string(&w, "text", text);
    jw_kv_u64(&w, "index", turn->index++);
    jw_end_object(&w);
    const struct room_persona *p = room_persona(room, turn->persona);
    room_publish_passing(room, EVENT_DELTA, AUTHOR_PERSONA, p->id, p->name, turn->id, buf_str(&data));
    speaking_delta(turn, text);
    return !turn->cut;
}

/* What the filter is certain of, from this piece and what it held back. */
static LOOP bool say_filtered(struct turn *turn, struct str text, bool end)
{
    CLEANUP_BUF struct buf out = BUF_INIT;
    if (!turn->filter)
        return str_empty(text) || say(turn, text);
    filter_feed(turn->filter, text, end, &out);
    return out.n == 0 || say(turn, buf_str(&out));
}

static void on_delta(void *arg, struct str text)
{
    on_loop();
    struct turn *turn = arg;
    if (say_filtered(turn, text, false))
        return;
    /* Enough: the engine is told to stop, and what there is counts as an answer that met its length. */
    engines_cancel(turn->room->home->rooms->deps.engines, turn->gen);
    turn->gen = 0;
    turn->end = (struct gen_end){.code = GEN_OK, .finish = GEN_LENGTH, .retry_after_ms = -1};
    go(turn, STEP_EXPRESS);
}

static void on_tool_call(void *arg, struct str json)
{
    on_loop();
    turn_tool_call(arg, json);
}

/* The engine speaks by itself: its sound takes the place of the persona's voice. */
static void on_sound(void *arg, const struct gen_sound *sound)
{
    on_loop();
    speaking_own_sound(arg, sound);
}

static void on_heard(void *arg, struct str text)
{
    on_loop();
    struct turn *turn = arg;
    buf_add(&turn->engine_heard, text);
}

static void on_end(void *arg, const struct gen_end *end)
{
    on_loop();
    struct turn *turn = arg;
    turn->end = *end;
    turn->end.raw_error = STR_NONE;
    turn->engine =
        arena_str(&turn->arena, engines_answered(turn->room->home->rooms->deps.engines, turn->gen));
    turn->gen = 0;
    if (end->code == GEN_OK && !say_filtered(turn, STR_NONE, true))
        turn->end.finish = GEN_LENGTH;
    if (end->code != GEN_OK)
        turn_finish(turn, TURN_FAILED);
    else if (str_empty(str_trim(buf_str(&turn->text))) && !turn->tool_calls.n)
        turn_fail(turn, GEN_MALFORMED,
                  "The engine answered without saying anything; try again, or choose another model.");
    else
        go(turn, STEP_EXPRESS);
}

/* An engine that speaks and hears by itself gets what was said as it sounded, and is asked for its own sound
 * where somebody listens; but not where words are held back, as they cannot be taken out of a sound. */
static LOOP void turn_request_sound(struct turn *turn, struct str name, struct gen_request *request)
{
    struct engines *engines = turn->room->home->rooms->deps.engines;
    const struct engine_info *info = engines_find(engines, name);
    const struct persona_voice *voice = &turn->get.persona->voice;
    if (!info || !engines_speaks(engines, name))
        return;
    request->said = turn->said;
    request->sound = !turn->filter && speaking_wanted(turn);
    if (str_ieq(voice->provider, info->provider))
        request->voice = voice->name;
}

static void looked(struct turn *turn);

/* First what there is to see. */
static void generate(struct turn *turn)
{
    on_loop();
    turn_look(turn, looked);
}

static void looked(struct turn *turn)
{
    on_loop();
    if (turn->cancelled) {
        stop(turn);
        return;
    }
    static const struct gen_emit emit = {
        .delta = on_delta, .tool_call = on_tool_call, .end = on_end, .sound = on_sound, .heard = on_heard};
    struct gen_request request;
    struct gen_end end = {0};
    turn_request(turn, &request);
    struct persona_list words = limits_words(&turn->arena, &turn_house(turn)->limits, turn->get.persona);
    turn->filter = filter_new(&turn->arena, &words);
    struct str name = turn->get.persona->engine;
    turn->engine = name;
    turn_request_sound(turn, name, &request);
    turn->gen = engines_start(turn->room->home->rooms->deps.engines, name, &request, &emit, turn, &end);
    if (!turn->gen) {
        turn->end = end;
        turn_finish(turn, TURN_FAILED);
    }
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
    go(turn, STEP_REMEMBER);
}

static void remember(struct turn *turn)
{
    on_loop();
    turn_finish(turn, TURN_DONE);
}

/* ---- the life of a turn ---- */

struct id turn_id(const struct turn *turn)
{
    return turn->id;
}

struct turn *turn_alone_new(struct room *room, struct id persona, struct id person, struct str heard)
{
    struct turn *turn = heap_alloc(sizeof *turn);
    turn->room = room;
    turn->id = id_new();
    turn->persona = persona;
    turn->person = person;
    turn->since_us = clock_mono_us();
    turn->heard = arena_str(&turn->arena, heard);
    turn->text = BUF_INIT;
    return turn;
}

void turn_begin_preview(struct turn *turn)
{
    turn->phase = TURN_RUNNING;
    turn->step_began_us = clock_mono_us();
    perceive(turn);
}

static void keep_said(struct turn *turn, const struct room_spoken *spoken)
{
    if (!spoken->sample_count)
        return;
    int16_t *samples = arena_array(&turn->arena, int16_t, spoken->sample_count);
    memcpy(samples, spoken->samples, spoken->sample_count * sizeof *samples);
    turn->said = (struct gen_sound){samples, spoken->sample_count, spoken->sample_rate};
}

struct turn *turn_new(struct room *room, const struct turn_plan *plan)
{
    struct turn *turn = heap_alloc(sizeof *turn), **tail = &room->turns;
    turn->room = room;
    turn->id = id_new();
    turn->persona = room->personas[plan->persona].id;
    turn->person = plan->person;
    turn->parent = plan->parent;
    turn->retry_of = plan->retry_of;
    turn->since_us = plan->since_us;
    turn->heard = arena_str(&turn->arena, plan->heard);
    turn->text = BUF_INIT;
    turn_ask(turn, plan->asked);
    if (plan->spoken) {
        turn->aloud = true;
        turn->last_sound_us = plan->spoken->last_sound_us;
        turn->end_of_turn_us = plan->spoken->end_of_turn_us;
        turn->transcript_us = plan->spoken->transcript_us;
        keep_said(turn, plan->spoken);
    }
    while (*tail)
        tail = &(*tail)->next;
    *tail = turn;
    room->turn_count++;
    return turn;
}

struct turn *turn_find(struct room *room, struct id id)
{
    for (struct turn *turn = room->turns; turn; turn = turn->next) {
        if (id_eq(turn->id, id))
            return turn;
    }
    return NULL;
}

static void unlink_turn(struct turn *turn)
{
    struct turn **at = &turn->room->turns;
    while (*at != turn)
        at = &(*at)->next;
    *at = turn->next;
    turn->room->turn_count--;
}

void turn_free(struct turn *turn)
{
    filter_release(turn->filter);
    timer_close(&turn->timeout);
    timer_close(&turn->recall_timeout);
    buf_release(&turn->text);
    buf_release(&turn->tool_calls);
    buf_release(&turn->engine_heard);
    arena_release(&turn->arena);
    free(turn);
}

void turn_drop(struct room *room, struct turn *turn)
{
    (void)room;
    struct room_op *op = turn->cancel_op;
    unlink_turn(turn);
    turn_free(turn);
    if (op)
        room_op_fail(op, ERR_NOT_FOUND, "The turn was never begun: its message could not be stored.");
}

static void too_long(struct timer *timer)
{
    on_loop();
    struct turn *turn = CONTAINER(timer, struct turn, timeout);
    if (turn->gen) {
        engines_cancel(turn->room->home->rooms->deps.engines, turn->gen);
        turn->gen = 0;
    }
    if (turn->phase == TURN_RUNNING && !turn->pending)
        turn_fail(turn, GEN_TIMEOUT_TOTAL, "The turn took longer than room.turn_timeout allows.");
}

static LOOP void begin(struct turn *turn)
{
    turn->phase = TURN_RUNNING;
    turn->step = STEP_PERCEIVE;
    turn->step_began_us = clock_mono_us();
    count_running(turn->room->home->rooms, 1);
    timer_arm(&turn->timeout, rooms_config(turn->room->home->rooms)->room.turn_timeout, too_long);
    perceive(turn);
}

/* Begins what may begin: the first that waits if nobody has the floor, and retries beside it. */
static LOOP void next_turns(struct room *room)
{
    unsigned running = 0, max = (unsigned)rooms_config(room->home->rooms)->room.max_running_turns;
    bool taken = false;
    for (struct turn *t = room->turns; t; t = t->next) {
        if (t->phase == TURN_RUNNING || t->phase == TURN_ENDING) {
            running++;
            taken |= id_none(t->retry_of);
        }
    }
    for (struct turn *t = room->turns, *next; t && running < max; t = next) {
        next = t->next;
        bool first = id_none(t->retry_of);
        if (t->phase != TURN_WAITING || (first && taken))
            continue;
        taken |= first;
        running++;
        begin(t);
    }
}

void turn_committed(struct room *room, struct turn *turn, const struct event_row *started)
{
    turn->phase = TURN_WAITING;
    turn->started_seq = started->seq;
    turn->cause = started->cause;
    if (turn->cancelled)
        stop(turn);
    else
        next_turns(room);
}

void turn_abort(struct room *room, struct turn *turn, struct room_op *op)
{
    if (op && turn->cancel_op) {
        verb_get(room, op); /* somebody else is ending it already */
        return;
    }
    if (op)
        turn->cancel_op = op;
    turn->cancelled = true;
    if (turn->gen) {
        engines_cancel(room->home->rooms->deps.engines, turn->gen);
        turn->gen = 0;
    }
    if (turn->pending && turn->step == STEP_RECALL)
        memory_recall_cancel(&turn->recall);
    else if (!turn->pending && (turn->phase == TURN_WAITING || turn->phase == TURN_RUNNING))
        stop(turn);
}

bool turn_interrupt(struct turn *turn)
{
    if (turn->phase != TURN_RUNNING || turn->step != STEP_GENERATE ||
        str_empty(str_trim(buf_str(&turn->text))))
        return false;
    if (turn->gen) {
        turn->engine =
            arena_str(&turn->arena, engines_answered(turn->room->home->rooms->deps.engines, turn->gen));
        engines_cancel(turn->room->home->rooms->deps.engines, turn->gen);
    }
    turn->gen = 0;
    turn->interrupted = true;
    turn->end = (struct gen_end){.code = GEN_OK, .finish = GEN_STOP, .retry_after_ms = -1};
    go(turn, STEP_EXPRESS);
    return true;
}

void turns_cancel_all(struct room *room)
{
    for (struct turn *turn = room->turns, *next; turn; turn = next) {
        next = turn->next;
        turn_abort(room, turn, NULL);
    }
}

void turns_stop_all(struct room *room, const char *reason)
{
    for (struct turn *turn = room->turns, *next; turn; turn = next) {
        next = turn->next;
        turn->stop_reason = reason;
        turn_abort(room, turn, NULL);
    }
}

void turn_ended(struct room *room, struct turn *turn)
{
    struct room_op *op = turn->cancel_op;
    count_running(room->home->rooms, turn->step_began_us ? -1 : 0);
    count_ended(room->home->rooms, turn->outcome);
    if (turn->outcome == TURN_DONE)
        room->last_speaker = turn->persona;
    unlink_turn(turn);
    turn_free(turn);
    if (op)
        verb_get(room, op);
    next_turns(room);
    floor_continue(room);
}

void turn_snapshots(struct room *room, void (*emit)(void *arg, const struct event_row *row), void *arg)
{
    for (const struct turn *turn = room->turns; turn; turn = turn->next) {
        if (turn->phase != TURN_RUNNING && turn->phase != TURN_ENDING)
            continue;
        CLEANUP_BUF struct buf data = BUF_INIT;
        struct jw w = JW(&data);
        jw_object(&w);
        jw_kv_string(&w, "turn", str_c(id_text(turn->id).c));
        jw_kv_string(&w, "text", buf_str(&turn->text));
        jw_kv_u64(&w, "index", turn->index);
        jw_end_object(&w);
        const struct room_persona *p = room_persona(room, turn->persona);
        struct event_row row = {.room = room->id,
                                .at_ms = clock_wall_ms(),
                                .author_type = AUTHOR_PERSONA,
                                .author = p->id,
                                .author_name = p->name,
                                .turn = turn->id,
                                .data = buf_str(&data)};
        event_set_kind(&row, EVENT_TURN_SNAPSHOT);
        emit(arg, &row);
    }
}
