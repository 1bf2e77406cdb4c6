/* The RFC 6455 frame codec; see ws_codec.h. */
#include "net/ws_codec.h"

#include "base/arena.h"

#include <stdlib.h>

void ws_mask(char *p, size_t n, const uint8_t mask[4])
{
    uint64_t wide, word;
    memcpy(&wide, mask, 4);
    memcpy((char *)&wide + 4, mask, 4);
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        memcpy(&word, p + i, 8);
        word ^= wide;
        memcpy(p + i, &word, 8);
    }
    for (; i < n; i++)
        p[i] = (char)((uint8_t)p[i] ^ mask[i & 3]);
}

static void rotate_mask(uint8_t mask[4], size_t by)
{
    uint8_t old[4];
    memcpy(old, mask, 4);
    for (size_t i = 0; i < 4; i++)
        mask[i] = old[(i + by) & 3];
}

/* How long the head is, given its first two bytes. */
static size_t head_length(const struct ws_decoder *d)
{
    size_t n = d->unmasked_peer ? 2 : 6;
    unsigned length = d->head[1] & 0x7f;
    return n + (length == 126 ? 2 : length == 127 ? 8 : 0);
}

static bool known_opcode(unsigned opcode)
{
    return opcode <= WS_BINARY || (opcode >= WS_CLOSE && opcode <= WS_PONG);
}

/* The first two bytes are there: refuse what no later byte can mend. */
static unsigned check_start(const struct ws_decoder *d)
{
    unsigned opcode = d->head[0] & 0x0f, length = d->head[1] & 0x7f;
    bool fin = d->head[0] & 0x80, rsv1 = d->head[0] & 0x40, masked = d->head[1] & 0x80;
    bool control = opcode & 8;
    if (!known_opcode(opcode) || (d->head[0] & 0x30) || masked == d->unmasked_peer)
        return WS_PROTOCOL;
    if (rsv1 && (!d->deflate || control || opcode == WS_CONTINUE))
        return WS_PROTOCOL;
    if (control)
        return !fin || length > WS_CONTROL_MAX ? WS_PROTOCOL : 0;
    return (opcode == WS_CONTINUE) == (d->opcode != 0) ? 0 : WS_PROTOCOL;
}

static unsigned begin_frame(struct ws_decoder *d)
{
    const uint8_t *at = d->head + 2;
    unsigned length = d->head[1] & 0x7f;
    d->left = length;
    if (length >= 126) {
        d->left = 0;
        for (unsigned i = 0; i < (length == 126 ? 2u : 8u); i++)
            d->left = d->left << 8 | *at++;
        /* The shortest form is required, and the top bit must be clear (5.2). */
        if (d->left >> 63 || d->left <= (length == 126 ? 125u : 0xffffu))
            return WS_PROTOCOL;
    }
    memset(d->mask, 0, 4);
    if (!d->unmasked_peer)
        memcpy(d->mask, at, 4);
    d->frame = d->head[0] & 0x0f;
    d->fin = d->head[0] & 0x80;
    d->in_payload = true;
    d->control_have = 0;
    if (d->frame & 8)
        return 0;
    if (d->frame != WS_CONTINUE) {
        d->opcode = d->frame;
        d->compressed = d->head[0] & 0x40;
        d->utf8 = (struct utf8_check){0};
    }
    size_t max = d->message.max ? d->message.max : BUF_DEFAULT_MAX;
    return d->left > max - d->message.n ? WS_TOO_BIG : 0;
}

static unsigned end_message(struct ws_decoder *d, struct str whole, const struct ws_sink *sink, void *arg)
{
    unsigned opcode = d->opcode;
    if (opcode == WS_TEXT && !d->compressed && !utf8_done(&d->utf8))
        return WS_BAD_DATA;
    d->opcode = 0;
    unsigned code = sink->message(arg, opcode, d->compressed, whole);
    buf_release(&d->message);
    return code;
}

static unsigned data_bytes(struct ws_decoder *d, struct str part, const struct ws_sink *sink, void *arg)
{
    if (d->opcode == WS_TEXT && !d->compressed && !utf8_feed(&d->utf8, part))
        return WS_BAD_DATA;
    bool done = d->fin && d->left == 0;
    if (done && !d->message.n)
        return end_message(d, part, sink, arg);
    buf_add(&d->message, part);
    return done ? end_message(d, buf_str(&d->message), sink, arg) : 0;
}

