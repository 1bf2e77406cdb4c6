/* `eidolon room list`, `show`, `import`, `export` and `delete`. See usage.def. */
#include "app/act.h"

#include "app/upload.h"
#include "term/text.h"

#include <stdlib.h>

enum { SHOW_DEFAULT = 20, PAGE_MAX = 200 };

static void members_of(struct buf *to, const struct json *room)
{
    const struct json *members = json_get(room, "members");
    for (const struct json *m = members ? members->child : NULL; m; m = m->next) {
        if (!str_eq(json_get_str(m, "type", STR_NONE), STR("persona")))
            continue;
        buf_add(to, to->n ? STR(", ") : STR(""));
        buf_add(to, json_get_str(m, "name", STR_NONE));
    }
}

static bool list_row(void *arg, const struct json *item)
{
    struct table *t = arg;
    char ago[48];
    CLEANUP_BUF struct buf who = BUF_INIT;
    members_of(&who, item);
    table_add(t, json_get_str(item, "id", STR_NONE));
    table_add(t, json_get_str(item, "title", STR_NONE));
    table_add(t, buf_str(&who));
    table_add(t, str_c(show_ago(ago, json_get_str(item, "updated_at", STR_NONE))));
    table_add(t, json_get_str(item, "last_text", STR_NONE));
    return true;
}

int room_list_main(int argc, char **argv)
{
    struct act a;
    CLEANUP_BUF struct buf path = BUF_INIT;
    if (!act_begin(&a, "room list", argc, argv, 0, ""))
        return act_end(&a);
    buf_add(&path, STR("/api/rooms"));
    if (a.options.operand_count) {
        buf_add(&path, STR("?find="));
        client_encode(&path, str_c(a.options.operands[0]));
    }
    if (a.json) {
        act_print_list(&a, buf_str(&path));
    } else {
        struct table t;
        table_init(&t, "ID|TITLE|WITH|LAST|TEXT*");
        if (act_each(&a, buf_str(&path), list_row, &t))
            act_print_table(&a, &t);
        else
            table_release(&t);
    }
    return act_end(&a);
}

/* ---- show ---- */

struct showing {
    struct act *act;
    struct arena arena;
    struct buf *messages; /* from the newest on */
    size_t count, capacity, most;
};

static bool keep_message(void *arg, const struct json *item)
{
    struct showing *s = arg;
    CLEANUP_BUF struct buf text = BUF_INIT;
    struct buf out = BUF_INIT;
    text_clean_line(&text, json_get_str(json_get(item, "author"), "name", STR_NONE));
    style_text(&out, &s->act->term, STYLE_NAME, buf_str(&text));
    buf_add_char(&out, ' ');
    style_text(&out, &s->act->term, STYLE_DIM, str_sub(json_get_str(item, "at", STR_NONE), 0, 16));
    buf_add_char(&out, '\n');
    text_clean(&out, json_get_str(item, "text", STR_NONE));
    buf_add(&out, STR("\n\n"));
    if (s->count == s->capacity) {
        s->capacity = s->capacity ? s->capacity * 2 : 64;
        s->messages = heap_realloc(s->messages, s->capacity * sizeof *s->messages);
    }
    s->messages[s->count++] = out;
    return !s->most || s->count < s->most;
}

int room_show_main(int argc, char **argv)
{
    struct act a;
    char id[64];
    CLEANUP_BUF struct buf path = BUF_INIT;
    if (!act_begin(&a, "room show", argc, argv, 1, "the id or title of a room") ||
        !act_find_room(&a, str_c(a.options.operands[0]), id))
        return act_end(&a);
    const char *number = option_value(&a.options, "number");
    struct showing s = {.act = &a, .most = number ? strtoul(number, NULL, 10) : SHOW_DEFAULT};
    buf_printf(&path, "/api/rooms/%s/messages", id);
    if (a.json) {
        act_print_list(&a, buf_str(&path));
    } else {
        act_each(&a, buf_str(&path), keep_message, &s);
        while (s.count) {
            act_print(&a, &s.messages[--s.count]);
            buf_release(&s.messages[s.count]);
        }
        free(s.messages);
    }
    return act_end(&a);
}

