/*
 * What stays of a speech: each sentence's sound as Ogg Opus and its words and mouth shapes as JSON, two blobs
 * that a lasting event names; see speaking.h.
 *
 * It waits for the message to be stored, because the event is about it (row.of): forgetting the message makes
 * the event a tombstone too, and the sweep then removes the blobs. Blobs are put before the event is written;
 * sentences go one after the other, so that their events are in order.
 */
#include "room/speaking.h"

#include "base/log.h"
#include "store/blob.h"
#include "voice/encode.h"

#include <stdlib.h>

struct keep_job {
    struct job job;
    struct home *home;
    struct blobs *blobs;
    struct id room, turn;
    unsigned index, rate;
    struct buf sound, times, file; /* samples; JSON; Ogg Opus */
    struct blob_hash media, visemes;
    enum err err;
    struct error error;
};

static void job_free(struct keep_job *k)
{
    buf_release(&k->sound);
    buf_release(&k->times);
    buf_release(&k->file);
    arena_release(&k->job.arena);
    free(k);
}

static void put(struct job *job)
{
    on_worker();
    struct keep_job *k = CONTAINER(job, struct keep_job, job);
    struct encoder *encoder = NULL;
    k->file.max = SIZE_MAX / 2;
    k->err = encoder_new(SOUND_OPUS, k->rate, 0, &k->file, &encoder, &k->error);
    if (!k->err) {
        encoder_feed(encoder, (const int16_t *)(const void *)k->sound.p, k->sound.n / sizeof(int16_t));
        k->err = encoder_end(encoder, true, &k->error);
        encoder_free(encoder);
    }
    if (!k->err)
        k->err = blob_put(k->blobs, buf_str(&k->file), &k->media, &k->error);
    if (!k->err)
        k->err = blob_put(k->blobs, buf_str(&k->times), &k->visemes, &k->error);
}

static struct utter *utter_at(const struct speaking *s, unsigned index)
{
    struct utter *u = s->first;
    while (u && u->index != index)
        u = u->next;
    return u;
}

static LOOP void go_on(struct room *room, struct speaking *s)
{
    s->keeping = NULL;
    speaking_keep(s);
    speaking_drive(room); /* lets go of what is over */
}

static void written(struct room_append *append, struct room *room)
{
    on_loop();
    struct speaking *s = room ? speaking_find(room, append->turn) : NULL;
    if (append->store.op.err != ERR_OK)
        log_error("voice", "the sound of a sentence could not be kept: %s", append->store.op.error.message);
    if (s)
        go_on(room, s);
}

static struct str speech_data(struct arena *a, const struct speaking *s, const struct utter *u,
                              const struct keep_job *k)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    jw_object(&w);
    jw_kv_string(&w, "of", str_c(id_text(s->message).c));
    jw_kv_u64(&w, "index", u->index);
    jw_kv_string(&w, "text", u->text);
    jw_kv_string(&w, "media", str_c(blob_text(&k->media).c));
    jw_kv_u64(&w, "duration_ms", utter_ms(u, u->samples));
    jw_kv_string(&w, "visemes", str_c(blob_text(&k->visemes).c));
    if (u->index == 0 && !s->again) {
        jw_key(&w, STR("waterfall"));
        waterfall_write(&w, &s->fall);
    }
    jw_end_object(&w);
    return arena_str(a, buf_str(&b));
}

static void put_done(struct job *job)
{
    on_loop();
    struct keep_job *k = CONTAINER(job, struct keep_job, job);
    struct room *room = home_find(k->home, k->room);
    struct speaking *s = room ? speaking_find(room, k->turn) : NULL;
    struct utter *u = s ? utter_at(s, k->index) : NULL;
    if (k->err)
        log_error("voice", "the sound of a sentence could not be kept: %s", k->error.message);
    if (s && (k->err || s->unkept || !u)) {
        go_on(room, s);
    } else if (s) {
        struct room_append *append = room_append_new(room, NULL, 1);
        struct arena *a = &append->store.op.arena;
        struct event_row *row =
            room_append_row(append, EVENT_SPEECH, AUTHOR_PERSONA, s->persona, arena_str(a, s->name));
        append->turn = s->turn;
        append->committed = written;
        row->turn = s->turn;
        row->of = s->message_seq;
        row->data = speech_data(a, s, u, k);
        room_append_send(room, append);
    }
    job_free(k);
}

static void times_write(struct buf *to, const struct utter *u)
{
    struct jw w = JW(to);
    jw_object(&w);
    jw_kv_u64(&w, "duration_ms", utter_ms(u, u->samples));
    words_write(&w, u);
    jw_key(&w, STR("visemes"));
    keys_write(&w, u);
    jw_end_object(&w);
}

static LOOP void keep(struct speaking *s, struct utter *u)
{
    struct keep_job *k = heap_alloc(sizeof *k);
    const struct room_deps *deps = &s->room->home->rooms->deps;
    *k = (struct keep_job){.home = s->room->home,
                           .blobs = deps->blobs,
                           .room = s->room->id,
                           .turn = s->turn,
                           .index = u->index,
                           .rate = u->rate,
                           .sound = u->sound};
    u->sound = BUF_INIT;
    u->kept = true;
    times_write(&k->times, u);
    k->job.home = loop_self();
    k->job.run = put;
    k->job.done = put_done;
    s->keeping = k;
    workers_submit(deps->workers, &k->job);
}

void speaking_keep(struct speaking *s)
{
    for (struct utter *u = s->first; u && u->ended && !s->keeping; u = u->next) {
        if (!u->kept && !s->unkept && id_none(s->message))
            return; /* its message is not stored yet */
        if (!u->kept && !s->unkept && u->samples)
            keep(s, u);
        else
            buf_release(&u->sound);
    }
}
