/* The server's log; see log.h. */
#include "base/log.h"

#include "base/clock.h"
#include "base/json.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

static _Atomic int least_level = LOG_INFO;
static _Atomic int line_format = LOG_TEXT;

static const char *const level_names[] = {"debug", "info", "warn", "error"};

void log_setup(enum log_level least, enum log_format format)
{
    least_level = (int)least;
    line_format = (int)format;
}

bool log_level_parse(struct str name, enum log_level *out)
{
    for (size_t i = 0; i < sizeof level_names / sizeof *level_names; i++) {
        if (str_eq(name, str_c(level_names[i]))) {
            *out = (enum log_level)i;
            return true;
        }
    }
    return false;
}

void log_write(enum log_level level, const char *area, const char *format, ...)
{
    if ((int)level < least_level)
        return;
    char message[2048], at[CLOCK_TEXT];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    clock_format(at, clock_wall_ms());
    CLEANUP_BUF struct buf line = BUF_MAX(16384);
    if (line_format == LOG_JSON) {
        struct jw w = JW(&line);
        jw_object(&w);
        jw_kv_string(&w, "at", str_c(at));
        jw_kv_string(&w, "level", str_c(level_names[level]));
        jw_kv_string(&w, "area", str_c(area));
        jw_kv_string(&w, "message", str_c(message));
        jw_end_object(&w);
    } else {
        buf_printf(&line, "%s %-5s %s: %s", at, level_names[level], area, message);
    }
    buf_add_char(&line, '\n');
    ssize_t written = write(STDERR_FILENO, line.p, line.n);
    (void)written; /* a log that cannot be written has nobody to tell */
}
