/*
 * OpenAI's conversations export: conversations.json, an array of conversations {title, create_time, mapping:
 * {node: {id, parent, children, message}}, current_node, ...}. A node's message is {author:{role, name},
 * content: {content_type, parts}, create_time, ...}; nodes without a message, and those that were hidden,
 * only hold the tree together. Also taken: {"messages":[{"role","content"}]} as the API has it, alone, in an
 * array, or an array of such messages; and {"chat_messages":[{"sender","text"}]}.
 *
 * The document is cut (cut.h) down to single nodes, which are kept until their conversation ends; then they
 * are told in the order of their times, parents before children, the branch that was current last. A node's
 * second child of the same side stands beside the first.
 */
#include "chat/cut.h"
#include "chat/inner.h"

#include "base/map.h"
#include "base/utf8.h"

#include <stdlib.h>

struct node {
    struct str id, parent_id, name, text, extra;
    struct node *parent, *first_child; /* first_child: the first that was told */
    enum chat_role role;
    int64_t at_ms;
    uint64_t line, number;
    size_t order, walk;      /* walk: that met it first while loops were looked for */
    bool spoken, told, last; /* last: on the current branch */
};

enum place { IN_NOTHING, IN_LIST, IN_CHAT, IN_MAPPING, IN_MESSAGES };

struct openai {
    struct chat_reader *r;
    struct chat_clock clock;
    struct cut cut;
    enum place places[CUT_DEPTH + 1];
    struct arena chat; /* what is known of the conversation under way */
    struct str title, current, role, content;
    int64_t at_ms;
    struct node **nodes;
    size_t count, cap;
    struct map by_id;
    bool loose; /* messages that lie in the list itself, without a conversation */
    struct buf extra;
    enum err err; /* of what happened in leave() */
    struct error error;
};

static const struct cut_taker taker;

static void *open_openai(struct chat_reader *r)
{
    struct openai *o = heap_alloc(sizeof *o);
    o->r = r;
    o->clock = chat_clock_of(r);
    o->cut = (struct cut){.taker = &taker, .arg = o, .value_max = CHAT_LINE_MAX};
    o->extra = BUF_MAX(CHAT_LINE_MAX);
    return o;
}

static void forget_chat(struct openai *o)
{
    arena_release(&o->chat);
    map_release(&o->by_id);
    o->by_id = MAP_INIT;
    o->nodes = NULL;
    o->count = o->cap = 0;
    o->title = o->current = o->role = o->content = STR_NONE;
    o->at_ms = 0;
    buf_clear(&o->extra);
}

static void close_openai(void *state)
{
    struct openai *o = state;
    forget_chat(o);
    buf_release(&o->extra);
    cut_release(&o->cut);
    free(o);
}

/* ---- one message ---- */

static void add_part(struct buf *to, struct str part)
{
    if (str_empty(part))
        return;
    if (to->n)
        buf_add(to, STR("\n\n"));
    buf_add(to, part);
}

static void add_parts(struct buf *to, const struct json *parts)
{
    json_each (part, parts) {
        if (part->type == JSON_STRING)
            add_part(to, part->string);
        else if (json_get(part, "text"))
            add_part(to, json_get_str(part, "text", STR_NONE));
        else if (json_get(part, "asset_pointer") ||
                 str_starts(json_get_str(part, "type", STR_NONE), STR("image")))
            add_part(to, STR("[image]"));
    }
}

static void text_of(struct buf *to, const struct json *message)
{
    const struct json *content = json_get(message, "content"), *parts = json_get(content, "parts");
    if (content && content->type == JSON_STRING)
        add_part(to, content->string);
    else if (content && content->type == JSON_ARRAY)
        add_parts(to, content);
    else if (parts && parts->type == JSON_ARRAY)
        add_parts(to, parts);
    else if (content)
        add_part(to, json_get_str(content, "text", json_get_str(content, "result", STR_NONE)));
    if (!to->n)
        add_part(to, json_get_str(message, "text", STR_NONE));
}

/* True if it is said to somebody who reads the chat; else why not, or NULL if there is nothing to lose. */
static bool spoken(const struct json *message, struct str role, const char **why)
{
    struct str type = json_get_str(json_get(message, "content"), "content_type", STR("text"));
    struct str to = json_get_str(message, "recipient", STR("all"));
    *why = NULL;
    if (json_get_bool(json_get(message, "metadata"), "is_visually_hidden_from_conversation", false))
        *why = "The message was hidden in the conversation.";
    else if (str_eq(role, STR("tool")))
        *why = "The message is a tool's, not somebody's.";
    else if (!str_eq(to, STR("all")))
        *why = "The message is said to a tool, not to somebody.";
    else if (str_eq(type, STR("thoughts")) || str_eq(type, STR("reasoning_recap")))
        *why = "The message is a model's thinking, not its answer.";
    return !*why;
}

