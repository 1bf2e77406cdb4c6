/*
 * The running server: every part, opened in order, and closed in the opposite one.
 *
 * serve.c is the command (signals, the line that says where it is); parts.c opens and closes; housekeeping.c
 * does what is due now and then. Plain thread.
 */
#ifndef EIDOLON_APP_SERVE_H
#define EIDOLON_APP_SERVE_H

#include "api/api.h"
#include "app/command.h"
#include "app/socket.h"
#include "engine/engine.h"
#include "engine/llama.h"
#include "loop/workers.h"
#include "memory/memory.h"
#include "persona/card_import.h"
#include "store/index.h"
#include "voice/ears.h"
#include "voice/listen.h"
#include "voice/voices.h"

enum { LISTENERS_MAX = 32 };

struct parts {
    struct options *options;
    struct loops *loops;
    struct workers *workers;
    struct store *store;
    struct index *index;
    struct personas *personas;
    struct blobs *blobs;
    struct card_pool *card_pool;
    struct card_importer cards;
    struct personas_op refresh; /* of what lists show; its own until it is done */
    struct arena refresh_arena;
    struct memory *memory;
    struct engines *engines;
    struct llama *llama;
    struct voices *voices;
    struct speech_cache *spoken;
    struct ear *ear;
    struct media_hub *media; /* media/hub.h */
    struct ears *ears;
    struct listening *listening;
    struct rooms *rooms;
    struct api *api;
    struct net *net;
    struct net_tls *tls;
    struct net_listener *listeners[LISTENERS_MAX];
    size_t listener_count, plain_count; /* plain: without those of server.https, which come last */
    struct arena https_arena;           /* what https names */
    struct api_https https;             /* empty: phones cannot come */
    unsigned inherited;                 /* sockets that systemd passed */
    bool local; /* set before opening: only the data folder's socket is listened on (home.h) */
    struct data_socket socket;
    struct net_listener *socket_listener;
    bool running; /* the loops run */
    pthread_t checker;
    bool checking;
};

/* Opens everything and begins to listen. On failure what was opened must be closed with parts_close(). */
enum err parts_open(struct parts *p, struct error *e);
/* Lets turns and requests end, for server.shutdown_timeout, then closes what is open. */
void parts_close(struct parts *p);

/* Begins what runs now and then on a loop: removing what is past its time. Stops at parts_close(). */
void housekeeping_start(struct parts *p);
void housekeeping_stop(struct parts *p);

#endif
