/*
 * Eidolon's own export: JSON Lines, the first a head {"eidolon":"chat","version":1,"room":{…},"members":[…]},
 * then one event a line, in the envelope of docs/API.md. Messages, edits and deletions are taken; the other
 * kinds (moods, turns, members) follow from what happens, and are counted in one line of the report.
 */
#include "chat/inner.h"

#include "base/clock.h"
#include "base/map.h"

#include <stdlib.h>

struct own {
    struct chat_reader *r;
    struct chat_lines lines;
    struct arena arena;
    struct map seqs, ids; /* of messages -> number */
    uint64_t others;      /* events of other kinds */
};

static void *open_own(struct chat_reader *r)
{
    struct own *o = heap_alloc(sizeof *o);
    o->r = r;
    return o;
}

static void close_own(void *state)
{
    struct own *o = state;
    map_release(&o->seqs);
    map_release(&o->ids);
    arena_release(&o->arena);
    buf_release(&o->lines.rest);
    free(o);
}

static void remember(struct map *map, struct str key, uint64_t number)
{
    if (!str_empty(key))
        map_set(map, key, (void *)(uintptr_t)number);
}

static uint64_t number_of(const struct map *map, struct str key)
{
    return str_empty(key) ? 0 : (uint64_t)(uintptr_t)map_get(map, key);
}

static void take_head(struct own *o, const struct json *line)
{
    const struct json *room = json_get(line, "room"), *members = json_get(line, "members");
    struct chat_head head = {.title = json_get_str(room, "title", STR_NONE)};
    clock_parse(json_get_str(room, "created_at", STR_NONE), &head.at_ms);
    struct chat_member list[CHAT_MEMBERS_MAX];
    if (members && members->type == JSON_ARRAY) {
        json_each (m, members) {
            if (str_eq(json_get_str(m, "type", STR_NONE), STR("user")))
                head.user = json_get_str(m, "name", STR_NONE);
            else if (head.member_count < CHAT_MEMBERS_MAX)
                list[head.member_count++] =
                    (struct chat_member){json_get_str(m, "name", STR_NONE), json_get_str(m, "slug", STR_NONE),
                                         json_get_str(m, "id", STR_NONE)};
        }
    }
    head.members = list;
    map_release(&o->seqs);
    map_release(&o->ids);
    chat_begin(o->r, &head);
}

static struct str extra_of(const struct json *data)
{
    const struct json *imported = json_get(data, "imported");
    return imported && imported->type == JSON_OBJECT ? imported->raw : STR_NONE;
}

static void take_author(const struct json *line, struct chat_message *m)
{
    const struct json *author = json_get(line, "author");
    struct str type = json_get_str(author, "type", STR_NONE);
    m->role = str_eq(type, STR("user"))      ? CHAT_USER
              : str_eq(type, STR("persona")) ? CHAT_CHARACTER
                                             : CHAT_NARRATOR;
    m->name = json_get_str(author, "name", STR_NONE);
    clock_parse(json_get_str(line, "at", STR_NONE), &m->at_ms);
}

static struct str raw_of(const struct json *object, const char *key)
{
    const struct json *value = json_get(object, key);
    return value && value->type == JSON_NUMBER ? value->raw : STR_NONE;
}

static enum err take_message(struct own *o, const struct json *line, const struct json *data, struct error *e)
{
    struct chat_message m = {.text = json_get_str(data, "text", STR_NONE), .line = o->lines.number};
    take_author(line, &m);
    if (str_empty(str_trim(m.text)) || m.text.n > chat_message_max(o->r)) {
        chat_skip(o->r, m.line,
                  m.text.n ? "The message is empty or too long."
                           : "The message was forgotten; only its place was left.");
        return ERR_OK;
    }
    m.parent = number_of(&o->seqs, raw_of(line, "parent"));
    m.retry_of = number_of(&o->ids, json_get_str(data, "retry_of", STR_NONE));
    m.reply_to = number_of(&o->ids, json_get_str(data, "reply_to", STR_NONE));
    m.extra = extra_of(data);
    if (!o->r->open)
        chat_begin(o->r, &(struct chat_head){0});
    enum err err = chat_emit(o->r, &m, e);
    remember(&o->seqs, raw_of(line, "seq"), m.number);
    remember(&o->ids, json_get_str(data, "id", STR_NONE), m.number);
    return err;
}

static enum err take_change(struct own *o, const struct json *line, const struct json *data, bool edited,
                            struct error *e)
{
    struct chat_message m = {.kind = edited ? CHAT_EDITED : CHAT_DELETED, .line = o->lines.number};
    m.number = number_of(&o->ids, json_get_str(data, "of", STR_NONE));
    m.text = json_get_str(data, "text", STR_NONE);
    take_author(line, &m);
    if (!m.number || (edited && (str_empty(m.text) || m.text.n > chat_message_max(o->r)))) {
        chat_skip(o->r, m.line, "The %s names no message of this file.", edited ? "edit" : "deletion");
        return ERR_OK;
    }
    return chat_emit(o->r, &m, e);
}

static enum err take_line(void *arg, struct str text, struct error *e)
{
    struct own *o = arg;
    struct json *line = NULL;
    struct error why = {0};
    enum err err = ERR_OK;
    if (str_empty(str_trim(text)))
        return ERR_OK;
    if (chat_json(&o->arena, text, &line, &why)) {
        chat_skip(o->r, o->lines.number, "The line is no JSON: %s", why.message);
    } else {
        struct str kind = json_get_str(line, "kind", STR_NONE);
        const struct json *data = json_get(line, "data");
        if (json_get(line, "eidolon"))
            take_head(o, line);
        else if (str_eq(kind, STR("message")))
            err = take_message(o, line, data, e);
        else if (str_eq(kind, STR("message.edited")) || str_eq(kind, STR("message.deleted")))
            err = take_change(o, line, data, str_eq(kind, STR("message.edited")), e);
        else
            o->others++;
    }
    arena_release(&o->arena);
    return err;
}

static enum err feed_own(void *state, struct str bytes, struct error *e)
{
    struct own *o = state;
    return chat_lines_feed(&o->lines, o->r, bytes, take_line, o, e);
}

static enum err finish_own(void *state, struct error *e)
{
    struct own *o = state;
    enum err err = chat_lines_end(&o->lines, o->r, take_line, o, e);
    if (!err && o->others)
        chat_skip(
            o->r, 0,
            "%llu events of other kinds (members, turns, moods, ...) are no messages; they were left out.",
            (unsigned long long)o->others);
    return err;
}

const struct chat_parser chat_reads_own = {open_own, feed_own, finish_own, close_own};
