/*
 * The server's side of hearing; see ear.h. To the child: a task's letter and the file. Frames from it: P
 * progress, T what a span says, S a piece (from_ms, to_ms, samples), D the JSON, E an error.
 */
#include "voice/ear.h"

#include "base/json.h"
#include "base/utf8.h"
#include "voice/vad.h"

#include <stdlib.h>

enum { EAR_JSON_MAX = 16 << 20, EAR_TIME_MS = 30 * 60 * 1000 };

#define LATE "Listening to this recording took too long, so it was given up; split it and send the parts."
#define FAILED                                                                                               \
    "This recording cannot be heard: the ear failed on it twice. Save it anew with another program."

struct ear {
    struct child_pool *pool;
};

struct ear *ear_new(struct loops *loops)
{
    static const char *const args[] = {"child", "ear", NULL};
    static const struct child_pool_options options = {
        .name = "ear", .late = LATE, .failed = FAILED, .args = args, .children = 1, .time_ms = EAR_TIME_MS};
    struct ear *ear = heap_alloc(sizeof *ear);
    ear->pool = child_pool_new(loops, &options);
    return ear;
}

void ear_stop(struct ear *ear)
{
    child_pool_stop(ear->pool);
}

void ear_free(struct ear *ear)
{
    child_pool_free(ear->pool);
    free(ear);
}

static enum child_answer end_badly(struct ear_job *ear, struct str frame)
{
    if (frame.n < 1 || (unsigned char)frame.p[0] >= ERR_COUNT || frame.p[0] == ERR_OK ||
        !utf8_valid(str_from(frame, 1)))
        return CHILD_NONSENSE;
    ear->job.err = error_set(&ear->job.error, (enum err)frame.p[0], "%.*s", STR_ARG(str_from(frame, 1)));
    return CHILD_DONE;
}

static uint32_t u32_at(struct str frame, size_t at)
{
    const unsigned char *b = (const unsigned char *)frame.p + at;
    return b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

static enum child_answer on_piece(struct ear_job *ear, struct str frame)
{
    enum { HEAD = 8, PIECES_MORE = 64 };
    struct str sound = str_from(frame, HEAD);
    if (ear->task != EAR_CUT || frame.n < HEAD || sound.n % sizeof(int16_t) ||
        ear->piece_count == EAR_PIECES_MAX)
        return CHILD_NONSENSE;
    if (ear->piece_count % PIECES_MORE == 0) {
        struct ear_piece *more = arena_array(ear->arena, struct ear_piece, ear->piece_count + PIECES_MORE);
        if (ear->piece_count)
            memcpy(more, ear->pieces, ear->piece_count * sizeof *more);
        ear->pieces = more;
    }
    ear->pieces[ear->piece_count++] = (struct ear_piece){
        .from_ms = u32_at(frame, 0),
        .to_ms = u32_at(frame, 4),
        .sample = ear->sound.n / sizeof(int16_t),
        .count = sound.n / sizeof(int16_t),
    };
    buf_add(&ear->sound, sound);
    return ear->sound.overflow ? CHILD_NONSENSE : CHILD_MORE;
}

static enum child_answer on_frame(struct child_job *job, struct str frame)
{
    struct ear_job *ear = CONTAINER(job, struct ear_job, job);
    char letter = frame.n ? frame.p[0] : '\0';
    frame = str_from(frame, 1);
    if (letter == 'E')
        return end_badly(ear, frame);
    if (letter == 'P' && frame.n == 1) {
        if (ear->progress)
            ear->progress(ear, (unsigned char)frame.p[0] / 100.0);
        return CHILD_MORE;
    }
    if (letter == 'T' && utf8_valid(frame)) {
        if (ear->heard)
            ear->heard(ear, frame);
        return CHILD_MORE;
    }
    if (letter == 'S')
        return on_piece(ear, frame);
    struct json *json = NULL;
    if (letter != 'D' || frame.n > EAR_JSON_MAX)
        return CHILD_NONSENSE;
    ear->json = arena_str(ear->arena, frame);
    return json_parse(ear->arena, ear->json, &json, NULL) || json->type != JSON_OBJECT ? CHILD_NONSENSE
                                                                                       : CHILD_DONE;
}

static void on_done(struct child_job *job)
{
    on_loop();
    struct ear_job *ear = CONTAINER(job, struct ear_job, job);
    ear->err = job->err;
    ear->error = job->error;
    ear->done(ear);
}

static void write_file(struct child_job *job, struct buf *to)
{
    struct ear_job *ear = CONTAINER(job, struct ear_job, job);
    /* A fresh child begins anew. */
    buf_clear(&ear->sound);
    ear->piece_count = 0;
    buf_add_char(to, (char)(ear->task ? ear->task : EAR_HEAR));
    buf_add(to, ear->file);
}

void ear_submit(struct ear *ear, struct ear_job *job)
{
    job->sound.max = (size_t)EAR_SECONDS_MAX * VAD_RATE * sizeof(int16_t);
    job->job = (struct child_job){.write = write_file, .frame = on_frame, .done = on_done};
    child_pool_submit(ear->pool, &job->job);
}
