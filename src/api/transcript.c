/* See transcript.h. */
#include "api/transcript.h"

#include "voice/asr_read.h"

#include <math.h>

#define SECONDS_MAX 1e6 /* that subtitles can tell */

bool transcript_format_parse(struct str name, enum transcript_format *out)
{
    static const char *const names[] = {"json", "text", "verbose_json", "srt", "vtt"};
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
        if (!str_eq(name, str_c(names[i])))
            continue;
        *out = (enum transcript_format)i;
        return true;
    }
    return false;
}

static void write_verbose(struct buf *to, const struct json *heard, bool words)
{
    struct jw w = JW(to);
    const struct json *segments = json_get(heard, "segments");
    jw_object(&w);
    jw_kv_string(&w, "task", STR("transcribe"));
    jw_kv_string(&w, "language", asr_language_name(json_get_str(heard, "language", STR_NONE)));
    jw_kv_double(&w, "duration", json_get_double(heard, "duration_ms", 0) / 1000);
    jw_kv_string(&w, "text", json_get_str(heard, "text", STR_NONE));
    jw_key(&w, STR("segments"));
    jw_array(&w);
    for (const struct json *s = segments ? segments->child : NULL; s; s = s->next) {
        jw_object(&w);
        jw_kv_raw(&w, "id", json_get(s, "id")->raw);
        jw_kv_raw(&w, "start", json_get(s, "start")->raw);
        jw_kv_raw(&w, "end", json_get(s, "end")->raw);
        jw_kv_string(&w, "text", json_get_str(s, "text", STR_NONE));
        double sure = json_get_double(s, "confidence", NAN);
        if (!isnan(sure))
            jw_kv_double(&w, "avg_logprob", round(log(sure > 1e-4 ? sure : 1e-4) * 1000) / 1000);
        jw_end_object(&w);
    }
    jw_end_array(&w);
    if (words) {
        jw_key(&w, STR("words"));
        jw_array(&w);
        for (const struct json *s = segments ? segments->child : NULL; s; s = s->next) {
            const struct json *list = json_get(s, "words");
            for (const struct json *one = list ? list->child : NULL; one; one = one->next) {
                jw_object(&w);
                jw_kv_string(&w, "word", json_get_str(one, "word", STR_NONE));
                jw_kv_raw(&w, "start", json_get(one, "start")->raw);
                jw_kv_raw(&w, "end", json_get(one, "end")->raw);
                jw_end_object(&w);
            }
        }
        jw_end_array(&w);
    }
    jw_end_object(&w);
}

static void write_time(struct buf *to, double seconds, char point)
{
    unsigned ms = seconds > 0 ? (unsigned)lround(fmin(seconds, SECONDS_MAX) * 1000) : 0;
    buf_printf(to, "%02u:%02u:%02u%c%03u", ms / 3600000, ms / 60000 % 60, ms / 1000 % 60, point, ms % 1000);
}

static void write_subtitles(struct buf *to, const struct json *heard, bool vtt)
{
    const struct json *segments = json_get(heard, "segments");
    unsigned n = 0;
    if (vtt)
        buf_add(to, STR("WEBVTT\n\n"));
    for (const struct json *s = segments ? segments->child : NULL; s; s = s->next) {
        if (!vtt)
            buf_printf(to, "%u\n", ++n);
        write_time(to, json_get_double(s, "start", 0), vtt ? '.' : ',');
        buf_add(to, STR(" --> "));
        write_time(to, json_get_double(s, "end", 0), vtt ? '.' : ',');
        buf_printf(to, "\n%.*s\n\n", STR_ARG(json_get_str(s, "text", STR_NONE)));
    }
}

const char *transcript_write(struct buf *to, const struct json *heard, enum transcript_format format,
                             bool words)
{
    struct jw w = JW(to);
    struct str text = json_get_str(heard, "text", STR_NONE);
    switch (format) {
    case TRANSCRIPT_JSON:
        jw_object(&w);
        jw_kv_string(&w, "text", text);
        jw_end_object(&w);
        return "application/json";
    case TRANSCRIPT_VERBOSE:
        write_verbose(to, heard, words);
        return "application/json";
    case TRANSCRIPT_SRT:
        write_subtitles(to, heard, false);
        break;
    case TRANSCRIPT_VTT:
        write_subtitles(to, heard, true);
        return "text/vtt; charset=utf-8";
    case TRANSCRIPT_TEXT:
        buf_printf(to, "%.*s\n", STR_ARG(text));
        break;
    }
    return "text/plain; charset=utf-8";
}