static enum chat_role role_of(struct str role)
{
    if (str_eq(role, STR("user")) || str_eq(role, STR("human")))
        return CHAT_USER;
    return str_eq(role, STR("system")) || str_eq(role, STR("developer")) ? CHAT_NARRATOR : CHAT_CHARACTER;
}

static void add_node(struct openai *o, struct node node)
{
    if (o->chat.total > CHAT_TREE_MAX) {
        chat_skip(o->r, o->cut.line, "The conversation is too large; the rest of it is left out.");
        return;
    }
    if (o->count == o->cap) {
        size_t cap = o->cap ? o->cap * 2 : 64;
        struct node **grown = arena_array(&o->chat, struct node *, cap);
        if (o->count)
            memcpy(grown, o->nodes, o->count * sizeof *grown);
        o->nodes = grown;
        o->cap = cap;
    }
    struct node *kept = arena_new(&o->chat, struct node);
    *kept = node;
    kept->order = o->count;
    o->nodes[o->count++] = kept;
    if (!str_empty(kept->id))
        map_set(&o->by_id, kept->id, kept);
}

static struct str extra_of(struct openai *o, const struct json *message, struct str id)
{
    CLEANUP_BUF struct buf b = BUF_MAX(CHAT_LINE_MAX);
    struct jw w = JW(&b);
    jw_object(&w);
    jw_key(&w, STR("openai"));
    jw_object(&w);
    if (!str_empty(id) && !json_get(message, "id"))
        jw_kv_string(&w, "id", id);
    json_each (member, message) {
        if (str_eq(member->key, STR("content")) || str_eq(member->key, STR("text")) ||
            member->type == JSON_NULL)
            continue;
        jw_key(&w, member->key);
        jw_raw(&w, member->raw);
    }
    jw_end_object(&w);
    jw_end_object(&w);
    return arena_str(&o->chat, buf_str(&b));
}

static void fill_node(struct openai *o, struct node *n, const struct json *message)
{
    const struct json *author = json_get(message, "author");
    struct str role = json_get_str(author, "role",
                                   json_get_str(message, "role", json_get_str(message, "sender", STR_NONE)));
    CLEANUP_BUF struct buf text = BUF_MAX(CHAT_LINE_MAX);
    const char *why;
    text_of(&text, message);
    if (str_empty(str_trim(buf_str(&text))))
        return;
    if (!spoken(message, role, &why)) {
        chat_skip(o->r, o->cut.line, "%s", why);
        return;
    }
    if (text.n > chat_message_max(o->r)) {
        chat_skip(o->r, o->cut.line, "The message has %zu bytes; at most %zu are taken.", text.n,
                  chat_message_max(o->r));
        return;
    }
    n->spoken = true;
    n->role = role_of(role);
    n->name = arena_str(&o->chat, json_get_str(author, "name", json_get_str(message, "name", STR_NONE)));
    if (str_empty(n->name) && n->role == CHAT_CHARACTER)
        n->name =
            str_eq(role, STR("assistant")) && json_get(message, "sender") ? STR("Assistant") : STR("ChatGPT");
    n->text = arena_str(&o->chat, buf_str(&text));
    const struct json *at = json_get(message, "create_time");
    n->at_ms = chat_json_when(at ? at : json_get(message, "created_at"), &o->clock);
    n->extra = extra_of(o, message, n->id);
}

static enum err take_node(struct openai *o, struct str key, struct str text, struct error *e)
{
    struct arena a = ARENA_INIT;
    struct json *value = NULL;
    struct error why = {0};
    (void)e;
    if (chat_json(&a, text, &value, &why)) {
        chat_skip(o->r, o->cut.line, "The message is no JSON: %s", why.message);
    } else {
        struct node n = {.line = o->cut.line, .id = arena_str(&o->chat, json_get_str(value, "id", key))};
        n.parent_id = arena_str(&o->chat, json_get_str(value, "parent", STR_NONE));
        const struct json *message = json_get(value, "message");
        if (message && message->type == JSON_OBJECT)
            fill_node(o, &n, message);
        add_node(o, n);
    }
    arena_release(&a);
    return ERR_OK;
}

