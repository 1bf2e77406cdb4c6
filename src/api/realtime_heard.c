/*
 * How much of a realtime answer was heard: cancelled, truncated, and what the room's log says of it. See
 * realtime_room.c.
 */
#include "api/realtime_room.h"

#include "base/clock.h"

#include <stdlib.h>

enum { INTERRUPT_WAIT_MS = 300 /* for the client's conversation.item.truncate */ };

/* ---- sentences and mouths ---- */

void rt_sentence_begins(struct rt_item *item, unsigned index, uint32_t from_ms)
{
    size_t n = item->sentence_count;
    if ((n && item->sentences[n - 1].index >= index) || n == RT_SENTENCES_MAX)
        return;
    if ((n & (n - 1)) == 0)
        item->sentences = heap_realloc(item->sentences, (n ? 2 * n : 1) * sizeof *item->sentences);
    item->sentences[item->sentence_count++] =
        (struct rt_spoken_part){.index = (uint16_t)index, .from_ms = from_ms};
}

/* The sentence that is heard at this time, and how far. */
static void place(const struct rt_item *item, uint32_t at_ms, uint32_t *index, uint32_t *ms)
{
    *index = 0;
    *ms = at_ms;
    for (size_t i = 0; i < item->sentence_count && item->sentences[i].from_ms <= at_ms; i++) {
        *index = item->sentences[i].index;
        *ms = at_ms - item->sentences[i].from_ms;
    }
}

uint32_t rt_sentence_from(const struct rt_response *r, unsigned index)
{
    const struct rt_item *item = r->message;
    for (size_t i = 0; item && i < item->sentence_count; i++)
        if (item->sentences[i].index == index)
            return item->sentences[i].from_ms;
    return rt_voice_ms(r);
}

/* A shape is told where it is at its strongest, among keys of all shapes. */
void rt_shapes(struct rt_response *r, const struct viseme_key *keys, size_t count, uint32_t offset_ms)
{
    for (size_t i = 1; i + 1 < count; i++) {
        size_t before = i, after = i;
        while (before-- > 0 && keys[before].viseme != keys[i].viseme)
            ;
        while (++after < count && keys[after].viseme != keys[i].viseme)
            ;
        double was = before < count ? keys[before].weight : 0, will = after < count ? keys[after].weight : 0;
        if (keys[i].weight > was && keys[i].weight >= will)
            rt_response_viseme(r, offset_ms + keys[i].at_ms, str_c(viseme_names[keys[i].viseme]),
                               keys[i].viseme);
    }
}

void rt_visemes(struct rt_response *r, const struct json *frames, uint32_t offset_ms)
{
    struct arena a = ARENA_INIT;
    size_t n = 0;
    if (!frames || frames->type != JSON_ARRAY || !frames->count)
        return;
    struct viseme_key *keys = arena_array(&a, struct viseme_key, frames->count);
    json_each (key, frames) {
        struct str name = json_get_str(key, "viseme", STR_NONE);
        unsigned v = 0;
        while (v < VISEME_COUNT && !str_eq(name, str_c(viseme_names[v])))
            v++;
        if (v == VISEME_COUNT)
            continue;
        keys[n].at_ms = (uint32_t)json_get_i64(key, "at_ms", 0);
        keys[n].viseme = v;
        keys[n++].weight = json_get_double(key, "weight", 0);
    }
    rt_shapes(r, keys, n, offset_ms);
    arena_release(&a);
}

/* ---- into the log ---- */

static void freed(struct room_op *op)
{
    on_loop();
    room_op_free(op);
}

void rt_cancel_turn(struct rooms *rooms, const struct principal *who, struct id room, struct id turn)
{
    struct room_op *op = room_op_new(ROOM_CANCEL, who, room);
    op->turn = turn;
    op->done = freed;
    room_submit(rooms, op);
}

