/* The two readings of a file, and storing what comes of the second; see import.h. */
#include "api/import.h"
#include "api/render.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdlib.h>

static void next_piece(struct import *i) LOOP;
static void next_item(struct import *i) LOOP;
static void drop_next(struct import *i) LOOP;

/* ---- the child ---- */

static void send_frame(struct import *i, const struct buf *frame) LOOP;
static void send_frame(struct import *i, const struct buf *frame)
{
    struct error e = {0};
    if (child_send(i->child, buf_str(frame), &e))
        import_fail(i, &e);
}

static void too_slow(struct timer *t)
{
    on_loop();
    struct import *i = CONTAINER(t, struct import, timer);
    struct error e = {0};
    error_set(&e, ERR_TIMEOUT, "The file takes too long to read; split it and import the parts.");
    import_fail(i, &e);
}

static void next_piece(struct import *i)
{
    CLEANUP_BUF struct buf frame = BUF_INIT;
    struct str piece = str_sub(i->file, i->offset, IMPORT_PIECE);
    if (piece.n) {
        wire_write_bytes(&frame, piece);
        i->offset += piece.n;
    } else {
        wire_write_plain(&frame, WIRE_END);
        i->ended = true;
    }
    timer_arm(&i->timer, IMPORT_READ_MS, too_slow);
    import_progress(i, false);
    send_frame(i, &frame);
}

static void begin_reading(struct import *i) LOOP;
static void begin_reading(struct import *i)
{
    CLEANUP_BUF struct buf frame = BUF_INIT;
    i->offset = 0;
    i->ended = false;
    wire_write_open(&frame, &i->options);
    if (!child_send(i->child, buf_str(&frame), &i->error))
        next_piece(i);
    else
        import_fail(i, &i->error);
}

static void go_on(struct import *i) LOOP;
static void go_on(struct import *i)
{
    CLEANUP_BUF struct buf frame = BUF_INIT;
    wire_write_plain(&frame, WIRE_NEXT);
    timer_arm(&i->timer, IMPORT_READ_MS, too_slow);
    send_frame(i, &frame);
}

/* ---- taking: what a frame holds becomes items, which are carried out one after the other ---- */

static struct import_item *item_new(struct import *i)
{
    if (i->item_count == i->item_cap) {
        i->item_cap = i->item_cap ? i->item_cap * 2 : 256;
        i->items = heap_realloc(i->items, i->item_cap * sizeof *i->items);
    }
    struct import_item *item = &i->items[i->item_count++];
    *item = (struct import_item){0};
    return item;
}

static void take_begin(void *arg, const struct chat_head *head)
{
    struct import_item *item = item_new(arg);
    item->what = ITEM_BEGIN;
    item->extra = head->extra; /* within i->found, as all strings of a frame */
}

static void take_message(void *arg, const struct chat_message *m)
{
    struct import_item *item = item_new(arg);
    item->what = ITEM_MESSAGE;
    item->message = *m;
}

static void take_end(void *arg)
{
    item_new(arg)->what = ITEM_END;
}

static void take_skip(void *arg, uint64_t line, const char *reason)
{
    (void)arg;
    (void)line;
    (void)reason;
}

static const struct chat_sink taking = {take_begin, take_message, take_end, take_skip};

static LOOP void op_failed(struct import *i, struct room_op *op)
{
    struct error e = op->error;
    room_op_free(op);
    import_fail(i, &e);
}

static void room_made(struct room_op *op)
{
    on_loop();
    struct import *i = op->arg;
    if (op->err) {
        op_failed(i, op);
        return;
    }
    i->chat->room = op->view.id;
    i->seq = op->view.head_seq;
    room_op_free(op);
    next_item(i);
}

static LOOP void make_room(struct import *i)
{
    struct import_chat *chat = i->chat;
    struct room_op *op = room_op_new(ROOM_CREATE, &i->who, ID_NONE);
    op->importing = op->quiet = true;
    op->title_set = op->personas_set = true;
    op->title = arena_str(&op->arena, chat->title);
    op->personas = arena_array(&op->arena, struct str, chat->speaker_count);
    for (size_t k = 0; k < chat->speaker_count; k++) {
        const struct import_speaker *s = &chat->speakers[k];
        if (!s->is_owner && !s->nobody)
            op->personas[op->persona_count++] = arena_str(&op->arena, str_c(id_text(s->who->persona).c));
    }
    op->done = room_made;
    op->arg = i;
    room_submit(i->api->parts.rooms, op);
}

/* True: next_item() follows. */
static LOOP bool begin_chat(struct import *i, const struct import_item *item)
{
    i->chat = i->chat_at < i->chat_count ? &i->chats[i->chat_at++] : NULL;
    i->numbered = 0;
    i->last_ms = 0;
    if (!i->chat) {
        struct error e = {0};
        error_set(&e, ERR_INTERNAL,
                  "The file was read in two different ways; nothing was imported. Try again.");
        import_fail(i, &e);
        return true;
    }
    i->chat->head = arena_str(&i->arena, item->extra);
    if (i->chat->messages)
        make_room(i);
    return i->chat->messages > 0;
}

