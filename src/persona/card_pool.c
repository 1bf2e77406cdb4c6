/* Reading card files in the pool of children; see card_child.h. */
#include "persona/card_wire.h"

#include "base/utf8.h"

#include <stdlib.h>

enum { TIME_MS = 20000 };

#define LATE "Reading this card's file took too long, so it was given up; save the card anew and try again."
#define FAILED                                                                                               \
    "This card's file cannot be read: its reader failed on it twice. Save the card anew with another "       \
    "program and try again."

struct card_pool {
    struct child_pool *children;
};

struct card_pool *card_pool_new(struct loops *loops, const struct card_pool_options *options)
{
    static const char *const args[] = {"child", "cards", NULL};
    struct child_pool_options children = {.name = "cards",
                                          .late = LATE,
                                          .failed = FAILED,
                                          .args = args,
                                          .children = options->children,
                                          .time_ms = options->time_ms ? options->time_ms : TIME_MS};
    struct card_pool *pool = heap_alloc(sizeof *pool);
    pool->children = child_pool_new(loops, &children);
    return pool;
}

void card_pool_stop(struct card_pool *pool)
{
    child_pool_stop(pool->children);
}

bool card_pool_stopped(const struct card_pool *pool)
{
    return child_pool_stopped(pool->children);
}

void card_pool_free(struct card_pool *pool)
{
    if (!pool) /* the parts were never opened that far */
        return;
    child_pool_free(pool->children);
    free(pool);
}

int card_pool_pid(struct card_pool *pool, unsigned child)
{
    return child_pool_pid(pool->children, child);
}

/* ---- what the child says ---- */

static bool add_part(struct card_job *job, struct str frame)
{
    struct card_wire_part head;
    struct card_file *file = &job->file;
    if (frame.n < sizeof head || file->part_count >= job->limits.entries_max)
        return false;
    memcpy(&head, frame.p, sizeof head);
    frame = str_from(frame, sizeof head);
    if (head.role > CARD_KEPT || head.uri > frame.n || head.head > frame.n - head.uri)
        return false;
    if (file->part_count == job->part_cap) {
        size_t cap = job->part_cap ? 2 * job->part_cap : 8;
        struct card_part *grown = arena_array(job->arena, struct card_part, cap);
        if (file->part_count)
            memcpy(grown, file->parts, file->part_count * sizeof *grown);
        file->parts = grown;
        job->part_cap = cap;
    }
    frame = arena_str(job->arena, frame);
    struct card_part part = {(enum card_role)head.role, str_sub(frame, 0, head.uri),
                             str_sub(frame, head.uri, head.head),
                             str_from(frame, (size_t)head.uri + head.head), head.clean != 0};
    if (!utf8_valid(part.uri) || !utf8_valid(part.head) || part.bytes.n > job->limits.asset_max)
        return false;
    file->parts[file->part_count++] = part;
    return true;
}

static bool end_well(struct card_job *job, struct str frame)
{
    if (frame.n != 2 || (unsigned char)frame.p[0] >= CARD_FORMS ||
        (!job->file.text.n && job->task == CARD_READ))
        return false;
    job->file.form = (enum card_form)frame.p[0];
    job->file.own_picture = frame.p[1] != 0;
    return true;
}

static bool end_badly(struct card_job *job, struct str frame)
{
    uint32_t code;
    if (frame.n < sizeof code)
        return false;
    memcpy(&code, frame.p, sizeof code);
    struct str sentence = str_from(frame, sizeof code);
    if (code == ERR_OK || code >= ERR_COUNT || !utf8_valid(sentence))
        return false;
    job->job.err = error_set(&job->job.error, (enum err)code, "%.*s", STR_ARG(sentence));
    return true;
}

static bool take_text(struct card_job *job, struct str *to, struct str frame)
{
    if (frame.n > job->limits.text_max)
        return false;
    *to = arena_str(job->arena, frame);
    return true;
}

static enum child_answer on_frame(struct child_job *base, struct str frame)
{
    struct card_job *job = CONTAINER(base, struct card_job, job);
    char letter = frame.n ? frame.p[0] : '\0';
    bool good = false;
    frame = str_from(frame, 1);
    job->received += frame.n;
    if (job->received > job->limits.inflated_max + job->limits.file_max + 2 * job->limits.text_max)
        return CHILD_NONSENSE;
    switch (letter) {
    case 'T':
        good = take_text(job, &job->file.text, frame);
        break;
    case 'O':
        good = take_text(job, &job->file.other, frame);
        break;
    case 'F':
        good = add_part(job, frame);
        break;
    case 'P':
        job->file.picture = arena_str(job->arena, frame);
        good = true;
        break;
    case 'D':
        return end_well(job, frame) ? CHILD_DONE : CHILD_NONSENSE;
    case 'E':
        return end_badly(job, frame) ? CHILD_DONE : CHILD_NONSENSE;
    }
    return good ? CHILD_MORE : CHILD_NONSENSE;
}

/* ---- giving it work ---- */

static void write_job(struct child_job *base, struct buf *to)
{
    struct card_job *job = CONTAINER(base, struct card_job, job);
    struct card_wire_job head = {job->limits, job->task};
    buf_add(to, str_of((const char *)&head, sizeof head));
    buf_add(to, job->bytes);
    job->file = (struct card_file){0};
    job->part_cap = 0;
    job->received = 0;
}

static void on_done(struct child_job *base)
{
    on_loop();
    struct card_job *job = CONTAINER(base, struct card_job, job);
    job->err = base->err;
    job->error = base->error;
    if (job->err)
        job->file = (struct card_file){0};
    job->done(job);
}

void card_pool_submit(struct card_pool *pool, struct card_job *job)
{
    job->job = (struct child_job){.write = write_job, .frame = on_frame, .done = on_done};
    child_pool_submit(pool->children, &job->job);
}
