/* The cutter; see cut.h. One state machine over bytes. */
#include "chat/cut.h"

enum { KEY_MAX = 4096 };

static enum err malformed(const struct cut *c, const char *what, struct error *e)
{
    return error_set(e, ERR_MALFORMED_JSON, "Line %llu of the file is no JSON: %s.",
                     (unsigned long long)c->line, what);
}

void cut_release(struct cut *c)
{
    buf_release(&c->key);
    buf_release(&c->text);
}

static bool space(char b)
{
    return b == ' ' || b == '\t' || b == '\n' || b == '\r';
}

static void keep(struct cut *c, char b)
{
    if (c->text.n >= c->value_max)
        c->long_value = true;
    else
        buf_add_char(&c->text, b);
}

static enum err give(struct cut *c, struct error *e)
{
    enum err err = ERR_OK;
    if (c->long_value)
        c->taker->too_long(c->arg, c->depth, buf_str(&c->key));
    else
        err = c->taker->value(c->arg, c->depth, buf_str(&c->key), buf_str(&c->text), e);
    buf_clear(&c->text);
    c->long_value = false;
    c->state = c->depth ? CUT_AFTER : CUT_DONE;
    return err;
}

static enum err begin_value(struct cut *c, char b, struct error *e)
{
    if (b == ']' && c->depth && c->open[c->depth - 1] == '[') { /* an empty array */
        c->depth--;
        c->taker->leave(c->arg, c->depth);
        c->state = c->depth ? CUT_AFTER : CUT_DONE;
        return ERR_OK;
    }
    if ((b == '{' || b == '[') && c->depth < CUT_DEPTH &&
        c->taker->enter(c->arg, c->depth, buf_str(&c->key), b == '{')) {
        c->open[c->depth++] = b;
        c->state = b == '{' ? CUT_KEY : CUT_VALUE;
        buf_clear(&c->key);
        return ERR_OK;
    }
    if (b == ',' || b == ':' || b == '}' || b == ']')
        return malformed(c, "a value is missing", e);
    keep(c, b);
    c->quoted = c->escaped = false;
    c->nested = b == '{' || b == '[';
    c->state = b == '"' ? CUT_STRING : c->nested ? CUT_NESTED : CUT_SCALAR;
    return ERR_OK;
}

static enum err after(struct cut *c, char b, struct error *e)
{
    char open = c->open[c->depth - 1];
    if (b == ',') {
        c->state = open == '{' ? CUT_KEY : CUT_VALUE;
        buf_clear(&c->key);
        return ERR_OK;
    }
    if (b != (open == '{' ? '}' : ']'))
        return malformed(c, "a comma or a closing bracket is missing", e);
    c->depth--;
    c->taker->leave(c->arg, c->depth);
    c->state = c->depth ? CUT_AFTER : CUT_DONE;
    return ERR_OK;
}

static enum err step(struct cut *c, char b, struct error *e)
{
    switch (c->state) {
    case CUT_VALUE:
        return space(b) ? ERR_OK : begin_value(c, b, e);
    case CUT_KEY:
        if (space(b))
            return ERR_OK;
        if (b == '}')
            return after(c, b, e);
        if (b != '"')
            return malformed(c, "a name in quotes is missing", e);
        buf_clear(&c->key);
        c->escaped = false;
        c->state = CUT_KEY_TEXT;
        return ERR_OK;
    case CUT_KEY_TEXT:
        if (b == '"' && !c->escaped) {
            c->state = CUT_COLON;
            return ERR_OK;
        }
        if (c->key.n >= KEY_MAX)
            return malformed(c, "a name is too long", e);
        c->escaped = b == '\\' && !c->escaped;
        buf_add_char(&c->key, b);
        return ERR_OK;
    case CUT_COLON:
        if (b == ':')
            c->state = CUT_VALUE;
        return b == ':' || space(b) ? ERR_OK : malformed(c, "a colon is missing", e);
    case CUT_AFTER:
        return space(b) ? ERR_OK : after(c, b, e);
    case CUT_STRING:
        keep(c, b);
        if (b == '"' && !c->escaped)
            return give(c, e);
        c->escaped = b == '\\' && !c->escaped;
        return ERR_OK;
    case CUT_NESTED:
        keep(c, b);
        if (c->quoted) {
            c->quoted = b != '"' || c->escaped;
            c->escaped = b == '\\' && !c->escaped;
            return ERR_OK;
        }
        c->escaped = false;
        c->quoted = b == '"';
        c->nested += b == '{' || b == '[';
        c->nested -= b == '}' || b == ']';
        return c->nested ? ERR_OK : give(c, e);
    case CUT_SCALAR:
        if (!space(b) && b != ',' && b != ']' && b != '}') {
            keep(c, b);
            return ERR_OK;
        }
        {
            enum err err = give(c, e);
            return err || space(b) || c->state == CUT_DONE ? err : after(c, b, e);
        }
    case CUT_DONE:
        return space(b) ? ERR_OK : malformed(c, "something stands after its end", e);
    }
    return ERR_OK;
}

enum err cut_feed(struct cut *c, struct str bytes, struct error *e)
{
    c->line = c->line ? c->line : 1;
    c->text.max = c->value_max + 1;
    for (size_t i = 0; i < bytes.n; i++) {
        enum err err = step(c, bytes.p[i], e);
        if (err)
            return err;
        c->line += bytes.p[i] == '\n';
    }
    return ERR_OK;
}

enum err cut_finish(struct cut *c, struct error *e)
{
    enum err err = c->state == CUT_SCALAR && !c->depth ? give(c, e) : ERR_OK;
    if (err || c->state == CUT_DONE)
        return err;
    return malformed(c, "the file ends in its middle; it may be cut off", e);
}
