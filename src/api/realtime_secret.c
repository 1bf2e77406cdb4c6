/*
 * Client secrets: what a page may hold instead of a key. POST /v1/realtime/client_secrets makes one for a
 * session as described there; with it a socket can be opened until it expires. See realtime.h.
 *
 * Secrets are in memory alone, under a lock (they are made and used rarely, by any loop); a restart forgets
 * them. What is kept of one is its SHA-256.
 */
#include "api/realtime.h"

#include "api/auth.h"
#include "base/clock.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <pthread.h>
#include <stdlib.h>

enum {
    SECRETS_MAX = 1000,
    SECRET_BYTES = 24,
    SECRET_TEXT = 3 + 2 * SECRET_BYTES + 1,
    LIFE_LEAST_S = 10, /* OpenAI's bounds and default of expires_after */
    LIFE_MOST_S = 7200,
    LIFE_S = 600,
};

struct secret {
    struct secret *next;
    unsigned char hash[SHA256_DIGEST_LENGTH];
    int64_t expires_ms;
    struct principal who;
    struct str model, session; /* heap; raw JSON */
};

struct realtime_secrets {
    pthread_mutex_t lock;
    struct secret *first;
    unsigned count;
};

struct realtime_secrets *realtime_secrets_new(void)
{
    struct realtime_secrets *s = heap_alloc(sizeof *s);
    pthread_mutex_init(&s->lock, NULL);
    return s;
}

static void secret_free(struct secret *secret)
{
    free((char *)secret->model.p);
    free((char *)secret->session.p);
    free(secret);
}

void realtime_secrets_free(struct realtime_secrets *s)
{
    while (s->first) {
        struct secret *next = s->first->next;
        secret_free(s->first);
        s->first = next;
    }
    pthread_mutex_destroy(&s->lock);
    free(s);
}

/* With the lock held. */
static void drop_expired(struct realtime_secrets *s, int64_t now_ms)
{
    for (struct secret **at = &s->first; *at;) {
        struct secret *secret = *at;
        if (secret->expires_ms > now_ms) {
            at = &secret->next;
            continue;
        }
        *at = secret->next;
        s->count--;
        secret_free(secret);
    }
}

static bool keep(struct realtime_secrets *s, struct secret *secret)
{
    pthread_mutex_lock(&s->lock);
    drop_expired(s, clock_wall_ms());
    bool fits = s->count < SECRETS_MAX;
    if (fits) {
        secret->next = s->first;
        s->first = secret;
        s->count++;
    }
    pthread_mutex_unlock(&s->lock);
    return fits;
}

static bool use(struct call *call, struct str text, struct str *model, struct str *session)
{
    struct realtime_secrets *s = call->api->secrets;
    unsigned char hash[SHA256_DIGEST_LENGTH];
    bool found = false;
    SHA256((const unsigned char *)text.p, text.n, hash);
    pthread_mutex_lock(&s->lock);
    drop_expired(s, clock_wall_ms());
    for (const struct secret *secret = s->first; secret && !found; secret = secret->next) {
        if (CRYPTO_memcmp(secret->hash, hash, sizeof hash) != 0)
            continue;
        found = true;
        call->who = secret->who;
        if (str_empty(*model))
            *model = arena_str(call_arena(call), secret->model);
        *session = arena_str(call_arena(call), secret->session);
    }
    pthread_mutex_unlock(&s->lock);
    return found;
}

/* ---- who comes in ---- */

/* The key among the subprotocols: openai-insecure-api-key.KEY, as browsers send it. */
static struct str offered_key(const struct http_req *req)
{
    static const struct str prefix = STR_INIT("openai-insecure-api-key.");
    for (unsigned i = 0; i < req->header_count; i++) {
        struct str rest = req->headers[i].value, part;
        if (!str_ieq(req->headers[i].name, STR("sec-websocket-protocol")))
            continue;
        while (str_cut(&rest, ',', &part)) {
            part = str_trim(part);
            if (str_starts(part, prefix))
                return str_from(part, prefix.n);
        }
    }
    return STR_NONE;
}