/* ---- in and out ---- */

int room_import_main(int argc, char **argv)
{
    static const char *const fields[] = {"persona", "title", "format"};
    struct act a;
    if (!act_begin(&a, "room import", argc, argv, 1, "the file of a chat"))
        return act_end(&a);
    for (size_t i = 0; i < a.options.operand_count; i++) {
        struct error e = {0};
        struct client_answer answer = {0};
        struct upload upload;
        enum err err = upload_begin(&upload, a.options.operands[i], &e);
        for (size_t k = 0; err == ERR_OK && k < sizeof fields / sizeof *fields; k++)
            if (option_value(&a.options, fields[k]))
                upload_field(&upload, fields[k], option_value(&a.options, fields[k]));
        if (err == ERR_OK)
            err = upload_send(&upload, a.client, "/api/rooms/import", &answer, &e);
        if (err != ERR_OK) {
            fprintf(stderr, "%s: ", a.options.operands[i]);
            act_fail(&a, &e);
        } else if (a.json) {
            act_print_answer(&a, &answer);
        } else {
            const struct json *skipped = json_get(answer.json, "skipped"),
                              *rooms = json_get(answer.json, "rooms");
            printf("%s: %lld messages in %u rooms, %u lines skipped.\n", a.options.operands[i],
                   (long long)json_get_i64(answer.json, "messages", 0), rooms ? rooms->count : 0,
                   skipped ? skipped->count : 0);
            for (const struct json *s = skipped ? skipped->child : NULL; s; s = s->next)
                fprintf(stderr, "  line %lld: %.*s\n", (long long)json_get_i64(s, "line", 0),
                        STR_ARG(json_get_str(s, "reason", STR_NONE)));
        }
        upload_end(&upload);
        answer_release(&answer);
    }
    return act_end(&a);
}

static const char *export_format(const struct act *a, const char *file)
{
    static const struct {
        const char *ending, *format;
    } known[] = {{"jsonl", "jsonl"}, {"md", "markdown"}, {"txt", "text"}, {"json", "json"}, {"html", "html"}};
    const char *format = option_value(&a->options, "format"), *dot = file ? strrchr(file, '.') : NULL;
    for (size_t i = 0; !format && dot && i < sizeof known / sizeof *known; i++)
        if (str_ieq(str_c(dot + 1), str_c(known[i].ending)))
            format = known[i].format;
    return format ? format : "markdown";
}

int room_export_main(int argc, char **argv)
{
    struct act a;
    char id[64];
    CLEANUP_BUF struct buf path = BUF_INIT;
    if (!act_begin(&a, "room export", argc, argv, 1, "the id or title of a room") ||
        !act_find_room(&a, str_c(a.options.operands[0]), id))
        return act_end(&a);
    const char *to = option_value(&a.options, "output");
    buf_printf(&path, "/api/rooms/%s/export?format=", id);
    client_encode(&path, str_c(export_format(&a, to)));
    act_save(&a, buf_str(&path), to);
    return act_end(&a);
}

int room_delete_main(int argc, char **argv)
{
    struct act a;
    struct error e = {0};
    if (!act_begin(&a, "room delete", argc, argv, 1, "the id or title of a room"))
        return act_end(&a);
    for (size_t i = 0; i < a.options.operand_count; i++) {
        CLEANUP_BUF struct buf path = BUF_INIT;
        char id[64];
        if (!act_find_room(&a, str_c(a.options.operands[i]), id) ||
            !act_confirm(&a, "Delete the room %s?", a.options.operands[i]))
            continue;
        buf_printf(&path, "/api/rooms/%s", id);
        if (client_send(a.client, "DELETE", buf_str(&path), STR_NONE, NULL, &e) != ERR_OK)
            act_fail(&a, &e);
        else if (!a.json)
            printf("The room %s was deleted; the page can restore it for 30 days.\n", a.options.operands[i]);
    }
    return act_end(&a);
}
