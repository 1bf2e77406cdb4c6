/* Errors; see error.h. */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>

static const struct err_info table[ERR_COUNT] = {
    [ERR_OK] = {"ERR_OK", "ok", 200, 1000, ""},
#define ERR(symbol, code, status, close, type) [symbol] = {#symbol, code, status, close, type},
#include "base/error.def"
#undef ERR
};

const struct err_info *err_info(enum err err)
{
    return &table[err < ERR_COUNT ? err : ERR_INTERNAL];
}

static enum err fill(struct error *e, enum err err, const char *param, const char *format, va_list args)
{
    if (!e)
        return err;
    /* The arguments may point into *e itself (an error that wraps another), so format first. */
    char message[sizeof e->message];
    int n = vsnprintf(message, sizeof message, format, args);
    e->err = err;
    e->code[0] = '\0';
    str_copy(e->param, sizeof e->param, str_c(param));
    size_t length = n < 0 ? 0 : (size_t)n;
    str_copy(e->message, sizeof e->message,
             str_of(message, length < sizeof message ? length : sizeof message - 1));
    return err;
}

enum err error_set(struct error *e, enum err err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fill(e, err, NULL, format, args);
    va_end(args);
    return err;
}

enum err error_set_param(struct error *e, enum err err, const char *param, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fill(e, err, param, format, args);
    va_end(args);
    return err;
}

const char *error_code(const struct error *e)
{
    return e->code[0] ? e->code : err_info(e->err)->code;
}
