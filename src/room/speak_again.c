/*
 * A stored message, spoken again: what was kept of it is heard as it was; where nothing was, it is spoken now
 * and kept. See speaking.h.
 *
 * The message's text is cut as a turn's is. For each sentence whose words a `speech` event of the message has
 * still, sound and timings come from its blobs, read and decoded by a worker; every other sentence is made by
 * the voice. The speech has a turn id of its own, so that listeners tell it from the first.
 */
#include "room/speaking.h"

#include "persona/personas.h"
#include "store/blob.h"

#include <sndfile.h>
#include <stdlib.h>

enum { TIMES_MAX = 1 << 20, SOUND_MAX = 32 << 20 };

/* ---- what was kept of a sentence ---- */

struct recall_job {
    struct job job;
    struct home *home;
    struct blobs *blobs;
    struct id room, turn;
    unsigned index;
    struct blob_hash media, visemes;
    bool ok;
    unsigned rate;
    struct buf sound;
    struct tts_word *words; /* in the job's arena, as the keys */
    struct viseme_key *keys;
    size_t word_count, key_count;
};

/* libsndfile reads from memory. */
struct memory {
    struct str bytes;
    sf_count_t at;
};

static sf_count_t memory_length(void *arg)
{
    return (sf_count_t)((struct memory *)arg)->bytes.n;
}

static sf_count_t memory_seek(sf_count_t to, int whence, void *arg)
{
    struct memory *m = arg;
    sf_count_t from = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? m->at : (sf_count_t)m->bytes.n;
    if (from + to < 0 || from + to > (sf_count_t)m->bytes.n)
        return -1;
    return m->at = from + to;
}

static sf_count_t memory_read(void *to, sf_count_t count, void *arg)
{
    struct memory *m = arg;
    struct str some = str_sub(m->bytes, (size_t)m->at, (size_t)count);
    if (some.n)
        memcpy(to, some.p, some.n);
    m->at += (sf_count_t)some.n;
    return (sf_count_t)some.n;
}

static sf_count_t memory_tell(void *arg)
{
    return ((struct memory *)arg)->at;
}

static bool decode(struct str bytes, unsigned *rate, struct buf *to)
{
    SF_VIRTUAL_IO io = {
        .get_filelen = memory_length, .seek = memory_seek, .read = memory_read, .tell = memory_tell};
    struct memory m = {bytes, 0};
    SF_INFO info = {0};
    int16_t some[4096];
    SNDFILE *file = sf_open_virtual(&io, SFM_READ, &info, &m);
    if (!file)
        return false;
    for (sf_count_t n; info.channels == 1 && (n = sf_read_short(file, some, 4096)) > 0;)
        buf_add(to, str_of((const char *)some, (size_t)n * sizeof *some));
    *rate = (unsigned)info.samplerate;
    sf_close(file);
    return info.channels == 1 && to->n > 0 && !to->overflow;
}

static uint32_t ms_of(const struct json *object, const char *name)
{
    int64_t ms = json_get_i64(object, name, 0);
    return ms < 0 || ms > UINT32_MAX ? 0 : (uint32_t)ms;
}

static void read_times(struct recall_job *r, struct str text)
{
    struct json *all = NULL;
    struct arena *a = &r->job.arena;
    if (json_parse(a, text, &all, NULL) != ERR_OK)
        return;
    const struct json *words = json_get(all, "words"), *keys = json_get(all, "visemes");
    if (!words || !keys)
        return;
    r->words = arena_array(a, struct tts_word, words->count);
    json_each (w, words)
        r->words[r->word_count++] =
            (struct tts_word){json_get_str(w, "text", STR_NONE), ms_of(w, "from_ms"), ms_of(w, "to_ms")};
    r->keys = arena_array(a, struct viseme_key, keys->count);
    json_each (k, keys) {
        struct str name = json_get_str(k, "viseme", STR_NONE);
        for (int v = 0; v < VISEME_COUNT; v++) {
            if (str_eq(name, str_c(viseme_names[v])))
                r->keys[r->key_count++] =
                    (struct viseme_key){ms_of(k, "at_ms"), (enum viseme)v, json_get_double(k, "weight", 0)};
        }
    }
}

static void recall(struct job *job)
{
    on_worker();
    struct recall_job *r = CONTAINER(job, struct recall_job, job);
    struct str sound, times;
    struct error e = {0};
    r->sound.max = SOUND_MAX;
    r->ok = blob_read(r->blobs, &r->media, &job->arena, SOUND_MAX, &sound, &e) == ERR_OK &&
            blob_read(r->blobs, &r->visemes, &job->arena, TIMES_MAX, &times, &e) == ERR_OK &&
            decode(sound, &r->rate, &r->sound);
    if (r->ok)
        read_times(r, times);
}

static void recalled(struct job *job)
{
    on_loop();
    struct recall_job *r = CONTAINER(job, struct recall_job, job);
    struct room *room = home_find(r->home, r->room);
    struct speaking *s = room ? speaking_find(room, r->turn) : NULL;
    struct utter *u = s ? s->first : NULL;
    while (u && u->index != r->index)
        u = u->next;
    if (u && !s->over && r->ok) {
        u->rate = r->rate;
        u->sound = r->sound;
        r->sound = BUF_INIT;
        u->samples = u->sound.n / sizeof(int16_t);
        u->words = arena_array(&s->arena, struct tts_word, r->word_count);
        for (size_t i = 0; i < r->word_count; i++) {
            u->words[i] = r->words[i];
            u->words[i].text = arena_str(&s->arena, r->words[i].text);
        }
        u->keys = arena_array(&s->arena, struct viseme_key, r->key_count);
        if (r->key_count)
            memcpy(u->keys, r->keys, r->key_count * sizeof *u->keys);
        u->word_count = r->word_count;
        u->key_count = r->key_count;
        u->made = true;
        speaking_drive(room);
    } else if (u && !s->over) {
        speaking_make(u); /* the blobs are gone, or not what they were */
    }
    buf_release(&r->sound);
    arena_release(&r->job.arena);
    free(r);
}

