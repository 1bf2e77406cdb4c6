/* Chats as files; see write.h. */
#include "chat/write.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { DAY_MS = 24 * 3600 * 1000, DATE_TEXT = 64 };

static void date_text(char to[DATE_TEXT], int64_t at_ms, const char *how)
{
    time_t seconds = (time_t)(at_ms / 1000);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    strftime(to, DATE_TEXT, how, &tm);
}

static bool new_day(struct chat_writer *w, int64_t at_ms)
{
    int64_t day = at_ms / DAY_MS + 1;
    bool other = day != w->day;
    w->day = day;
    return other;
}

/* ---- SillyTavern ---- */

static const struct json *tavern_of(struct arena *a, struct str extra)
{
    struct json *object = NULL;
    if (str_empty(extra) || json_parse(a, extra, &object, NULL) != ERR_OK)
        return NULL;
    const struct json *tavern = json_get(object, "sillytavern");
    return tavern && tavern->type == JSON_OBJECT ? tavern : NULL;
}

static void tavern_head(struct chat_writer *w, const struct chat_about *about)
{
    struct arena a = ARENA_INIT;
    const struct json *tavern = tavern_of(&a, about->extra);
    char date[CLOCK_TEXT];
    struct jw j = JW(w->to);
    if (tavern) {
        jw_raw(&j, tavern->raw);
    } else {
        clock_format(date, about->created_ms);
        jw_object(&j);
        jw_kv_string(&j, "user_name", about->user);
        jw_kv_string(&j, "character_name", about->character);
        jw_kv_string(&j, "create_date", str_c(date));
        jw_kv_raw(&j, "chat_metadata", STR("{}"));
        jw_end_object(&j);
    }
    buf_add_char(w->to, '\n');
    arena_release(&a);
}

struct swipe {
    int64_t index; /* as the file had it; INT64_MAX: it was said here */
    size_t order;
    struct str text;
    bool current;
};

