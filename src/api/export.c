/*
 * GET /api/rooms/{room}/export: a room as a file, page by page as the client reads.
 *
 * jsonl is the whole log: a head, then every event as it is on the wire. json has every message as the API
 * shows it. The others have the conversation as it reads now, the branch that ends with the newest message:
 * so all messages are looked through first for who follows whom (a few bytes each), SillyTavern's also for
 * the alternatives that become swipes, then they are written.
 */
#include "api/render.h"
#include "base/clock.h"
#include "base/map.h"
#include "chat/write.h"

#include <stdlib.h>

enum { EXPORT_PAGE = 200, EXPORT_QUEUE = 512 * 1024, EXPORT_NAME_MAX = 60 };

enum export_format { AS_JSONL, AS_SILLYTAVERN, AS_MARKDOWN, AS_TEXT, AS_JSON, AS_HTML, EXPORT_FORMATS };
static const struct {
    const char *name, *type, *ending;
    enum chat_file file;
} formats[EXPORT_FORMATS] = {
    [AS_JSONL] = {"jsonl", "application/x-ndjson", "eidolon.jsonl", 0},
    [AS_SILLYTAVERN] = {"sillytavern", "application/x-ndjson", "jsonl", CHAT_FILE_SILLYTAVERN},
    [AS_MARKDOWN] = {"markdown", "text/markdown; charset=utf-8", "md", CHAT_FILE_MARKDOWN},
    [AS_TEXT] = {"text", "text/plain; charset=utf-8", "txt", CHAT_FILE_TEXT},
    [AS_JSON] = {"json", "application/json", "json", 0},
    [AS_HTML] = {"html", "text/html; charset=utf-8", "html", CHAT_FILE_HTML},
};

/* What is known of each message before any is written. */
struct bone {
    uint64_t seq, parent;
    struct id id;
    size_t group; /* 1 + the bone it stands beside; 0: it is its own */
    bool deleted, on_branch;
    struct chat_other other; /* SillyTavern: of those beside a bone of the branch; heap */
    size_t next_other;       /* 1 + the next bone of the same group */
};

struct export
{
    struct http_ref ref;
    struct api *api;
    struct principal who;
    struct room_view view;
    struct arena arena;
    enum export_format format;
    enum { LOOK, LOOK_BESIDE, WRITE } pass;
    struct bone *bones;
    size_t count, cap, grouped;
    struct map ids; /* message id -> 1 + index */
    struct chat_about about;
    struct chat_writer writer;
    struct buf out;
    uint64_t after;
    bool any, waiting, closed, over;
};

static void read_page(struct export *x) LOOP;

static void export_free(struct export *x)
{
    for (size_t i = 0; i < x->count; i++) {
        free((char *)x->bones[i].other.text.p);
        free((char *)x->bones[i].other.extra.p);
    }
    free(x->bones);
    map_release(&x->ids);
    buf_release(&x->out);
    arena_release(&x->arena);
    free(x);
}

/* The request is gone: what is under way comes back to nobody. */
static void closed(struct http_req *req, bool complete)
{
    on_loop();
    struct export *x = ((struct call *)req->user)->state;
    (void)complete;
    x->closed = true;
    if (x->waiting || x->over)
        export_free(x);
}

static void end(struct export *x, struct http_req *req) LOOP;
static void end(struct export *x, struct http_req *req)
{
    x->over = true;
    http_stream_end(req);
}

/* Sends what was written; then the next page, now or when the client has read. */
static void flush(struct export *x, struct http_req *req) LOOP;
static void flush(struct export *x, struct http_req *req)
{
    bool on = http_stream_write(req, buf_str(&x->out));
    buf_clear(&x->out);
    x->waiting = true;
    if (on && http_queued(req) < EXPORT_QUEUE)
        read_page(x);
}

static void drained(struct http_req *req)
{
    on_loop();
    struct export *x = ((struct call *)req->user)->state;
    if (x->waiting && !x->over)
        read_page(x);
}

/* ---- who follows whom ---- */

static struct bone *bone_at(struct export *x, uint64_t seq)
{
    size_t low = 0, high = x->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (x->bones[middle].seq < seq)
            low = middle + 1;
        else
            high = middle;
    }
    return low < x->count && x->bones[low].seq == seq ? &x->bones[low] : NULL;
}

