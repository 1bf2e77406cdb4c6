/*
 * The end of a turn, into the log: the answer, what was felt, and how the turn went. See turn.h.
 *
 * One transaction: the persona's message (if the turn is done), the affect of what it heard, its mood, and
 * turn.ended with the waterfall. If the store refuses, nothing of it is told to anyone: the turn is dropped
 * from memory and stays open in the log, and the next start ends it as failed (recover.c).
 */
#include "room/turn.h"

#include "base/clock.h"
#include "base/log.h"
#include "room/speaking.h"

#include <stdarg.h>
#include <stdio.h>

static void write_point(struct jw *w, const char *label, double valence, double arousal, double dominance)
{
    jw_kv_string(w, "label", str_c(label));
    jw_kv_double(w, "valence", valence);
    jw_kv_double(w, "arousal", arousal);
    jw_kv_double(w, "dominance", dominance);
}

static double rounded(double x)
{
    return (double)(int64_t)(x * 1000 + (x < 0 ? -.5 : .5)) / 1000;
}

static struct str affect_data(struct arena *a, const struct turn *turn, struct id of)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    jw_object(&w);
    jw_kv_string(&w, "of", str_c(id_text(of).c));
    write_point(&w, affect_label_name(turn->affect.label), rounded(turn->affect.valence),
                rounded(turn->affect.arousal), rounded(turn->affect.dominance));
    jw_end_object(&w);
    return arena_str(a, buf_str(&b));
}

static struct str mood_data(struct arena *a, const struct turn *turn)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    jw_object(&w);
    jw_kv_string(&w, "persona", str_c(id_text(turn->persona).c));
    write_point(&w, mood_label(turn->mood), rounded(turn->mood.valence), rounded(turn->mood.arousal),
                rounded(turn->mood.dominance));
    jw_end_object(&w);
    return arena_str(a, buf_str(&b));
}

static void write_timings(struct jw *w, const struct turn *turn)
{
    char name[32];
    jw_key(w, STR("timings"));
    jw_object(w);
    for (unsigned s = 0; s <= turn->step && s < STEP_COUNT; s++) {
        snprintf(name, sizeof name, "%s_ms", turn_step_names[s]);
        jw_kv_double(w, name, (double)turn->step_us[s] / 1000);
    }
    if (turn->first_delta_us)
        jw_kv_double(w, "first_delta_ms", (double)turn->first_delta_us / 1000);
    jw_kv_double(w, "total_ms", (double)(clock_mono_us() - turn->since_us) / 1000);
    jw_end_object(w);
}

static void write_recalled(struct jw *w, const struct turn *turn)
{
    const struct memory_recall *r = &turn->recall;
    jw_key(w, STR("recalled"));
    jw_array(w);
    for (size_t i = 0; i < r->block_count && i < turn->prompt.blocks_kept; i++) {
        jw_object(w);
        jw_kv_string(w, "block", r->blocks[i].name);
        jw_kv_string(w, "reason", r->blocks[i].reason);
        jw_end_object(w);
    }
    for (size_t i = 0; i < r->hit_count && i < turn->prompt.memories_kept; i++) {
        jw_object(w);
        jw_kv_string(w, "room", str_c(id_text(r->hits[i].room).c));
        jw_kv_u64(w, "seq", r->hits[i].turn.seq);
        jw_kv_double(w, "score", rounded(r->hits[i].score));
        jw_kv_string(w, "reason", r->hits[i].reason);
        jw_end_object(w);
    }
    jw_end_array(w);
}

static void write_usage(struct jw *w, const struct gen_usage *usage)
{
    if (!usage->known) {
        jw_kv_null(w, "usage");
        return;
    }
    jw_key(w, STR("usage"));
    jw_object(w);
    jw_kv_u64(w, "prompt_tokens", usage->prompt_tokens);
    jw_kv_u64(w, "completion_tokens", usage->completion_tokens);
    jw_kv_u64(w, "total_tokens", usage->prompt_tokens + usage->completion_tokens);
    if (usage->prompt_audio_tokens || usage->completion_audio_tokens) {
        jw_kv_u64(w, "prompt_audio_tokens", usage->prompt_audio_tokens);
        jw_kv_u64(w, "completion_audio_tokens", usage->completion_audio_tokens);
    }
    jw_end_object(w);
}

static void write_prompt_parts(struct jw *w, const struct prompt *prompt)
{
    jw_key(w, STR("prompt"));
    jw_object(w);
    jw_kv_u64(w, "tokens", prompt->tokens);
    for (unsigned p = 0; p < PART_COUNT; p++) {
        if (prompt->parts[p])
            jw_kv_u64(w, prompt_part_names[p], prompt->parts[p]);
    }
    jw_end_object(w);
}

