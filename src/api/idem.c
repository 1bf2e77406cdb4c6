/* Idempotency-Key; see idem.h. */
#include "api/idem.h"

#include <openssl/sha.h>

enum { IDEM_KEY_MAX = 255 };

struct lookup {
    void (*fresh)(struct call *);
    void (*replay)(struct call *, struct str);
    struct error lost; /* what the effect failed with, or ERR_OK */
    struct http_ref ref;
};

static bool key_of(struct call *call, struct str *key)
{
    return call->route->flags & ROUTE_CREATES && http_header(call->req, "Idempotency-Key", key);
}

/* A body in a file was hashed by whoever took it. */
static void hash_body(struct call *call, unsigned char to[SHA256_DIGEST_LENGTH])
{
    if (call->body_hash)
        memcpy(to, call->body_hash, SHA256_DIGEST_LENGTH);
    else
        SHA256((const unsigned char *)call->req->body.p, call->req->body.n, to);
}

static void fill(struct call *call, struct str key, struct arena *a, struct store_idem *idem)
{
    idem->principal = call->who.user;
    /* The path, not the pattern: the same key for two rooms is two keys. */
    idem->route = arena_printf(a, "%s %.*s", route_method_name(call->req->method), STR_ARG(call->req->path));
    idem->key = arena_str(a, key);
    hash_body(call, idem->hash);
}

struct store_idem *idem_of(struct call *call, struct arena *a)
{
    struct str key;
    if (!key_of(call, &key))
        return NULL;
    struct store_idem *idem = arena_new(a, struct store_idem);
    fill(call, key, a, idem);
    return idem;
}

static void settle(struct call *call, const struct lookup *lookup, const struct store_idem_get *get) LOOP;
static void settle(struct call *call, const struct lookup *lookup, const struct store_idem_get *get)
{
    unsigned char hash[SHA256_DIGEST_LENGTH];
    if (get->op.err == ERR_NOT_FOUND && lookup->lost.err) {
        call_error(call, &lookup->lost);
    } else if (get->op.err == ERR_NOT_FOUND) {
        lookup->fresh(call);
    } else if (get->op.err) {
        call_error(call, &get->op.error);
    } else {
        hash_body(call, hash);
        if (memcmp(hash, get->idem.hash, sizeof hash) == 0)
            lookup->replay(call, arena_str(call_arena(call), get->idem.result));
        else
            call_refuse(call, ERR_CONFLICT,
                        "This Idempotency-Key was used with another body; use a new key for a new request.");
    }
}

static void found(struct store_op *op)
{
    on_loop();
    struct store_idem_get *get = (struct store_idem_get *)op;
    const struct lookup *lookup = op->arg;
    struct http_req *req = http_find(lookup->ref);
    if (req)
        settle(req->user, lookup, get);
    store_op_free(op);
}

static void look_up(struct call *call, struct str key, const struct lookup *wanted) LOOP;
static void look_up(struct call *call, struct str key, const struct lookup *wanted)
{
    struct store_idem_get *get = STORE_NEW(idem_get, IDEM_GET);
    struct lookup *lookup = arena_new(&get->op.arena, struct lookup);
    *lookup = *wanted;
    lookup->ref = http_ref(call->req);
    fill(call, key, &get->op.arena, &get->idem);
    get->op.arg = lookup;
    get->op.done = found;
    store_submit(call->api->parts.store, &get->op);
}

void idem_check(struct call *call, void (*fresh)(struct call *), void (*replay)(struct call *, struct str))
{
    struct str key;
    if (!key_of(call, &key)) {
        fresh(call);
        return;
    }
    if (str_empty(key) || key.n > IDEM_KEY_MAX) {
        call_refuse_param(call, ERR_INVALID, "Idempotency-Key", "An Idempotency-Key has 1 to %d characters.",
                          IDEM_KEY_MAX);
        return;
    }
    struct lookup lookup = {.fresh = fresh, .replay = replay};
    look_up(call, key, &lookup);
}

void idem_lost(struct call *call, const struct error *e, void (*replay)(struct call *, struct str))
{
    struct str key;
    if (!key_of(call, &key)) {
        call_error(call, e);
        return;
    }
    struct lookup lookup = {.replay = replay, .lost = *e};
    look_up(call, key, &lookup);
}

void idem_mark_replayed(struct call *call)
{
    http_set_header(call->req, "Idempotency-Replayed", STR("true"));
}
