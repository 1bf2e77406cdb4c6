/* The frame of the commands that talk to a server; see act.h. */
#include "app/act.h"

#include "base/clock.h"
#include "term/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

int act_code(enum err err)
{
    switch (err) {
    case ERR_OK:
        return EX_OK;
    case ERR_NOT_FOUND:
    case ERR_GONE:
        return EX_NOINPUT;
    case ERR_UNAUTHORIZED:
    case ERR_FORBIDDEN:
        return EX_NOPERM;
    case ERR_INVALID:
    case ERR_REFUSED:
    case ERR_TEXT_TOO_LONG:
    case ERR_TOO_BIG:
    case ERR_UNSUPPORTED_TYPE:
    case ERR_MALFORMED_JSON:
    case ERR_CORRUPT:
        return EX_DATAERR;
    case ERR_CONFLICT:
    case ERR_BUSY:
        return EX_TEMPFAIL;
    case ERR_READ_ONLY:
    case ERR_IO:
        return EX_IOERR;
    case ERR_INTERNAL:
        return EX_SOFTWARE;
    case ERR_CANCELLED:
        return EXIT_INTERRUPTED;
    default:
        return EX_UNAVAILABLE;
    }
}

bool act_begin(struct act *a, const char *command, int argc, char **argv, size_t least, const char *want)
{
    struct error e = {0};
    *a = (struct act){0};
    a->code = options_read(&a->options, command, argc, argv);
    if (a->code != EX_OK || a->options.help)
        return false;
    if (a->options.operand_count < least) {
        fprintf(stderr, "eidolon: `eidolon %s` wants %s; see `eidolon %s --help`.\n", command, want, command);
        a->code = EX_USAGE;
        return false;
    }
    term_begin(&a->term);
    a->json = option_value(&a->options, "json") != NULL;
    enum err err = home_open(&a->home, &a->options, &e);
    if (err != ERR_OK)
        return act_fail(a, &e);
    a->open = true;
    a->client = a->home.client;
    return true;
}

int act_end(struct act *a)
{
    if (a->open)
        home_close(&a->home);
    options_release(&a->options);
    return a->code;
}

bool act_fail(struct act *a, const struct error *e)
{
    a->code = act_code(e->err);
    return act_say(a, "%s", e->message);
}

bool act_say(struct act *a, const char *format, ...)
{
    char text[1024];
    va_list args;
    CLEANUP_BUF struct buf clean = BUF_INIT;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    text_clean_line(&clean, str_c(text));
    if (a->tell)
        a->tell(a->tell_arg, buf_str(&clean));
    else
        fprintf(stderr, "eidolon: %.*s\n", STR_ARG(buf_str(&clean)));
    return false;
}

/* ---- lists ---- */

bool act_each(struct act *a, struct str path, bool (*fn)(void *arg, const struct json *item), void *arg)
{
    CLEANUP_BUF struct buf page = BUF_INIT;
    CLEANUP_BUF struct buf next = BUF_INIT;
    bool query = str_find_char(path, '?') != SIZE_MAX, more = true, ok = true;
    while (ok && more) {
        struct client_answer answer;
        struct error e = {0};
        buf_clear(&page);
        buf_printf(&page, "%.*s%climit=200", STR_ARG(path), query ? '&' : '?');
        if (next.n) {
            buf_add(&page, STR("&after="));
            client_encode(&page, buf_str(&next));
        }
        ok = client_get(a->client, buf_str(&page), &answer, &e) == ERR_OK;
        if (!ok)
            act_fail(a, &e);
        const struct json *data = json_get(answer.json, "data");
        struct str cursor = json_get_str(answer.json, "next", STR_NONE);
        more = ok && data && cursor.n > 0;
        for (const struct json *item = ok && data ? data->child : NULL; item; item = item->next) {
            if (!fn(arg, item)) {
                more = false;
                break;
            }
        }
        buf_clear(&next);
        buf_add(&next, cursor);
        answer_release(&answer);
    }
    return ok;
}

static bool add_raw(void *arg, const struct json *item)
{
    struct buf *b = arg;
    if (b->n)
        buf_add(b, STR(",\n"));
    buf_add(b, item->raw);
    return true;
}

bool act_print_list(struct act *a, struct str path)
{
    CLEANUP_BUF struct buf items = BUF_INIT;
    if (!act_each(a, path, add_raw, &items))
        return false;
    printf("{\"data\":[%.*s],\"next\":null}\n", STR_ARG(buf_str(&items)));
    return true;
}

/* ---- output ---- */

void act_print(struct act *a, const struct buf *text)
{
    (void)a;
    fwrite(text->p ? text->p : "", 1, text->n, stdout);
}

void act_print_table(struct act *a, struct table *t)
{
    CLEANUP_BUF struct buf text = BUF_INIT;
    table_write(t, &a->term, &text);
    act_print(a, &text);
    table_release(t);
}

void act_print_answer(struct act *a, const struct client_answer *answer)
{
    act_print(a, &answer->body);
    if (answer->body.n)
        putchar('\n');
}

