/*
 * Transcribing a recording that is kept: a job that takes it piece by piece, so that its progress moves and
 * an hour of sound takes no more memory than a minute.
 *
 * The media child cuts the next piece where it is quiet (media/look.h) and gives it as WAV; the ears (their
 * whole chain, voice/ears.h) hear it; the times of its words are moved to where the piece stands. In the end
 * text, segments and words become a blob of the medium, and the words are found by the list's ?find=.
 * How far it is, and the routes, are media_jobs.c.
 */
#include "api/media.h"
#include "persona/card_import.h"
#include "voice/ears.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

enum { TRANSCRIPT_MAX = 32 << 20 };

struct transcribing {
    struct transcribing *next; /* of those that the ears of this loop have */
    uint64_t ear;
    struct api *api;
    struct id media;
    struct arena arena; /* of one piece */
    struct job job;
    struct blob_hash hash;
    int fd;
    uint64_t duration_ms, from_ms, to_ms;
    bool last;
    struct look look;
    struct buf text, segments; /* of all pieces */
    uint64_t segment_count, confident;
    double confidence;
    char language[32];
    struct error error;
};

/* The ears emit nothing any more when they stop: who waits for them is ended here. */
static _Thread_local struct transcribing *at_ears;

/* ---- the end ---- */

static void free_all(struct transcribing *t)
{
    if (t->fd >= 0)
        close(t->fd);
    look_release(&t->look);
    buf_release(&t->text);
    buf_release(&t->segments);
    arena_release(&t->arena);
    free(t);
}

static void fail(struct transcribing *t, const struct error *e) LOOP;
static void fail(struct transcribing *t, const struct error *e)
{
    media_job_tell(t->media, JOB_FAILED, 0, e);
    free_all(t);
}

static void kept(struct media_deed *deed)
{
    on_loop();
    struct transcribing *t = deed->arg;
    if (deed->err)
        fail(t, &deed->error);
    else {
        media_job_tell(t->media, JOB_DONE, 1, NULL);
        free_all(t);
    }
    media_deed_free(deed);
}

static bool take_words(struct media_deed *deed)
{
    const struct transcribing *t = deed->arg;
    deed->media.transcript = arena_str(&deed->arena, buf_str(&t->text));
    deed->media.language = arena_str(&deed->arena, str_c(t->language));
    deed->media.state = STR("ready");
    return true;
}

static void keep(struct transcribing *t) LOOP;
static void keep(struct transcribing *t)
{
    CLEANUP_BUF struct buf all = BUF_MAX(TRANSCRIPT_MAX);
    struct jw w = JW(&all);
    jw_object(&w);
    jw_kv_string(&w, "text", buf_str(&t->text));
    jw_kv_string(&w, "language", str_c(t->language));
    jw_kv_double(&w, "confidence",
                 t->confident ? round(t->confidence / (double)t->confident * 1000) / 1000 : 0);
    jw_kv_u64(&w, "duration_ms", t->duration_ms);
    jw_key(&w, STR("segments"));
    buf_add_char(&all, '[');
    buf_add(&all, buf_str(&t->segments));
    buf_add_char(&all, ']');
    w.after_key = false;
    buf_add_char(&all, '}');
    struct media_deed *deed = media_deed_new();
    deed->media.id = t->media;
    deed->words = arena_str(&deed->arena, buf_str(&all));
    deed->change = take_words;
    deed->done = kept;
    deed->arg = t;
    media_change(t->api->parts.media, deed);
}

/* ---- one piece after the other ---- */

static void next_piece(struct transcribing *t) LOOP;

static double moved(const struct json *at, double by_s)
{
    double value = 0;
    json_double(at, &value);
    return round((value + by_s) * 100) / 100;
}

static void add_words(struct jw *w, const struct json *words, double by_s)
{
    jw_key(w, STR("words"));
    jw_array(w);
    for (const struct json *one = words ? words->child : NULL; one; one = one->next) {
        jw_object(w);
        json_each (member, one) {
            jw_key(w, member->key);
            if (str_eq(member->key, STR("start")) || str_eq(member->key, STR("end")))
                jw_double(w, moved(member, by_s));
            else
                jw_raw(w, member->raw);
        }
        jw_end_object(w);
    }
    jw_end_array(w);
}

