/*
 * What is told of transcriptions: which run, how far they are, how they ended, and the words they left.
 *
 * A table of the process, under a lock, as jobs are told of also on other loops than their own. After a
 * restart it is empty, and a transcription is begun again by who wants it. The work itself is
 * media_transcribe.c.
 *
 * POST /api/media/{id}/transcribe  202: the job; the same one while it runs
 * GET  /api/media/{id}/transcribe  the job
 * GET  /api/media/{id}/transcript  {text, language, confidence, duration_ms, segments with words}
 */
#include "api/media.h"

#include <math.h>
#include <pthread.h>

enum { JOBS_MAX = 64 /* remembered */, RUNNING_MAX = 8 };

static const char *const job_states[] = {"none", "running", "done", "failed"};

/* What is told of a job, also on other loops than its own. */
struct told {
    struct id media;
    enum media_job_state state;
    double progress;
    uint64_t serial; /* the oldest goes first */
    struct error error;
};

static struct {
    pthread_mutex_t lock;
    struct told v[JOBS_MAX];
    uint64_t serial;
} jobs = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct told *find_told(struct id media)
{
    for (size_t i = 0; i < JOBS_MAX; i++) {
        if (jobs.v[i].state != JOB_NONE && id_eq(jobs.v[i].media, media))
            return &jobs.v[i];
    }
    return NULL;
}

/* A free place, or the oldest that is over. */
static struct told *free_told(void)
{
    struct told *best = NULL;
    for (size_t i = 0; i < JOBS_MAX; i++) {
        struct told *t = &jobs.v[i];
        if (t->state == JOB_NONE)
            return t;
        if (t->state != JOB_RUNNING && (!best || t->serial < best->serial))
            best = t;
    }
    return best;
}

/* False with *e: too many run. *again: it runs already. */
static bool job_begun(struct id media, bool *again, struct error *e)
{
    size_t running = 0;
    pthread_mutex_lock(&jobs.lock);
    for (size_t i = 0; i < JOBS_MAX; i++)
        running += jobs.v[i].state == JOB_RUNNING;
    struct told *t = find_told(media);
    *again = t && t->state == JOB_RUNNING;
    bool good = *again || running < RUNNING_MAX;
    if (good && !*again) {
        t = t ? t : free_told();
        *t = (struct told){.media = media, .state = JOB_RUNNING, .serial = ++jobs.serial};
    }
    pthread_mutex_unlock(&jobs.lock);
    if (!good)
        error_set(e, ERR_BUSY, "%d transcriptions run already; begin this one when one of them is done.",
                  RUNNING_MAX);
    return good;
}

void media_job_tell(struct id media, enum media_job_state state, double progress, const struct error *e)
{
    pthread_mutex_lock(&jobs.lock);
    struct told *t = find_told(media);
    if (t) {
        t->state = state;
        t->progress = progress;
        if (e)
            t->error = *e;
    }
    pthread_mutex_unlock(&jobs.lock);
}

static struct told told_of(struct id media)
{
    struct told t = {.media = media};
    pthread_mutex_lock(&jobs.lock);
    const struct told *there = find_told(media);
    if (there)
        t = *there;
    pthread_mutex_unlock(&jobs.lock);
    return t;
}

bool media_is_transcribing(struct id media, double *progress)
{
    struct told t = told_of(media);
    *progress = t.progress;
    return t.state == JOB_RUNNING;
}

static LOOP void send_job(struct call *call, struct id media, int status)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    struct told t = told_of(media);
    jw_object(&w);
    jw_kv_string(&w, "media", str_c(id_text(media).c));
    jw_kv_string(&w, "state", str_c(job_states[t.state]));
    jw_kv_double(&w, "progress", round(t.progress * 1000) / 1000);
    if (t.state == JOB_FAILED)
        jw_kv_string(&w, "error", str_c(t.error.message));
    else
        jw_kv_null(&w, "error");
    jw_end_object(&w);
    http_set_header(call->req, "Cache-Control", STR("no-store"));
    call_json(call, status, buf_str(&b));
}

static void begin(struct call *call, struct media_deed *deed)
{
    on_loop();
    struct error e = {0};
    bool again;
    if (deed->media.image) {
        call_refuse(call, ERR_REFUSED, "A picture cannot be transcribed; only recordings can.");
        return;
    }
    if (!job_begun(deed->media.id, &again, &e)) {
        call_error(call, &e);
        return;
    }
    if (!again)
        media_transcribe(call->api, &deed->media);
    send_job(call, deed->media.id, 202);
}

void handle_media_transcribe(struct call *call)
{
    struct media_deed *deed = media_call_on(call, begin);
    if (deed)
        media_get(call->api->parts.media, deed);
}

static void answer_job(struct call *call, struct media_deed *deed)
{
    on_loop();
    send_job(call, deed->media.id, 200);
}

void handle_media_job(struct call *call)
{
    struct media_deed *deed = media_call_on(call, answer_job);
    if (deed)
        media_get(call->api->parts.media, deed);
}

static void send_transcript(struct call *call, struct media_deed *deed)
{
    on_loop();
    double progress;
    if (deed->media.has_words)
        media_send_blob(call, &deed->media.words, "application/json", STR_NONE);
    else if (media_is_transcribing(deed->media.id, &progress))
        call_refuse(
            call, ERR_NOT_FOUND,
            "The transcription is under way (%.0f %%); GET /api/media/ID/transcribe tells how far it is.",
            progress * 100);
    else
        call_refuse(call, ERR_NOT_FOUND,
                    "This was not transcribed; POST /api/media/ID/transcribe begins it.");
}

void handle_media_transcript(struct call *call)
{
    struct media_deed *deed = media_call_on(call, send_transcript);
    if (deed)
        media_get(call->api->parts.media, deed);
}