static void batch_stored(struct room_op *op)
{
    on_loop();
    struct import *i = op->arg;
    if (op->err) {
        op_failed(i, op);
        return;
    }
    bool expected = op->event.seq == i->expect;
    room_op_free(op);
    if (!expected) {
        struct error e = {0};
        error_set(&e, ERR_INTERNAL,
                  "Something else was stored in the room that is being imported; nothing was kept.");
        import_fail(i, &e);
        return;
    }
    import_progress(i, false);
    next_item(i);
}

/* True: a batch is on its way, and next_item() follows. */
static LOOP bool store_batch(struct import *i)
{
    struct room_op *op = i->op;
    if (!op)
        return false;
    i->op = NULL;
    i->op_bytes = 0;
    i->expect = i->seq - op->row_count + 1;
    op->done = batch_stored;
    op->arg = i;
    room_submit(i->api->parts.rooms, op);
    return true;
}

static void show_rooms(struct import *i) LOOP;

static void next_item(struct import *i)
{
    while (i->item_at < i->item_count) {
        const struct import_item *item = &i->items[i->item_at++];
        if (item->what == ITEM_BEGIN) {
            if (begin_chat(i, item))
                return;
            continue;
        }
        if (item->what == ITEM_END) {
            if (store_batch(i))
                return;
            continue;
        }
        if (item->message.kind == CHAT_SAID)
            import_add_said(i, &item->message);
        else
            import_add_change(i, &item->message);
        i->op_bytes += item->message.text.n + item->message.extra.n;
        bool full = i->op && (i->op->row_count == IMPORT_BATCH || i->op_bytes >= IMPORT_BATCH_BYTES);
        if (full && store_batch(i))
            return;
    }
    go_on(i);
}

static void take_frame(struct import *i, struct str frame) LOOP;
static void take_frame(struct import *i, struct str frame)
{
    struct error e = {0};
    i->found.max = CHILD_FRAME_MAX;
    buf_clear(&i->found);
    buf_add(&i->found, frame);
    i->item_count = i->item_at = 0;
    if (wire_read_found(buf_str(&i->found), &taking, i, &e))
        import_fail(i, &e);
    else
        next_item(i);
}

/* ---- the rooms are shown ---- */

static struct str imported_json(struct arena *a, const struct import *i, const struct import_chat *chat)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    jw_object(&w);
    jw_kv_string(&w, "format", str_c(chat_format_names[i->format]));
    jw_kv_u64(&w, "messages", chat->messages);
    jw_kv_u64(&w, "skipped", i->skipped_total);
    jw_kv_string(&w, "file", i->options.title);
    if (!str_empty(chat->head))
        jw_kv_raw(&w, "head", chat->head);
    jw_end_object(&w);
    return arena_str(a, buf_str(&b));
}

static void remembered(struct timer *t)
{
    on_loop();
    struct import *i = CONTAINER(t, struct import, timer);
    struct memory_state s = memory_state(i->api->parts.memory);
    uint64_t now = clock_mono_us();
    if (s.indexed_pos > i->seen_pos)
        i->waited_us = now;
    i->seen_pos = s.indexed_pos;
    if (s.indexed_pos >= i->last_pos) {
        import_answer(i);
    } else if (now - i->waited_us > (uint64_t)IMPORT_REMEMBER_MS * 1000) {
        import_note(i, "Memory has not read all of it yet; it goes on behind.");
        import_answer(i);
    } else {
        import_progress(i, false);
        timer_arm(&i->timer, IMPORT_LOOK_MS, remembered);
    }
}

static void room_shown(struct room_op *op)
{
    on_loop();
    struct import *i = op->arg;
    if (op->err && i->room_at == 0) { /* nothing is seen yet: all of it can be taken back */
        op_failed(i, op);
        return;
    }
    struct import_chat *chat = &i->chats[i->room_at++];
    if (op->err) {
        log_warn("api", "an imported room could not be shown: %s", op->error.message);
        import_note(i, "The room '%.*s' could not be shown: %s", STR_ARG(str_sub(chat->title, 0, 100)),
                    op->error.message);
        chat->room = ID_NONE;
    } else {
        CLEANUP_BUF struct buf b = BUF_INIT;
        struct jw w = JW(&b);
        render_room(&w, &op->view);
        chat->room_json = arena_str(&i->arena, buf_str(&b));
        i->last_pos = op->event.pos;
    }
    room_op_free(op);
    show_rooms(i);
}