enum err rt_authenticate(struct call *call, struct str *model, struct str *session, struct error *e)
{
    static const struct str bearer = STR_INIT("Bearer ");
    const struct config *config = call_config(call);
    struct str authorization, key = STR_NONE, offered = offered_key(call->req);
    if (http_header(call->req, "Authorization", &authorization) && authorization.n > bearer.n &&
        str_ieq(str_sub(authorization, 0, bearer.n), bearer))
        key = str_trim(str_from(authorization, bearer.n));
    if (str_empty(key))
        key = offered;
    if (str_starts(key, STR("ek_"))) {
        /* It is proof enough: a page elsewhere cannot know it, so no origin is asked. */
        if (use(call, key, model, session))
            return ERR_OK;
        return error_set(
            e, ERR_UNAUTHORIZED,
            "This client secret has expired, or was made before the server started; make another "
            "one with POST /v1/realtime/client_secrets.");
    }
    if (offered.n && auth_token_is(config, offered)) {
        call->who = principal_owner(CREDENTIAL_TOKEN);
        str_copy(call->who.name, sizeof call->who.name, config->user.name);
        return ERR_OK;
    }
    enum err err = auth_check(config, call->req, AUTH_UNSAFE, &call->who, e);
    if (!err && !(call->who.scopes & SCOPE_WRITE))
        err = error_set(e, ERR_FORBIDDEN, "This credential may not do that.");
    return err;
}

/* ---- making one ---- */

static void secret_text(char to[SECRET_TEXT])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char raw[SECRET_BYTES];
    random_bytes(raw, sizeof raw);
    memcpy(to, "ek_", 3);
    for (size_t i = 0; i < sizeof raw; i++) {
        to[3 + 2 * i] = digits[raw[i] >> 4];
        to[4 + 2 * i] = digits[raw[i] & 15];
    }
    to[SECRET_TEXT - 1] = 0;
}

static void answer(struct call *call, const char *value, int64_t expires_s, struct str model,
                   const struct rt_config *config) LOOP;
static void answer(struct call *call, const char *value, int64_t expires_s, struct str model,
                   const struct rt_config *config)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    char id[REALTIME_ID];
    rt_id(id, "sess");
    jw_object(&w);
    jw_kv_string(&w, "value", str_c(value));
    jw_kv_i64(&w, "expires_at", expires_s);
    jw_key(&w, STR("session"));
    jw_object(&w);
    jw_kv_string(&w, "type", STR("realtime"));
    jw_kv_string(&w, "object", STR("realtime.session"));
    jw_kv_string(&w, "id", str_c(id));
    if (str_empty(model))
        jw_kv_null(&w, "model");
    else
        jw_kv_string(&w, "model", model);
    jw_kv_i64(&w, "expires_at", 0);
    rt_config_write(&w, config, model);
    jw_key(&w, STR("client_secret"));
    jw_object(&w);
    jw_kv_string(&w, "value", str_c(value));
    jw_kv_i64(&w, "expires_at", expires_s);
    jw_end_object(&w);
    jw_end_object(&w);
    jw_end_object(&w);
    call_json(call, 200, buf_str(&b));
}

void handle_realtime_secret(struct call *call)
{
    const struct json *session = json_get(call->body, "session"),
                      *after = json_get(call->body, "expires_after");
    int64_t life = json_get_i64(after, "seconds", LIFE_S);
    struct error e = {0};
    struct rt_config config;
    rt_config_init(&config);
    config.house = call_config(call);
    config.own = json_get_str(session, "model", STR_NONE);
    enum err err = ERR_OK;
    if (!str_eq(json_get_str(after, "anchor", STR("created_at")), STR("created_at")))
        err = rt_wrong_value(&e, "expires_after.anchor", "created_at");
    else if (life < LIFE_LEAST_S || life > LIFE_MOST_S)
        err = rt_refuse(&e, "invalid_value", "expires_after.seconds",
                        "'expires_after.seconds' is from %d to %d.", LIFE_LEAST_S, LIFE_MOST_S);
    if (!err && session)
        err = rt_config_change(&config, session, false, &e);
    if (err) {
        rt_config_release(&config);
        call_error(call, &e);
        return;
    }
    char value[SECRET_TEXT];
    struct secret *secret = heap_alloc(sizeof *secret);
    secret_text(value);
    SHA256((const unsigned char *)value, sizeof value - 1, secret->hash);
    /* In whole seconds, as it is told. */
    secret->expires_ms = (clock_wall_ms() / 1000 + life) * 1000;
    secret->who = call->who;
    secret->model = heap_str(json_get_str(session, "model", STR_NONE));
    secret->session = heap_str(session ? session->raw : STR_NONE);
    int64_t expires_s = secret->expires_ms / 1000;
    struct str model = arena_str(call_arena(call), secret->model);
    if (keep(call->api->secrets, secret)) {
        answer(call, value, expires_s, model, &config);
    } else {
        secret_free(secret);
        call_refuse(call, ERR_LIMIT,
                    "There are %d client secrets already; use those, or wait until some expire.",
                    SECRETS_MAX);
    }
    rt_config_release(&config);
}
