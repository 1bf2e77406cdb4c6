/* Answering and reading; see call.h. Waiting is in wait.c. */
#include "api/call.h"

#include "api/settings.h"

#include <stdarg.h>
#include <stdio.h>

const struct config *call_config(const struct call *call)
{
    return settings_config(call->api->parts.settings);
}

void call_json(struct call *call, int status, struct str json)
{
    http_reply(call->req, status, "application/json", json);
}

void call_status(struct call *call, int status)
{
    http_reply(call->req, status, NULL, STR_NONE);
}

/* How long a refused client should wait: the conditions behind these errors pass in about a second. */
#define RETRY_AFTER_SECONDS "1"

void call_error(struct call *call, const struct error *e)
{
    int status = err_info(e->err)->http_status;
    if (status == 401)
        http_set_header(call->req, "WWW-Authenticate", STR("Bearer realm=\"eidolon\""));
    if (status == 429 || status == 503)
        http_set_header(call->req, "Retry-After", STR(RETRY_AFTER_SECONDS));
    http_reply_error(call->req, e);
}

void call_refuse(struct call *call, enum err err, const char *format, ...)
{
    struct error e = {0};
    char message[sizeof e.message];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    error_set(&e, err, "%s", message);
    call_error(call, &e);
}

void call_refuse_param(struct call *call, enum err err, const char *param, const char *format, ...)
{
    struct error e = {0};
    char message[sizeof e.message];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    error_set_param(&e, err, param, "%s", message);
    call_error(call, &e);
}

void call_resource(struct call *call, int status, uint64_t version, struct str json)
{
    if (version) {
        struct str etag = arena_printf(call_arena(call), "\"%llu\"", (unsigned long long)version), given;
        http_set_header(call->req, "ETag", etag);
        if (call->req->method <= HTTP_HEAD && http_header(call->req, "If-None-Match", &given) &&
            http_etag_matches(given, etag)) {
            call_status(call, 304);
            return;
        }
    }
    call_json(call, status, json);
}

struct str call_param(const struct call *call, unsigned n)
{
    return n < call->params.n ? call->params.v[n] : STR_NONE;
}

bool call_param_id(struct call *call, unsigned n, const char *what, struct id *out)
{
    if (id_parse(call_param(call, n), out))
        return true;
    call_refuse(call, ERR_NOT_FOUND, "No %s has the id '%.*s'; list them to see which there are.", what,
                STR_ARG(call_param(call, n)));
    return false;
}

bool call_query(struct call *call, const char *name, struct str *value)
{
    struct error e = {0};
    *value = STR_NONE;
    enum err err = http_query(call->req, name, value, &e);
    if (err == ERR_OK || err == ERR_NOT_FOUND)
        return true;
    call_error(call, &e);
    return false;
}

bool call_query_u64(struct call *call, const char *name, uint64_t *value)
{
    struct str text;
    if (!call_query(call, name, &text))
        return false;
    if (str_empty(text) || (str_to_u64(text, value) && *value <= INT64_MAX))
        return true;
    call_refuse_param(call, ERR_INVALID, name, "'%s' must be a whole number, as %s=17.", name, name);
    return false;
}

bool call_query_flag(struct call *call, const char *name, bool *value)
{
    struct str text;
    if (!call_query(call, name, &text))
        return false;
    if (str_empty(text))
        return true;
    bool yes = str_eq(text, STR("true")) || str_eq(text, STR("1"));
    if (!yes && !str_eq(text, STR("false")) && !str_eq(text, STR("0"))) {
        call_refuse_param(call, ERR_INVALID, name, "'%s' must be true or false.", name);
        return false;
    }
    *value = yes;
    return true;
}

enum { LIMIT_DEFAULT = 50, LIMIT_MAX = 200 };

bool call_query_limit(struct call *call, unsigned *limit)
{
    struct str text;
    uint64_t value = LIMIT_DEFAULT;
    if (!call_query(call, "limit", &text))
        return false;
    if (!str_empty(text) && (!str_to_u64(text, &value) || value < 1 || value > LIMIT_MAX)) {
        call_refuse_param(call, ERR_INVALID, "limit", "'limit' must be a whole number from 1 to %d.",
                          LIMIT_MAX);
        return false;
    }
    *limit = (unsigned)value;
    return true;
}

bool call_if_match(struct call *call, uint64_t *version)
{
    struct str given;
    *version = 0;
    if (!http_header(call->req, "If-Match", &given) || str_eq(str_trim(given), STR("*")))
        return true;
    given = str_trim(given);
    if (given.n > 2 && given.p[0] == '"' && given.p[given.n - 1] == '"' &&
        str_to_u64(str_sub(given, 1, given.n - 2), version) && *version)
        return true;
    call_refuse(call, ERR_PRECONDITION,
                "If-Match names no version of this; read it again and send the ETag that came with it.");
    return false;
}

bool call_wants_stream(const struct call *call)
{
    return http_accepts_exactly(call->req, "text/event-stream");
}

bool page_begin(struct page *page, struct call *call)
{
    *page = (struct page){0};
    if (!call_query_limit(call, &page->limit) || !call_query(call, "after", &page->after))
        return false;
    page->reached = str_empty(page->after);
    return true;
}

bool page_has(struct page *page, struct str name)
{
    bool before = !page->reached;
    page->reached = page->reached || str_eq(name, page->after);
    page->more = page->more || (!before && page->given == page->limit);
    if (before || page->given == page->limit)
        return false;
    page->given++;
    page->last = name;
    return true;
}

struct str page_next(const struct page *page)
{
    return page->more ? page->last : STR_NONE;
}

void list_begin(struct jw *w, struct buf *b)
{
    *w = JW(b);
    jw_object(w);
    jw_key(w, STR("data"));
    jw_array(w);
}

void list_end(struct jw *w, struct str next)
{
    jw_end_array(w);
    if (str_empty(next))
        jw_kv_null(w, "next");
    else
        jw_kv_string(w, "next", next);
    jw_end_object(w);
}

void error_object_write(struct jw *w, const struct error *e, struct str request_id)
{
    jw_object(w);
    jw_kv_string(w, "message", str_c(e->message));
    jw_kv_string(w, "type", str_c(err_info(e->err)->type));
    if (e->param[0])
        jw_kv_string(w, "param", str_c(e->param));
    else
        jw_kv_null(w, "param");
    jw_kv_string(w, "code", str_c(error_code(e)));
    if (!str_empty(request_id))
        jw_kv_string(w, "request_id", request_id);
    jw_end_object(w);
}

void error_body_write(const struct error *e, struct str request_id, struct buf *out, const char **type)
{
    struct jw w = JW(out);
    jw_object(&w);
    jw_key(&w, STR("error"));
    error_object_write(&w, e, request_id);
    jw_end_object(&w);
    *type = "application/json";
}
