/* Server-sent events; see sse.h. */
#include "base/sse.h"

void sse_init(struct sse *s, bool (*event)(void *arg, struct str name, struct str data), void *arg)
{
    *s = (struct sse){.line = BUF_MAX(SSE_LINE_MAX),
                      .stray = BUF_MAX(SSE_LINE_MAX),
                      .data = BUF_MAX(SSE_LINE_MAX),
                      .event = event,
                      .arg = arg};
}

void sse_release(struct sse *s)
{
    buf_release(&s->line);
    buf_release(&s->data);
    buf_release(&s->stray);
}

struct str sse_pending(const struct sse *s)
{
    if (s->stray.n)
        return buf_str(&s->stray);
    return s->data.n ? buf_str(&s->data) : buf_str(&s->line);
}

static enum err dispatch(struct sse *s)
{
    bool go_on = true;
    if (s->has_data)
        go_on = s->event(s->arg, str_c(s->name), buf_str(&s->data));
    buf_clear(&s->data);
    s->has_data = false;
    s->name[0] = '\0';
    return go_on ? ERR_OK : ERR_CANCELLED;
}

static enum err take_line(struct sse *s, struct str line)
{
    if (!s->started && str_starts(line, STR("\xef\xbb\xbf")))
        line = str_from(line, 3);
    s->started = true;
    if (s->stray.n || str_starts(line, STR("{"))) {
        buf_add(&s->stray, line);
        buf_add_char(&s->stray, '\n');
        return s->stray.overflow ? ERR_TOO_BIG : ERR_OK;
    }
    if (line.n == 0)
        return dispatch(s);
    size_t colon = str_find_char(line, ':');
    struct str field = colon == SIZE_MAX ? line : str_sub(line, 0, colon);
    struct str value = colon == SIZE_MAX ? STR_NONE : str_from(line, colon + 1);
    if (str_starts(value, STR(" ")))
        value = str_from(value, 1);
    if (str_eq(field, STR("data"))) {
        if (s->has_data)
            buf_add_char(&s->data, '\n');
        s->has_data = true;
        buf_add(&s->data, value);
    } else if (str_eq(field, STR("event")))
        str_copy(s->name, sizeof s->name, value);
    return s->data.overflow ? ERR_TOO_BIG : ERR_OK;
}

enum err sse_feed(struct sse *s, struct str bytes)
{
    while (bytes.n && bytes.p) {
        if (s->after_cr && bytes.p[0] == '\n')
            bytes = str_from(bytes, 1);
        s->after_cr = false;
        size_t end = 0;
        while (end < bytes.n && bytes.p[end] != '\n' && bytes.p[end] != '\r')
            end++;
        struct str part = str_sub(bytes, 0, end);
        if (end == bytes.n) {
            buf_add(&s->line, part);
            return s->line.overflow ? ERR_TOO_BIG : ERR_OK;
        }
        s->after_cr = bytes.p[end] == '\r';
        bytes = str_from(bytes, end + 1);
        if (s->line.n) {
            buf_add(&s->line, part);
            if (s->line.overflow)
                return ERR_TOO_BIG;
            part = buf_str(&s->line);
        }
        enum err err = take_line(s, part);
        buf_clear(&s->line);
        if (err != ERR_OK)
            return err;
    }
    return ERR_OK;
}
