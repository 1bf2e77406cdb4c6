/*
 * One message and its answer: `echo hi | eidolon chat mia`, `eidolon chat mia -m hi`.
 *
 * The message is posted with Accept: text/event-stream, so the answer is its own stream, which ends with the
 * turns that the message caused. With one persona its words are printed as they come; with several, each
 * message when it is whole, after its author's name. Plain text, made harmless. The exit code says whether
 * there was an answer.
 */
#include "app/chat.h"

#include "base/utf8.h"
#include "term/text.h"

#include <unistd.h>

struct once {
    struct chat *chat;
    struct sse sse;
    struct buf error_body;
    bool over, failed, gone, single;
    unsigned answers;
    int64_t next_index; /* of the next piece */
    int status;
    struct error error;
    char turn[CHAT_ID];
    struct buf printed; /* of the message that is being printed */
};

static void print(struct once *o, struct str text)
{
    CLEANUP_BUF struct buf clean = BUF_INIT;
    text_clean(&clean, text);
    if (!term_write(STDOUT_FILENO, buf_str(&clean)))
        o->gone = true;
}

static void whole_message(struct once *o, const struct json *event)
{
    const struct json *author = json_get(event, "author");
    struct str text = json_get_str(json_get(event, "data"), "text", STR_NONE), printed = buf_str(&o->printed);
    if (!str_eq(json_get_str(author, "type", STR_NONE), STR("persona")))
        return;
    if (!o->single) {
        CLEANUP_BUF struct buf head = BUF_INIT;
        buf_printf(&head, "%s%.*s: ", o->answers ? "\n" : "",
                   STR_ARG(json_get_str(author, "name", STR_NONE)));
        print(o, buf_str(&head));
    }
    /* What was streamed is its beginning; if it is not, the whole of it comes on a line of its own. */
    if (!str_starts(text, printed)) {
        print(o, STR("\n"));
        printed.n = 0;
    }
    print(o, str_from(text, printed.n));
    print(o, STR("\n"));
    buf_clear(&o->printed);
    o->next_index = 0;
    o->answers++;
}

/* A piece of the answer, or all of it so far; what a snapshot had already does not come again. */
static void piece(struct once *o, const struct json *data, bool snapshot)
{
    struct str text = json_get_str(data, "text", STR_NONE);
    int64_t index = json_get_i64(data, "index", 0);
    if (snapshot && str_starts(text, buf_str(&o->printed)))
        text = str_from(text, o->printed.n);
    else if (index < o->next_index)
        return;
    o->next_index = snapshot ? index : index + 1;
    buf_add(&o->printed, text);
    print(o, text);
}

static void ended(struct once *o, const struct json *data)
{
    struct str outcome = json_get_str(data, "outcome", STR_NONE);
    const struct json *error = json_get(data, "error");
    if (str_eq(outcome, STR("done")))
        return;
    if (o->printed.n)
        print(o, STR("\n"));
    o->failed = true;
    if (str_eq(outcome, STR("cancelled")))
        error_set(&o->error, ERR_CANCELLED, "The answer was stopped.");
    else
        error_set(&o->error, ERR_UNAVAILABLE, "%.*s",
                  STR_ARG(json_get_str(error, "message", STR("The answer failed; try again."))));
}

static bool on_event(void *arg, struct str name, struct str data)
{
    struct once *o = arg;
    struct arena arena = ARENA_INIT;
    struct json *event = NULL;
    (void)name;
    if (json_parse(&arena, data, &event, NULL) == ERR_OK) {
        struct str kind = json_get_str(event, "kind", STR_NONE);
        const struct json *body = json_get(event, "data");
        if (str_eq(kind, STR("turn.started")))
            str_copy(o->turn, sizeof o->turn, json_get_str(event, "turn", STR_NONE));
        if (o->chat->json) {
            o->gone = !term_write(STDOUT_FILENO, data) || !term_write(STDOUT_FILENO, STR("\n"));
            o->answers += str_eq(kind, STR("message")) &&
                          str_eq(json_get_str(json_get(event, "author"), "type", STR_NONE), STR("persona"));
        } else if (str_eq(kind, STR("delta")) && o->single) {
            piece(o, body, false);
        } else if (str_eq(kind, STR("turn.snapshot")) && o->single) {
            piece(o, body, true);
        } else if (str_eq(kind, STR("message"))) {
            whole_message(o, event);
        }
        if (str_eq(kind, STR("turn.ended")))
            ended(o, body);
    }
    arena_release(&arena);
    return true;
}

