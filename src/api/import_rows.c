/*
 * From a message of a file to a row of a room: its author, its time, what it answers; numbers of the file
 * become numbers of the room. See import.h.
 */
#include "api/import.h"

#include "base/clock.h"

#include <stdlib.h>

static struct event_row *row_new(struct import *i, enum event_kind kind) LOOP;
static struct event_row *row_new(struct import *i, enum event_kind kind)
{
    if (!i->op) {
        i->op = room_op_new(ROOM_IMPORT_ADD, &i->who, i->chat->room);
        i->op->rows = arena_array(&i->op->arena, struct event_row, IMPORT_BATCH);
    }
    struct event_row *row = &i->op->rows[i->op->row_count++];
    event_set_kind(row, kind);
    i->seq++;
    return row;
}

static uint64_t seq_of(const struct import *i, uint64_t number)
{
    return number && number <= i->numbered ? i->seqs[number - 1] : 0;
}

static void remember_number(struct import *i, struct id id)
{
    if (i->numbered == i->number_cap) {
        i->number_cap = i->number_cap ? i->number_cap * 2 : 1024;
        i->seqs = heap_realloc(i->seqs, i->number_cap * sizeof *i->seqs);
        i->ids = heap_realloc(i->ids, i->number_cap * sizeof *i->ids);
    }
    i->seqs[i->numbered] = i->seq;
    i->ids[i->numbered++] = id;
}

static void set_author(struct import *i, struct event_row *row, const struct chat_message *m)
{
    struct arena *a = &i->op->arena;
    const struct import_speaker *s = m->role == CHAT_CHARACTER || m->role == CHAT_SPEAKER
                                         ? import_speaker_of(i->chat, import_speaker_name(m))
                                         : NULL;
    if (m->role == CHAT_USER || (s && s->is_owner)) {
        row->author_type = AUTHOR_USER;
        row->author = i->who.user;
        row->author_name = !str_empty(m->name) ? arena_str(a, m->name)
                           : i->who.name[0]    ? arena_str(a, str_c(i->who.name))
                                               : STR("You");
    } else if (s && !s->nobody) {
        row->author_type = AUTHOR_PERSONA;
        row->author = s->who->persona;
        row->author_name = arena_str(a, s->who->called);
    } else {
        row->author_name = str_empty(m->name) ? STR("Note") : arena_str(a, m->name);
    }
}

static void kv_id(struct jw *w, const char *key, const struct import *i, uint64_t number)
{
    if (number && number <= i->numbered)
        jw_kv_string(w, key, str_c(id_text(i->ids[number - 1]).c));
    else
        jw_kv_null(w, key);
}

static struct str message_json(struct import *i, const struct event_row *row, const struct chat_message *m)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    jw_object(&w);
    jw_kv_string(&w, "id", str_c(id_text(row->ref).c));
    jw_kv_string(&w, "text", m->text);
    kv_id(&w, "reply_to", i, m->reply_to);
    if (m->retry_of)
        kv_id(&w, "retry_of", i, m->retry_of);
    if (!str_empty(m->extra)) {
        jw_kv_raw(&w, "imported", m->extra);
    } else if (!str_empty(m->name) && !str_eq(m->name, row->author_name)) {
        jw_key(&w, STR("imported"));
        jw_object(&w);
        jw_kv_string(&w, "name", m->name);
        jw_end_object(&w);
    }
    jw_end_object(&w);
    return arena_str(&i->op->arena, buf_str(&b));
}

/* A time the file does not say is put right after the last one it does. */
static int64_t time_of(struct import *i, const struct chat_message *m)
{
    int64_t fallback = i->last_ms ? i->last_ms + 1 : i->chat->at_ms ? i->chat->at_ms : clock_wall_ms();
    i->last_ms = m->at_ms > 0 ? m->at_ms : fallback;
    return i->last_ms;
}

void import_add_said(struct import *i, const struct chat_message *m)
{
    struct event_row *row = row_new(i, EVENT_MESSAGE);
    row->ref = id_new();
    row->at_ms = time_of(i, m);
    row->parent = seq_of(i, m->parent);
    set_author(i, row, m);
    row->data = message_json(i, row, m);
    remember_number(i, row->ref);
}

void import_add_change(struct import *i, const struct chat_message *m)
{
    bool edited = m->kind == CHAT_EDITED;
    if (!seq_of(i, m->number))
        return;
    struct event_row *row = row_new(i, edited ? EVENT_MESSAGE_EDITED : EVENT_MESSAGE_DELETED);
    row->at_ms = m->at_ms > 0 ? m->at_ms : clock_wall_ms();
    row->of = seq_of(i, m->number);
    set_author(i, row, m);
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    jw_object(&w);
    kv_id(&w, "of", i, m->number);
    if (edited)
        jw_kv_string(&w, "text", m->text);
    else
        jw_kv_bool(&w, "erased", false);
    jw_end_object(&w);
    row->data = arena_str(&i->op->arena, buf_str(&b));
}
