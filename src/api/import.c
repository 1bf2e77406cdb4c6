/*
 * POST /api/rooms/import: the upload, once per Idempotency-Key; progress as events for who asks for a stream;
 * the report. See import.h.
 */
#include "api/import.h"
#include "api/multipart.h"
#include "api/render.h"

#include "base/clock.h"
#include "base/log.h"

#include <fcntl.h>
#include <openssl/sha.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NOTE_MAX = 400, ZONE_HOURS_MAX = 18 };

static atomic_uint running;

struct replaying;

/* The upload, made ready by a worker: mapped, taken apart, hashed. */
struct upload {
    struct job job;
    struct api *api;
    struct http_ref ref;
    struct str path, type;
    struct import *import;
    uint8_t hash[SHA256_DIGEST_LENGTH];
    struct str fields[6]; /* of the form */
    struct error error;
    struct replaying *replaying;
};
enum { FIELD_PERSONA, FIELD_TITLE, FIELD_FORMAT, FIELD_USER, FIELD_ZONE, FIELD_NAME, FIELDS };
static const char *const field_names[FIELDS] = {"persona", "title", "format", "user", "zone", "name"};

static void import_free(struct import *i) LOOP;
static void import_free(struct import *i)
{
    timer_close(&i->timer);
    if (i->map)
        munmap((void *)(uintptr_t)i->map, i->map_size);
    map_release(&i->whos);
    free(i->who_list);
    free(i->chats);
    free(i->items);
    free(i->seqs);
    free(i->ids);
    buf_release(&i->found);
    arena_release(&i->batch);
    arena_release(&i->persona_arena);
    arena_release(&i->arena);
    free(i);
}

void import_note(struct import *i, const char *format, ...)
{
    char text[NOTE_MAX];
    va_list args;
    if (i->note_count == sizeof i->notes / sizeof *i->notes)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    i->notes[i->note_count++] = arena_str(&i->arena, str_c(text));
}

/* ---- the report ---- */

static void write_lists(struct import *i, struct jw *w)
{
    jw_key(w, STR("skipped"));
    jw_array(w);
    for (size_t k = 0; k < i->skipped_count; k++) {
        jw_object(w);
        jw_kv_u64(w, "line", i->skipped[k].line);
        jw_kv_string(w, "reason", i->skipped[k].reason);
        jw_end_object(w);
    }
    jw_end_array(w);
    jw_kv_u64(w, "skipped_total", i->skipped_total);
    jw_key(w, STR("personas"));
    jw_array(w);
    for (size_t k = 0; k < i->who_count + 1; k++) {
        const struct import_who *who = k < i->who_count ? i->who_list[k] : i->given;
        if (!who || id_none(who->persona) || (who != i->given && !who->wanted))
            continue;
        jw_object(w);
        jw_kv_string(w, "id", str_c(id_text(who->persona).c));
        jw_kv_string(w, "slug", who->persona_slug);
        jw_kv_string(w, "name", who->called);
        jw_kv_bool(w, "made", who->made);
        jw_end_object(w);
    }
    jw_end_array(w);
    jw_key(w, STR("notes"));
    jw_array(w);
    for (size_t k = 0; k < i->note_count; k++)
        jw_string(w, i->notes[k]);
    jw_end_array(w);
}

/* `stored`: as the Idempotency-Key remembers it, rooms by id. */
void import_report(struct import *i, struct buf *to, bool stored)
{
    struct jw w = JW(to);
    jw_object(&w);
    jw_key(&w, STR("rooms"));
    jw_array(&w);
    for (size_t k = 0; k < i->chat_count; k++) {
        const struct import_chat *chat = &i->chats[k];
        if (id_none(chat->room))
            continue;
        if (stored)
            jw_string(&w, str_c(id_text(chat->room).c));
        else
            jw_raw(&w, chat->room_json);
    }
    jw_end_array(&w);
    jw_kv_u64(&w, "messages", i->messages);
    jw_kv_string(&w, "format", str_c(chat_format_names[i->format]));
    write_lists(i, &w);
    jw_end_object(&w);
}

