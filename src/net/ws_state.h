/* Inside net: one WebSocket, as ws.c and ws_upgrade.c share it. */
#ifndef EIDOLON_NET_WS_STATE_H
#define EIDOLON_NET_WS_STATE_H

#include "net/conn.h"
#include "net/ws.h"
#include "net/ws_codec.h"

struct ws {
    struct conn *conn;
    const struct ws_events *events;
    void *arg;
    struct ws_decoder decoder;
    uint16_t code; /* for closed() */
    bool close_sent, pinged;
};

/* ws_upgrade.c: what Sec-WebSocket-Accept answers to a key of WS_KEY_TEXT characters (RFC 6455 4.2.2). */
enum { WS_KEY_TEXT = 24, WS_ACCEPT_TEXT = 29 };
void ws_accept_text(char to[WS_ACCEPT_TEXT], struct str key);

#endif
