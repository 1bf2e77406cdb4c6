/* A conversation with the scripted core for tests: says lines, keeps the transcript, moves to new rooms. */
#ifndef EIDOLON_TESTS_SCRIPTED_TALK_H
#define EIDOLON_TESTS_SCRIPTED_TALK_H

#include <stdlib.h>

#include "base/arena.h"
#include "engine/scripted.h"

enum { TALK_TURNS = 400 };

struct talk {
    const struct scripted_rules *rules;
    struct arena arena;
    const char *slug, *name;
    struct scripted_turn turns[TALK_TURNS];
    struct scripted_recall recalled[TALK_TURNS];
    size_t count, known;
    int64_t now_ms;
    uint64_t seed;
};

static inline void talk_begin(struct talk *t, const struct scripted_rules *rules, const char *slug,
                              uint64_t seed)
{
    *t = (struct talk){.rules = rules, .slug = slug, .name = "Mia", .now_ms = 1795000000000, .seed = seed};
}

static inline struct str talk_say(struct talk *t, const char *line)
{
    struct buf out = BUF_INIT;
    t->turns[t->count++] =
        (struct scripted_turn){SCRIPTED_PERSON, STR_NONE, arena_str(&t->arena, str_c(line)), t->now_ms};
    struct scripted_input in = {.persona = {.name = str_c(t->name), .slug = str_c(t->slug)},
                                .transcript = t->turns,
                                .transcript_count = t->count,
                                .recalled = t->recalled,
                                .recalled_count = t->known,
                                .seed = t->seed + t->count * 7919,
                                .now_ms = t->now_ms};
    scripted_reply(t->rules, &in, &out);
    struct str reply = arena_str(&t->arena, buf_str(&out));
    buf_release(&out);
    t->turns[t->count++] = (struct scripted_turn){SCRIPTED_SELF, str_c(t->name), reply, t->now_ms};
    t->now_ms += 20000;
    return reply;
}

/* A new room a day later, in which everything said so far is recalled. */
static inline void talk_new_room(struct talk *t)
{
    for (size_t i = 0; i < t->count; i++)
        t->recalled[t->known++] =
            (struct scripted_recall){t->turns[i].author, t->turns[i].text, t->turns[i].at_ms, false, 1};
    t->count = 0;
    t->now_ms += 24 * 3600 * 1000;
}

static inline void talk_end(struct talk *t)
{
    arena_release(&t->arena);
}

#endif
