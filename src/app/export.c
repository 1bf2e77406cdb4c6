/*
 * `eidolon export`: rooms, and with --all personas, into a folder.
 *
 * DIR/rooms/TITLE-ID.{md,jsonl} and DIR/personas/SLUG.{json,png}: one form for people, one for programs. A
 * card that has no picture form is kept as JSON alone. Existing files are replaced, others left alone.
 */
#include "app/act.h"

#include "base/utf8.h"

#include <errno.h>
#include <sys/stat.h>

enum { TITLE_BYTES = 60, ID_BYTES = 13 };

struct exporting {
    struct act *act;
    const char *folder;
    unsigned rooms, personas, failed;
};

/* The letters and digits of a title, for a file's name. */
static void file_name(struct buf *to, struct str title)
{
    bool gap = false;
    struct str rest = str_sub(title, 0, TITLE_BYTES);
    while (rest.n) {
        struct str before = rest;
        uint32_t cp = utf8_next(&rest);
        bool plain = (cp >= '0' && cp <= '9') || (cp >= 'a' && cp <= 'z') || (cp >= 'A' && cp <= 'Z') ||
                     (cp > 0xBF && cp != 0xFFFD);
        if (plain && gap && to->n)
            buf_add_char(to, '-');
        gap = !plain;
        if (plain)
            buf_add(to, str_sub(before, 0, before.n - rest.n));
    }
}

static bool make_folder(struct act *a, const char *path)
{
    if (mkdir(path, S_IRWXU) == 0 || errno == EEXIST)
        return true;
    fprintf(stderr, "eidolon: the folder %s cannot be made: %s.\n", path, strerror(errno));
    a->code = EX_CANTCREAT;
    return false;
}

static bool export_room(void *arg, const struct json *room)
{
    static const char *const forms[][2] = {{"markdown", "md"}, {"jsonl", "jsonl"}};
    struct exporting *x = arg;
    struct str id = json_get_str(room, "id", STR_NONE);
    CLEANUP_BUF struct buf name = BUF_INIT;
    file_name(&name, json_get_str(room, "title", STR_NONE));
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        CLEANUP_BUF struct buf path = BUF_INIT;
        char file[4096];
        buf_printf(&path, "/api/rooms/%.*s/export?format=%s", STR_ARG(id), forms[i][0]);
        snprintf(file, sizeof file, "%s/rooms/%.*s%s%.*s.%s", x->folder, STR_ARG(buf_str(&name)),
                 name.n ? "-" : "", STR_ARG(str_sub(id, 0, ID_BYTES)), forms[i][1]);
        if (!act_save(x->act, buf_str(&path), file)) {
            x->failed++;
            return true;
        }
    }
    x->rooms++;
    return true;
}

static bool export_persona(void *arg, const struct json *persona)
{
    static const char *const forms[] = {"json", "png"};
    struct exporting *x = arg;
    struct str slug = json_get_str(persona, "slug", STR_NONE);
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        CLEANUP_BUF struct buf path = BUF_INIT;
        char file[4096];
        struct error e = {0};
        struct client_answer answer;
        struct out_file out;
        buf_add(&path, STR("/api/personas/"));
        client_encode(&path, slug);
        buf_printf(&path, "/card.%s", forms[i]);
        snprintf(file, sizeof file, "%s/personas/%.*s.%s", x->folder, STR_ARG(slug), forms[i]);
        bool ok = client_get(x->act->client, buf_str(&path), &answer, &e) == ERR_OK;
        if (ok && (ok = out_open(x->act, &out, file))) {
            fwrite(answer.body.p ? answer.body.p : "", 1, answer.body.n, out.file);
            ok = out_close(x->act, &out, true);
        } else if (i == 0) {
            act_fail(x->act, &e);
        }
        answer_release(&answer);
        x->personas += ok && i == 0;
        x->failed += !ok && i == 0;
    }
    return true;
}

static void export_named(struct exporting *x)
{
    struct act *a = x->act;
    for (size_t i = 0; i < a->options.operand_count; i++) {
        CLEANUP_BUF struct buf path = BUF_INIT;
        struct client_answer answer;
        struct error e = {0};
        char id[64];
        if (!act_find_room(a, str_c(a->options.operands[i]), id)) {
            x->failed++;
            continue;
        }
        buf_printf(&path, "/api/rooms/%s", id);
        if (client_get(a->client, buf_str(&path), &answer, &e) == ERR_OK)
            export_room(x, answer.json);
        else
            act_fail(a, &e);
        answer_release(&answer);
    }
}

int export_main(int argc, char **argv)
{
    struct act a;
    char path[4096];
    if (!act_begin(&a, "export", argc, argv, 0, ""))
        return act_end(&a);
    const char *folder = option_value(&a.options, "output");
    bool all = option_value(&a.options, "all");
    struct exporting x = {.act = &a, .folder = folder ? folder : "eidolon-export"};
    if (!all && !a.options.operand_count) {
        fprintf(stderr, "eidolon: export wants rooms, or --all.\n");
        a.code = EX_USAGE;
        return act_end(&a);
    }
    bool ok = make_folder(&a, x.folder);
    snprintf(path, sizeof path, "%s/rooms", x.folder);
    ok = ok && make_folder(&a, path);
    snprintf(path, sizeof path, "%s/personas", x.folder);
    ok = ok && (!all || make_folder(&a, path));
    if (ok && all) {
        act_each(&a, STR("/api/rooms"), export_room, &x);
        act_each(&a, STR("/api/personas?fields=summary"), export_persona, &x);
    } else if (ok) {
        export_named(&x);
    }
    if (a.json)
        printf("{\"folder\":\"%s\",\"rooms\":%u,\"personas\":%u,\"failed\":%u}\n", x.folder, x.rooms,
               x.personas, x.failed);
    else if (ok)
        printf("%u rooms and %u personas are in %s.\n", x.rooms, x.personas, x.folder);
    return act_end(&a);
}
