/*
 * SillyTavern's chats (src/endpoints/chats.js, public/script.js: saveChat): JSON Lines, the first a head
 * {user_name, character_name, create_date, chat_metadata}, then a message a line {name, is_user, is_system,
 * mes, send_date, swipes, swipe_id, swipe_info, extra, ...}. Groups have the names of several characters.
 *
 * Swipes are the same message said otherwise. All of them become messages beside each other; the current one
 * is told last, so that what follows it, or nothing, stands behind it. A message that is hidden (is_system)
 * becomes a narrator's. `extra` of a message has every member but its text: {"sillytavern":{…}}; of another
 * swipe
 * {"sillytavern":{"swipe":N}}.
 */
#include "chat/inner.h"

#include <stdlib.h>

struct tavern {
    struct chat_reader *r;
    struct chat_lines lines;
    struct arena arena; /* of one line */
    uint64_t parent;
};

static void *open_tavern(struct chat_reader *r)
{
    struct tavern *t = heap_alloc(sizeof *t);
    t->r = r;
    return t;
}

static void close_tavern(void *state)
{
    struct tavern *t = state;
    arena_release(&t->arena);
    buf_release(&t->lines.rest);
    free(t);
}

static struct str extra_of(struct arena *a, const struct json *line, bool head)
{
    CLEANUP_BUF struct buf b = BUF_MAX(2 * CHAT_LINE_MAX);
    struct jw w = JW(&b);
    jw_object(&w);
    jw_key(&w, STR("sillytavern"));
    jw_object(&w);
    json_each (member, line) {
        if (!head && (str_eq(member->key, STR("mes")) || str_eq(member->key, STR("swipes"))))
            continue;
        jw_key(&w, member->key);
        jw_raw(&w, member->raw);
    }
    jw_end_object(&w);
    jw_end_object(&w);
    return arena_str(a, buf_str(&b));
}

static struct str known_name(struct str name)
{
    return str_eq(name, STR("unused")) ? STR_NONE : name; /* what newer versions write instead of names */
}

static void take_head(struct tavern *t, const struct json *line)
{
    struct chat_clock clock = chat_clock_of(t->r);
    struct chat_head head = {.user = known_name(json_get_str(line, "user_name", STR_NONE)),
                             .character = known_name(json_get_str(line, "character_name", STR_NONE)),
                             .at_ms = chat_json_when(json_get(line, "create_date"), &clock),
                             .extra = extra_of(&t->arena, line, true)};
    t->parent = 0;
    chat_begin(t->r, &head);
}

static enum err take_swipes(struct tavern *t, struct chat_message *m, const struct json *swipes,
                            size_t current, struct error *e)
{
    struct chat_reader *r = t->r;
    struct chat_message whole = *m;
    uint64_t first = 0;
    size_t at = 0;
    json_each (swipe, swipes) {
        size_t i = at++;
        if (i == current || swipe->type != JSON_STRING)
            continue;
        if (swipe->string.n > chat_message_max(r) || str_empty(str_trim(swipe->string))) {
            chat_skip(r, m->line, "Swipe %zu of the message is %s.", i + 1,
                      swipe->string.n > chat_message_max(r) ? "too long" : "empty");
            continue;
        }
        struct chat_message other = whole;
        other.text = swipe->string;
        other.retry_of = first;
        other.extra = arena_printf(&t->arena, "{\"sillytavern\":{\"swipe\":%zu}}", i);
        enum err err = chat_emit(r, &other, e);
        if (err)
            return err;
        first = first ? first : other.number;
    }
    m->retry_of = first;
    return ERR_OK;
}

static enum err take_message(struct tavern *t, const struct json *line, struct error *e)
{
    struct chat_reader *r = t->r;
    struct chat_clock clock = chat_clock_of(r);
    const struct json *mes = json_get(line, "mes"), *swipes = json_get(line, "swipes");
    if (!mes || mes->type != JSON_STRING) {
        chat_skip(r, t->lines.number, "The line has no text (\"mes\").");
        return ERR_OK;
    }
    if (!r->open)
        chat_begin(r, &(struct chat_head){0});
    bool user = json_get_bool(line, "is_user", false), hidden = json_get_bool(line, "is_system", false);
    struct chat_message m = {.role = hidden ? CHAT_NARRATOR
                                     : user ? CHAT_USER
                                            : CHAT_CHARACTER,
                             .name = json_get_str(line, "name", STR_NONE),
                             .text = mes->string,
                             .at_ms = chat_json_when(json_get(line, "send_date"), &clock),
                             .parent = t->parent,
                             .line = t->lines.number};
    if (m.text.n > chat_message_max(r)) {
        chat_skip(r, m.line, "The message has %zu bytes; at most %zu are taken.", m.text.n,
                  chat_message_max(r));
        return ERR_OK;
    }
    if (str_empty(str_trim(m.text))) {
        chat_skip(r, m.line, "The message is empty.");
        return ERR_OK;
    }
    if (swipes && swipes->type == JSON_ARRAY && swipes->count > 1) {
        int64_t current = json_get_i64(line, "swipe_id", 0);
        if (current < 0 || current >= swipes->count)
            current = 0;
        enum err err = take_swipes(t, &m, swipes, (size_t)current, e);
        if (err)
            return err;
    }
    m.extra = extra_of(&t->arena, line, false);
    enum err err = chat_emit(r, &m, e);
    t->parent = m.number;
    return err;
}

static enum err take_line(void *arg, struct str text, struct error *e)
{
    struct tavern *t = arg;
    struct json *line = NULL;
    struct error why = {0};
    enum err err = ERR_OK;
    if (str_empty(str_trim(text)))
        return ERR_OK;
    if (chat_json(&t->arena, text, &line, &why))
        chat_skip(t->r, t->lines.number, "The line is no JSON: %s", why.message);
    else if (line->type != JSON_OBJECT)
        chat_skip(t->r, t->lines.number, "The line is %s, not a message.", json_type_name(line->type));
    else if (!json_get(line, "mes") && (json_get(line, "user_name") || json_get(line, "character_name") ||
                                        json_get(line, "chat_metadata")))
        take_head(t, line);
    else
        err = take_message(t, line, e);
    arena_release(&t->arena);
    return err;
}

static enum err feed_tavern(void *state, struct str bytes, struct error *e)
{
    struct tavern *t = state;
    return chat_lines_feed(&t->lines, t->r, bytes, take_line, t, e);
}

static enum err finish_tavern(void *state, struct error *e)
{
    struct tavern *t = state;
    return chat_lines_end(&t->lines, t->r, take_line, t, e);
}

const struct chat_parser chat_reads_sillytavern = {open_tavern, feed_tavern, finish_tavern, close_tavern};
