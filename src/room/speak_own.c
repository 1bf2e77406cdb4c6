/*
 * An engine that speaks by itself: its sound instead of a voice's; see speaking.h and engine/provider.h.
 *
 * The sound comes as one stream beside the text. It is cut where the sentences end (voice/sound_cut.h), so
 * that everything else is as with any voice: captions, mouth shapes, what stays, what was heard. An engine
 * that announced sound and then sent none has its text spoken by the persona's voice after all.
 */
#include "room/speaking.h"

#include "room/turn.h"

#include <stdlib.h>

struct own_sound {
    struct sound_cut cut;
    struct utter *at;   /* the sentence that gets the sound; NULL: none is known yet */
    struct buf waiting; /* samples whose sentence is not clear yet */
};

void own_free(struct speaking *s)
{
    if (!s->own)
        return;
    sound_cut_release(&s->own->cut);
    buf_release(&s->own->waiting);
    free(s->own);
    s->own = NULL;
}

void own_sentence(struct speaking *s, const struct utter *u)
{
    sound_cut_sentence(&s->own->cut, u->text.n);
    if (!s->own->at)
        s->own->at = s->last;
    own_mouth_begin(s->last);
}

/* Hands sentences what is theirs. */
static LOOP void share_out(struct speaking *s)
{
    struct own_sound *own = s->own;
    size_t count;
    bool ended;
    while (own->at && sound_cut_take(&own->cut, &count, &ended)) {
        struct utter *u = own->at;
        u->begun = true;
        u->rate = own->cut.rate;
        u->sound.max = SIZE_MAX / 2;
        buf_add(&u->sound, str_of(own->waiting.p, count * sizeof(int16_t)));
        u->samples += count;
        buf_drop(&own->waiting, count * sizeof(int16_t));
        u->all = ended;
        own_mouth_shape(u);
        if (!ended)
            break;
        own->at = u->next;
    }
}

void speaking_own_sound(struct turn *turn, const struct gen_sound *sound)
{
    struct speaking *s = speaking_find(turn->room, turn->id);
    if (!s && !turn->text.n) { /* announced, before the first text */
        s = speaking_for(turn);
        s->own = heap_alloc(sizeof *s->own);
        s->own->waiting.max = SIZE_MAX / 2; /* bounded by the engine's own longest answer */
        s->engine = arena_str(&s->arena, engines_answered(s->room->home->rooms->deps.engines, turn->gen));
        s->key = turn_engine_key(turn, &s->arena);
        sound_cut_init(&s->own->cut, sound->rate);
        return;
    }
    if (!s || !s->own || s->over || !sound->count)
        return;
    buf_add(&s->own->waiting, str_of((const char *)sound->samples, sound->count * sizeof(int16_t)));
    sound_cut_feed(&s->own->cut, sound->samples, sound->count);
    share_out(s);
    speaking_drive(s->room);
}

/* The engine is through, so both its text and its sound are. */
void own_text_over(struct speaking *s)
{
    if (!s->own)
        return;
    if (!s->own->cut.total) { /* it said nothing aloud: the persona's voice does */
        own_free(s);
        return;
    }
    s->own->cut.text_over = s->own->cut.sound_over = true;
    share_out(s);
    own_free(s);
    for (struct utter *u = s->first; u; u = u->next) {
        u->begun = u->all = true;
        if (!u->made)
            own_mouth_shape(u);
        u->made |= !u->rate; /* it got no sound at all */
    }
}

void own_played(struct speaking *s, uint32_t index, uint32_t ms)
{
    uint32_t before = 0;
    if (!s->key.n)
        return;
    for (const struct utter *u = s->first; u && u->index < index; u = u->next)
        before += utter_ms(u, u->samples);
    engines_played(s->room->home->rooms->deps.engines, s->engine, s->key, before + ms);
}
