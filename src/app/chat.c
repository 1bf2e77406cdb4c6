/* `eidolon chat`: begins, reads lines, waits for what happens meanwhile, ends. See chat.h. */
#include "app/chat.h"

#include "term/text.h"

#include <stdlib.h>
#include <unistd.h>

enum { PIPE_MAX = 1 << 20 };

/* ---- saying ---- */

bool chat_request(struct chat *c, const char *method, const char *rest, struct str body,
                  struct client_answer *out)
{
    CLEANUP_BUF struct buf path = BUF_INIT;
    struct error e = {0};
    chat_room_path(&path, c->room, rest);
    enum err err = client_send(c->act.client, method, buf_str(&path), body, out, &e);
    if (err != ERR_OK)
        view_wrong(c, str_c(e.message));
    return err == ERR_OK;
}

bool chat_say(struct chat *c, struct str text)
{
    CLEANUP_BUF struct buf body = BUF_INIT;
    struct client_answer answer;
    struct jw w = JW(&body);
    struct id id = id_new();
    jw_object(&w);
    jw_kv_string(&w, "text", text);
    /* Ours, so that a message that goes twice because the answer was lost is stored once. */
    jw_kv_string(&w, "id", str_c(id_text(id).c));
    jw_end_object(&w);
    c->posting = true;
    bool ok = chat_request(c, "POST", "/messages", buf_str(&body), &answer);
    c->posting = false;
    if (ok) {
        struct str said =
            json_get_str(answer.json, "id", json_get_str(json_get(answer.json, "data"), "id", STR_NONE));
        chat_remember_own(c, said);
        str_copy(c->room->last_own, CHAT_ID, said);
    } else if (c->line) {
        line_preset(c->line, text);
    }
    chat_unstash(c);
    answer_release(&answer);
    return ok;
}

static void cancel_end(void *arg, int status, const struct error *e)
{
    (void)arg;
    (void)status;
    (void)e;
}

void chat_cancel(struct chat *c)
{
    static const struct client_events events = {NULL, cancel_end};
    for (struct chat_turn *t = c->turns; t; t = t->next) {
        CLEANUP_BUF struct buf path = BUF_INIT;
        buf_printf(&path, "/api/rooms/%s/turns/%s/cancel", c->room->id, t->id);
        client_start(c->act.client, &(struct client_request){.path = buf_str(&path), .body = STR("{}")},
                     &events, NULL, NULL);
    }
}

/* ---- waiting ---- */

/* What the signals that came ask for; LINE_INPUT: nothing that ends the waiting. */
static enum line_wait look_at_signals(struct chat *c)
{
    for (int signal; (signal = client_signal(c->act.client));) {
        if (signal == SIGWINCH || signal == SIGCONT) {
            if (c->line && signal == SIGWINCH)
                line_resized(c->line);
            else if (c->line)
                line_continued(c->line);
            c->changed = true;
        } else if (signal != SIGINT) {
            c->leaving = true;
            return LINE_STOP;
        } else if (c->turns) {
            chat_cancel(c);
        } else if (c->line && !line_empty(c->line)) {
            return LINE_CLEAR;
        } else {
            c->leaving = true;
            return LINE_STOP;
        }
    }
    return LINE_INPUT;
}

static enum line_wait wait_for_input(void *arg)
{
    struct chat *c = arg;
    for (;;) {
        struct curl_waitfd in = {.fd = STDIN_FILENO, .events = CURL_WAIT_POLLIN};
        enum line_wait what = look_at_signals(c);
        if (what != LINE_INPUT)
            return what;
        view_draw(c, false);
        int wait_ms = view_wait_ms(c);
        for (unsigned i = 0; i < c->room_count; i++)
            if (!c->rooms[i]->stream && !c->rooms[i]->refused && wait_ms > 100)
                wait_ms = 100;
        client_pump(c->act.client, wait_ms, &in, 1);
        chat_retry(c);
        if (in.revents)
            return LINE_INPUT;
    }
}

/* Signals that came while a command ran were about that command. */
static void forget_signals(struct chat *c)
{
    for (int signal; (signal = client_signal(c->act.client));)
        if (signal == SIGTERM || signal == SIGHUP)
            c->leaving = true;
}

/* ---- lines ---- */

