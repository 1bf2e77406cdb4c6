/* Signing in from another machine: the access token, or a pairing code, becomes a cookie that scripts cannot
 * read. */
#include "api/auth.h"
#include "api/call.h"
#include "base/clock.h"

static void write_session(struct call *call, const struct principal *who) LOOP;
static void write_session(struct call *call, const struct principal *who)
{
    static const char *const names[] = {
        [CREDENTIAL_NONE] = "none", [CREDENTIAL_LOCAL] = "local", [CREDENTIAL_TOKEN] = "token"};
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    jw_object(&w);
    jw_kv_bool(&w, "signed_in", who->credential != CREDENTIAL_NONE);
    jw_kv_string(&w, "credential", str_c(names[who->credential]));
    jw_kv_string(&w, "name", str_c(who->name));
    jw_end_object(&w);
    http_set_header(call->req, "Cache-Control", STR("no-store"));
    call_json(call, 200, buf_str(&b));
}

void handle_session_get(struct call *call)
{
    write_session(call, &call->who);
}

static void set_cookie(struct call *call, const char *value, int max_age) LOOP;
static void set_cookie(struct call *call, const char *value, int max_age)
{
    http_set_header(call->req, "Set-Cookie",
                    arena_printf(call_arena(call),
                                 AUTH_COOKIE "=%s; Path=/; Max-Age=%d; HttpOnly; SameSite=Strict%s", value,
                                 max_age, call->req->peer.tls ? "; Secure" : ""));
}

/* A page of another site may neither sign a browser in nor out. */
static bool own_page(struct call *call) LOOP;
static bool own_page(struct call *call)
{
    struct str origin;
    if (!http_header(call->req, "Origin", &origin) || auth_origin_own(call->req, origin))
        return true;
    call_refuse(call, ERR_FORBIDDEN, "Only this server's own page signs in and out.");
    return false;
}

void handle_session_begin(struct call *call)
{
    char cookie[AUTH_COOKIE_MAX];
    const struct config *config = call_config(call);
    if (!own_page(call))
        return;
    struct str pair = json_get_str(call->body, "pair", STR_NONE);
    if (!str_empty(pair) && !pairing_use(&call->api->pairings, clock_wall_ms(), pair)) {
        call_refuse_param(call, ERR_UNAUTHORIZED, "pair",
                          "This code was used already or is too old; show a new one on the computer.");
        return;
    }
    if (str_empty(pair) && !auth_token_is(config, json_get_str(call->body, "token", STR_NONE))) {
        call_refuse_param(call, ERR_UNAUTHORIZED, "token",
                          str_empty(config->server.token)
                              ? "This server has no access token; set server.token to sign in from elsewhere."
                              : "This is not the server's access token; look it up under server.token.");
        return;
    }
    struct principal who = principal_owner(CREDENTIAL_TOKEN);
    str_copy(who.name, sizeof who.name, config->user.name);
    auth_cookie_make(config, clock_wall_ms(), cookie);
    set_cookie(call, cookie, AUTH_SESSION_SECONDS);
    write_session(call, &who);
}

void handle_session_end(struct call *call)
{
    if (!own_page(call))
        return;
    set_cookie(call, "", 0);
    call_status(call, 204);
}
