/* JSON writing; see json.h. */
#include "base/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static void before_value(struct jw *w)
{
    if (w->after_key) {
        w->after_key = false;
        return;
    }
    uint64_t bit = 1ull << (w->depth % JSON_MAX_DEPTH);
    if (w->depth && (w->has_member & bit))
        buf_add_char(w->b, ',');
    w->has_member |= bit;
}

static void open_container(struct jw *w, char c)
{
    before_value(w);
    w->depth++;
    w->has_member &= ~(1ull << (w->depth % JSON_MAX_DEPTH));
    buf_add_char(w->b, c);
}

static void close_container(struct jw *w, char c)
{
    w->depth--;
    buf_add_char(w->b, c);
}

void jw_object(struct jw *w)
{
    open_container(w, '{');
}

void jw_array(struct jw *w)
{
    open_container(w, '[');
}

void jw_end_object(struct jw *w)
{
    close_container(w, '}');
}

void jw_end_array(struct jw *w)
{
    close_container(w, ']');
}

static void put_string(struct buf *b, struct str s)
{
    buf_add_char(b, '"');
    size_t from = 0;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        buf_add(b, str_sub(s, from, i - from));
        from = i + 1;
        switch (c) {
        case '"':
            buf_add(b, STR("\\\""));
            break;
        case '\\':
            buf_add(b, STR("\\\\"));
            break;
        case '\n':
            buf_add(b, STR("\\n"));
            break;
        case '\r':
            buf_add(b, STR("\\r"));
            break;
        case '\t':
            buf_add(b, STR("\\t"));
            break;
        default:
            buf_printf(b, "\\u%04x", c);
        }
    }
    buf_add(b, str_from(s, from));
    buf_add_char(b, '"');
}

void jw_key(struct jw *w, struct str key)
{
    before_value(w);
    put_string(w->b, key);
    buf_add_char(w->b, ':');
    w->after_key = true;
}

void jw_string(struct jw *w, struct str s)
{
    before_value(w);
    put_string(w->b, s);
}

void jw_u64(struct jw *w, uint64_t value)
{
    before_value(w);
    buf_add_u64(w->b, value);
}

void jw_i64(struct jw *w, int64_t value)
{
    before_value(w);
    if (value < 0)
        buf_add_char(w->b, '-');
    buf_add_u64(w->b, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

void jw_double(struct jw *w, double value)
{
    char text[32];
    if (!isfinite(value)) {
        jw_null(w);
        return;
    }
    before_value(w);
    /* 15 digits read back as the same double nearly always, 17 always. */
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    buf_add(w->b, str_c(text));
}

void jw_bool(struct jw *w, bool value)
{
    before_value(w);
    buf_add(w->b, value ? STR("true") : STR("false"));
}

void jw_null(struct jw *w)
{
    before_value(w);
    buf_add(w->b, STR("null"));
}

void jw_raw(struct jw *w, struct str json)
{
    before_value(w);
    buf_add(w->b, str_empty(json) ? STR("null") : json);
}

void jw_kv_string(struct jw *w, const char *key, struct str s)
{
    jw_key(w, str_c(key));
    jw_string(w, s);
}

void jw_kv_i64(struct jw *w, const char *key, int64_t value)
{
    jw_key(w, str_c(key));
    jw_i64(w, value);
}

void jw_kv_u64(struct jw *w, const char *key, uint64_t value)
{
    jw_key(w, str_c(key));
    jw_u64(w, value);
}

void jw_kv_double(struct jw *w, const char *key, double value)
{
    jw_key(w, str_c(key));
    jw_double(w, value);
}

void jw_kv_bool(struct jw *w, const char *key, bool value)
{
    jw_key(w, str_c(key));
    jw_bool(w, value);
}

void jw_kv_raw(struct jw *w, const char *key, struct str json)
{
    jw_key(w, str_c(key));
    jw_raw(w, json);
}

void jw_kv_null(struct jw *w, const char *key)
{
    jw_key(w, str_c(key));
    jw_null(w);
}
