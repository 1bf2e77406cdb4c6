/* Names and defaults of generations; see provider.h. */
#include "engine/provider.h"

#include <math.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>

static const struct {
    const char *name;
    int status;
    unsigned flags;
} codes[GEN_CODE_COUNT] = {
#define GEN_CODE(symbol, code, status, flags) [symbol] = {code, status, flags},
    GEN_CODES(GEN_CODE)
#undef GEN_CODE
};

const char *gen_code_name(enum gen_code code)
{
    return codes[code].name;
}

int gen_code_status(enum gen_code code)
{
    return codes[code].status;
}

unsigned gen_code_flags(enum gen_code code)
{
    return codes[code].flags;
}

const char *gen_finish_name(enum gen_finish finish)
{
    static const char *const names[GEN_FINISH_COUNT] = {"stop", "length", "tool_calls", "content_filter",
                                                        "error"};
    return names[finish];
}

void gen_sampling_init(struct gen_sampling *s)
{
    *s = (struct gen_sampling){
        .temperature = NAN,
        .top_p = NAN,
        .frequency_penalty = NAN,
        .presence_penalty = NAN,
        .min_p = NAN,
        .repeat_penalty = NAN,
        .top_k = CONFIG_NO_INT,
        .max_tokens = CONFIG_NO_INT,
        .seed = CONFIG_NO_INT,
    };
}

void gen_end_fail(struct gen_end *end, enum gen_code code, const char *format, ...)
{
    char text[GEN_SENTENCE * 2];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    *end =
        (struct gen_end){.code = code, .flags = codes[code].flags, .finish = GEN_ERROR, .retry_after_ms = -1};
    size_t length = n < 0 ? 0 : (size_t)n;
    str_copy(end->sentence, sizeof end->sentence,
             str_of(text, length < sizeof text ? length : sizeof text - 1));
}

uint64_t gen_id_new(void)
{
    static _Atomic uint64_t last;
    return atomic_fetch_add(&last, 1) + 1;
}
