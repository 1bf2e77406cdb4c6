/*
 * Speech is given out, one voice at a time and in order: caption and mouth shapes, then the sound at the pace
 * of its listening, then speech.ended; or it is stopped. See speaking.h.
 */
#include "room/speaking.h"

#include "base/clock.h"

static LOOP void tell(struct utter *u)
{
    u->told = true;
    tell_caption(u);
    if (u->key_count) {
        tell_visemes(u);
        waterfall_mark(u->speaking, VOICE_FIRST_VISEME);
    }
}

static LOOP void give(struct utter *u, size_t count)
{
    struct speaking *s = u->speaking;
    struct room *room = s->room;
    uint64_t now = clock_mono_us();
    struct sub_sound sound = {
        .turn = s->turn,
        .index = (uint16_t)u->index,
        .codec = SOUND_PCM_FRAMES,
        .rate = u->rate,
        .at = u->sent,
        .bytes = str_of(u->sound.p + u->sent * sizeof(int16_t), count * sizeof(int16_t)),
    };
    waterfall_mark(s, VOICE_FIRST_AUDIO);
    room_publish_sound(room, &sound);
    opus_feed(s, u, u->sent, count);
    u->sent += count;
    if (room->sound_until_us < now)
        room->sound_until_us = now;
    room->sound_until_us += (uint64_t)count * 1000000 / u->rate;
}

static void on_pace(struct timer *timer)
{
    on_loop();
    speaking_drive(CONTAINER(timer, struct speaking, pace)->room);
}

/* How much sound is in hand beyond what listeners may have; 0: go on. */
static uint64_t too_early_us(const struct room *room)
{
    uint64_t lead = (uint64_t)SPEAK_LEAD_MS * 1000, now = clock_mono_us();
    return room->audience.subs && room->sound_until_us > now + lead ? room->sound_until_us - now - lead : 0;
}

/* False: no more for now. */
static LOOP bool give_sound(struct utter *u)
{
    struct speaking *s = u->speaking;
    size_t piece = (size_t)u->rate * SPEAK_PIECE_MS / 1000;
    while (u->sent < u->samples && piece) {
        uint64_t wait_us = too_early_us(s->room);
        if (wait_us) {
            timer_arm(&s->pace, wait_us / 1000 + SPEAK_PIECE_MS, on_pace);
            return false;
        }
        give(u, u->samples - u->sent < piece ? u->samples - u->sent : piece);
    }
    return u->made;
}

static LOOP void all_given(struct speaking *s)
{
    s->over = true;
    timer_cancel(&s->pace);
    opus_close(s);
    tell_ended(s, NULL, "done", NULL);
}

static LOOP void drive(struct speaking *s)
{
    for (struct utter *u = s->now; u; u = s->now) {
        if (u->made && u->error.err) {
            struct error e = u->error;
            speaking_stop(s, "failed", &e);
            return;
        }
        if (!u->told && !u->samples && !u->made)
            return;
        if (!u->told)
            tell(u);
        if (!give_sound(u))
            return;
        opus_end(s, u);
        tell_ended(s, u, "done", NULL);
        count_voice_of(s->room->home->rooms, VOICE_SENTENCES);
        u->ended = true;
        s->now = u->next;
        speaking_make_ahead(s);
        speaking_keep(s);
    }
    if (s->text_over)
        all_given(s);
}

void speaking_drive(struct room *room)
{
    for (struct speaking *s = room->speakings, *next; s; s = next) {
        next = s->next;
        if (!s->over)
            drive(s);
        if (!s->over)
            break; /* one voice at a time */
    }
    speaking_trim(room);
}

void speaking_stop(struct speaking *s, const char *reason, const struct error *e)
{
    struct utter *now = s->now;
    if (s->over)
        return;
    own_free(s);
    s->over = s->text_over = true;
    timer_cancel(&s->pace);
    for (struct utter *u = now; u; u = u->next) {
        if (u->speech)
            speech_cancel(u->speech);
        u->speech = NULL;
        own_mouth_drop(u);
        u->kept = !u->made || u->error.err || !u->sent; /* what was not heard at all does not stay */
        u->ended = true;
        u->begun = true;
    }
    opus_close(s);
    s->room->sound_until_us = clock_mono_us();
    s->now = NULL;
    if (now && now->told)
        tell_ended(s, now, reason, e);
    tell_ended(s, NULL, reason, e);
    count_voice_of(s->room->home->rooms, e ? VOICE_FAILED : VOICE_STOPPED);
    speaking_keep(s);
}

void speaking_stop_all(struct room *room)
{
    for (struct speaking *s = room->speakings; s; s = s->next)
        speaking_stop(s, "interrupted", NULL);
}
