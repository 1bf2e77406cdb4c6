/* Inside net: a listener, as listen.c and net.c share it. */
#ifndef EIDOLON_NET_LISTEN_STATE_H
#define EIDOLON_NET_LISTEN_STATE_H

#include "net/conn.h"

struct listener_part { /* one loop's poll of the shared descriptor */
    uv_poll_t poll;
    struct net_loop *nl;
    struct net_listener *listener;
    bool open;
};

struct net_listener {
    struct net_listener *next;
    int fd;
    uint16_t port;
    char address[144];
    char *unix_path; /* removed at the end */
    bool own_only;   /* a Unix socket whose peers must be this server's own user, or root */
    const struct http_app *app;
    struct net_tls *tls;
    atomic_uint parts_open;
    struct listener_part parts[];
};

void listener_part_close(struct listener_part *part) LOOP;
/* While stopping: is this loop's part empty? Then net_stop() may go on. */
void net_part_check(struct net_loop *nl) LOOP;

#endif