static unsigned control_bytes(struct ws_decoder *d, struct str part, const struct ws_sink *sink, void *arg)
{
    if (d->left == 0 && !d->control_have)
        return sink->control(arg, d->frame, part);
    if (!d->control)
        d->control = heap_alloc(WS_CONTROL_MAX);
    if (part.n)
        memcpy(d->control + d->control_have, part.p, part.n);
    d->control_have = (uint8_t)(d->control_have + part.n);
    if (d->left)
        return 0;
    char payload[WS_CONTROL_MAX];
    size_t n = d->control_have;
    memcpy(payload, d->control, n);
    free(d->control);
    d->control = NULL;
    return sink->control(arg, d->frame, str_of(payload, n));
}

/* Collects head bytes; *whole when the payload begins. Returns a close code or 0. */
static unsigned head_bytes(struct ws_decoder *d, char **p, char *end)
{
    while (*p < end) {
        d->head[d->head_have++] = (uint8_t) * (*p)++;
        if (d->head_have < 2)
            continue;
        unsigned code = d->head_have == 2 ? check_start(d) : 0;
        if (code)
            return code;
        if (d->head_have < head_length(d))
            continue;
        d->head_have = 0;
        return begin_frame(d);
    }
    return 0;
}

unsigned ws_decode(struct ws_decoder *d, char *p, size_t n, const struct ws_sink *sink, void *arg)
{
    char *end = p + n;
    unsigned code = 0;
    while (!code && (p < end || (d->in_payload && !d->left))) {
        if (!d->in_payload) {
            code = head_bytes(d, &p, end);
            continue;
        }
        size_t have = (size_t)(end - p);
        size_t take = d->left < have ? (size_t)d->left : have;
        if (!d->unmasked_peer) {
            ws_mask(p, take, d->mask);
            rotate_mask(d->mask, take & 3);
        }
        struct str part = str_of(p, take);
        p += take;
        d->left -= take;
        if (!d->left)
            d->in_payload = false;
        code = d->frame & 8 ? control_bytes(d, part, sink, arg) : data_bytes(d, part, sink, arg);
    }
    return code;
}

void ws_decoder_release(struct ws_decoder *d)
{
    buf_release(&d->message);
    free(d->control);
    d->control = NULL;
}

size_t ws_frame_head(char to[WS_HEAD_MAX], unsigned opcode, bool compressed, size_t n)
{
    to[0] = (char)(0x80 | (compressed ? 0x40 : 0) | opcode);
    if (n < 126) {
        to[1] = (char)n;
        return 2;
    }
    unsigned bytes = n <= 0xffff ? 2 : 8;
    to[1] = (char)(bytes == 2 ? 126 : 127);
    for (unsigned i = 0; i < bytes; i++)
        to[2 + i] = (char)((uint64_t)n >> (8 * (bytes - 1 - i)));
    return 2 + bytes;
}

size_t ws_frame_head_masked(char to[WS_HEAD_MAX], unsigned opcode, size_t n, const uint8_t mask[4])
{
    size_t at = ws_frame_head(to, opcode, false, n);
    to[1] = (char)((uint8_t)to[1] | 0x80);
    memcpy(to + at, mask, 4);
    return at + 4;
}

/* Codes a peer may send (7.4): 1000 to 1003, 1007 to 1014, 3000 to 4999. */
static bool close_code_allowed(unsigned code)
{
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

bool ws_close_payload(struct str payload, unsigned *code, struct str *reason, unsigned *refuse)
{
    *code = WS_NO_CODE;
    *reason = STR_NONE;
    if (!payload.n)
        return true;
    *refuse = WS_PROTOCOL;
    if (payload.n == 1)
        return false;
    *code = (unsigned)(uint8_t)payload.p[0] << 8 | (uint8_t)payload.p[1];
    if (!close_code_allowed(*code))
        return false;
    *reason = str_from(payload, 2);
    *refuse = WS_BAD_DATA;
    return utf8_valid(*reason);
}
