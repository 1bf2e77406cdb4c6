/*
 * Who a request is: the local owner, the bearer of the access token, or nobody.
 *
 * Local owner (docs/API.md): the peer is loopback (or a Unix socket), the Host is a loopback name or one of
 * server.hosts, and no header says that somebody forwarded the request. What changes something, and what
 * opens a socket, also needs our own Origin or none. So neither a website in the owner's browser, nor a name
 * that was rebound to 127.0.0.1, nor a reverse proxy makes a stranger the owner. Everybody else needs
 * server.token, as `Authorization: Bearer` or as the cookie that POST /api/session sets.
 *
 * The cookie is "v1.EXPIRY.MAC", MAC being HMAC-SHA256 of "v1.EXPIRY" under the token: nothing is stored, and
 * a new token ends every session.
 */
#ifndef EIDOLON_API_AUTH_H
#define EIDOLON_API_AUTH_H

#include "base/config.h"
#include "net/http.h"
#include "tenant/principal.h"

#define AUTH_COOKIE "eidolon_session"
enum { AUTH_SESSION_SECONDS = 30 * 24 * 3600, AUTH_COOKIE_MAX = 128 };

enum auth_flags { AUTH_UNSAFE = 1 << 0 /* changes something or opens a socket */ };

/* ERR_UNAUTHORIZED or ERR_FORBIDDEN with a sentence that says how to become somebody. */
enum err auth_check(const struct config *config, const struct http_req *req, unsigned flags,
                    struct principal *out, struct error *e);

/* Is this origin our own for this request (scheme, host and port), or one of server.origins? */
bool auth_origin_own(const struct http_req *req, struct str origin);
bool auth_origin_listed(const struct config *config, struct str origin);

/* Compares with server.token in constant time; false when there is no token. */
bool auth_token_is(const struct config *config, struct str token);
/* The value of the session cookie, from now on; and whether one is good. */
void auth_cookie_make(const struct config *config, int64_t now_ms, char to[AUTH_COOKIE_MAX]);
bool auth_cookie_good(const struct config *config, int64_t now_ms, struct str cookie);

/* A listen address ("127.0.0.1:8080", "[::1]:0", ":8080") that only this machine reaches? */
bool auth_address_is_loopback(struct str address);

#endif
