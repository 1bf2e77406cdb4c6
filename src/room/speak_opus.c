/*
 * Opus for those listeners who asked for it: encoded once, on a worker, published by the room; see
 * speaking.h.
 *
 * A speech has one line, made when the first such listener is there. Pieces of sound wait in the line while a
 * job encodes those before, so that order stays. The job owns what it reads; a line whose speech is gone goes
 * with its job.
 */
#include "room/speaking.h"

#include "voice/packets.h"

#include <stdlib.h>

struct piece {
    struct piece *next;
    unsigned index, rate;
    bool end; /* of its sentence */
    size_t count;
    int16_t samples[];
};

struct made {
    uint64_t at;
    size_t from, n; /* in bytes */
    unsigned index;
};

struct opus_line {
    struct job job;
    struct home *home;
    struct id room, turn;
    struct packets *packets;
    struct piece *waiting, **tail, *work;
    struct buf bytes;
    struct made *made;
    size_t made_count, made_cap;
    unsigned index; /* on the worker */
    bool running, closed, broken;
};

static void pieces_free(struct piece *p)
{
    while (p) {
        struct piece *next = p->next;
        free(p);
        p = next;
    }
}

static void line_free(struct opus_line *line)
{
    if (line->packets)
        packets_free(line->packets);
    pieces_free(line->waiting);
    pieces_free(line->work);
    buf_release(&line->bytes);
    free(line->made);
    free(line);
}

static void on_packet(void *arg, uint64_t at, struct str bytes)
{
    struct opus_line *line = arg;
    if (line->made_count == line->made_cap) {
        line->made_cap = line->made_cap ? line->made_cap * 2 : 16;
        line->made = heap_realloc(line->made, line->made_cap * sizeof *line->made);
    }
    line->made[line->made_count++] = (struct made){at, line->bytes.n, bytes.n, line->index};
    buf_add(&line->bytes, bytes);
}

static void encode(struct job *job)
{
    on_worker();
    struct opus_line *line = CONTAINER(job, struct opus_line, job);
    struct error e = {0};
    for (const struct piece *p = line->work; p && !line->broken; p = p->next) {
        if (!line->packets && packets_new(p->rate, &line->packets, &e) != ERR_OK) {
            line->broken = true;
            return;
        }
        line->index = p->index;
        packets_feed(line->packets, p->samples, p->count, on_packet, line);
        if (p->end)
            packets_end(line->packets, on_packet, line);
    }
}

static LOOP void run(struct opus_line *line, struct workers *workers);

static void encoded(struct job *job)
{
    on_loop();
    struct opus_line *line = CONTAINER(job, struct opus_line, job);
    struct room *room = home_find(line->home, line->room);
    for (size_t i = 0; room && i < line->made_count; i++) {
        const struct made *m = &line->made[i];
        struct sub_sound sound = {.turn = line->turn,
                                  .index = (uint16_t)m->index,
                                  .codec = SOUND_OPUS_PACKETS,
                                  .rate = packets_rate(line->packets),
                                  .at = m->at,
                                  .bytes = str_of(line->bytes.p + m->from, m->n)};
        room_publish_sound(room, &sound);
    }
    line->running = false;
    line->made_count = 0;
    buf_clear(&line->bytes);
    pieces_free(line->work);
    line->work = NULL;
    if (line->waiting && room && !line->broken)
        run(line, room->home->rooms->deps.workers);
    else if (line->closed)
        line_free(line);
}

static void run(struct opus_line *line, struct workers *workers)
{
    if (line->running || !line->waiting)
        return;
    line->running = true;
    line->work = line->waiting;
    line->waiting = NULL;
    line->tail = &line->waiting;
    line->job.home = loop_self();
    line->job.run = encode;
    line->job.done = encoded;
    workers_submit(workers, &line->job);
}

static LOOP void push(struct speaking *s, const struct utter *u, const int16_t *samples, size_t count,
                      bool end)
{
    struct opus_line *line = s->opus;
    struct piece *p = heap_alloc(sizeof *p + count * sizeof *samples);
    *p = (struct piece){.index = u->index, .rate = u->rate, .end = end, .count = count};
    if (count)
        memcpy(p->samples, samples, count * sizeof *samples);
    *line->tail = p;
    line->tail = &p->next;
    run(line, s->room->home->rooms->deps.workers);
}

void opus_feed(struct speaking *s, const struct utter *u, size_t from, size_t count)
{
    if (!s->opus && !s->room->hears[SOUND_OPUS_PACKETS])
        return;
    if (!s->opus) {
        struct opus_line *line = heap_alloc(sizeof *line);
        *line = (struct opus_line){.home = s->room->home, .room = s->room->id, .turn = s->turn};
        line->tail = &line->waiting;
        line->bytes.max = SIZE_MAX / 2;
        s->opus = line;
    }
    push(s, u, (const int16_t *)(const void *)u->sound.p + from, count, false);
}

void opus_end(struct speaking *s, const struct utter *u)
{
    if (s->opus)
        push(s, u, NULL, 0, true);
}

void opus_close(struct speaking *s)
{
    struct opus_line *line = s->opus;
    s->opus = NULL;
    if (!line)
        return;
    line->closed = true;
    if (s->over && s->now) { /* interrupted: what waits is not heard */
        pieces_free(line->waiting);
        line->waiting = NULL;
        line->tail = &line->waiting;
    }
    if (!line->running)
        line_free(line);
}