static int by_index(const void *a, const void *b)
{
    const struct swipe *x = a, *y = b;
    if (x->index != y->index)
        return x->index < y->index ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

static void tavern_swipes(struct jw *j, struct arena *a, const struct chat_line *line,
                          const struct json *tavern)
{
    size_t n = line->other_count + 1;
    struct swipe *swipes = arena_array(a, struct swipe, n);
    for (size_t i = 0; i < line->other_count; i++)
        swipes[i] =
            (struct swipe){.index = json_get_i64(tavern_of(a, line->others[i].extra), "swipe", INT64_MAX),
                           .order = i,
                           .text = line->others[i].text};
    swipes[n - 1] = (struct swipe){.index = json_get_i64(tavern, "swipe_id", INT64_MAX),
                                   .order = n,
                                   .text = line->text,
                                   .current = true};
    qsort(swipes, n, sizeof *swipes, by_index);
    jw_key(j, STR("swipes"));
    jw_array(j);
    size_t current = 0;
    for (size_t i = 0; i < n; i++) {
        jw_string(j, swipes[i].text);
        current = swipes[i].current ? i : current;
    }
    jw_end_array(j);
    jw_kv_u64(j, "swipe_id", current);
}

static void tavern_line(struct chat_writer *w, const struct chat_line *line)
{
    struct arena a = ARENA_INIT;
    const struct json *tavern = tavern_of(&a, line->extra);
    char date[CLOCK_TEXT];
    struct jw j = JW(w->to);
    jw_object(&j);
    json_each (member, tavern ? tavern : &(struct json){0}) {
        if (line->other_count && str_eq(member->key, STR("swipe_id")))
            continue;
        if (str_eq(member->key, STR("mes")) || str_eq(member->key, STR("swipes")) ||
            str_eq(member->key, STR("swipe")))
            continue;
        jw_key(&j, member->key);
        jw_raw(&j, member->raw);
    }
    if (!json_get(tavern, "name"))
        jw_kv_string(&j, "name", line->name);
    if (!json_get(tavern, "is_user"))
        jw_kv_bool(&j, "is_user", line->by == CHAT_BY_USER);
    if (!json_get(tavern, "is_system"))
        jw_kv_bool(&j, "is_system", line->by == CHAT_BY_NOBODY);
    if (!json_get(tavern, "send_date")) {
        clock_format(date, line->at_ms);
        jw_kv_string(&j, "send_date", str_c(date));
    }
    jw_kv_string(&j, "mes", line->text);
    if (!json_get(tavern, "extra"))
        jw_kv_raw(&j, "extra", STR("{}"));
    if (line->other_count)
        tavern_swipes(&j, &a, line, tavern);
    jw_end_object(&j);
    buf_add_char(w->to, '\n');
    arena_release(&a);
}

/* ---- text, Markdown ---- */

static void text_line(struct chat_writer *w, const struct chat_line *line)
{
    char at[DATE_TEXT];
    date_text(at, line->at_ms, "%Y-%m-%d %H:%M:%S");
    buf_printf(w->to, "[%s] %.*s: %.*s\n", at, STR_ARG(line->name), STR_ARG(line->text));
}

static void markdown_line(struct chat_writer *w, const struct chat_line *line)
{
    char at[DATE_TEXT];
    if (new_day(w, line->at_ms)) {
        date_text(at, line->at_ms, "%-d %B %Y");
        buf_printf(w->to, "## %s\n\n", at);
    }
    date_text(at, line->at_ms, "%H:%M");
    buf_printf(w->to, "**%.*s** · %s%s\n\n%.*s\n\n", STR_ARG(line->name), at, line->edited ? " · edited" : "",
               STR_ARG(line->text));
}

/* ---- HTML ---- */

static void html(struct buf *to, struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        switch (s.p[i]) {
        case '<':
            buf_add(to, STR("&lt;"));
            break;
        case '>':
            buf_add(to, STR("&gt;"));
            break;
        case '&':
            buf_add(to, STR("&amp;"));
            break;
        case '"':
            buf_add(to, STR("&quot;"));
            break;
        default:
            buf_add_char(to, s.p[i]);
        }
    }
}

static const struct str page_style = STR_INIT(
    "<style>\n"
    ":root{--paper:#fbf9f6;--ink:#2a2622;--soft:#6d645b;--line:#e6dfd6;--mine:#eef1e6;--theirs:#fff}\n"
    "@media(prefers-color-scheme:dark){:root{--paper:#191716;--ink:#ece7e1;--soft:#a79d93;--line:#37322d;"
    "--mine:#29301f;--theirs:#221f1d}}\n"
    "*{box-sizing:border-box}body{margin:0;background:var(--paper);color:var(--ink);"
    "font:17px/1.6 Charter,'Iowan Old Style','Palatino Linotype',Georgia,serif}\n"
    "main{max-width:44rem;margin:0 auto;padding:3rem 1.25rem 5rem}header{border-bottom:1px solid var(--line);"
    "padding-bottom:1.5rem}h1{font-size:2rem;line-height:1.2;margin:0 0 .4rem;overflow-wrap:anywhere}\n"
    "header p,footer,time,.day{color:var(--soft);font-family:system-ui,sans-serif;font-size:.85rem}header "
    "p{margin:0}\n"
    ".day{text-align:center;font-weight:600;margin:2.5rem 0 1rem}\n"
    "article{margin:0 0 1rem;padding:.8rem 1rem;border:1px solid "
    "var(--line);border-radius:.9rem;background:var(--theirs);"
    "max-width:92%;break-inside:avoid}article.user{background:var(--mine);margin-left:auto}\n"
    "article.note{max-width:100%;border-style:dashed;background:none;color:var(--soft);font-size:.92rem}\n"
    "article h2{display:inline;font:600 .9rem/1.4 system-ui,sans-serif;margin:0 .5rem 0 0}\n"
    "article p{white-space:pre-wrap;overflow-wrap:anywhere;margin:.3rem 0 0}\n"
    "footer{border-top:1px solid var(--line);margin-top:3rem;padding-top:1rem}\n"
    "@media "
    "print{:root{--paper:#fff;--ink:#000;--soft:#444;--line:#ccc;--mine:#fff;--theirs:#fff}body{font-size:"
    "11pt}"
    "main{max-width:none;padding:0}article{border-radius:0;border-width:0 0 0 "
    "2pt;max-width:100%;margin-left:0!important}}\n"
    "</style>\n");