static void send_event(struct call *call, const char *name, struct str data) LOOP;
static void send_event(struct call *call, const char *name, struct str data)
{
    struct shared *frame = http_sse_frame(STR_NONE, str_c(name), data);
    http_sse_send(call->req, frame);
    shared_unref(frame);
}

void import_progress(struct import *i, bool now)
{
    static const char *const phases[] = {
        [IMPORT_LOOKING] = "reading", [IMPORT_ASKING] = "reading",          [IMPORT_TAKING] = "storing",
        [IMPORT_SHOWING] = "storing", [IMPORT_REMEMBERING] = "remembering", [IMPORT_DROPPING] = "undoing"};
    uint64_t at = clock_mono_us();
    struct http_req *req = i->streaming ? http_find(i->ref) : NULL;
    if (!req || (!now && at - i->progress_us < (uint64_t)IMPORT_PROGRESS_MS * 1000))
        return;
    i->progress_us = at;
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    jw_object(&w);
    jw_kv_string(&w, "phase", str_c(phases[i->phase]));
    jw_kv_u64(&w, "done", i->offset);
    jw_kv_u64(&w, "total", i->file.n);
    jw_kv_u64(&w, "messages", i->messages);
    jw_kv_u64(&w, "rooms", i->chat_count);
    jw_end_object(&w);
    send_event(req->user, "progress", buf_str(&b));
}

static void stop_stream(struct http_req *req)
{
    on_loop();
    (void)req; /* an import that is under way is waited for, as long as the server waits */
}

static void replay(struct call *call, struct str result) LOOP;

static void answer_error(struct call *call, const struct import *i) LOOP;
static void answer_error(struct call *call, const struct import *i)
{
    if (!i->streaming) {
        call_error(call, &i->error);
        return;
    }
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    jw_object(&w);
    jw_key(&w, STR("error"));
    error_object_write(&w, &i->error, call->req->request_id);
    jw_end_object(&w);
    send_event(call, "error", buf_str(&b));
    http_stream_end(call->req);
}

static void send_report(struct call *call, struct str report, bool streaming) LOOP;
static void send_report(struct call *call, struct str report, bool streaming)
{
    if (!streaming) {
        call_json(call, 201, report);
        return;
    }
    send_event(call, "done", report);
    http_stream_end(call->req);
}

void import_answer(struct import *i)
{
    struct http_req *req = http_find(i->ref);
    CLEANUP_BUF struct buf report = BUF_MAX((size_t)256 << 20);
    atomic_fetch_sub(&running, 1);
    if (req && i->error.err == ERR_CONFLICT && !i->streaming) {
        idem_lost(req->user, &i->error, replay);
    } else if (req && i->error.err) {
        answer_error(req->user, i);
    } else if (req) {
        import_report(i, &report, false);
        send_report(req->user, buf_str(&report), i->streaming);
    }
    import_free(i);
}

/* ---- the same again ---- */

struct replaying {
    const struct json *report, *next;
    struct buf rooms;
    struct jw w;
};

static void replay_room(struct call *call) LOOP;

static void room_again(struct call *call, struct room_op *op)
{
    on_loop();
    struct replaying *r = ((struct upload *)call->state)->replaying;
    if (!op->err)
        render_room(&r->w, &op->view);
    replay_room(call);
}

static void replay_room(struct call *call)
{
    struct replaying *r = ((struct upload *)call->state)->replaying;
    struct id room = ID_NONE;
    if (r->next) {
        id_parse(r->next->string, &room);
        r->next = r->next->next;
        call_room_either(call, room_op_new(ROOM_GET, &call->who, room), room_again);
        return;
    }
    jw_end_array(&r->w);
    CLEANUP_BUF struct buf b = BUF_MAX((size_t)256 << 20);
    struct jw w = JW(&b);
    jw_object(&w);
    json_each (member, r->report) {
        jw_key(&w, member->key);
        jw_raw(&w, str_eq(member->key, STR("rooms")) ? buf_str(&r->rooms) : member->raw);
    }
    jw_end_object(&w);
    buf_release(&r->rooms);
    idem_mark_replayed(call);
    if (call_wants_stream(call)) {
        http_sse_begin(call->req);
        send_report(call, buf_str(&b), true);
    } else {
        send_report(call, buf_str(&b), false);
    }
}