static void show_rooms(struct import *i)
{
    while (i->room_at < i->chat_count && id_none(i->chats[i->room_at].room))
        i->room_at++;
    if (i->room_at == i->chat_count) {
        i->phase = IMPORT_REMEMBERING;
        i->waited_us = clock_mono_us();
        timer_arm(&i->timer, 0, remembered);
        return;
    }
    struct import_chat *chat = &i->chats[i->room_at];
    struct room_op *op = room_op_new(ROOM_IMPORT_END, &i->who, chat->room);
    op->rows = arena_new(&op->arena, struct event_row);
    op->row_count = 1;
    event_set_kind(op->rows, EVENT_ROOM_IMPORTED);
    op->rows->at_ms = clock_wall_ms();
    op->rows->author_name = STR("Eidolon");
    op->rows->data = imported_json(&op->arena, i, chat);
    if (i->idem) {
        CLEANUP_BUF struct buf report = BUF_INIT;
        import_report(i, &report, true);
        i->idem->result = arena_str(&i->arena, buf_str(&report));
        op->idem = i->idem; /* with the first room; then it is done */
        i->idem = NULL;
    }
    op->done = room_shown;
    op->arg = i;
    room_submit(i->api->parts.rooms, op);
}

/* ---- what the child says ---- */

static void read_over(struct import *i) LOOP;
static void read_over(struct import *i)
{
    timer_cancel(&i->timer);
    if (i->phase == IMPORT_LOOKING) {
        if (i->chat_count == 1 && !str_empty(i->title))
            i->chats[0].title = i->title;
        i->phase = IMPORT_ASKING;
        import_ask(i);
        return;
    }
    child_close(i->child);
    i->child = NULL;
    i->phase = IMPORT_SHOWING;
    show_rooms(i);
}

static void frame_here(void *arg, struct str frame)
{
    on_loop();
    struct import *i = arg;
    struct error e = {0}, said = {0};
    enum err result = ERR_OK;
    enum wire_frame what = wire_frame_of(frame);
    timer_cancel(&i->timer);
    if (i->phase != IMPORT_LOOKING && i->phase != IMPORT_TAKING)
        return;
    if (what == WIRE_FOUND && i->phase == IMPORT_TAKING) {
        take_frame(i, frame);
    } else if (what == WIRE_FOUND) {
        if (wire_read_found(frame, &import_looking, i, &e))
            import_fail(i, &e);
        else
            go_on(i);
    } else if (wire_read_done(frame, &result, &said, &i->format, &e)) {
        import_fail(i, &e);
    } else if (result) {
        import_fail(i, &said);
    } else if (i->ended) {
        read_over(i);
    } else {
        next_piece(i);
    }
}

static void child_lost(void *arg, const char *sentence)
{
    on_loop();
    struct import *i = arg;
    struct error e = {0};
    if (i->phase != IMPORT_LOOKING && i->phase != IMPORT_TAKING && i->phase != IMPORT_ASKING)
        return;
    log_warn("api", "%s", sentence);
    error_set(&e, ERR_REFUSED, "The file could not be read: its reader ended (%.300s). It may be damaged.",
              sentence);
    import_fail(i, &e);
}

static const struct child_events child_events = {.frame = frame_here, .lost = child_lost};

void import_run(struct import *i)
{
    static const char *const args[] = {"child", "chats", NULL};
    i->phase = IMPORT_LOOKING;
    i->child = child_open(loop_self(), &(struct child_options){.name = "chats", .args = args, .nice = 10},
                          &child_events, i);
    begin_reading(i);
}

void import_take(struct import *i)
{
    i->phase = IMPORT_TAKING;
    begin_reading(i);
}

/* ---- taking it back ---- */

static void dropped(struct room_op *op)
{
    on_loop();
    struct import *i = op->arg;
    if (op->err)
        log_warn("api", "a half imported room could not be taken away: %s", op->error.message);
    room_op_free(op);
    drop_next(i);
}

static void persona_dropped(struct personas_op *op)
{
    on_loop();
    drop_next(CONTAINER(op, struct import, persona_op));
}

/* Personas that were made for this import go as well. True: drop_next() follows. */
static LOOP bool drop_persona(struct import *i)
{
    while (i->who_at < i->who_count) {
        const struct import_who *who = i->who_list[i->who_at++];
        if (!who->made)
            continue;
        arena_release(&i->persona_arena);
        i->persona_op = (struct personas_op){.arena = &i->persona_arena, .done = persona_dropped};
        i->persona_op.key = arena_str(&i->persona_arena, str_c(id_text(who->persona).c));
        personas_delete(i->api->parts.personas, &i->persona_op);
        return true;
    }
    return false;
}

static void drop_next(struct import *i)
{
    for (; i->room_at < i->chat_count; i->room_at++) {
        if (id_none(i->chats[i->room_at].room))
            continue;
        struct room_op *op = room_op_new(ROOM_IMPORT_DROP, &i->who, i->chats[i->room_at++].room);
        op->done = dropped;
        op->arg = i;
        room_submit(i->api->parts.rooms, op);
        return;
    }
    if (!drop_persona(i))
        import_answer(i);
}

void import_fail(struct import *i, const struct error *e)
{
    if (i->phase == IMPORT_DROPPING)
        return;
    i->phase = IMPORT_DROPPING;
    i->error = *e;
    timer_cancel(&i->timer);
    if (i->child)
        child_close(i->child);
    i->child = NULL;
    if (i->op)
        room_op_free(i->op);
    i->op = NULL;
    i->room_at = 0;
    i->who_at = 0;
    drop_next(i);
}