static void on_data(void *arg, int status, struct str bytes)
{
    struct once *o = arg;
    if (status < 400)
        sse_feed(&o->sse, bytes);
    else
        buf_add(&o->error_body, bytes);
}

static void on_end(void *arg, int status, const struct error *e)
{
    struct once *o = arg;
    o->over = true;
    o->status = status;
    if (e) {
        o->failed = true;
        o->error = *e;
    } else if (status >= 400) {
        o->failed = true;
        client_error(status, buf_str(&o->error_body), &o->error);
    }
}

static void cancel(struct once *o)
{
    CLEANUP_BUF struct buf path = BUF_INIT;
    while (client_signal(o->chat->act.client)) {
    }
    if (o->turn[0]) {
        buf_printf(&path, "/api/rooms/%s/turns/%s/cancel", o->chat->room->id, o->turn);
        client_send(o->chat->act.client, "POST", buf_str(&path), STR("{}"), NULL, NULL);
    }
    o->failed = true;
    error_set(&o->error, ERR_CANCELLED, "Interrupted; the answer was stopped.");
}

/* The room is opened without being followed: its own stream brings all that is wanted. */
static bool choose(struct chat *c)
{
    const struct options *options = &c->act.options;
    if (!chat_choose(c, options->operand_count ? options->operands[0] : NULL))
        return false;
    if (c->room->stream)
        client_cancel(c->act.client, c->room->stream);
    c->room->stream = 0;
    return true;
}

static void converse(struct once *o, struct str body)
{
    static const struct client_events events = {on_data, on_end};
    struct chat *c = o->chat;
    CLEANUP_BUF struct buf path = BUF_INIT;
    chat_room_path(&path, c->room, "/messages");
    struct client_request request = {
        .path = buf_str(&path), .body = body, .accept = "text/event-stream", .stream = true};
    uint64_t id = client_start(c->act.client, &request, &events, o, &o->error);
    o->failed = !id;
    while (id && !o->over) {
        client_pump(c->act.client, -1, NULL, 0);
        if (!o->over && (client_interrupted(c->act.client) || o->gone)) {
            client_cancel(c->act.client, id);
            cancel(o);
            break;
        }
    }
}

int chat_once(struct chat *c, struct str text)
{
    CLEANUP_BUF struct buf body = BUF_INIT;
    struct once once = {.chat = c};
    struct error e = {0};
    if (str_empty(text)) {
        fprintf(stderr, "eidolon: nothing was said; give a text by -m or by a pipe.\n");
        return c->act.code = EX_USAGE;
    }
    if (!utf8_valid(text)) {
        fprintf(stderr, "eidolon: the text is not UTF-8.\n");
        return c->act.code = EX_DATAERR;
    }
    c->silent = true;
    if (!choose(c))
        return c->act.code;
    struct jw w = JW(&body);
    jw_object(&w);
    jw_kv_string(&w, "text", text);
    jw_end_object(&w);
    once.single = c->room->persona_count == 1;
    sse_init(&once.sse, on_event, &once);
    converse(&once, buf_str(&body));
    sse_release(&once.sse);
    buf_release(&once.error_body);
    buf_release(&once.printed);
    if (!once.failed && !once.answers) {
        once.failed = true;
        error_set(&once.error, ERR_UNAVAILABLE,
                  "Nobody answered: the room is %s; /state start in a chat changes that.", c->room->state);
    }
    e = once.error;
    if (once.failed)
        act_fail(&c->act, &e);
    return c->act.code;
}
