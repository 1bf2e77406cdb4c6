/* /commands of a chat: one table, from which /help and Tab are made as well. */
#include "app/chat.h"

#include "term/text.h"

#include <stdlib.h>

enum { WHY_MAX = 12, COLUMN = 24 };

static void help(struct chat *c, struct str arg);

/* A request whose body is one string; `field` NULL: an empty object. */
static bool request(struct chat *c, const char *method, const char *rest, const char *field, struct str value)
{
    CLEANUP_BUF struct buf body = BUF_INIT;
    struct client_answer answer;
    struct jw w = JW(&body);
    jw_object(&w);
    if (field)
        jw_kv_string(&w, field, value);
    jw_end_object(&w);
    bool ok = chat_request(c, method, rest, strcmp(method, "DELETE") ? buf_str(&body) : STR_NONE, &answer);
    answer_release(&answer);
    return ok;
}

/* ---- rooms ---- */

struct listing {
    struct chat *chat;
    struct table table;
    unsigned count;
};

static bool list_room(void *arg, const struct json *item)
{
    struct listing *l = arg;
    struct str id = json_get_str(item, "id", STR_NONE);
    char ago[48];
    unsigned open = 0, unread = 0;
    for (unsigned i = 0; i < l->chat->room_count; i++) {
        if (str_eq(str_c(l->chat->rooms[i]->id), id)) {
            open = i + 1;
            unread = l->chat->rooms[i]->unread;
        }
    }
    bool here = l->chat->room && str_eq(str_c(l->chat->room->id), id);
    if (open)
        table_addf(&l->table, "%u", open);
    else
        table_add(&l->table, STR(""));
    if (unread)
        table_addf(&l->table, "%u new", unread);
    else
        table_add(&l->table, here ? STR("here") : STR(""));
    table_add(&l->table, json_get_str(item, "title", STR_NONE));
    table_add(&l->table, str_c(show_ago(ago, json_get_str(item, "updated_at", STR_NONE))));
    table_add(&l->table, json_get_str(item, "last_text", STR_NONE));
    return true;
}

static void rooms(struct chat *c, struct str arg)
{
    CLEANUP_BUF struct buf out = BUF_INIT;
    struct listing l = {.chat = c};
    (void)arg;
    table_init(&l.table, "NUMBER>||TITLE|LAST|TEXT*");
    if (act_each(&c->act, STR("/api/rooms"), list_room, &l)) {
        table_write(&l.table, c->term, &out);
        buf_add_char(&out, '\n');
        view_say(c, buf_str(&out));
    }
    table_release(&l.table);
}

/* Words as a room: the number of one that was opened here, an id, a title. */
static void go_to_room(struct chat *c, struct str arg)
{
    uint64_t number = 0;
    char id[CHAT_ID];
    if (str_empty(arg)) {
        rooms(c, arg);
    } else if (str_to_u64(arg, &number) && number >= 1 && number <= c->room_count) {
        memcpy(id, c->rooms[number - 1]->id, sizeof id);
        chat_open(c, str_c(id), 10);
    } else if (str_eq(str_sub(arg, 0, 3), STR("new")) && (arg.n == 3 || arg.p[3] == ' ')) {
        struct str title = str_trim(str_from(arg, 3));
        if (chat_create(c, title, c->room->persona_count ? str_c(c->room->personas[0].slug) : STR_NONE, id))
            chat_open(c, str_c(id), 10);
    } else if (act_find_room(&c->act, arg, id)) {
        chat_open(c, str_c(id), 10);
    }
}

static bool list_persona(void *arg, const struct json *item)
{
    struct listing *l = arg;
    table_add(&l->table, json_get_str(item, "slug", STR_NONE));
    table_add(&l->table, json_get_str(item, "name", STR_NONE));
    table_add(&l->table,
              json_get_str(item, "tagline", str_sub(json_get_str(item, "description", STR_NONE), 0, 160)));
    return true;
}