bool act_confirm(struct act *a, const char *format, ...)
{
    char line[16] = "";
    va_list args;
    if (option_value(&a->options, "yes"))
        return true;
    if (!a->term.in_tty) {
        fprintf(stderr, "eidolon: nobody is there to be asked; say --yes to do it.\n");
        a->code = EX_USAGE;
        return false;
    }
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputs(" [y/N] ", stderr);
    /* Ctrl-C has its usual meaning at a question. */
    pthread_sigmask(SIG_SETMASK, &a->home.before, NULL);
    bool yes = fgets(line, sizeof line, stdin) && (line[0] == 'y' || line[0] == 'Y');
    return yes;
}

/* ---- rooms by their names ---- */

enum { ID_BEGINNING = 6 };

struct finding {
    struct str words;
    char exact[64], part[64];
    unsigned exacts, parts;
};

/* ASCII letters without case. */
static bool has_words(struct str title, struct str words)
{
    for (size_t i = 0; words.n && i + words.n <= title.n; i++)
        if (str_ieq(str_sub(title, i, words.n), words))
            return true;
    return false;
}

static bool look_at_room(void *arg, const struct json *item)
{
    struct finding *f = arg;
    struct str id = json_get_str(item, "id", STR_NONE), title = json_get_str(item, "title", STR_NONE);
    if (str_ieq(title, f->words) || (f->words.n >= ID_BEGINNING && str_starts(id, f->words))) {
        if (!f->exacts++)
            str_copy(f->exact, sizeof f->exact, id);
    } else if (has_words(title, f->words)) {
        f->parts++;
        str_copy(f->part, sizeof f->part, id);
    }
    return true;
}

bool act_find_room(struct act *a, struct str words, char id[64])
{
    struct finding f = {.words = words};
    struct error e = {0};
    if (!act_each(a, STR("/api/rooms"), look_at_room, &f))
        return false;
    if (f.exacts || f.parts == 1) {
        memcpy(id, f.exacts ? f.exact : f.part, sizeof f.exact);
        return true;
    }
    if (f.parts)
        error_set(&e, ERR_NOT_FOUND, "%u rooms have '%.*s' in their titles; say more of it, or the id.",
                  f.parts, STR_ARG(words));
    else
        error_set(&e, ERR_NOT_FOUND, "No room is called '%.*s'; `eidolon room list` lists them.",
                  STR_ARG(words));
    return act_fail(a, &e);
}

/* ---- figures for people ---- */

const char *show_size(char to[32], double bytes)
{
    static const char *const units[] = {"B", "KB", "MB", "GB", "TB"};
    size_t unit = 0;
    for (; bytes >= 1000 && unit + 1 < sizeof units / sizeof *units; unit++)
        bytes /= 1000;
    snprintf(to, 32, unit && bytes < 10 ? "%.1f %s" : "%.0f %s", bytes, units[unit]);
    return to;
}

const char *show_ago(char to[48], struct str at)
{
    static const struct {
        int64_t least_s, unit_s;
        const char *name;
    } steps[] = {{2 * 86400, 86400, "days"}, {2 * 3600, 3600, "hours"}, {120, 60, "minutes"}};
    int64_t then = 0;
    snprintf(to, 48, "%s", "");
    if (!clock_parse(at, &then))
        return to;
    int64_t gap_s = clock_gap_ms(then, clock_wall_ms()) / 1000;
    snprintf(to, 48, "just now");
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        if (gap_s >= steps[i].least_s) {
            snprintf(to, 48, "%lld %s ago", (long long)(gap_s / steps[i].unit_s), steps[i].name);
            break;
        }
    }
    return to;
}

/* ---- files ---- */

bool out_open(struct act *a, struct out_file *f, const char *path)
{
    *f = (struct out_file){.file = stdout};
    if (!path || !strcmp(path, "-"))
        return true;
    snprintf(f->path, sizeof f->path, "%s", path);
    snprintf(f->temporary, sizeof f->temporary, "%s.part", path);
    f->file = fopen(f->temporary, "we");
    if (f->file)
        return true;
    a->code = EX_CANTCREAT;
    return act_say(a, "%s cannot be written: %s.", path, strerror(errno));
}

bool out_close(struct act *a, struct out_file *f, bool keep)
{
    bool good = fflush(f->file) == 0 && !ferror(f->file);
    if (f->file != stdout) {
        good = fclose(f->file) == 0 && good;
        if (!keep || !good)
            unlink(f->temporary);
        else
            good = rename(f->temporary, f->path) == 0;
    }
    if (keep && !good) {
        act_say(a, "%s cannot be written: %s.", f->path[0] ? f->path : "standard output", strerror(errno));
        a->code = EX_IOERR;
    }
    return keep && good;
}

bool act_save(struct act *a, struct str path, const char *file)
{
    struct client_answer answer;
    struct out_file out;
    struct error e = {0};
    bool ok = client_get(a->client, path, &answer, &e) == ERR_OK;
    if (!ok)
        act_fail(a, &e);
    else if ((ok = out_open(a, &out, file))) {
        fwrite(answer.body.p ? answer.body.p : "", 1, answer.body.n, out.file);
        ok = out_close(a, &out, true);
    }
    answer_release(&answer);
    return ok;
}
