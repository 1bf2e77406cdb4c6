/* Counters of rooms and turns: one block a loop, so that loops do not share cache lines; summed when asked.
 */
#include "room/room.h"

#include <stdatomic.h>
#include <stdlib.h>

struct room_counters {
    _Alignas(64) _Atomic int64_t rooms, subscribers, running;
    _Atomic uint64_t ended[TURN_OUTCOMES], events;
    _Atomic uint64_t step_count[STEP_COUNT], step_us_sum[STEP_COUNT], step_us[STEP_COUNT][ROOM_HISTOGRAM];
    _Atomic uint64_t voice_count[VOICE_STEPS], voice_us_sum[VOICE_STEPS],
        voice_us[VOICE_STEPS][ROOM_HISTOGRAM], voice[VOICE_COUNTS];
    _Atomic uint64_t first_count, first_us_sum, first_us[ROOM_HISTOGRAM];
};

const char *const turn_step_names[STEP_COUNT] = {"perceive", "recall",  "compose",
                                                 "generate", "express", "remember"};

const char *const voice_step_names[VOICE_STEPS] = {"end_of_turn",    "transcript",   "first_token",
                                                   "first_sentence", "first_viseme", "first_audio"};

struct room_counters *counters_new(unsigned loops)
{
    struct room_counters *c = aligned_alloc(_Alignof(struct room_counters), loops * sizeof *c);
    if (!c)
        abort();
    memset(c, 0, loops * sizeof *c);
    return c;
}

static LOOP struct room_counters *here(struct rooms *rooms)
{
    return &rooms->counters[loop_index(loop_self())];
}

static void add(_Atomic uint64_t *counter, uint64_t n)
{
    atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

static unsigned bucket(uint64_t us)
{
    unsigned b = 0;
    while (b + 1 < ROOM_HISTOGRAM && us > (uint64_t)64 << b)
        b++;
    return b;
}

void count_rooms(struct rooms *rooms, int by)
{
    atomic_fetch_add_explicit(&here(rooms)->rooms, by, memory_order_relaxed);
}

void count_subscriber(struct rooms *rooms, int by)
{
    atomic_fetch_add_explicit(&here(rooms)->subscribers, by, memory_order_relaxed);
}

void count_running(struct rooms *rooms, int by)
{
    atomic_fetch_add_explicit(&here(rooms)->running, by, memory_order_relaxed);
}

void count_events(struct rooms *rooms, size_t n)
{
    add(&here(rooms)->events, n);
}

void count_ended(struct rooms *rooms, enum turn_outcome outcome)
{
    add(&here(rooms)->ended[outcome], 1);
}

void count_step(struct rooms *rooms, enum turn_step step, uint64_t us)
{
    struct room_counters *c = here(rooms);
    add(&c->step_count[step], 1);
    add(&c->step_us_sum[step], us);
    add(&c->step_us[step][bucket(us)], 1);
}

void count_first_delta(struct rooms *rooms, uint64_t us)
{
    struct room_counters *c = here(rooms);
    add(&c->first_count, 1);
    add(&c->first_us_sum, us);
    add(&c->first_us[bucket(us)], 1);
}

void count_voice(struct rooms *rooms, enum voice_step step, uint64_t us)
{
    struct room_counters *c = here(rooms);
    add(&c->voice_count[step], 1);
    add(&c->voice_us_sum[step], us);
    add(&c->voice_us[step][bucket(us)], 1);
}

void count_voice_of(struct rooms *rooms, enum voice_count what)
{
    add(&here(rooms)->voice[what], 1);
}

static void sum_voice(const struct room_counters *c, struct room_stats *out)
{
    for (unsigned s = 0; s < VOICE_STEPS; s++) {
        out->voice_count[s] += c->voice_count[s];
        out->voice_us_sum[s] += c->voice_us_sum[s];
        for (unsigned b = 0; b < ROOM_HISTOGRAM; b++)
            out->voice_us[s][b] += c->voice_us[s][b];
    }
    out->voice_frames += c->voice[VOICE_FRAMES];
    out->voice_sentences += c->voice[VOICE_SENTENCES];
    out->voice_stopped += c->voice[VOICE_STOPPED];
    out->voice_failed += c->voice[VOICE_FAILED];
}

void rooms_stats(const struct rooms *rooms, struct room_stats *out)
{
    int64_t loaded = 0, subscribers = 0, running = 0;
    *out = (struct room_stats){0};
    for (unsigned l = 0; l < loops_count(rooms->deps.loops); l++) {
        const struct room_counters *c = &rooms->counters[l];
        loaded += c->rooms;
        subscribers += c->subscribers;
        running += c->running;
        out->turns_done += c->ended[TURN_DONE];
        out->turns_cancelled += c->ended[TURN_CANCELLED];
        out->turns_failed += c->ended[TURN_FAILED];
        out->events += c->events;
        out->first_delta_count += c->first_count;
        out->first_delta_us_sum += c->first_us_sum;
        for (unsigned s = 0; s < STEP_COUNT; s++) {
            out->step_count[s] += c->step_count[s];
            out->step_us_sum[s] += c->step_us_sum[s];
            for (unsigned b = 0; b < ROOM_HISTOGRAM; b++)
                out->step_us[s][b] += c->step_us[s][b];
        }
        sum_voice(c, out);
        for (unsigned b = 0; b < ROOM_HISTOGRAM; b++)
            out->first_delta_us[b] += c->first_us[b];
    }
    out->rooms_loaded = (uint64_t)loaded;
    out->subscribers = (uint64_t)subscribers;
    out->turns_running = (uint64_t)running;
}