static void replay(struct call *call, struct str result)
{
    on_loop();
    struct replaying *r = arena_new(call_arena(call), struct replaying);
    struct json *report = NULL;
    if (json_parse(call_arena(call), result, &report, NULL) != ERR_OK) {
        call_refuse(call, ERR_CORRUPT,
                    "What the first request answered cannot be read any more; use a new key.");
        return;
    }
    r->report = report;
    const struct json *rooms = json_get(report, "rooms");
    r->next = rooms ? rooms->child : NULL;
    r->rooms = BUF_MAX((size_t)256 << 20);
    r->w = JW(&r->rooms);
    jw_array(&r->w);
    ((struct upload *)call->state)->replaying = r;
    replay_room(call);
}

/* ---- the upload ---- */

/* "+02:00", "-0330", "Z". */
static bool parse_zone(struct str zone, int *minutes)
{
    uint64_t hours = 0, rest = 0;
    *minutes = 0;
    if (str_empty(zone) || str_eq(zone, STR("Z")))
        return true;
    int sign = zone.p[0] == '-' ? -1 : 1;
    if (zone.p[0] != '+' && zone.p[0] != '-')
        return false;
    struct str digits = str_from(zone, 1);
    size_t colon = str_find_char(digits, ':');
    struct str m = colon == SIZE_MAX ? str_from(digits, 2) : str_from(digits, colon + 1);
    if (!str_to_u64(str_sub(digits, 0, colon < 2 ? colon : 2), &hours) || hours > ZONE_HOURS_MAX ||
        (m.n && (!str_to_u64(m, &rest) || rest > 59)))
        return false;
    *minutes = sign * (int)(hours * 60 + rest);
    return true;
}

static struct str file_stem(struct str name)
{
    size_t slash, dot;
    while ((slash = str_find_char(name, '/')) != SIZE_MAX || (slash = str_find_char(name, '\\')) != SIZE_MAX)
        name = str_from(name, slash + 1);
    for (dot = name.n; dot > 1 && name.p[dot - 1] != '.'; dot--)
        ;
    return dot > 1 ? str_sub(name, 0, dot - 1) : name;
}

/* The form's parts, or the whole body. */
static enum err take_apart(struct upload *u, struct str body, struct error *e)
{
    struct import *i = u->import;
    struct multipart_part part;
    struct str name = u->fields[FIELD_NAME];
    i->file = body;
    if (multipart_is(u->type)) {
        enum err err = multipart_find(u->type, body, STR("file"), &part, e);
        if (err)
            return err;
        i->file = part.bytes;
        name = str_empty(part.filename) ? name : part.filename;
        for (int f = 0; f < FIELD_NAME; f++) {
            if (multipart_find(u->type, body, str_c(field_names[f]), &part, NULL) == ERR_OK)
                u->fields[f] = part.bytes;
        }
    }
    if (str_empty(i->file))
        return error_set_param(e, ERR_INVALID, "file",
                               "Send a chat as the body, or as the part 'file' of a form.");
    struct str format = u->fields[FIELD_FORMAT];
    if (!str_empty(format) && !chat_format_parse(format, &i->options.format))
        return error_set_param(e, ERR_INVALID, "format",
                               "'format' is auto, sillytavern, text, openai or eidolon.");
    if (!parse_zone(u->fields[FIELD_ZONE], &i->options.zone_minutes))
        return error_set_param(e, ERR_INVALID, "zone", "'zone' is how far clocks are from UTC, as +02:00.");
    struct arena mend = ARENA_INIT;
    i->persona = arena_str(&i->arena, chat_text_mended(&mend, str_trim(u->fields[FIELD_PERSONA])));
    i->user = arena_str(&i->arena, chat_text_mended(&mend, str_trim(u->fields[FIELD_USER])));
    struct str title = str_trim(u->fields[FIELD_TITLE]);
    i->title = arena_str(&i->arena, chat_text_mended(&mend, str_sub(title, 0, 200)));
    i->options.title = arena_str(&i->arena, chat_text_mended(&mend, file_stem(str_sub(name, 0, 200))));
    arena_release(&mend);
    return ERR_OK;
}