static void html_head(struct chat_writer *w, const struct chat_about *about)
{
    char from[DATE_TEXT];
    date_text(from, about->created_ms, "%-d %B %Y");
    buf_add(w->to, STR("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                       "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                       "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
                       "'unsafe-inline'\">\n"
                       "<title>"));
    html(w->to, about->title);
    buf_add(w->to, STR("</title>\n"));
    buf_add(w->to, page_style);
    buf_add(w->to, STR("</head>\n<body>\n<main>\n<header>\n<h1>"));
    html(w->to, about->title);
    buf_add(w->to, STR("</h1>\n<p>"));
    if (about->others.n) {
        html(w->to, about->user);
        buf_add(w->to, STR(" with "));
        html(w->to, about->others);
        buf_add(w->to, STR(" · "));
    }
    buf_printf(w->to, "begun %s</p>\n</header>\n", from);
}

static void html_line(struct chat_writer *w, const struct chat_line *line)
{
    static const char *const classes[] = {"note", "user", "persona"};
    char day[DATE_TEXT], at[CLOCK_TEXT], clock[DATE_TEXT];
    if (new_day(w, line->at_ms)) {
        date_text(day, line->at_ms, "%A, %-d %B %Y");
        buf_printf(w->to, "<p class=\"day\">%s</p>\n", day);
    }
    clock_format(at, line->at_ms);
    date_text(clock, line->at_ms, "%H:%M");
    buf_printf(w->to, "<article class=\"%s\"><h2>", classes[line->by]);
    html(w->to, line->name);
    buf_printf(w->to, "</h2><time datetime=\"%s\">%s%s</time><p>", at, clock, line->edited ? ", edited" : "");
    html(w->to, line->text);
    buf_add(w->to, STR("</p></article>\n"));
}

/* ---- all of them ---- */

void chat_write_head(struct chat_writer *w, const struct chat_about *about)
{
    switch (w->file) {
    case CHAT_FILE_SILLYTAVERN:
        tavern_head(w, about);
        break;
    case CHAT_FILE_MARKDOWN:
        buf_printf(w->to, "# %.*s\n\n", STR_ARG(about->title));
        if (about->others.n)
            buf_printf(w->to, "*%.*s with %.*s*\n\n", STR_ARG(about->user), STR_ARG(about->others));
        break;
    case CHAT_FILE_HTML:
        html_head(w, about);
        break;
    case CHAT_FILE_TEXT:
        break;
    }
}

void chat_write_line(struct chat_writer *w, const struct chat_line *line)
{
    static void (*const writers[])(struct chat_writer *,
                                   const struct chat_line *) = {[CHAT_FILE_SILLYTAVERN] = tavern_line,
                                                                [CHAT_FILE_MARKDOWN] = markdown_line,
                                                                [CHAT_FILE_TEXT] = text_line,
                                                                [CHAT_FILE_HTML] = html_line};
    writers[w->file](w, line);
}

void chat_write_end(struct chat_writer *w, const struct chat_about *about)
{
    char at[DATE_TEXT];
    if (w->file != CHAT_FILE_HTML)
        return;
    date_text(at, about->exported_ms, "%-d %B %Y, %H:%M UTC");
    buf_printf(w->to,
               "<footer>Kept by Eidolon · exported %s · times are UTC</footer>\n</main>\n</body>\n</html>\n",
               at);
}