static void persona(struct chat *c, struct str arg)
{
    CLEANUP_BUF struct buf out = BUF_INIT;
    struct listing l = {.chat = c};
    char *words = heap_cstr(arg);
    if (!str_empty(arg)) {
        /* As `eidolon chat PERSONA` does it; --room and --new were for the start. */
        struct options *o = &c->act.options;
        size_t given = o->given_count;
        o->given_count = 0;
        chat_choose(c, words);
        o->given_count = given;
    } else {
        table_init(&l.table, "SLUG|NAME|ABOUT*");
        if (act_each(&c->act, STR("/api/personas?fields=summary"), list_persona, &l)) {
            table_write(&l.table, c->term, &out);
            buf_add_char(&out, '\n');
            view_say(c, buf_str(&out));
        }
        table_release(&l.table);
    }
    free(words);
}

static void title(struct chat *c, struct str arg)
{
    if (str_empty(arg))
        view_note(c, "This room is called \"%s\".", c->room->title);
    else
        request(c, "PATCH", "", "title", arg);
}

static void state(struct chat *c, struct str arg)
{
    static const char *const verbs[] = {"start", "pause", "stop", "idle"};
    char rest[16];
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        if (str_eq(arg, str_c(verbs[i]))) {
            snprintf(rest, sizeof rest, "/%s", verbs[i]);
            request(c, "POST", rest, NULL, STR_NONE);
            return;
        }
    }
    view_note(
        c,
        "The room is %s. /state start: personas also speak on their own; idle: they answer; pause: nothing "
        "new begins; stop: running answers end too.",
        c->room->state);
}

static void clear(struct chat *c, struct str arg)
{
    (void)arg;
    request(c, "POST", "/clear", NULL, STR_NONE);
}

/* ---- messages ---- */

static void about_message(struct chat *c, const char *method, const char *id, const char *after,
                          const char *field, struct str value, const char *none)
{
    char rest[CHAT_ID + 64];
    if (!id[0]) {
        view_note(c, "%s", none);
        return;
    }
    snprintf(rest, sizeof rest, "/messages/%s%s", id, after);
    request(c, method, rest, field, value);
}

static void retry(struct chat *c, struct str arg)
{
    (void)arg;
    const char *id = c->room->last_answer[0] ? c->room->last_answer : c->room->last_own;
    about_message(c, "POST", id, "/retry", NULL, STR_NONE,
                  "There is nothing yet that could be answered again.");
}

static void edit(struct chat *c, struct str arg)
{
    CLEANUP_BUF struct buf path = BUF_INIT;
    struct client_answer answer;
    if (!str_empty(arg)) {
        about_message(c, "PATCH", c->room->last_own, "", "text", arg, "You have said nothing here yet.");
        return;
    }
    if (!c->room->last_own[0]) {
        view_note(c, "You have said nothing here yet.");
        return;
    }
    buf_printf(&path, "/messages/%s%c", c->room->last_own, '\0');
    if (chat_request(c, "GET", path.p, STR_NONE, &answer) && c->line) {
        CLEANUP_BUF struct buf line = BUF_INIT;
        buf_add(&line, STR("/edit "));
        text_clean(&line, json_get_str(answer.json, "text", STR_NONE));
        line_preset(c->line, buf_str(&line));
    }
    answer_release(&answer);
}

static const char *which(struct chat *c, struct str arg)
{
    return str_eq(arg, STR("answer")) ? c->room->last_answer : c->room->last_own;
}

static void delete (struct chat *c, struct str arg)
{
    about_message(c, "DELETE", which(c, arg), "", NULL, STR_NONE, "There is no message of yours to delete.");
}

static void forget(struct chat *c, struct str arg)
{
    about_message(c, "DELETE", which(c, arg), "?forget=true", NULL, STR_NONE,
                  "There is no message of yours to forget.");
}