/* ---- the message ---- */

struct again {
    struct personas_op get;
    struct home *home;
    struct room_op *op;
    uint64_t seq;
    struct str text;
    struct event_row *rows; /* its speech events */
    size_t count;
};

/* The newest speech event of that sentence, where its words are still those. */
static bool kept_of(const struct again *g, struct arena *a, const struct utter *u, struct recall_job *r)
{
    for (size_t i = g->count; i-- > 0;) {
        struct json *data = NULL;
        if (!event_is(&g->rows[i], EVENT_SPEECH) || json_parse(a, g->rows[i].data, &data, NULL) != ERR_OK)
            continue;
        if (json_get_i64(data, "index", -1) == (int64_t)u->index &&
            str_eq(json_get_str(data, "text", STR_NONE), u->text))
            return blob_parse(json_get_str(data, "media", STR_NONE), &r->media) &&
                   blob_parse(json_get_str(data, "visemes", STR_NONE), &r->visemes);
    }
    return false;
}

static LOOP void recall_kept(struct room *room, struct speaking *s, const struct again *g)
{
    const struct room_deps *deps = &room->home->rooms->deps;
    for (struct utter *u = s->first; u && deps->blobs; u = u->next) {
        struct recall_job *r = heap_alloc(sizeof *r);
        if (!kept_of(g, &r->job.arena, u, r)) {
            arena_release(&r->job.arena);
            free(r);
            continue;
        }
        s->unkept = true; /* it is there already */
        u->begun = true;
        r->home = room->home;
        r->blobs = deps->blobs;
        r->room = room->id;
        r->turn = s->turn;
        r->index = u->index;
        r->job.home = loop_self();
        r->job.run = recall;
        r->job.done = recalled;
        workers_submit(deps->workers, &r->job);
    }
}

static void persona_here(struct personas_op *get)
{
    on_loop();
    struct again *g = CONTAINER(get, struct again, get);
    struct room_op *op = g->op;
    struct room *room = home_find(g->home, op->room);
    if (get->err != ERR_OK) {
        room_op_fail(op, get->err, "%s", get->error.message);
        return;
    }
    if (!room || room->load != ROOM_READY) {
        room_op_fail(op, ERR_BUSY, "The room is being loaded; try again in a second.");
        return;
    }
    struct room_persona *member = room_persona(room, get->persona->id);
    struct speaking *s = speaking_new(room, op->turn, get->persona);
    s->again = true;
    s->message = op->message;
    s->message_seq = g->seq;
    s->unkept = !room->home->rooms->deps.blobs;
    if (member)
        s->mood = room_mood_now(member);
    speaking_plan(s, g->text);
    recall_kept(room, s, g);
    speaking_begin(s);
    room_op_done(op);
}

static void events_here(struct store_op *store_op)
{
    on_loop();
    struct store_events_about *about = CONTAINER(store_op, struct store_events_about, op);
    struct again *g = store_op->arg;
    struct room_op *op = g->op;
    if (store_op->err != ERR_OK) {
        op->err = store_op->err;
        op->error = store_op->error;
        room_op_done(op);
    } else {
        g->rows = arena_array(&op->arena, struct event_row, about->count);
        for (size_t i = 0; i < about->count; i++) {
            g->rows[g->count++] = event_copy(&op->arena, &about->rows[i]);
            if (event_is(&about->rows[i], EVENT_MESSAGE_EDITED))
                g->text = event_data_str(&op->arena, &g->rows[i], "text");
        }
        personas_get(g->home->rooms->deps.personas, &g->get);
    }
    store_op_free(store_op);
}

static void message_found(struct room *room, struct room_op *op, const struct event_row *message)
{
    on_loop();
    if (message->author_type != AUTHOR_PERSONA) {
        room_op_fail(op, ERR_REFUSED, "Only what a persona said can be spoken by it.");
        return;
    }
    struct again *g = arena_new(&op->arena, struct again);
    *g = (struct again){.home = room->home, .op = op, .seq = message->seq};
    g->text = arena_str(&op->arena, event_data_str(&op->arena, message, "text")); /* the row goes */
    g->get.key = arena_str(&op->arena, str_c(id_text(message->author).c));
    g->get.arena = &op->arena;
    g->get.done = persona_here;
    struct store_events_about *about = STORE_NEW(events_about, EVENTS_ABOUT);
    uint64_t *seq = arena_new(&about->op.arena, uint64_t);
    *seq = message->seq;
    about->tenant = tenant_local();
    about->room = room->id;
    about->seqs = seq;
    about->seq_count = 1;
    about->op.done = events_here;
    about->op.arg = g;
    store_submit(room->home->rooms->deps.store, &about->op);
}

LOOP void verb_speak(struct room *room, struct room_op *op)
{
    const struct room_deps *deps = &room->home->rooms->deps;
    op->turn = id_new();
    if (!deps->voices || !deps->workers)
        room_op_fail(op, ERR_UNAVAILABLE, "This server has no voices.");
    else if (room->voice_off)
        room_op_fail(op, ERR_REFUSED, "Personas do not speak in this room; set its 'voice' to auto.");
    else
        room_with_message(room, op, message_found);
}
