/*
 * The server's own log: one line an entry on standard error, for people (logfmt) or machines (JSON).
 *
 * Only entry points log; functions below return errors. Texts of conversations and secrets are never logged.
 * Safe from any thread: a line is one write().
 */
#ifndef EIDOLON_BASE_LOG_H
#define EIDOLON_BASE_LOG_H

#include "base/str.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_TEXT, LOG_JSON };

void log_setup(enum log_level least, enum log_format format);
bool log_level_parse(struct str name, enum log_level *out); /* debug info warn error */

/* `area` is the folder that speaks ("net", "store"). */
void log_write(enum log_level level, const char *area, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#define log_debug(area, ...) log_write(LOG_DEBUG, (area), __VA_ARGS__)
#define log_info(area, ...) log_write(LOG_INFO, (area), __VA_ARGS__)
#define log_warn(area, ...) log_write(LOG_WARN, (area), __VA_ARGS__)
#define log_error(area, ...) log_write(LOG_ERROR, (area), __VA_ARGS__)

#endif
