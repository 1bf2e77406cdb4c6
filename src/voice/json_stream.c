/* Documents by their braces; see json_stream.h. */
#include "voice/json_stream.h"

void json_stream_init(struct json_stream *s, bool (*document)(void *arg, struct str text), void *arg)
{
    *s = (struct json_stream){.text = BUF_MAX(JSON_STREAM_DOCUMENT_MAX), .document = document, .arg = arg};
}

void json_stream_release(struct json_stream *s)
{
    buf_release(&s->text);
}

bool json_stream_open(const struct json_stream *s)
{
    return s->depth > 0;
}

/* A byte between documents; true where one begins. */
static bool between(struct json_stream *s, char c)
{
    if (c == '\n' || c == '\r') {
        s->in_line = s->comment = false;
        return false;
    }
    s->comment = s->comment || (!s->in_line && c == ':');
    s->in_line = true;
    return c == '{' && !s->comment;
}

/* A byte of a document; true where it ends. */
static bool within(struct json_stream *s, char c)
{
    if (s->in_string) {
        bool ends = c == '"' && !s->escaped;
        s->escaped = c == '\\' && !s->escaped;
        s->in_string = !ends;
        return false;
    }
    s->in_string = c == '"';
    s->depth += c == '{';
    s->depth -= c == '}';
    return s->depth == 0;
}

enum err json_stream_feed(struct json_stream *s, struct str bytes)
{
    size_t from = 0; /* of the document under way, within these bytes */
    for (size_t i = 0; i < bytes.n; i++) {
        char c = bytes.p[i];
        if (s->depth == 0) {
            if (between(s, c)) {
                s->depth = 1;
                from = i;
            }
            continue;
        }
        if (!within(s, c))
            continue;
        buf_add(&s->text, str_sub(bytes, from, i + 1 - from));
        if (s->text.overflow)
            return ERR_TOO_BIG;
        bool on = s->document(s->arg, buf_str(&s->text));
        if (!on)
            return ERR_CANCELLED;
        buf_clear(&s->text);
    }
    if (s->depth)
        buf_add(&s->text, str_from(bytes, from));
    return s->text.overflow ? ERR_TOO_BIG : ERR_OK;
}