static struct str ended_data(struct arena *a, const struct turn *turn)
{
    static const char *const outcomes[] = {"done", "cancelled", "failed"};
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    jw_object(&w);
    jw_kv_string(&w, "outcome", str_c(outcomes[turn->outcome]));
    if (turn->outcome != TURN_DONE)
        jw_kv_string(&w, "text", buf_str(&turn->text));
    if (turn->outcome == TURN_FAILED) {
        jw_key(&w, STR("error"));
        jw_object(&w);
        jw_kv_string(&w, "message", str_c(turn->end.sentence));
        jw_kv_string(&w, "type", STR("engine_error"));
        jw_kv_string(&w, "code", str_c(gen_code_name(turn->end.code)));
        if (turn->end.retry_after_ms >= 0)
            jw_kv_i64(&w, "retry_after_ms", turn->end.retry_after_ms);
        jw_end_object(&w);
    }
    if (str_empty(turn->engine))
        jw_kv_null(&w, "engine");
    else
        jw_kv_string(&w, "engine", turn->engine);
    if (turn->outcome == TURN_DONE)
        jw_kv_string(&w, "finish",
                     turn->interrupted ? STR("interrupted") : str_c(gen_finish_name(turn->end.finish)));
    else
        jw_kv_null(&w, "finish");
    write_usage(&w, &turn->end.usage);
    if (turn->engine_heard.n)
        jw_kv_string(&w, "heard", buf_str(&turn->engine_heard));
    if (turn->tool_calls.n)
        jw_kv_raw(&w, "tool_calls", arena_printf(a, "[%.*s]", STR_ARG(buf_str(&turn->tool_calls))));
    write_timings(&w, turn);
    write_recalled(&w, turn);
    turn_lore_write(&w, turn);
    if (filter_count(turn->filter))
        jw_kv_u64(&w, "withheld", filter_count(turn->filter));
    if (turn->prompt.count)
        write_prompt_parts(&w, &turn->prompt);
    jw_end_object(&w);
    return arena_str(a, buf_str(&b));
}

static void stored(struct room_append *append, struct room *room)
{
    on_loop();
    struct turn *turn = room ? turn_find(room, append->turn) : NULL;
    if (append->store.op.err != ERR_OK)
        log_error("room", "a turn could not be ended in the log and stays open until the next start: %s",
                  append->store.op.error.message);
    if (!turn)
        return;
    bool kept = append->store.op.err == ERR_OK && event_is(&append->store.rows[0], EVENT_MESSAGE);
    count_step(room->home->rooms, STEP_REMEMBER, clock_mono_us() - turn->step_began_us);
    speaking_stored(room, turn->id, kept ? append->store.rows[0].ref : ID_NONE,
                    kept ? append->store.rows[0].seq : 0);
    if (heard_settle(room, turn, append))
        turn_ended(room, turn);
}

/* What the persona felt about what it heard: only where the turn came far enough to hear it. */
static LOOP void add_feelings(struct turn *turn, struct room_append *append, const struct room_persona *p,
                              struct str name)
{
    struct arena *a = &append->store.op.arena;
    const struct said *heard = room_said_at(turn->room, turn->cause);
    if (turn->step == STEP_PERCEIVE || !turn->get.persona)
        return;
    if (heard && turn->affect.confidence > 0) {
        struct event_row *row = room_append_system(append, EVENT_AFFECT);
        row->turn = turn->id;
        row->cause = turn->cause;
        row->of = heard->seq;
        row->data = affect_data(a, turn, heard->id);
    }
    struct event_row *row = room_append_row(append, EVENT_MOOD, AUTHOR_PERSONA, p->id, name);
    row->turn = turn->id;
    row->cause = turn->cause;
    row->data = mood_data(a, turn);
}

enum { TURN_END_ROWS = 5 }; /* message, message.heard, affect, mood, turn.ended */

void turn_finish(struct turn *turn, enum turn_outcome outcome)
{
    struct room *room = turn->room;
    turn->outcome = outcome;
    if (turn->preview) {
        turn_preview_end(turn);
        return;
    }
    struct room_append *append = room_append_new(room, NULL, TURN_END_ROWS);
    struct arena *a = &append->store.op.arena;
    const struct room_persona *p = room_persona(room, turn->persona);
    struct str name = arena_str(a, p->name);
    turn->phase = TURN_ENDING;
    turn->outcome = outcome;
    timer_cancel(&turn->timeout);
    append->turn = turn->id;
    append->committed = stored;
    if (outcome == TURN_DONE && turn->text.n) {
        struct event_row *row = room_append_row(append, EVENT_MESSAGE, AUTHOR_PERSONA, p->id, name);
        row->ref = id_new();
        row->turn = turn->id;
        row->cause = turn->cause;
        row->parent = id_none(turn->retry_of) ? room_leaf(room) : turn->parent;
        row->data = message_data(a, row->ref, buf_str(&turn->text), ID_NONE, turn->retry_of, NULL, STR_NONE);
        heard_with_message(room, turn, append);
    } else {
        struct speaking *speaking = speaking_find(room, turn->id);
        if (speaking && outcome == TURN_CANCELLED)
            speaking_stop(speaking, "interrupted", NULL);
        else if (speaking)
            speaking_text_over(room, turn->id);
    }
    add_feelings(turn, append, p, name);
    struct event_row *row = room_append_row(append, EVENT_TURN_ENDED, AUTHOR_PERSONA, p->id, name);
    row->turn = turn->id;
    row->cause = turn->cause;
    row->data = ended_data(a, turn);
    room_append_send(room, append);
}

void turn_fail(struct turn *turn, enum gen_code code, const char *format, ...)
{
    char sentence[GEN_SENTENCE];
    va_list args;
    va_start(args, format);
    vsnprintf(sentence, sizeof sentence, format, args);
    va_end(args);
    gen_end_fail(&turn->end, code, "%s", sentence);
    turn_finish(turn, TURN_FAILED);
}