static void take_line(struct chat *c, struct str text)
{
    bool command = str_starts(text, STR("/")) && !str_starts(text, STR("//"));
    if (str_starts(text, STR("//")))
        text = str_from(text, 1);
    view_take_line(c, str_trim(text));
    if (str_empty(str_trim(text)))
        return;
    if (command)
        chat_command(c, str_trim(text));
    else
        chat_say(c, str_trim(text));
    forget_signals(c);
    view_draw(c, true);
}

/* Without a moving cursor: lines as the terminal itself edits them. False at the end. */
static bool read_plainly(struct chat *c, struct buf *keys, struct buf *out)
{
    buf_clear(out);
    for (;;) {
        size_t end = str_find_char(buf_str(keys), '\n');
        if (end != SIZE_MAX) {
            buf_add(out, str_sub(buf_str(keys), 0, end));
            buf_drop(keys, end + 1);
            if (!str_ends(buf_str(out), STR("\\")))
                return true;
            out->p[out->n - 1] = '\n';
            continue;
        }
        if (wait_for_input(c) == LINE_STOP)
            return false;
        char piece[4096];
        ssize_t n = read(STDIN_FILENO, piece, sizeof piece);
        if (n <= 0)
            return false;
        buf_add(keys, str_of(piece, (size_t)n));
    }
}

static void talk(struct chat *c)
{
    CLEANUP_BUF struct buf text = BUF_MAX(PIPE_MAX);
    CLEANUP_BUF struct buf keys = BUF_MAX(PIPE_MAX);
    view_draw(c, true);
    while (!c->leaving) {
        if (c->line && line_moves(c->line)) {
            enum line_result result = line_read(c->line, STR("› "), &text);
            if (result == LINE_STOPPED && c->leaving)
                break;
            if (result == LINE_END)
                break;
            line_remember(c->line, buf_str(&text));
        } else if (!read_plainly(c, &keys, &text)) {
            break;
        }
        take_line(c, buf_str(&text));
    }
    view_draw(c, true);
    fflush(stdout);
    term_write(STDOUT_FILENO, STR("\n"));
}

static void tell_wrong(void *arg, struct str sentence)
{
    view_wrong(arg, sentence);
}

static void begin_editing(struct chat *c)
{
    char folder[4096], history[4200];
    struct line_options options = {
        .term = c->term, .wait = wait_for_input, .complete = chat_complete, .arg = c, .history = history};
    if (home_folder(&c->act.home, folder, sizeof folder))
        snprintf(history, sizeof history, "%s/history", folder);
    else
        options.history = NULL;
    if (c->term->moving)
        c->line = line_new(&options);
    c->act.tell = tell_wrong;
    c->act.tell_arg = c;
}

/* ---- the command ---- */

static bool read_pipe(struct act *a, struct buf *text)
{
    char piece[4096];
    while (!client_interrupted(a->client)) {
        struct curl_waitfd in = {.fd = STDIN_FILENO, .events = CURL_WAIT_POLLIN};
        client_pump(a->client, -1, &in, 1);
        ssize_t n = in.revents ? read(STDIN_FILENO, piece, sizeof piece) : 1;
        if (in.revents && n > 0)
            buf_add(text, str_of(piece, (size_t)n));
        if (n <= 0 || text->overflow)
            return !text->overflow;
    }
    a->code = EXIT_INTERRUPTED;
    return false;
}

int chat_main(int argc, char **argv)
{
    CLEANUP_BUF struct buf text = BUF_MAX(PIPE_MAX);
    struct chat *c = heap_alloc(sizeof *c);
    if (!act_begin(&c->act, "chat", argc, argv, 0, "")) {
        int code = act_end(&c->act);
        free(c);
        return code;
    }
    const struct options *o = &c->act.options;
    const char *message = option_value(o, "message");
    c->term = &c->act.term;
    c->json = c->act.json;
    if (option_value(o, "plain"))
        c->term->moving = c->term->color = false;
    bool once = message || !c->term->in_tty, good = true;
    if (message)
        buf_add(&text, str_c(message));
    else if (once)
        good = read_pipe(&c->act, &text);
    if (good && once) {
        chat_once(c, str_trim(buf_str(&text)));
    } else if (good) {
        begin_editing(c);
        if (chat_choose(c, o->operand_count ? o->operands[0] : NULL))
            talk(c);
        else
            view_draw(c, true);
    }
    chat_close_rooms(c);
    line_free(c->line);
    buf_release(&c->said);
    buf_release(&c->held);
    buf_release(&c->stash);
    int code = act_end(&c->act);
    free(c);
    return code;
}
