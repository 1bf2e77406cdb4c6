/*
 * The turn's generate: an engine is asked and answers, piece by piece, through the filter of words, to those
 * who watch and to the voice. See turn.h.
 */
#include "room/turn.h"

#include "base/clock.h"
#include "base/config.h"
#include "room/speaking.h"

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
    turn_go(turn, STEP_EXPRESS);
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
        turn_go(turn, STEP_EXPRESS);
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
    /* What was translated is read, not heard. */
    const struct said *heard = room_said_at(turn->room, turn->cause);
    if (!heard || !translate_done(turn->room, heard))
        request->said = turn->said;
    request->sound = !turn->filter && speaking_wanted(turn);
    if (str_ieq(voice->provider, info->provider))
        request->voice = voice->name;
}

static void looked(struct turn *turn);

/* First what there is to see. */
void turn_generate(struct turn *turn)
{
    on_loop();
    turn_look(turn, looked);
}

static void looked(struct turn *turn)
{
    on_loop();
    if (turn->cancelled) {
        turn_stop(turn);
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