static void look(struct export *x, struct arena *a, const struct message_row *m)
{
    if (x->count == x->cap) {
        x->cap = x->cap ? x->cap * 2 : 256;
        x->bones = heap_realloc(x->bones, x->cap * sizeof *x->bones);
    }
    struct bone *bone = &x->bones[x->count++];
    *bone =
        (struct bone){.seq = m->row.seq, .parent = m->row.parent, .id = m->row.ref, .deleted = m->deleted};
    map_set(&x->ids, id_key(&bone->id), (void *)x->count);
    struct id beside = ID_NONE;
    if (id_parse(event_data_str(a, &m->row, "retry_of"), &beside)) {
        size_t of = (size_t)map_get(&x->ids, id_key(&beside));
        bone->group = of && x->bones[of - 1].group ? x->bones[of - 1].group : of;
    }
}

static void find_branch(struct export *x)
{
    struct bone *b = NULL;
    for (size_t i = x->count; i-- > 0 && !b;)
        b = x->bones[i].deleted ? NULL : &x->bones[i];
    while (b && !b->on_branch) {
        b->on_branch = true;
        b = b->parent ? bone_at(x, b->parent) : NULL;
    }
}

static size_t group_of(const struct export *x, const struct bone *b)
{
    return b->group ? b->group - 1 : (size_t)(b - x->bones);
}

static struct str text_of(struct arena *a, const struct message_row *m)
{
    struct event_row edit = {.data = m->edited_data};
    return str_empty(m->edited_data) ? event_data_str(a, &m->row, "text") : event_data_str(a, &edit, "text");
}

static struct str extra_of(struct arena *a, const struct message_row *m)
{
    struct json *data = NULL;
    if (json_parse(a, m->row.data, &data, NULL) != ERR_OK)
        return STR_NONE;
    const struct json *imported = json_get(data, "imported");
    return imported ? imported->raw : STR_NONE;
}

/* An alternative is kept beside its group's first bone until the one of the branch is written. */
static void keep_beside(struct export *x, struct arena *a, const struct message_row *m)
{
    struct bone *bone = bone_at(x, m->row.seq);
    if (!bone || bone->on_branch || bone->deleted)
        return;
    struct bone *first = &x->bones[group_of(x, bone)];
    if (first == bone && !bone->next_other && !x->grouped)
        return;
    bone->other = (struct chat_other){heap_str(text_of(a, m)), heap_str(extra_of(a, m))};
    if (first != bone) {
        struct bone *last = first;
        while (last->next_other)
            last = &x->bones[last->next_other - 1];
        last->next_other = (size_t)(bone - x->bones) + 1;
    }
}

/* ---- writing ---- */

static void write_line(struct export *x, struct arena *a, const struct message_row *m)
{
    static const enum chat_by by[] = {
        [AUTHOR_SYSTEM] = CHAT_BY_NOBODY, [AUTHOR_USER] = CHAT_BY_USER, [AUTHOR_PERSONA] = CHAT_BY_PERSONA};
    struct bone *bone = bone_at(x, m->row.seq);
    if (!bone || !bone->on_branch || m->deleted)
        return;
    struct chat_line line = {.by = by[m->row.author_type],
                             .name = m->row.author_name,
                             .text = text_of(a, m),
                             .at_ms = m->row.at_ms,
                             .edited = m->edited_seq != 0,
                             .extra = extra_of(a, m)};
    struct bone *first = &x->bones[group_of(x, bone)];
    size_t n = 0;
    for (struct bone *o = first; x->format == AS_SILLYTAVERN; o = &x->bones[o->next_other - 1]) {
        n += o->other.text.n > 0;
        if (!o->next_other)
            break;
    }
    struct chat_other *others = arena_array(a, struct chat_other, n);
    for (struct bone *o = first; n; o = &x->bones[o->next_other - 1]) {
        if (o->other.text.n)
            others[line.other_count++] = o->other;
        if (!o->next_other)
            break;
    }
    line.others = others;
    chat_write_line(&x->writer, &line);
}

static void write_message(struct export *x, struct arena *a, const struct message_row *m)
{
    struct jw w = JW(&x->out);
    if (m->deleted)
        return;
    buf_add(&x->out, x->any ? STR(",\n") : STR("\n"));
    x->any = true;
    render_message(&w, a, m);
}

