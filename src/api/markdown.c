/* The tables of docs/API.md, from the route table, the event kinds and the errors. */
#include "api/route.h"

#include "api/api.h"
#include "event/event.h"

static void write_route(struct buf *to, const struct route *route)
{
    buf_printf(to, "| `%s ", route_method_name(route->method));
    for (const char *p = route->pattern; *p; p++)
        if (*p != '+')
            buf_add_char(to, *p);
    buf_printf(to, "` | %s |\n", route->summary);
}

/* A cell may not hold a bare bar. */
static void write_cell(struct buf *to, const char *text)
{
    for (; *text; text++) {
        if (*text == '|')
            buf_add_char(to, '\\');
        buf_add_char(to, *text);
    }
}

static void write_events(struct buf *to)
{
    size_t count = 0;
    const struct event_field_info *fields = event_fields(&count);
    buf_add(to,
            STR("\n### Kinds of events\n\n| kind | lasting | what it says | data |\n|---|---|---|---|\n"));
    for (unsigned kind = 0; kind < EVENT_KINDS; kind++) {
        const struct event_kind_info *info = event_kind_info((enum event_kind)kind);
        const char *comma = "";
        buf_printf(to, "| `%.*s` | %s | %s | ", STR_ARG(info->name), info->lasting ? "yes" : "no", info->doc);
        for (size_t i = 0; i < count; i++) {
            if (fields[i].kind != kind)
                continue;
            buf_printf(to, "%s`%s`: ", comma, fields[i].name);
            write_cell(to, fields[i].type);
            comma = ", ";
        }
        buf_add(to, STR(" |\n"));
    }
}

static void write_errors(struct buf *to)
{
    buf_add(to, STR("\n### Errors\n\n| code | status | type |\n|---|---|---|\n"));
    for (int err = ERR_OK + 1; err < ERR_COUNT; err++) {
        const struct err_info *info = err_info((enum err)err);
        buf_printf(to, "| `%s` | %d | %s |\n", info->code, info->http_status, info->type);
    }
}

void routes_write_markdown(struct buf *to)
{
    size_t count = 0;
    const struct route *table = route_table(&count);
    for (size_t i = 0; i < count; i++) {
        if (table[i].pattern)
            write_route(to, &table[i]);
        else
            buf_printf(to, "\n### %s\n\n| | |\n|---|---|\n", table[i].group);
    }
    write_events(to);
    write_errors(to);
}
