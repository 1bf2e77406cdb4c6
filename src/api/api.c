/*
 * The way of a request to its handler: route, origin, credential, scope, body; see api.h.
 *
 * Everything that is refused here is refused before a body is read, but for what only the body tells.
 */
#include "api/call.h"

#include "api/auth.h"
#include "api/realtime.h"
#include "api/schema.h"
#include "api/settings.h"
#include "api/web.h"
#include "base/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

/* Cross-origin calls of pages that server.origins lists (WHATWG Fetch, "CORS protocol"). */
static bool allow_origin(struct call *call) LOOP;
static bool allow_origin(struct call *call)
{
    struct str origin;
    if (!http_header(call->req, "Origin", &origin) || !auth_origin_listed(call_config(call), origin))
        return false;
    http_set_header(call->req, "Access-Control-Allow-Origin", origin);
    http_set_header(call->req, "Vary", STR("Origin"));
    http_set_header(call->req, "Access-Control-Expose-Headers", STR("ETag, X-Request-Id, Retry-After"));
    return true;
}

static void answer_options(struct call *call, unsigned allow) LOOP;
static void answer_options(struct call *call, unsigned allow)
{
    struct str methods = route_allow(call_arena(call), allow);
    http_set_header(call->req, "Allow", methods);
    if (allow_origin(call)) {
        http_set_header(call->req, "Access-Control-Allow-Methods", methods);
        http_set_header(call->req, "Access-Control-Allow-Headers",
                        STR("Authorization, Content-Type, If-Match, If-None-Match, Idempotency-Key, "
                            "Last-Event-ID, X-Request-Id"));
        http_set_header(call->req, "Access-Control-Max-Age", STR("600"));
    }
    call_status(call, 204);
}

static bool is_json_type(struct str type)
{
    type = str_trim(str_sub(type, 0, str_find_char(type, ';')));
    return str_ieq(type, STR("application/json")) ||
           (type.n > 5 && str_ieq(str_from(type, type.n - 5), STR("+json")));
}

static void take_json(struct call *call) LOOP;
static void take_json(struct call *call)
{
    struct error e = {0};
    struct json *body = NULL;
    struct str text = call->req->body;
    const struct schema *shape = schema_find(str_c(call->route->request));
    if (str_empty(text))
        text = STR("{}");
    enum err err = json_parse(call_arena(call), text, &body, &e);
    if (!err && call->route->body == BODY_FREE && body->type != JSON_OBJECT)
        err =
            error_set(&e, ERR_WRONG_TYPE, "The body must be an object, not %s.", json_type_name(body->type));
    if (!err && shape && call->route->body != BODY_FREE)
        err = schema_check(shape, body, call->route->body == BODY_OPEN ? SCHEMA_TOLERANT : 0, &e);
    if (err) {
        call_error(call, &e);
        return;
    }
    call->body = body;
    call->route->handle(call);
}

static void on_body(struct http_req *req)
{
    on_loop();
    struct call *call = req->user;
    if (call->route->body == BODY_BYTES || call->route->body == BODY_FILE)
        call->route->handle(call);
    else
        take_json(call);
}

/* Large uploads lie in a folder of their own until their request ends. */
static void take_file(struct call *call) LOOP;
static void take_file(struct call *call)
{
    const struct config *config = call_config(call);
    struct str folder = arena_printf(call_arena(call), "%.*s/incoming", STR_ARG(config->server.data));
    if (mkdir(folder.p, 0700) != 0 && errno != EEXIST) {
        call_refuse(call, ERR_IO, "The folder for uploads, %s, cannot be made: %m.", folder.p);
        return;
    }
    uint64_t limit = call->route->flags & ROUTE_MEDIA ? config->media.file_max + MULTIPART_SLACK
                     : call->route->limit             ? call->route->limit
                                                      : config->import.file_max;
    http_take_file(call->req, folder.p, limit, on_body);
}