static void take_page(struct export *x, struct http_req *req, struct store_messages_page *page) LOOP;
static void take_page(struct export *x, struct http_req *req, struct store_messages_page *page)
{
    struct arena a = ARENA_INIT;
    for (size_t i = 0; i < page->count; i++) {
        const struct message_row *m = &page->rows[i];
        x->after = m->row.seq;
        if (x->pass == LOOK)
            look(x, &a, m);
        else if (x->pass == LOOK_BESIDE)
            keep_beside(x, &a, m);
        else if (x->format == AS_JSON)
            write_message(x, &a, m);
        else
            write_line(x, &a, m);
    }
    arena_release(&a);
    if (page->more && page->count) {
        flush(x, req);
        return;
    }
    if (x->pass == WRITE) {
        if (x->format == AS_JSON)
            buf_add(&x->out, STR("\n]}\n"));
        else
            chat_write_end(&x->writer, &x->about);
        http_stream_write(req, buf_str(&x->out));
        end(x, req);
        return;
    }
    if (x->pass == LOOK) {
        find_branch(x);
        for (size_t i = 0; i < x->count; i++)
            x->grouped += x->bones[i].group != 0;
    }
    bool beside = x->pass == LOOK && x->format == AS_SILLYTAVERN && x->grouped;
    x->pass = beside ? LOOK_BESIDE : WRITE;
    x->after = 0;
    if (x->pass == WRITE)
        chat_write_head(&x->writer, &x->about);
    flush(x, req);
}

static void take_events(struct export *x, struct http_req *req, struct store_events_page *page) LOOP;
static void take_events(struct export *x, struct http_req *req, struct store_events_page *page)
{
    for (size_t i = 0; i < page->count; i++) {
        struct jw w = JW(&x->out);
        event_write(&w, &page->rows[i]);
        buf_add_char(&x->out, '\n');
        x->after = page->rows[i].seq;
    }
    if (page->more && page->count) {
        flush(x, req);
        return;
    }
    http_stream_write(req, buf_str(&x->out));
    end(x, req);
}

static void page_here(struct store_op *op)
{
    on_loop();
    struct export *x = op->arg;
    struct http_req *req = x->closed ? NULL : http_find(x->ref);
    x->waiting = false;
    if (!req) {
        export_free(x);
    } else if (op->err) {
        x->over = true;
        http_stream_abort(req); /* half a file must not look like a whole one */
    } else if (op->kind == STORE_EVENTS_PAGE) {
        take_events(x, req, (struct store_events_page *)op);
    } else {
        take_page(x, req, (struct store_messages_page *)op);
    }
    store_op_free(op);
}

static void read_page(struct export *x)
{
    struct store_op *op;
    x->waiting = false;
    if (x->format == AS_JSONL) {
        struct store_events_page *page = STORE_NEW(events_page, EVENTS_PAGE);
        page->tenant = x->who.tenant;
        page->room = x->view.id;
        page->after = x->after;
        page->limit = EXPORT_PAGE;
        op = &page->op;
    } else {
        struct store_messages_page *page = STORE_NEW(messages_page, MESSAGES_PAGE);
        page->tenant = x->who.tenant;
        page->room = x->view.id;
        page->after = x->after;
        page->limit = EXPORT_PAGE;
        page->deleted = true;
        op = &page->op;
    }
    op->arg = x;
    op->done = page_here;
    store_submit(x->api->parts.store, op);
}

/* ---- beginning ---- */

static void fill_about(struct export *x, struct str head)
{
    CLEANUP_BUF struct buf others = BUF_INIT;
    const struct room_view *v = &x->view;
    struct chat_about *about = &x->about;
    size_t left = 0;
    for (size_t i = 0; i < v->member_count; i++)
        left += v->members[i].type == AUTHOR_PERSONA;
    for (size_t i = 0; i < v->member_count; i++) {
        if (v->members[i].type != AUTHOR_PERSONA) {
            about->user = v->members[i].name;
            continue;
        }
        if (str_empty(about->character))
            about->character = v->members[i].name;
        left--;
        buf_add(&others, v->members[i].name);
        buf_add(&others, left > 1 ? STR(", ") : left ? STR(" and ") : STR_NONE);
    }
    about->others = arena_str(&x->arena, buf_str(&others));
    about->title = str_empty(v->title) ? STR("A conversation") : v->title;
    about->created_ms = v->created_ms;
    about->exported_ms = clock_wall_ms();
    about->extra = head;
}

