/*
 * The child that reads card files; see card_child.h. It blocks, on one thread, and owns nothing but memory.
 *
 * A job is one frame: the task, the limits, the file. The answer is several, each begun by a letter:
 *   T text   O the other text   P picture   F a file (role, lengths of uri and head, uri, head, bytes)
 *   D the end (form, whose picture)   E the end: an error and its sentence
 */
#include "persona/card_wire.h"

#include "base/buf.h"
#include "loop/child.h"

#include <stdlib.h>

typedef bool write_fn(struct str frame);

static bool send_bytes(struct buf *frame, write_fn *write, char letter, struct str head, struct str bytes)
{
    buf_clear(frame);
    frame->max = CHILD_FRAME_MAX;
    buf_add_char(frame, letter);
    buf_add(frame, head);
    buf_add(frame, bytes);
    return !frame->overflow && write(buf_str(frame));
}

static bool send_part(struct buf *frame, write_fn *write, const struct card_part *part)
{
    struct card_wire_part head = {.role = part->role,
                                  .clean = part->clean,
                                  .uri = (uint32_t)part->uri.n,
                                  .head = (uint32_t)part->head.n};
    CLEANUP_BUF struct buf names = BUF_INIT;
    buf_add(&names, str_of((const char *)&head, sizeof head));
    buf_add(&names, part->uri);
    buf_add(&names, part->head);
    return send_bytes(frame, write, 'F', buf_str(&names), part->bytes);
}

static bool send_error(struct buf *frame, write_fn *write, const struct error *e)
{
    uint32_t code = (uint32_t)e->err;
    return send_bytes(frame, write, 'E', str_of((const char *)&code, sizeof code), str_c(e->message));
}

static bool send_file(struct buf *frame, write_fn *write, const struct card_file *file)
{
    char end[2] = {(char)file->form, (char)file->own_picture};
    bool good = send_bytes(frame, write, 'T', STR_NONE, file->text) &&
                send_bytes(frame, write, 'O', STR_NONE, file->other) &&
                send_bytes(frame, write, 'P', STR_NONE, file->picture);
    for (size_t i = 0; good && i < file->part_count; i++)
        good = send_part(frame, write, &file->parts[i]);
    return good && send_bytes(frame, write, 'D', str_of(end, sizeof end), STR_NONE);
}

static bool answer(struct buf *frame, struct str job, write_fn *write)
{
    struct arena a = ARENA_INIT;
    struct card_wire_job head;
    struct card_file file = {0};
    struct error e = {0};
    if (job.n < sizeof head)
        return false;
    memcpy(&head, job.p, sizeof head);
    struct str bytes = str_from(job, sizeof head);
    enum err err = head.task == CARD_IMAGE ? card_image_read(&a, bytes, &head.limits, &file.picture, &e)
                                           : card_file_read(&a, bytes, &head.limits, &file, &e);
    bool good = err ? send_error(frame, write, &e) : send_file(frame, write, &file);
    arena_release(&a);
    return good;
}

int card_child_serve(bool (*read)(struct buf *to), bool (*write)(struct str frame))
{
    struct buf in = BUF_INIT, out = BUF_INIT;
    bool good = true;
    while (good && read(&in)) {
        good = answer(&out, buf_str(&in), write);
        buf_release(&in); /* a large file is rare; a small child is cheap to keep */
        buf_release(&out);
    }
    buf_release(&in);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