static struct rt_item *of_turn(const struct realtime *s, struct id turn)
{
    for (struct rt_item *item = s->first; item; item = item->next)
        if (item->type == RT_MESSAGE && item->role == RT_ASSISTANT && id_eq(item->turn, turn))
            return item;
    return NULL;
}

/* By the clock: sound is played as it comes. */
static uint32_t heard_by_clock(const struct realtime *s, const struct rt_item *item)
{
    uint64_t passed = s->held_since_us ? (s->held_at_us - s->held_since_us) / 1000 : 0;
    return passed < item->sound_ms ? (uint32_t)passed : item->sound_ms;
}

void rt_interrupt_now(struct realtime *s)
{
    if (id_none(s->held_turn))
        return;
    struct room_op *op = room_op_new(ROOM_INTERRUPT, &s->who, s->room);
    const struct rt_item *item = of_turn(s, s->held_turn);
    op->turn = s->held_turn;
    if (item)
        place(item, heard_by_clock(s, item), &op->index, &op->played_ms);
    op->done = freed;
    s->held_turn = ID_NONE;
    timer_cancel(&s->held);
    room_submit(s->api->parts.rooms, op);
}

static void waited(struct timer *timer)
{
    on_loop();
    rt_interrupt_now(CONTAINER(timer, struct realtime, held));
}

void rt_room_cancel(struct rt_response *r)
{
    struct realtime *s = r->session;
    if (id_none(r->turn))
        return; /* asked(): it is cancelled when it has one */
    rt_interrupt_now(s);
    if (!r->audio || !s->ws) {
        rt_cancel_turn(s->api->parts.rooms, &s->who, s->room, r->turn);
        return;
    }
    s->held_turn = r->turn;
    s->held_since_us = r->first_sound_us;
    s->held_at_us = clock_mono_us();
    timer_arm(&s->held, INTERRUPT_WAIT_MS, waited);
}

/* ---- truncate ---- */

/* Whole words of the text, as many as the share of its sound. */
static void cut_by_share(struct rt_item *item, uint32_t at_ms)
{
    size_t n = item->sound_ms ? (size_t)((double)item->text.n * at_ms / item->sound_ms) : 0;
    if (n >= item->text.n)
        return;
    while (n && item->text.p[n] != ' ')
        n--;
    item->text.n = n;
}

static void heard(struct room_op *op)
{
    on_loop();
    struct realtime *s = op->arg;
    struct arena a = ARENA_INIT;
    struct json *data = NULL;
    if (rt_op_over(s, true)) {
        struct rt_item *item = rt_item_find(s, op->client_id);
        uint32_t at_ms = (uint32_t)op->if_version;
        bool told = !op->err && op->event.data.n && json_parse(&a, op->event.data, &data, NULL) == ERR_OK;
        if (item && told) {
            buf_clear(&item->text);
            buf_add(&item->text, json_get_str(data, "text", STR_NONE));
        } else if (item) {
            cut_by_share(item, at_ms);
        }
        if (item) {
            item->sound_ms = at_ms;
            rt_item_truncated(s, item, at_ms);
        }
        rt_go_on(s);
    }
    arena_release(&a);
    room_op_free(op);
}

void rt_room_truncate(struct realtime *s, struct rt_item *item, uint32_t at_ms)
{
    if (!s->persona || id_none(item->turn)) {
        cut_by_share(item, at_ms);
        item->sound_ms = at_ms;
        rt_item_truncated(s, item, at_ms);
        return;
    }
    if (id_eq(s->held_turn, item->turn)) {
        s->held_turn = ID_NONE;
        timer_cancel(&s->held);
    }
    struct room_op *op = rt_op(s, ROOM_INTERRUPT);
    op->turn = item->turn;
    place(item, at_ms, &op->index, &op->played_ms);
    op->client_id = arena_str(&op->arena, str_c(item->id));
    op->if_version = at_ms; /* carried for heard(); no verb of speech reads it */
    rt_submit(s, op, heard, true);
}
