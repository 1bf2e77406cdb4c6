/*
 * The API: HTTP requests and WebSocket messages become calls into the house, events become frames.
 *
 * One struct api serves all loops. It owns nothing of what it is given but the settings (settings.h) and
 * lives until the loops ended. How a request goes: api.c finds the route (route.h), asks auth.h who it is,
 * reads and checks the body, and calls the handler, one file a route group. Handlers answer with the
 * functions of call.h, at once or after the room, the store or an engine answered.
 *
 * It does not: listen (net does, main asks it to), hold any state of rooms or personas.
 */
#ifndef EIDOLON_API_API_H
#define EIDOLON_API_API_H

#include "net/asset.h"
#include "net/listen.h"
#include "room/rooms.h"

struct api;
struct engines;
struct llama;
struct workers;   /* loop/workers.h */
struct settings;  /* api/settings.h */
struct voices;    /* voice/voices.h */
struct ear;       /* voice/ear.h */
struct listening; /* voice/listen.h */
struct media_hub; /* media/hub.h */
struct ears;      /* voice/ears.h */

/* The wire formats of events, by number: room_deps.encode in this order (encode.c). */
enum api_format { FORMAT_JSON, FORMAT_SSE, FORMAT_WS, FORMAT_WS_DEFLATED, FORMATS };
extern room_encode_fn *const api_encoders[FORMATS];
/* Sound as the socket's binary frame (docs/VOICE.md). */
enum { SOUND_FRAME_PERSONA = 1, SOUND_FRAME_MICROPHONE = 2, SOUND_FRAME_HEAD = 48 };
struct shared *api_encode_sound(struct id room, const struct sub_sound *sound);

struct api_parts {
    struct loops *loops;
    struct store *store;
    struct personas *personas;
    struct memory *memory;
    struct engines *engines;
    struct llama *llama; /* engine/llama.h */
    struct voices *voices;
    struct speech_cache *spoken; /* voice/cache.h; or NULL */
    struct ear *ear;
    struct listening *listening;
    struct media_hub *media;
    struct ears *ears;
    struct workers *workers;
    struct rooms *rooms;
    struct settings *settings;
    const struct card_importer *cards; /* persona/card_import.h */
    const struct assets *assets;       /* the web app; NULL: none built in */
};

/* How phones and other machines at home reach us; empty strings where they do not. The strings live as long
 * as the api. */
struct api_https {
    struct str url;         /* "https://192.168.1.20:8443" */
    struct str ca_file;     /* the certificate authority of our own, PEM; NUL-terminated */
    struct str fingerprint; /* its SHA-256 */
};

/* Plain thread. The parts outlive the api; it may be made before the loops start. */
struct api *api_new(const struct api_parts *parts);
void api_free(struct api *api);
/* What listeners are opened with; lives as long as the api. */
const struct http_app *api_http(struct api *api);
/* For /metrics; once the network part is there. */
void api_set_net(struct api *api, struct net *net);
/* Once the listeners are there, before anybody is told of them. */
void api_set_https(struct api *api, const struct api_https *https);
/* A pairing code for a phone (pairing.h), as the address that its QR code holds, appended to `to`. Any
 * thread. */
void api_pair(struct api *api, struct buf *to);
/* Turns recovered: /readyz says ok from now on. Any thread. */
void api_set_ready(struct api *api);

/* The OpenAPI document and the TypeScript types, from the tables. Any thread. */
void openapi_write(struct buf *to);
void typescript_write(struct buf *to);
/* The tables of docs/API.md: routes, events, errors. */
void routes_write_markdown(struct buf *to);

#endif