static void take_body(struct call *call) LOOP;
static void take_body(struct call *call)
{
    const struct route *route = call->route;
    struct str type;
    if (route->body == BODY_NONE) {
        route->handle(call);
        return;
    }
    if (route->body == BODY_FILE) {
        take_file(call);
        return;
    }
    if (route->body != BODY_BYTES && call->req->has_body && http_header(call->req, "Content-Type", &type) &&
        !is_json_type(type)) {
        call_refuse(call, ERR_UNSUPPORTED_TYPE, "Send the body as application/json, not as '%.*s'.",
                    STR_ARG(str_sub(type, 0, 100)));
        return;
    }
    size_t limit = route->limit ? route->limit : call_config(call)->net.body_max;
    if (route->flags & ROUTE_FILE)
        limit = call_config(call)->card.file_max + MULTIPART_SLACK;
    http_take_body(call->req, limit, on_body);
}

static void refuse_unmatched(struct call *call, unsigned allow) LOOP;
static void refuse_unmatched(struct call *call, unsigned allow)
{
    if (allow) {
        struct str methods = route_allow(call_arena(call), allow);
        http_set_header(call->req, "Allow", methods);
        call_refuse(call, ERR_METHOD, "%.*s takes %.*s, not %.*s.", STR_ARG(str_sub(call->req->path, 0, 128)),
                    STR_ARG(methods), STR_ARG(str_sub(call->req->method_text, 0, 32)));
        return;
    }
    call_refuse(call, ERR_NOT_FOUND, "Nothing is at %.*s; GET /api/openapi.json lists what there is.",
                STR_ARG(str_sub(call->req->path, 0, 128)));
}

static void head(struct http_req *req, void *arg)
{
    on_loop();
    struct call *call = arena_new(&req->arena, struct call);
    struct error e = {0};
    unsigned allow = 0;
    call->api = arg;
    call->req = req;
    req->user = call;
    call->route = route_find(&req->arena, req->method, req->path, &call->params, &allow);
    if (!call->route) {
        if (req->method == HTTP_OPTIONS && allow)
            answer_options(call, allow);
        else if (allow || !web_answer(call))
            refuse_unmatched(call, allow);
        return;
    }
    bool unsafe = req->method > HTTP_HEAD || call->route->flags & ROUTE_SOCKET;
    if (call->route->flags & ROUTE_OWN_AUTH) {
        call->route->handle(call);
        return;
    }
    enum err err = auth_check(call_config(call), req, unsafe ? AUTH_UNSAFE : 0, &call->who, &e);
    if (err && !(call->route->flags & ROUTE_PUBLIC && err == ERR_UNAUTHORIZED)) {
        call_error(call, &e);
        return;
    }
    if (!err && !(call->who.scopes & call->route->scope)) {
        call_refuse(call, ERR_FORBIDDEN, "This credential may not do that.");
        return;
    }
    allow_origin(call);
    take_body(call);
}

struct api *api_new(const struct api_parts *parts)
{
    struct api *api = heap_alloc(sizeof *api);
    api->parts = *parts;
    api->http = (struct http_app){.arg = api, .head = head, .error_body = error_body_write};
    api->started_us = clock_mono_us();
    pairings_init(&api->pairings);
    api->secrets = realtime_secrets_new();
    return api;
}

void api_free(struct api *api)
{
    pairings_release(&api->pairings);
    realtime_secrets_free(api->secrets);
    free(api);
}

const struct http_app *api_http(struct api *api)
{
    return &api->http;
}

void api_set_net(struct api *api, struct net *net)
{
    api->net = net;
}

void api_set_https(struct api *api, const struct api_https *https)
{
    api->https = *https;
}

void api_pair(struct api *api, struct buf *to)
{
    char code[PAIRING_CODE];
    pairing_make(&api->pairings, clock_wall_ms(), code);
    buf_printf(to, "%.*s/pair#%s", STR_ARG(api->https.url), code);
}

void api_set_ready(struct api *api)
{
    atomic_store(&api->ready, true);
}