static void history(struct chat *c, struct str arg)
{
    uint64_t count = 20;
    if (!str_empty(arg) && !str_to_u64(arg, &count))
        view_note(c, "/history wants a number of messages.");
    else
        chat_history(c, (unsigned)(count > 200 ? 200 : count));
}

/* ---- heart and memory ---- */

static void mood(struct chat *c, struct str arg)
{
    (void)arg;
    for (unsigned i = 0; i < c->room->persona_count; i++) {
        const struct chat_persona *p = &c->room->personas[i];
        if (p->mood[0])
            view_note(c, "%s is %s (pleasure %+.2f, energy %+.2f, command %+.2f).", p->name, p->mood,
                      p->valence, p->arousal, p->dominance);
        else
            view_note(c, "%s has shown no mood yet.", p->name);
    }
}

static void why_list(struct chat *c, const struct json *list, const char *what, const char *name,
                     const char *reason)
{
    unsigned shown = 0;
    for (const struct json *item = list ? list->child : NULL; item && shown < WHY_MAX;
         item = item->next, shown++) {
        CLEANUP_BUF struct buf text = BUF_INIT;
        CLEANUP_BUF struct buf cut = BUF_INIT;
        CLEANUP_BUF struct buf because = BUF_INIT;
        text_clean_line(&text, json_get_str(item, name, STR_NONE));
        text_fit(&cut, buf_str(&text), view_columns());
        text_clean_line(&because, json_get_str(item, reason, STR_NONE));
        if (cut.n)
            view_note(c, "%s %.*s\n   (%.*s)", what, STR_ARG(buf_str(&cut)), STR_ARG(buf_str(&because)));
        else
            view_note(c, "%s %.*s", what, STR_ARG(buf_str(&because)));
    }
}

static void why(struct chat *c, struct str arg)
{
    struct arena arena = ARENA_INIT;
    struct json *turn = NULL;
    (void)arg;
    if (!c->room->last_turn.n || json_parse(&arena, buf_str(&c->room->last_turn), &turn, NULL) != ERR_OK) {
        view_note(c, "No answer was given here yet.");
    } else {
        const struct json *recalled = json_get(turn, "recalled"), *lore = json_get(turn, "lore");
        const struct json *timings = json_get(turn, "timings"), *usage = json_get(turn, "usage");
        CLEANUP_BUF struct buf line = BUF_INIT;
        text_clean_line(&line, json_get_str(turn, "engine", STR("the scripted responder")));
        buf_printf(&line, ", %lld tokens in, %lld out", (long long)json_get_i64(usage, "prompt_tokens", 0),
                   (long long)json_get_i64(usage, "completion_tokens", 0));
        for (const struct json *t = timings ? timings->child : NULL; t; t = t->next)
            buf_printf(&line, ", %.*s %.*s", STR_ARG(t->key), STR_ARG(t->raw));
        view_note(c, "Answered by %.*s", STR_ARG(buf_str(&line)));
        why_list(c, recalled, "remembered:", "text", "reason");
        why_list(c, lore, "lore:", "name", "why");
        if ((!recalled || !recalled->count) && (!lore || !lore->count))
            view_note(c, "Nothing came to mind from earlier, and no lore.");
    }
    arena_release(&arena);
}

/* ---- the rest ---- */

static void export(struct chat *c, struct str arg)
{
    CLEANUP_BUF struct buf path = BUF_INIT;
    static const struct {
        const char *ending, *format;
    } known[] = {
        {".jsonl", "jsonl"}, {".md", "markdown"}, {".txt", "text"}, {".json", "json"}, {".html", "html"}};
    const char *format = "markdown";
    char *file = heap_cstr(arg);
    for (size_t i = sizeof known / sizeof *known; i-- > 0;)
        if (str_ends(arg, str_c(known[i].ending)))
            format = known[i].format;
    buf_printf(&path, "/api/rooms/%s/export?format=%s", c->room->id, format);
    if (str_empty(arg))
        view_note(c, "/export wants a file's name; .md, .txt, .html, .json and .jsonl say what it is to be.");
    else if (act_save(&c->act, buf_str(&path), file))
        view_note(c, "The room is in %s.", file);
    free(file);
}

