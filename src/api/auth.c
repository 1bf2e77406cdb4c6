/* Who a request is; see auth.h. */
#include "api/auth.h"

#include "base/clock.h"

#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <stdio.h>

/* "[::1]:8080" -> "[::1]", "localhost:80" -> "localhost". */
static struct str host_name(struct str host)
{
    size_t end = SIZE_MAX;
    if (host.n && host.p[0] == '[') {
        end = str_find_char(host, ']');
        return end == SIZE_MAX ? STR_NONE : str_sub(host, 0, end + 1);
    }
    end = str_find_char(host, ':');
    return str_sub(host, 0, end);
}

/* 127.0.0.0/8 in dotted form. */
static bool is_ipv4_loopback(struct str name)
{
    struct str rest = name, part;
    unsigned parts = 0;
    for (; str_cut(&rest, '.', &part); parts++) {
        uint64_t value;
        if (part.n == 0 || part.n > 3 || !str_to_u64(part, &value) || value > 255 ||
            (parts == 0 && value != 127))
            return false;
    }
    return parts == 4 && name.p[name.n - 1] != '.';
}

static bool is_loopback_name(struct str name)
{
    return str_ieq(name, STR("localhost")) || str_eq(name, STR("[::1]")) || str_eq(name, STR("::1")) ||
           is_ipv4_loopback(name);
}

bool auth_address_is_loopback(struct str address)
{
    return is_loopback_name(host_name(address));
}

static bool listed(const struct config_list *list, struct str word)
{
    for (size_t i = 0; i < list->n; i++)
        if (str_ieq(list->v[i], word))
            return true;
    return false;
}

/* Any of these says that another program stands between the peer and us. */
static bool was_forwarded(const struct http_req *req)
{
    static const char *const names[] = {"forwarded",
                                        "via",
                                        "x-real-ip",
                                        "cf-connecting-ip",
                                        "true-client-ip",
                                        "x-client-ip",
                                        "fastly-client-ip",
                                        "x-cluster-client-ip",
                                        "x-original-host",
                                        "x-proxyuser-ip",
                                        "x-envoy-external-address"};
    for (unsigned i = 0; i < req->header_count; i++) {
        struct str name = req->headers[i].name;
        if (name.n > 11 && str_ieq(str_sub(name, 0, 11), STR("x-forwarded")))
            return true;
        for (size_t k = 0; k < sizeof names / sizeof *names; k++)
            if (str_ieq(name, str_c(names[k])))
                return true;
    }
    return false;
}

bool auth_origin_own(const struct http_req *req, struct str origin)
{
    struct str scheme = req->peer.tls ? STR("https://") : STR("http://");
    return !str_empty(req->host) && str_starts(origin, scheme) &&
           str_ieq(str_from(origin, scheme.n), req->host);
}

bool auth_origin_listed(const struct config *config, struct str origin)
{
    return listed(&config->server.origins, origin);
}

/* What a browser says about the page that sent this. */
static enum err check_origin(const struct config *config, const struct http_req *req, struct error *e)
{
    struct str origin, site;
    if (http_header(req, "Origin", &origin)) {
        if (auth_origin_own(req, origin) || auth_origin_listed(config, origin))
            return ERR_OK;
        return error_set(e, ERR_FORBIDDEN,
                         "The page at %.*s may not use this server; add its origin to server.origins if it "
                         "should.",
                         STR_ARG(str_sub(origin, 0, 128)));
    }
    if (http_header(req, "Sec-Fetch-Site", &site) && !str_eq(site, STR("same-origin")) &&
        !str_eq(site, STR("none")))
        return error_set(e, ERR_FORBIDDEN, "A page of another site may not change anything here.");
    return ERR_OK;
}

static void digest(struct str s, unsigned char to[SHA256_DIGEST_LENGTH])
{
    SHA256((const unsigned char *)s.p, s.n, to);
}

bool auth_token_is(const struct config *config, struct str token)
{
    unsigned char a[SHA256_DIGEST_LENGTH], b[SHA256_DIGEST_LENGTH];
    if (str_empty(config->server.token))
        return false;
    /* Hashing makes the lengths equal, so that the comparison tells nothing about the length either. */
    digest(config->server.token, a);
    digest(token, b);
    return CRYPTO_memcmp(a, b, sizeof a) == 0;
}

