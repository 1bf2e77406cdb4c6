/*
 * Fuzzes the WebSocket codec: the first byte gives the size of the pieces and whether compression was agreed.
 * Messages, control frames and the closing code must not depend on the pieces; text must be valid UTF-8.
 * Compressed messages are inflated, close payloads read.
 */
#include "net/deflate.h"
#include "net/ws_codec.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { MAX_MESSAGE = 4096 };

struct log {
    struct buf seen;
};

static unsigned on_message(void *arg, unsigned opcode, bool compressed, struct str payload)
{
    struct log *log = arg;
    buf_printf(&log->seen, "m%u%d:%zu:", opcode, compressed, payload.n);
    buf_add(&log->seen, payload);
    if (payload.n > MAX_MESSAGE || (opcode == WS_TEXT && !compressed && !utf8_valid(payload)))
        abort();
    if (compressed) {
        CLEANUP_BUF struct buf out = BUF_MAX(MAX_MESSAGE);
        inflate_message(payload, &out);
        if (out.n > MAX_MESSAGE)
            abort();
    }
    return 0;
}

static unsigned on_control(void *arg, unsigned opcode, struct str payload)
{
    struct log *log = arg;
    buf_printf(&log->seen, "c%u:%zu:", opcode, payload.n);
    buf_add(&log->seen, payload);
    if (payload.n > WS_CONTROL_MAX)
        abort();
    unsigned code, refuse = 0;
    struct str reason;
    if (opcode == WS_CLOSE && !ws_close_payload(payload, &code, &reason, &refuse))
        return refuse;
    return opcode == WS_CLOSE ? WS_STOP : 0;
}

static unsigned decode(const uint8_t *data, size_t n, size_t step, bool deflate, struct log *log)
{
    static const struct ws_sink sink = {on_message, on_control};
    struct ws_decoder d = {.message = BUF_MAX(MAX_MESSAGE), .deflate = deflate};
    char *copy = malloc(n);
    unsigned code = 0;
    memcpy(copy, data, n);
    for (size_t at = 0; at < n && !code; at += step)
        code = ws_decode(&d, copy + at, n - at < step ? n - at : step, &sink, log);
    ws_decoder_release(&d);
    free(copy);
    return code;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n < 2)
        return 0;
    bool deflate = data[0] & 1;
    struct log a = {.seen = BUF_INIT}, b = {.seen = BUF_INIT};
    unsigned whole = decode(data + 1, n - 1, n - 1, deflate, &a);
    unsigned pieces = decode(data + 1, n - 1, (data[0] >> 1) + 1, deflate, &b);
    /* Fed at once, a frame may be refused for bad UTF-8 where, fed in pieces, the same happens sooner. */
    if (whole != pieces || !str_eq(buf_str(&a.seen), buf_str(&b.seen)))
        abort();
    buf_release(&a.seen);
    buf_release(&b.seen);
    return 0;
}