static void quit(struct chat *c, struct str arg)
{
    (void)arg;
    c->leaving = true;
}

static const struct {
    const char *name;
    char takes; /* what Tab completes: 'r' rooms, 'p' personas, 's' states, 'c' commands, 'f' files */
    const char *arguments, *doc;
    void (*run)(struct chat *c, struct str arg);
} commands[] = {
    {"help", 'c', "", "this list", help},
    {"rooms", 0, "", "all rooms; those with a number were opened here", rooms},
    {"room", 'r', "[NUMBER|TITLE|new [TITLE]]", "another room, or a new one with the same persona",
     go_to_room},
    {"persona", 'p', "[NAME]", "the last room with somebody else; without a name: who there is", persona},
    {"history", 0, "[N]", "the last messages", history},
    {"retry", 0, "", "another answer beside the last one", retry},
    {"edit", 0, "[TEXT]", "change what you said last", edit},
    {"delete", 0, "[answer]", "take your last message, or the last answer, out of the conversation", delete},
    {"forget", 0, "[answer]", "erase it for good", forget},
    {"mood", 0, "", "how everybody feels", mood},
    {"why", 0, "", "what was remembered for the last answer, and which lore", why},
    {"state", 's', "[start|pause|stop|idle]", "what personas do of themselves", state},
    {"title", 0, "[TITLE]", "what the room is called", title},
    {"export", 'f', "FILE", "write the room to a file", export},
    {"clear", 0, "", "hide what was said so far", clear},
    {"quit", 0, "", "leave; so does Ctrl-D", quit},
};
enum { COMMANDS = sizeof commands / sizeof *commands };

size_t chat_command_names(size_t i, const char **name, char *takes)
{
    if (i >= COMMANDS)
        return 0;
    *name = commands[i].name;
    *takes = commands[i].takes;
    return 1;
}

static void help(struct chat *c, struct str arg)
{
    CLEANUP_BUF struct buf out = BUF_INIT;
    (void)arg;
    for (size_t i = 0; i < COMMANDS; i++) {
        char left[64];
        snprintf(left, sizeof left, "/%s %s", commands[i].name, commands[i].arguments);
        style_text(&out, c->term, STYLE_BOLD, str_c(left));
        buf_printf(&out, "%*s%s\n", (int)(strlen(left) < COLUMN ? COLUMN - strlen(left) : 1), "",
                   commands[i].doc);
    }
    buf_add(&out,
            STR("Ctrl-C ends a running answer. Alt-Enter, or a backslash at the end, makes a further line.\n"
                "A text that begins with / is said with // before it.\n\n"));
    view_say(c, buf_str(&out));
}

void chat_command(struct chat *c, struct str line)
{
    size_t space = str_find_char(line, ' '), hit = COMMANDS, hits = 0;
    struct str name = str_sub(line, 1, space == SIZE_MAX ? SIZE_MAX : space - 1);
    struct str arg = space == SIZE_MAX ? STR_NONE : str_trim(str_from(line, space));
    for (size_t i = 0; i < COMMANDS; i++) {
        struct str known = str_c(commands[i].name);
        if (str_eq(known, name)) {
            hit = i;
            hits = 1;
            break;
        }
        if (name.n && str_starts(known, name)) {
            hit = i;
            hits++;
        }
    }
    if (hits == 1)
        commands[hit].run(c, arg);
    else
        view_note(c, "There is no command /%.*s; /help lists them.", STR_ARG(name));
    view_gap(c);
    /* What went wrong in one command is nothing for the exit code. */
    c->act.code = EX_OK;
}
