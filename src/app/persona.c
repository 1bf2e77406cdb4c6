/* `eidolon persona list`, `show`, `export` and `delete`; `import` has a file of its own. See usage.def. */
#include "app/act.h"

#include "term/text.h"

#include <sys/stat.h>

enum { TAGLINE_BYTES = 160 };

/* "/api/personas/NAME" and what follows. */
static void persona_path(struct buf *to, const char *name, const char *rest)
{
    buf_add(to, STR("/api/personas/"));
    client_encode(to, str_c(name));
    buf_add(to, str_c(rest));
}

static void join(struct buf *to, const struct json *list)
{
    for (const struct json *item = list && list->type == JSON_ARRAY ? list->child : NULL; item;
         item = item->next) {
        buf_add(to, item == list->child ? STR("") : STR(", "));
        buf_add(to, item->string);
    }
}

static bool list_row(void *arg, const struct json *item)
{
    struct table *t = arg;
    CLEANUP_BUF struct buf tags = BUF_INIT;
    join(&tags, json_get(item, "tags"));
    table_add(t, json_get_str(item, "slug", STR_NONE));
    table_add(t, json_get_str(item, "name", STR_NONE));
    table_add(t, json_get_str(item, "engine", STR("")));
    table_add(t, buf_str(&tags));
    table_add(t, json_get_str(item, "tagline",
                              str_sub(json_get_str(item, "description", STR_NONE), 0, TAGLINE_BYTES)));
    return true;
}

int persona_list_main(int argc, char **argv)
{
    struct act a;
    CLEANUP_BUF struct buf path = BUF_INIT;
    if (!act_begin(&a, "persona list", argc, argv, 0, ""))
        return act_end(&a);
    const char *sort = option_value(&a.options, "sort"), *tag;
    buf_add(&path, STR("/api/personas?fields=summary"));
    if (a.options.operand_count) {
        buf_add(&path, STR("&find="));
        client_encode(&path, str_c(a.options.operands[0]));
    }
    for (size_t at = 0; (tag = option_next(&a.options, "tag", &at));) {
        buf_add(&path, STR("&tag="));
        client_encode(&path, str_c(tag));
    }
    if (sort) {
        buf_add(&path, STR("&sort="));
        client_encode(&path, str_c(sort));
    }
    if (a.json) {
        act_print_list(&a, buf_str(&path));
    } else {
        struct table t;
        table_init(&t, "SLUG|NAME|ENGINE|TAGS|ABOUT*");
        if (act_each(&a, buf_str(&path), list_row, &t))
            act_print_table(&a, &t);
        else
            table_release(&t);
    }
    return act_end(&a);
}

static void show_field(struct act *a, const char *name, struct str text)
{
    CLEANUP_BUF struct buf out = BUF_INIT;
    CLEANUP_BUF struct buf clean = BUF_INIT;
    if (str_empty(text))
        return;
    style_text(&out, &a->term, STYLE_DIM, str_c(name));
    buf_printf(&out, "%*s", (int)(strlen(name) < 12 ? 13 - strlen(name) : 1), "");
    text_clean(&clean, str_trim(text));
    struct str rest = buf_str(&clean), line;
    for (bool first = true; str_cut(&rest, '\n', &line); first = false)
        buf_printf(&out, "%*s%.*s\n", first ? 0 : 13, "", STR_ARG(line));
    act_print(a, &out);
}

static void show_persona(struct act *a, const struct json *p)
{
    static const char *const fields[] = {"name",        "slug",        "nickname", "engine",
                                         "description", "personality", "scenario", "system_prompt",
                                         "greeting",    "updated_at",  "id"};
    static const char *const lists[] = {"tags", "goals", "boundaries", "starters"};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        show_field(a, fields[i], json_get_str(p, fields[i], STR_NONE));
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        CLEANUP_BUF struct buf all = BUF_INIT;
        const struct json *list = json_get(p, lists[i]);
        for (const struct json *item = list ? list->child : NULL; item; item = item->next)
            buf_printf(&all, "%s%.*s", all.n ? (i ? "\n" : ", ") : "", STR_ARG(item->string));
        show_field(a, lists[i], buf_str(&all));
    }
    CLEANUP_BUF struct buf traits = BUF_INIT;
    const struct json *values = json_get(p, "traits");
    for (const struct json *t = values ? values->child : NULL; t; t = t->next)
        buf_printf(&traits, "%s%.*s %.*s", traits.n ? ", " : "", STR_ARG(t->key), STR_ARG(t->raw));
    show_field(a, "traits", buf_str(&traits));
}

