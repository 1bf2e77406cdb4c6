/*
 * Errors: an enum that code branches on and one complete sentence that a person can act on.
 *
 * A function that can fail returns `enum err` and takes a trailing `struct error *`, which it fills when it
 * returns anything but ERR_OK and leaves untouched otherwise. Callers pass errors up unchanged or add what
 * they know; only entry points (a request handler, main) log or send them, once. NULL is allowed where the
 * caller does not want the sentence.
 *
 * Running out of memory is not an error here: allocation failure aborts (arena.h, buf.h).
 */
#ifndef EIDOLON_BASE_ERROR_H
#define EIDOLON_BASE_ERROR_H

#include "base/str.h"

enum err {
    ERR_OK = 0,
#define ERR(symbol, code, status, close, type) symbol,
#include "base/error.def"
#undef ERR
    ERR_COUNT
};

struct error {
    enum err err;
    char code[48];     /* overrides the table's wire code when not empty (e.g. an engine's "rate_limit") */
    char param[64];    /* the field or parameter that was at fault, or empty */
    char message[384]; /* one sentence */
};

struct err_info {
    const char *symbol, *code;
    int http_status, ws_close;
    const char *type;
};

/* The table's row; err must be a real error or ERR_OK (status 200). */
const struct err_info *err_info(enum err err);

/* Fills *e (if any) and returns err: `return error_set(e, ERR_NOT_FOUND, "No room has the id '%s'.", id);` */
enum err error_set(struct error *e, enum err err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same, naming the field at fault. */
enum err error_set_param(struct error *e, enum err err, const char *param, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* The wire code: the error's own, else the table's. */
const char *error_code(const struct error *e);

#endif
