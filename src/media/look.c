/* The server's side of looking into files; see look.h. */
#include "media/look.h"

#include "base/utf8.h"
#include "media/picture.h"

#include <stdlib.h>

#define LATE "Looking into this file took too long, so it was given up; make it smaller or split it."
#define FAILED "This file cannot be kept: looking into it failed twice. Save it anew with another program."

enum { PREVIEW_BYTES_MAX = 4 << 20, SEEN_BYTES_MAX = 16 << 20, WAV_BYTES_MAX = 4 << 20 };

struct looks {
    struct child_pool *pool;
};

struct looks *looks_new(struct loops *loops)
{
    static const char *const args[] = {"child", "media", NULL};
    static const struct child_pool_options options = {
        .name = "media", .late = LATE, .failed = FAILED, .args = args, .time_ms = LOOK_TIME_MS};
    struct looks *looks = heap_alloc(sizeof *looks);
    looks->pool = child_pool_new(loops, &options);
    return looks;
}

void looks_stop(struct looks *looks)
{
    child_pool_stop(looks->pool);
}

void looks_free(struct looks *looks)
{
    if (!looks)
        return;
    child_pool_free(looks->pool);
    free(looks);
}

void look_release(struct look *look)
{
    buf_release(&look->preview);
    buf_release(&look->seen);
    buf_release(&look->clean);
    buf_release(&look->wav);
}

static void write_order(struct child_job *job, struct buf *to)
{
    struct look *look = CONTAINER(job, struct look, job);
    struct jw w = JW(to);
    look_release(look); /* what a child said that died */
    look->about = NULL;
    jw_object(&w);
    jw_kv_u64(&w, "order", look->order);
    jw_kv_bool(&w, "keep_places", look->keep_places);
    jw_kv_u64(&w, "from_ms", look->from_ms);
    jw_end_object(&w);
}

static enum child_answer end_badly(struct look *look, struct str frame)
{
    if (frame.n < 2 || (unsigned char)frame.p[0] >= ERR_COUNT || frame.p[0] == ERR_OK ||
        !utf8_valid(str_from(frame, 1)))
        return CHILD_NONSENSE;
    look->job.err = error_set(&look->job.error, (enum err)frame.p[0], "%.*s", STR_ARG(str_from(frame, 1)));
    return CHILD_DONE;
}

static enum child_answer keep(struct buf *to, struct str frame, size_t max)
{
    to->max = max;
    buf_add(to, frame);
    return to->overflow ? CHILD_NONSENSE : CHILD_MORE;
}

static enum child_answer on_frame(struct child_job *job, struct str frame)
{
    struct look *look = CONTAINER(job, struct look, job);
    struct json *about = NULL;
    char letter = frame.n ? frame.p[0] : '\0';
    frame = str_from(frame, 1);
    switch (letter) {
    case 'A':
        if (json_parse(look->arena, arena_str(look->arena, frame), &about, NULL) ||
            about->type != JSON_OBJECT)
            return CHILD_NONSENSE;
        look->about = about;
        return CHILD_MORE;
    case 'P':
        return keep(&look->preview, frame, PREVIEW_BYTES_MAX);
    case 'S':
        return keep(&look->seen, frame, SEEN_BYTES_MAX);
    case 'C':
        return keep(&look->clean, frame, PICTURE_FILE_MAX);
    case 'W':
        return keep(&look->wav, frame, WAV_BYTES_MAX);
    case 'E':
        return end_badly(look, frame);
    case 'D':
        return look->about ? CHILD_DONE : CHILD_NONSENSE;
    default:
        return CHILD_NONSENSE;
    }
}

static void on_done(struct child_job *job)
{
    on_loop();
    struct look *look = CONTAINER(job, struct look, job);
    look->err = job->err;
    look->error = job->error;
    look->done(look);
}

void look_submit(struct looks *looks, struct look *look)
{
    look->job = (struct child_job){
        .write = write_order, .frame = on_frame, .done = on_done, .with_file = true, .file = look->file};
    child_pool_submit(looks->pool, &look->job);
}
