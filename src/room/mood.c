/* A persona's mood in a room: where it starts, how it stands now, and how it is read back from the log. */
#include "room/room.h"

#include "base/clock.h"

/* Personality traits are 0..1 with .5 in the middle; Mehrabian's formula wants -1..1. */
struct mood room_mood_baseline(const double traits[TRAIT_COUNT])
{
    return mood_baseline(&(struct affect_traits){
        .openness = 2 * traits[TRAIT_OPENNESS] - 1,
        .conscientiousness = 2 * traits[TRAIT_CONSCIENTIOUSNESS] - 1,
        .extraversion = 2 * traits[TRAIT_EXTRAVERSION] - 1,
        .agreeableness = 2 * traits[TRAIT_AGREEABLENESS] - 1,
        .neuroticism = 2 * traits[TRAIT_NEUROTICISM] - 1,
    });
}

struct mood room_mood_now(const struct room_persona *p)
{
    if (!p->mood_ms)
        return p->baseline;
    return mood_decay(p->mood, p->baseline, clock_gap_ms(p->mood_ms, clock_wall_ms()), 0);
}

void room_mood_read(struct room *room, const struct event_row *row)
{
    struct arena a = ARENA_INIT;
    struct json *data = NULL;
    struct room_persona *p = room_persona(room, row->author);
    if (p && json_parse(&a, row->data, &data, NULL) == ERR_OK) {
        p->mood = (struct mood){
            .valence = json_get_double(data, "valence", 0),
            .arousal = json_get_double(data, "arousal", 0),
            .dominance = json_get_double(data, "dominance", 0),
        };
        p->mood_ms = row->at_ms;
    }
    arena_release(&a);
}