static void cookie_for(const struct config *config, int64_t expiry_s, char to[AUTH_COOKIE_MAX])
{
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    int length = snprintf(to, AUTH_COOKIE_MAX, "v1.%lld", (long long)expiry_s);
    HMAC(EVP_sha256(), config->server.token.p, (int)config->server.token.n, (const unsigned char *)to,
         (size_t)length, mac, &n);
    to[length++] = '.';
    for (unsigned i = 0; i < n && length + 3 < AUTH_COOKIE_MAX; i++)
        length += snprintf(to + length, (size_t)(AUTH_COOKIE_MAX - length), "%02x", mac[i]);
}

void auth_cookie_make(const struct config *config, int64_t now_ms, char to[AUTH_COOKIE_MAX])
{
    cookie_for(config, now_ms / 1000 + AUTH_SESSION_SECONDS, to);
}

bool auth_cookie_good(const struct config *config, int64_t now_ms, struct str cookie)
{
    char right[AUTH_COOKIE_MAX];
    struct str rest = cookie, version, expiry;
    uint64_t expiry_s;
    if (str_empty(config->server.token) || !str_cut(&rest, '.', &version) || !str_cut(&rest, '.', &expiry) ||
        !str_to_u64(expiry, &expiry_s) || expiry_s > INT64_MAX)
        return false;
    cookie_for(config, (int64_t)expiry_s, right);
    size_t n = strlen(right);
    return cookie.n == n && CRYPTO_memcmp(cookie.p, right, n) == 0 && (int64_t)expiry_s > now_ms / 1000;
}

/* The value of our cookie among the request's. */
static struct str find_cookie(const struct http_req *req)
{
    for (unsigned i = 0; i < req->header_count; i++) {
        struct str rest = req->headers[i].value, pair;
        if (!str_ieq(req->headers[i].name, STR("cookie")))
            continue;
        while (str_cut(&rest, ';', &pair)) {
            pair = str_trim(pair);
            if (str_starts(pair, STR(AUTH_COOKIE "=")))
                return str_from(pair, sizeof AUTH_COOKIE);
        }
    }
    return STR_NONE;
}

static bool is_local(const struct config *config, const struct http_req *req)
{
    if (was_forwarded(req))
        return false;
    if (req->peer.unix_socket)
        return true;
    struct str name = host_name(req->host);
    return req->peer.loopback &&
           (is_loopback_name(name) || (!str_empty(name) && listed(&config->server.hosts, name)));
}

static enum err become(const struct config *config, enum credential credential, struct principal *out)
{
    *out = principal_owner(credential);
    str_copy(out->name, sizeof out->name, config->user.name);
    return ERR_OK;
}

static enum err nobody(const struct config *config, const struct http_req *req, struct error *e)
{
    if (!str_empty(config->server.token))
        return error_set(e, ERR_UNAUTHORIZED,
                         "Sign in: send the access token of this server as 'Authorization: Bearer ...'.");
    if (was_forwarded(req))
        return error_set(e, ERR_UNAUTHORIZED,
                         "This request came through a proxy, and no access token is configured; set "
                         "server.token and send it as 'Authorization: Bearer ...'.");
    return error_set(e, ERR_UNAUTHORIZED,
                     "The name '%.*s' is none of this server's; open it as http://127.0.0.1, or add the name "
                     "to server.hosts.",
                     STR_ARG(str_sub(host_name(req->host), 0, 128)));
}

enum err auth_check(const struct config *config, const struct http_req *req, unsigned flags,
                    struct principal *out, struct error *e)
{
    struct str authorization, cookie = find_cookie(req);
    static const struct str bearer = STR_INIT("Bearer ");
    if (is_local(config, req)) {
        if (flags & AUTH_UNSAFE && check_origin(config, req, e))
            return ERR_FORBIDDEN;
        return become(config, CREDENTIAL_LOCAL, out);
    }
    if (http_header(req, "Authorization", &authorization) && authorization.n > bearer.n &&
        str_ieq(str_sub(authorization, 0, bearer.n), bearer)) {
        if (auth_token_is(config, str_trim(str_from(authorization, bearer.n))))
            return become(config, CREDENTIAL_TOKEN, out);
        return error_set(e, ERR_UNAUTHORIZED,
                         "This access token is not the server's; compare it with server.token.");
    }
    if (!str_empty(cookie) && auth_cookie_good(config, clock_wall_ms(), cookie)) {
        if (flags & AUTH_UNSAFE && check_origin(config, req, e))
            return ERR_FORBIDDEN;
        return become(config, CREDENTIAL_TOKEN, out);
    }
    return nobody(config, req, e);
}