int persona_show_main(int argc, char **argv)
{
    struct act a;
    struct error e = {0};
    CLEANUP_BUF struct buf path = BUF_INIT;
    struct client_answer answer = {0};
    if (!act_begin(&a, "persona show", argc, argv, 1, "the name of a persona"))
        return act_end(&a);
    persona_path(&path, a.options.operands[0], "");
    if (client_get(a.client, buf_str(&path), &answer, &e) != ERR_OK)
        act_fail(&a, &e);
    else if (a.json)
        act_print_answer(&a, &answer);
    else
        show_persona(&a, answer.json);
    answer_release(&answer);
    return act_end(&a);
}

/* ---- export ---- */

/* The format that is asked for, or that the file's name has. */
static const char *card_format(const struct act *a, const char *file)
{
    static const char *const formats[] = {"json", "png", "charx"};
    const char *format = option_value(&a->options, "format"), *dot = file ? strrchr(file, '.') : NULL;
    for (size_t i = 0; !format && dot && i < sizeof formats / sizeof *formats; i++)
        if (str_ieq(str_c(dot + 1), str_c(formats[i])))
            format = formats[i];
    return format ? format : "json";
}

int persona_export_main(int argc, char **argv)
{
    struct act a;
    struct stat st;
    if (!act_begin(&a, "persona export", argc, argv, 1, "the name of a persona"))
        return act_end(&a);
    const char *to = option_value(&a.options, "output");
    size_t n = to ? strlen(to) : 0;
    bool folder = to && ((n && to[n - 1] == '/') || (stat(to, &st) == 0 && S_ISDIR(st.st_mode)));
    if (a.options.operand_count > 1 && !folder) {
        fprintf(stderr, "eidolon: several cards want a folder; name one with -o FOLDER/.\n");
        a.code = EX_USAGE;
    }
    if (folder)
        mkdir(to, S_IRWXU | S_IRWXG | S_IRWXO);
    for (size_t i = 0; a.code == EX_OK && i < a.options.operand_count; i++) {
        CLEANUP_BUF struct buf path = BUF_INIT;
        char file[4096], rest[32];
        const char *format = card_format(&a, folder ? NULL : to);
        snprintf(rest, sizeof rest, "/card.%s", format);
        snprintf(file, sizeof file, "%s/%s.%s", to ? to : "", a.options.operands[i], format);
        persona_path(&path, a.options.operands[i], rest);
        if (!strcmp(format, "json") || (to && strcmp(to, "-") != 0) || !a.term.out_tty)
            act_save(&a, buf_str(&path), folder ? file : to);
        else
            a.code = (fprintf(stderr, "eidolon: a picture is nothing for a terminal; name a file with -o.\n"),
                      EX_USAGE);
    }
    return act_end(&a);
}

int persona_delete_main(int argc, char **argv)
{
    struct act a;
    struct error e = {0};
    if (!act_begin(&a, "persona delete", argc, argv, 1, "the name of a persona"))
        return act_end(&a);
    for (size_t i = 0; i < a.options.operand_count; i++) {
        CLEANUP_BUF struct buf path = BUF_INIT;
        persona_path(&path, a.options.operands[i], "");
        if (!act_confirm(&a, "Delete %s?", a.options.operands[i]))
            continue;
        if (client_send(a.client, "DELETE", buf_str(&path), STR_NONE, NULL, &e) != ERR_OK)
            act_fail(&a, &e);
        else if (!a.json)
            printf("%s was deleted; the page can restore it for 30 days.\n", a.options.operands[i]);
    }
    return act_end(&a);
}