static void prepare(struct job *job)
{
    on_worker();
    struct upload *u = CONTAINER(job, struct upload, job);
    struct import *i = u->import;
    struct stat st;
    char path[4096];
    str_copy(path, sizeof path, u->path);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0 || st.st_size == 0) {
        if (fd >= 0)
            close(fd);
        error_set_param(&u->error, ERR_INVALID, "file",
                        "Send a chat as the body, or as the part 'file' of a form.");
        return;
    }
    void *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    if (map == MAP_FAILED) {
        error_set(&u->error, ERR_IO, "The upload could not be read again; try once more.");
        return;
    }
    i->map = map;
    i->map_size = (size_t)st.st_size;
    struct str body = str_of(map, i->map_size);
    if (!take_apart(u, body, &u->error))
        SHA256((const unsigned char *)body.p, body.n, u->hash);
}

static void fresh(struct call *call)
{
    on_loop();
    struct upload *u = call->state;
    struct import *i = u->import;
    u->import = NULL; /* it lives on without the request */
    if (atomic_fetch_add(&running, 1) >= IMPORTS_MAX) {
        atomic_fetch_sub(&running, 1);
        import_free(i);
        call_refuse(call, ERR_BUSY, "%d imports are running already; try again when one is done.",
                    IMPORTS_MAX);
        return;
    }
    i->idem = idem_of(call, &i->arena);
    i->streaming = call_wants_stream(call);
    if (i->streaming) {
        call->req->on_stop = stop_stream;
        http_sse_begin(call->req);
    }
    import_run(i);
}

/* The request ends with the upload still in its hands: its key was known, or the client left. */
static void closed(struct http_req *req, bool complete)
{
    on_loop();
    struct call *call = req->user;
    struct upload *u = call->state;
    (void)complete;
    if (u->replaying)
        buf_release(&u->replaying->rooms);
    if (u->import)
        import_free(u->import);
}

static void prepared(struct job *job)
{
    on_loop();
    struct upload *u = CONTAINER(job, struct upload, job);
    struct http_req *req = http_find(u->ref);
    if (req && u->error.err) {
        call_error(req->user, &u->error);
    } else if (req) {
        struct call *call = req->user;
        struct upload *kept = arena_new(call_arena(call), struct upload);
        *kept = *u;
        u->import = NULL;
        call->state = kept;
        call->req->on_closed = closed;
        call->body_hash = kept->hash;
        idem_check(call, fresh, replay);
    }
    if (u->import)
        import_free(u->import);
    arena_release(&u->job.arena);
    free(u);
}

void handle_room_import(struct call *call)
{
    const struct config *config = call_config(call);
    struct str fields[FIELDS];
    for (int f = 0; f < FIELDS; f++) {
        if (!call_query(call, field_names[f], &fields[f]))
            return;
    }
    struct upload *u = heap_alloc(sizeof *u);
    struct import *i = u->import = heap_alloc(sizeof *i);
    for (int f = 0; f < FIELDS; f++)
        u->fields[f] = arena_str(&i->arena, fields[f]);
    i->api = call->api;
    i->ref = u->ref = http_ref(call->req);
    i->who = call->who;
    i->options.message_max = (size_t)config->import.message_max;
    i->options.messages_max = (uint64_t)config->import.messages_max;
    i->options.total_max = config->import.unpacked_max;
    u->path = arena_str(&i->arena, str_c(call->req->body_path));
    http_header(call->req, "Content-Type", &u->type);
    u->type = arena_str(&i->arena, u->type);
    u->job.run = prepare;
    u->job.done = prepared;
    workers_submit(call->api->parts.workers, &u->job);
}