static void write_jsonl_head(struct export *x)
{
    struct jw w = JW(&x->out);
    jw_object(&w);
    jw_kv_string(&w, "eidolon", STR("chat"));
    jw_kv_u64(&w, "version", 1);
    jw_key(&w, STR("room"));
    render_room(&w, &x->view);
    jw_key(&w, STR("members"));
    jw_array(&w);
    for (size_t i = 0; i < x->view.member_count; i++) {
        const struct room_member *m = &x->view.members[i];
        jw_object(&w);
        jw_kv_string(&w, "type", m->type == AUTHOR_PERSONA ? STR("persona") : STR("user"));
        jw_kv_string(&w, "id", str_c(id_text(m->id).c));
        jw_kv_string(&w, "name", m->name);
        if (!str_empty(m->slug))
            jw_kv_string(&w, "slug", m->slug);
        jw_end_object(&w);
    }
    jw_end_array(&w);
    render_time(&w, "exported_at", clock_wall_ms());
    jw_end_object(&w);
    buf_add_char(&x->out, '\n');
}

static void begin(struct call *call, struct export *x) LOOP;
static void begin(struct call *call, struct export *x)
{
    char day[CLOCK_TEXT];
    clock_format(day, clock_wall_ms());
    struct str name = persona_slug(call_arena(call), str_sub(x->about.title, 0, EXPORT_NAME_MAX), 0);
    http_set_header(call->req, "Content-Disposition",
                    arena_printf(call_arena(call), "attachment; filename=\"%.*s-%.10s.%s\"", STR_ARG(name),
                                 day, formats[x->format].ending));
    call->state = x;
    call->req->on_closed = closed;
    call->req->on_drain = drained;
    http_stream_begin(call->req, 200, formats[x->format].type);
    x->writer = (struct chat_writer){.file = formats[x->format].file, .to = &x->out};
    x->out = BUF_MAX((size_t)256 << 20);
    if (x->format == AS_JSONL) {
        write_jsonl_head(x);
    } else if (x->format == AS_JSON) {
        struct jw w = JW(&x->out);
        buf_add(&x->out, STR("{\"room\":"));
        render_room(&w, &x->view);
        buf_add(&x->out, STR(",\"messages\":["));
        x->pass = WRITE;
    }
    flush(x, call->req);
}

static void head_here(struct call *call, struct store_op *op)
{
    on_loop();
    struct export *x = call->state;
    const struct store_events_page *page = (struct store_events_page *)op;
    struct json *data = NULL;
    const struct json *head = NULL;
    if (page->count && json_parse(&x->arena, arena_str(&x->arena, page->rows[0].data), &data, NULL) == ERR_OK)
        head = json_get(data, "head");
    fill_about(x, head ? head->raw : STR_NONE);
    call->req->on_closed = NULL;
    begin(call, x);
}

static void given_up(struct http_req *req, bool complete)
{
    on_loop();
    (void)complete;
    export_free(((struct call *)req->user)->state);
}

static void room_known(struct call *call, struct room_op *op)
{
    on_loop();
    static const struct str kinds[] = {STR_INIT("room.imported")};
    struct export *x = call->state;
    x->view = op->view;
    x->view.title = arena_str(&x->arena, op->view.title);
    x->view.settings = arena_str(&x->arena, op->view.settings);
    x->view.members = arena_array(&x->arena, struct room_member, op->view.member_count);
    for (size_t i = 0; i < op->view.member_count; i++) {
        x->view.members[i] = op->view.members[i];
        x->view.members[i].name = arena_str(&x->arena, op->view.members[i].name);
        x->view.members[i].slug = arena_str(&x->arena, op->view.members[i].slug);
    }
    struct store_events_page *page = STORE_NEW(events_page, EVENTS_PAGE);
    page->tenant = call->who.tenant;
    page->room = op->view.id;
    page->limit = 1;
    page->kinds = kinds;
    page->kind_count = 1;
    call_store(call, &page->op, head_here);
}

void handle_room_export(struct call *call)
{
    struct id room;
    struct str format;
    if (!call_param_id(call, 0, "room", &room) || !call_query(call, "format", &format))
        return;
    size_t f = 0;
    while (f < EXPORT_FORMATS && !str_eq(format, str_c(formats[f].name)))
        f++;
    if (str_empty(format))
        f = AS_JSONL;
    if (f == EXPORT_FORMATS) {
        call_refuse_param(call, ERR_INVALID, "format",
                          "'format' is jsonl, sillytavern, markdown, text, json or html.");
        return;
    }
    struct export *x = heap_alloc(sizeof *x);
    x->format = (enum export_format)f;
    x->api = call->api;
    x->who = call->who;
    x->ref = http_ref(call->req);
    call->state = x;
    call->req->on_closed = given_up;
    call_room(call, room_op_new(ROOM_GET, &call->who, room), room_known);
}
