/* Events on their way to a realtime client: ids, errors, the session as JSON. See realtime.h. */
#include "api/realtime.h"

#include <stdarg.h>
#include <stdio.h>

void rt_id(char to[REALTIME_ID], const char *prefix)
{
    snprintf(to, REALTIME_ID, "%s_%016llx%08x", prefix, (unsigned long long)random_u64(),
             (unsigned)random_u64());
}

void rt_begin(struct rt_event *ev, const char *type)
{
    char id[REALTIME_ID];
    rt_id(id, "event");
    ev->b = BUF_INIT;
    ev->w = JW(&ev->b);
    jw_object(&ev->w);
    jw_kv_string(&ev->w, "type", str_c(type));
    jw_kv_string(&ev->w, "event_id", str_c(id));
}

void rt_send(struct realtime *s, struct rt_event *ev)
{
    jw_end_object(&ev->w);
    if (s->ws)
        ws_send(s->ws, buf_str(&ev->b), true);
    buf_release(&ev->b);
}

enum err rt_refuse(struct error *e, const char *code, const char *param, const char *format, ...)
{
    char sentence[sizeof e->message];
    va_list args;
    va_start(args, format);
    vsnprintf(sentence, sizeof sentence, format, args);
    va_end(args);
    error_set(e, ERR_INVALID, "%s", sentence);
    str_copy(e->code, sizeof e->code, str_c(code));
    str_copy(e->param, sizeof e->param, str_c(param));
    return ERR_INVALID;
}

void rt_error(struct realtime *s, const struct error *e, struct str event_id)
{
    struct rt_event ev;
    rt_begin(&ev, "error");
    struct jw *w = &ev.w;
    jw_key(w, STR("error"));
    jw_object(w);
    jw_kv_string(w, "type", str_c(err_info(e->err)->type));
    jw_kv_string(w, "code", str_c(error_code(e)));
    jw_kv_string(w, "message", str_c(e->message));
    if (e->param[0])
        jw_kv_string(w, "param", str_c(e->param));
    else
        jw_kv_null(w, "param");
    if (str_empty(event_id))
        jw_kv_null(w, "event_id");
    else
        jw_kv_string(w, "event_id", event_id);
    jw_end_object(w);
    rt_send(s, &ev);
}

void rt_session_write(struct jw *w, const struct realtime *s)
{
    jw_object(w);
    jw_kv_string(w, "type", STR("realtime"));
    jw_kv_string(w, "object", STR("realtime.session"));
    jw_kv_string(w, "id", str_c(s->id));
    jw_kv_string(w, "model", s->model);
    jw_kv_i64(w, "expires_at", s->expires_s);
    rt_config_write(w, &s->config, s->model);
    jw_end_object(w);
}