static void add_segment(struct transcribing *t, const struct json *segment, double by_s)
{
    struct jw w = JW(&t->segments);
    if (t->segments.n)
        buf_add_char(&t->segments, ',');
    jw_object(&w);
    jw_kv_u64(&w, "id", t->segment_count++);
    json_each (member, segment) {
        if (str_eq(member->key, STR("id")))
            continue;
        if (str_eq(member->key, STR("words"))) {
            add_words(&w, member, by_s);
            continue;
        }
        jw_key(&w, member->key);
        if (str_eq(member->key, STR("start")) || str_eq(member->key, STR("end")))
            jw_double(&w, moved(member, by_s));
        else
            jw_raw(&w, member->raw);
    }
    jw_end_object(&w);
}

static void add_heard(struct transcribing *t, const struct json *heard)
{
    const struct json *segments = json_get(heard, "segments");
    struct str text = json_get_str(heard, "text", STR_NONE);
    double by_s = (double)t->from_ms / 1000;
    if (text.n && t->text.n)
        buf_add_char(&t->text, ' ');
    buf_add(&t->text, text);
    if (text.n) {
        t->confidence += json_get_double(heard, "confidence", 0);
        t->confident++;
    }
    if (!t->language[0])
        str_copy(t->language, sizeof t->language, json_get_str(heard, "language", STR_NONE));
    for (const struct json *one = segments ? segments->child : NULL; one; one = one->next)
        add_segment(t, one, by_s);
}

static void hearing(void *arg, double share)
{
    on_loop();
    const struct transcribing *t = arg;
    if (t->duration_ms)
        media_job_tell(
            t->media, JOB_RUNNING,
            ((double)t->from_ms + share * (double)(t->to_ms - t->from_ms)) / (double)t->duration_ms, NULL);
}

static void heard(void *arg, enum err err, const struct error *e, const struct ears_heard *what)
{
    on_loop();
    struct transcribing *t = arg;
    struct json *json = NULL;
    struct transcribing **link = &at_ears;
    while (*link != t)
        link = &(*link)->next;
    *link = t->next;
    if (err) {
        fail(t, e);
        return;
    }
    if (json_parse(&t->arena, arena_str(&t->arena, what->json), &json, NULL) == ERR_OK)
        add_heard(t, json);
    if (t->last || t->to_ms <= t->from_ms) {
        keep(t);
        return;
    }
    t->from_ms = t->to_ms;
    if (t->duration_ms)
        media_job_tell(t->media, JOB_RUNNING, (double)t->from_ms / (double)t->duration_ms, NULL);
    next_piece(t);
}

static void cut(struct look *look)
{
    on_loop();
    struct transcribing *t = CONTAINER(look, struct transcribing, look);
    if (look->err) {
        fail(t, &look->error);
        return;
    }
    t->to_ms = (uint64_t)json_get_i64(look->about, "to_ms", 0);
    t->last = json_get_bool(look->about, "last", true);
    static const struct ears_emit emit = {.progress = hearing, .end = heard};
    const struct ears_request request = {0};
    struct error e = {0};
    t->ear = ears_file(t->api->parts.ears, &request, buf_str(&look->wav), &emit, t, &e);
    if (!t->ear) {
        fail(t, &e);
        return;
    }
    t->next = at_ears;
    at_ears = t;
}

static void next_piece(struct transcribing *t)
{
    look_release(&t->look);
    arena_release(&t->arena);
    t->look = (struct look){
        .order = LOOK_PIECE, .file = t->fd, .from_ms = t->from_ms, .arena = &t->arena, .done = cut};
    look_submit(media_hub_looks(t->api->parts.media), &t->look);
}

/* ---- the beginning ---- */

static void open_file(struct job *job)
{
    on_worker();
    struct transcribing *t = CONTAINER(job, struct transcribing, job);
    uint64_t size;
    blob_open(t->api->parts.cards->blobs, &t->hash, &t->fd, &size, &t->error);
}

static void opened(struct job *job)
{
    on_loop();
    struct transcribing *t = CONTAINER(job, struct transcribing, job);
    if (t->error.err)
        fail(t, &t->error);
    else
        next_piece(t);
}

void media_transcribe(struct api *api, const struct media *m)
{
    struct transcribing *t = heap_alloc(sizeof *t);
    *t = (struct transcribing){.api = api,
                               .media = m->id,
                               .hash = m->file,
                               .duration_ms = m->duration_ms,
                               .fd = -1,
                               .text = BUF_MAX(TRANSCRIPT_MAX),
                               .segments = BUF_MAX(TRANSCRIPT_MAX)};
    t->job.run = open_file;
    t->job.done = opened;
    workers_submit(api->parts.workers, &t->job);
}

void media_transcribe_stop(void)
{
    while (at_ears) {
        struct transcribing *t = at_ears;
        at_ears = t->next;
        ears_cancel(t->api->parts.ears, t->ear);
        free_all(t);
    }
}
