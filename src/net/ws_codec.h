/*
 * The RFC 6455 frame codec: bytes in, whole checked messages and control frames out; and frame heads to send.
 *
 * The decoder takes bytes as they come and works in place: it unmasks inside the read buffer, and a message
 * that arrives in one piece is handed on from there without a copy. Only what is incomplete is kept, in
 * `message` (its growth capped) or in a small block for a split control frame. UTF-8 of plain text is checked
 * as it comes; of compressed text after inflating. It knows nothing of sockets, timers or the closing
 * handshake.
 */
#ifndef EIDOLON_NET_WS_CODEC_H
#define EIDOLON_NET_WS_CODEC_H

#include "base/buf.h"
#include "base/utf8.h"

enum ws_opcode { WS_CONTINUE = 0, WS_TEXT = 1, WS_BINARY = 2, WS_CLOSE = 8, WS_PING = 9, WS_PONG = 10 };

enum {
    WS_CONTROL_MAX = 125,
    WS_HEAD_MAX = 14,
    WS_OK = 1000,
    WS_GOING_AWAY = 1001,
    WS_PROTOCOL = 1002,
    WS_NO_CODE = 1005,
    WS_BROKEN = 1006,
    WS_BAD_DATA = 1007,
    WS_TOO_BIG = 1009,
};

struct ws_decoder {
    struct buf message; /* of an unfinished message; max is the message limit */
    uint64_t left;      /* payload bytes of the present frame still to come */
    char *control;      /* WS_CONTROL_MAX bytes, while a control frame is split */
    uint8_t mask[4];    /* rotated so that mask[0] meets the next byte */
    struct utf8_check utf8;
    uint8_t head[WS_HEAD_MAX];
    uint8_t head_have, control_have;
    uint8_t frame;  /* opcode of the present frame */
    uint8_t opcode; /* of the unfinished message; 0: none */
    bool in_payload, fin, compressed;
    bool unmasked_peer; /* set for the client side: the server's frames must not be masked */
    bool deflate;       /* RSV1 was agreed */
};

/* Both return 0, or the close code with which decoding ends; WS_STOP ends it quietly. */
enum { WS_STOP = 1 };
struct ws_sink {
    /* opcode is WS_TEXT or WS_BINARY. A compressed payload is not inflated yet. */
    unsigned (*message)(void *arg, unsigned opcode, bool compressed, struct str payload);
    unsigned (*control)(void *arg, unsigned opcode, struct str payload);
};

/* Feeds bytes, which are changed (unmasked). 0: all used; else the close code or WS_STOP. */
unsigned ws_decode(struct ws_decoder *d, char *p, size_t n, const struct ws_sink *sink, void *arg);
void ws_decoder_release(struct ws_decoder *d);

/* XORs with the 4-byte mask, eight bytes at a time. */
void ws_mask(char *p, size_t n, const uint8_t mask[4]);

/* An unmasked final frame's head; returns its length (2, 4 or 10). */
size_t ws_frame_head(char to[WS_HEAD_MAX], unsigned opcode, bool compressed, size_t n);

/* The same for the client's side, which masks: the head and the mask; the payload follows, through ws_mask().
 * Returns its length (6, 8 or 14). */
size_t ws_frame_head_masked(char to[WS_HEAD_MAX], unsigned opcode, size_t n, const uint8_t mask[4]);

/* A close frame's payload: the code it carries (1005 when empty), or the code with which to refuse it. */
bool ws_close_payload(struct str payload, unsigned *code, struct str *reason, unsigned *refuse);

#endif