/* A message of a plain list: it follows the one before it. */
static enum err take_plain(struct openai *o, struct str text)
{
    struct arena a = ARENA_INIT;
    struct json *value = NULL;
    struct error why = {0};
    if (chat_json(&a, text, &value, &why)) {
        chat_skip(o->r, o->cut.line, "The message is no JSON: %s", why.message);
    } else if (value->type == JSON_OBJECT) {
        struct node n = {.line = o->cut.line};
        fill_node(o, &n, value);
        size_t before = o->count;
        add_node(o, n);
        if (o->count > before && before)
            o->nodes[before]->parent = o->nodes[before - 1];
        if (o->count > before)
            o->nodes[before]->at_ms = n.at_ms;
    }
    arena_release(&a);
    return ERR_OK;
}

/* ---- one conversation ---- */

static int by_time(const void *a, const void *b)
{
    const struct node *x = *(const struct node *const *)a, *y = *(const struct node *const *)b;
    if (x->last != y->last)
        return x->last ? 1 : -1;
    if (x->at_ms && y->at_ms && x->at_ms != y->at_ms)
        return x->at_ms < y->at_ms ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

/* The nearest node above that is somebody's message, and told already. */
static struct node *above(const struct node *n)
{
    struct node *p = n->parent;
    while (p && !p->spoken)
        p = p->parent;
    return p;
}

static enum err tell(struct openai *o, struct node *n, struct error *e)
{
    struct node *p = above(n);
    struct chat_message m = {.role = n->role,
                             .name = n->name,
                             .text = n->text,
                             .at_ms = n->at_ms,
                             .parent = p ? p->number : 0,
                             .line = n->line,
                             .extra = n->extra};
    if (p && p->first_child && p->first_child->role == n->role)
        m.retry_of = p->first_child->number;
    enum err err = chat_emit(o->r, &m, e);
    n->number = m.number;
    n->told = true;
    if (p && !p->first_child)
        p->first_child = n;
    return err;
}

/* A node with all that stands above it, the highest first. Loops among parents are cut where they close. */
static enum err tell_branch(struct openai *o, struct node *n, struct node **stack, struct error *e)
{
    size_t depth = 0;
    enum err err = ERR_OK;
    for (struct node *p = n; p && !p->told && depth < o->count; p = p->parent) {
        p->told = true;
        stack[depth++] = p;
    }
    while (depth-- && !err) {
        if (stack[depth]->spoken)
            err = tell(o, stack[depth], e);
    }
    return err;
}

static void link_nodes(struct openai *o)
{
    for (size_t i = 0; i < o->count; i++) {
        struct node *n = o->nodes[i];
        struct node *parent = str_empty(n->parent_id) ? NULL : map_get(&o->by_id, n->parent_id);
        if (parent && parent != n)
            n->parent = parent;
    }
    struct node *n = str_empty(o->current) ? NULL : map_get(&o->by_id, o->current);
    for (size_t guard = 0; n && guard < o->count; guard++, n = n->parent)
        n->last = true;
    /* What hangs in a loop has no beginning: it is cut open where the loop closes. */
    for (size_t i = 0; i < o->count; i++) {
        n = o->nodes[i];
        while (!n->walk && n->parent) {
            n->walk = i + 1;
            n = n->parent;
        }
        if (n->walk == i + 1)
            n->parent = NULL;
    }
}

static enum err end_chat(struct openai *o, struct error *e)
{
    struct chat_head head = {.title = o->title, .at_ms = o->at_ms};
    enum err err = ERR_OK;
    bool any = false;
    link_nodes(o);
    for (size_t i = 0; i < o->count; i++)
        any |= o->nodes[i]->spoken;
    if (any) {
        if (o->extra.n)
            head.extra = arena_printf(&o->chat, "{\"openai\":{%.*s}}", STR_ARG(buf_str(&o->extra)));
        chat_begin(o->r, &head);
        /* Other branches first, by time; the current one stands last, so that the chat goes on from it. */
        struct node **stack = arena_array(&o->chat, struct node *, o->count), *leaf = NULL;
        struct node **sorted = arena_array(&o->chat, struct node *, o->count);
        memcpy(sorted, o->nodes, o->count * sizeof *sorted);
        qsort(sorted, o->count, sizeof *sorted, by_time);
        for (size_t i = 0; i < o->count && !err; i++) {
            if (sorted[i]->told)
                continue;
            leaf = sorted[i];
            err = tell_branch(o, leaf, stack, e);
        }
        chat_end(o->r);
    } else if (o->count) {
        chat_skip(o->r, o->cut.line, "The conversation '%.*s' has no message.",
                  STR_ARG(str_sub(o->title, 0, 80)));
    }
    forget_chat(o);
    return err;
}

/* ---- the document ---- */

static bool enter(void *arg, unsigned depth, struct str key, bool object)
{
    struct openai *o = arg;
    enum place in = depth ? o->places[depth] : IN_NOTHING, to = IN_NOTHING;
    if (in == IN_NOTHING)
        to = object ? IN_CHAT : IN_LIST;
    else if (in == IN_LIST && object)
        to = IN_CHAT;
    else if (in == IN_CHAT && object && str_eq(key, STR("mapping")))
        to = IN_MAPPING;
    else if (in == IN_CHAT && !object && (str_eq(key, STR("messages")) || str_eq(key, STR("chat_messages"))))
        to = IN_MESSAGES;
    else if (in == IN_CHAT && depth == 1 && !object &&
             (str_eq(key, STR("conversations")) || str_eq(key, STR("data"))))
        to = IN_LIST;
    if (to == IN_NOTHING)
        return false;
    o->places[depth + 1] = to;
    return true;
}

static void loose_message(struct openai *o)
{
    struct node n = {
        .line = o->cut.line, .spoken = !str_empty(o->content), .role = role_of(o->role), .text = o->content};
    n.name = n.role == CHAT_CHARACTER ? STR("ChatGPT") : STR_NONE;
    size_t before = o->count;
    add_node(o, n);
    if (o->count > before && before)
        o->nodes[before]->parent = o->nodes[before - 1];
    o->role = o->content = STR_NONE;
    o->loose = true;
    buf_clear(&o->extra);
}

static void leave(void *arg, unsigned depth)
{
    struct openai *o = arg;
    if (o->err)
        return;
    enum place was = o->places[depth + 1];
    if (was == IN_CHAT && !str_empty(o->role) && !str_empty(o->content))
        loose_message(o);
    else if ((was == IN_CHAT && !(o->loose && o->count && depth)) || (was == IN_LIST && o->loose)) {
        o->loose = false;
        o->err = end_chat(o, &o->error);
    }
}

static void chat_member(struct openai *o, struct str key, struct str text)
{
    struct arena a = ARENA_INIT;
    struct json *value = NULL;
    if (chat_json(&a, text, &value, NULL) == ERR_OK) {
        struct str string = value->type == JSON_STRING ? arena_str(&o->chat, value->string) : STR_NONE;
        if (str_eq(key, STR("title")) || str_eq(key, STR("name")))
            o->title = string;
        else if (str_eq(key, STR("current_node")))
            o->current = string;
        else if (str_eq(key, STR("role")))
            o->role = string;
        else if (str_eq(key, STR("content")) && value->type == JSON_STRING)
            o->content = string.n <= chat_message_max(o->r) ? string : STR_NONE;
        else if (str_eq(key, STR("create_time")) || str_eq(key, STR("created_at")))
            o->at_ms = chat_json_when(value, &o->clock);
        else if (o->extra.n + key.n + text.n + 8 < CHAT_MESSAGE_MAX && utf8_valid(key))
            buf_printf(&o->extra, "%s\"%.*s\":%.*s", o->extra.n ? "," : "", STR_ARG(key),
                       STR_ARG(value->raw));
    }
    arena_release(&a);
}

static enum err take_value(void *arg, unsigned depth, struct str key, struct str text, struct error *e)
{
    struct openai *o = arg;
    if (o->err) {
        if (e)
            *e = o->error;
        return o->err;
    }
    switch (depth ? o->places[depth] : IN_NOTHING) {
    case IN_MAPPING:
        return take_node(o, key, text, e);
    case IN_MESSAGES:
        return take_plain(o, text);
    case IN_CHAT:
        chat_member(o, key, text);
        return ERR_OK;
    case IN_LIST:
    case IN_NOTHING:
        chat_skip(o->r, o->cut.line, "Something stands here that is no conversation.");
    }
    return ERR_OK;
}

static void too_long(void *arg, unsigned depth, struct str key)
{
    struct openai *o = arg;
    (void)depth;
    chat_skip(o->r, o->cut.line, "'%.*s' is longer than %zu bytes.", STR_ARG(str_sub(key, 0, 80)),
              CHAT_LINE_MAX);
}

static const struct cut_taker taker = {
    .enter = enter, .leave = leave, .value = take_value, .too_long = too_long};

static enum err feed_openai(void *state, struct str bytes, struct error *e)
{
    struct openai *o = state;
    enum err err = cut_feed(&o->cut, bytes, e);
    if (!err && o->err && e)
        *e = o->error;
    return err ? err : o->err;
}

static enum err finish_openai(void *state, struct error *e)
{
    struct openai *o = state;
    enum err err = cut_finish(&o->cut, e);
    if (!err && !o->err && o->count) /* a message alone */
        err = end_chat(o, e);
    if (!err && o->err && e)
        *e = o->error;
    return err ? err : o->err;
}

const struct chat_parser chat_reads_openai = {open_openai, feed_openai, finish_openai, close_openai};
