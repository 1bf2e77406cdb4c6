/* The speeches of a room: their life, and what the turn tells them; see speaking.h. */
#include "room/speaking.h"

#include "base/clock.h"
#include "persona/house.h"
#include "room/turn.h"

#include <stdlib.h>

/* ---- the list of a room ---- */

struct speaking *speaking_find(struct room *room, struct id turn)
{
    struct speaking *s = room->speakings;
    while (s && !id_eq(s->turn, turn))
        s = s->next;
    return s;
}

struct speaking *speaking_of_message(struct room *room, struct id message)
{
    struct speaking *found = NULL;
    for (struct speaking *s = room->speakings; s; s = s->next) {
        if (id_eq(s->message, message))
            found = s; /* the latest */
    }
    return found;
}

struct speaking *speaking_new(struct room *room, struct id turn, const struct persona *p)
{
    struct speaking *s = heap_alloc(sizeof *s), **at = &room->speakings;
    struct voice own = {.provider = p->voice.provider,
                        .name = p->voice.name,
                        .prosody = {p->voice.rate, p->voice.pitch, p->voice.volume}};
    const struct house *house = personas_house(room->home->rooms->deps.personas);
    s->room = room;
    s->turn = turn;
    s->persona = p->id;
    s->name = arena_str(&s->arena, persona_called(p));
    s->voice = voice_for(p->id, &own);
    s->voice.provider = arena_str(&s->arena, s->voice.provider);
    s->voice.name = arena_str(&s->arena, s->voice.name);
    s->close = house->limits.romance && !p->content.no_romance;
    s->held = SIZE_MAX;
    while (*at)
        at = &(*at)->next;
    *at = s;
    return s;
}

static LOOP void utter_free(struct utter *u)
{
    if (u->speech)
        speech_cancel(u->speech);
    own_mouth_drop(u);
    buf_release(&u->sound);
    free(u);
}

static LOOP void speaking_free(struct speaking *s)
{
    for (struct utter *u = s->first, *next; u; u = next) {
        next = u->next;
        utter_free(u);
    }
    opus_close(s);
    own_free(s);
    timer_close(&s->pace);
    buf_release(&s->text);
    sentences_release(&s->cut);
    arena_release(&s->arena);
    free(s);
}

/* Nothing more is to be done for it; only its words may still be asked for. */
static bool settled(const struct speaking *s)
{
    return s->over && !s->keeping && !s->hearers && (!id_none(s->message) || s->unkept);
}

void speaking_trim(struct room *room)
{
    unsigned count = 0;
    for (const struct speaking *s = room->speakings; s; s = s->next)
        count++;
    for (struct speaking **at = &room->speakings; *at && count > SPOKEN_KEPT;) {
        struct speaking *s = *at;
        if (!settled(s)) {
            at = &s->next;
            continue;
        }
        *at = s->next;
        speaking_free(s);
        count--;
    }
}

bool speaking_busy(const struct room *room)
{
    for (const struct speaking *s = room->speakings; s; s = s->next) {
        if (!s->over || s->keeping)
            return true;
    }
    return false;
}

void speaking_release(struct room *room)
{
    for (struct speaking *s = room->speakings, *next; s; s = next) {
        next = s->next;
        speaking_free(s);
    }
    room->speakings = NULL;
}

/* ---- with the turn ---- */

bool speaking_wanted(const struct turn *turn)
{
    const struct room *room = turn->room;
    const struct room_deps *deps = &room->home->rooms->deps;
    return deps->voices && deps->workers && !room->voice_off && !turn->preview &&
           (room->audience.subs || turn->aloud);
}

struct speaking *speaking_for(struct turn *turn)
{
    struct speaking *s = speaking_new(turn->room, turn->id, turn->get.persona);
    if (turn->asked.voice_set) {
        const struct room_voice *v = &turn->asked.voice;
        s->voice = (struct voice){.provider = arena_str(&s->arena, v->provider),
                                  .name = arena_str(&s->arena, v->name),
                                  .prosody = {v->rate, v->pitch, v->volume}};
    }
    s->cause = turn->cause;
    s->mood = turn->mood;
    s->fall.began_us = turn->last_sound_us ? turn->last_sound_us : turn->since_us;
    s->fall.at_us[VOICE_END_OF_TURN] = turn->end_of_turn_us;
    s->fall.at_us[VOICE_TRANSCRIPT] = turn->transcript_us;
    s->fall.at_us[VOICE_FIRST_TOKEN] = turn->since_us + turn->first_delta_us;
    return s;
}

void speaking_delta(struct turn *turn, struct str text)
{
    struct speaking *s = speaking_find(turn->room, turn->id);
    if (s) {
        if (!s->fall.at_us[VOICE_FIRST_TOKEN])
            s->fall.at_us[VOICE_FIRST_TOKEN] = turn->since_us + turn->first_delta_us;
        speaking_feed(s, text);
        return;
    }
    if (!speaking_wanted(turn))
        return;
    speaking_feed(speaking_for(turn), buf_str(&turn->text)); /* also what came before anybody listened */
}

void speaking_text_over(struct room *room, struct id turn)
{
    struct speaking *s = speaking_find(room, turn);
    if (!s || s->over || s->text_over)
        return;
    s->text_over = true;
    sentences_end(&s->cut);
    speaking_cut(s);
    own_text_over(s);
    speaking_begin(s);
}

void speaking_stored(struct room *room, struct id turn, struct id message, uint64_t seq)
{
    struct speaking *s = speaking_find(room, turn);
    if (!s)
        return;
    s->message = message;
    s->message_seq = seq;
    s->unkept |= id_none(message) || !room->home->rooms->deps.blobs;
    speaking_keep(s);
    speaking_trim(room);
}

void speaking_forget(struct room *room, struct id message)
{
    for (struct speaking *s = room->speakings; s; s = s->next) {
        if (!id_eq(s->message, message))
            continue;
        s->unkept = true;
        if (!s->over)
            speaking_stop(s, "interrupted", NULL);
    }
}

/* What somebody who joins in the midst of a sentence needs to follow it. */
size_t speaking_now(struct room *room, struct event_row out[2], struct arena *a)
{
    struct speaking *s = room->speakings;
    while (s && s->over)
        s = s->next;
    if (!s || !s->now || !s->now->told)
        return 0;
    for (size_t i = 0; i < 2; i++) {
        out[i] = (struct event_row){.room = room->id,
                                    .at_ms = clock_wall_ms(),
                                    .author_type = AUTHOR_PERSONA,
                                    .author = s->persona,
                                    .author_name = arena_str(a, s->name),
                                    .turn = s->turn,
                                    .data = i ? visemes_data(a, s->now) : caption_data(a, s->now)};
        event_set_kind(&out[i], i ? EVENT_VISEMES : EVENT_CAPTION);
    }
    return 2;
}
