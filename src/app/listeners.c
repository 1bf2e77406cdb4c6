/* Where the server listens; see listeners.h. */
#include "app/listeners.h"

#include "app/errand.h"
#include "base/log.h"
#include "net/local_cert.h"

#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static bool loopback(struct str address)
{
    size_t colon = SIZE_MAX;
    for (size_t i = 0; i < address.n; i++) {
        if (address.p[i] == ':')
            colon = i;
    }
    struct str host = str_sub(address, 0, colon);
    return str_starts(host, STR("127.")) || str_eq(host, STR("[::1]")) || str_ieq(host, STR("localhost"));
}

struct net_limits net_limits_of(const struct config *config)
{
    struct net_limits limits = net_limits_default;
    limits.connections = (unsigned)config->net.max_connections;
    if (config->net.max_per_address)
        limits.connections_per_ip = (unsigned)config->net.max_per_address;
    limits.head_bytes = (unsigned)config->net.max_header_bytes;
    limits.pipeline_bytes = (unsigned)config->net.pipeline_max;
    /* Above send_queue_max a reader loses passing events; only far above it is it cut. */
    limits.queue_bytes = 4 * config->net.send_queue_max;
    limits.drain_bytes = config->net.send_queue_max / 4;
    limits.ws_message_bytes = config->net.ws_max_message;
    limits.head_ms = (unsigned)config->net.head_timeout;
    limits.idle_ms = (unsigned)config->net.idle_timeout;
    limits.body_ms = (unsigned)config->net.body_timeout;
    limits.write_ms = (unsigned)config->net.write_timeout;
    limits.ping_ms = config->net.ws_ping_interval ? (unsigned)config->net.ws_ping_interval : UINT32_MAX;
    limits.close_ms = (unsigned)config->net.ws_close_timeout;
    return limits;
}

static enum err open_tls(struct parts *p, struct error *e)
{
    const struct config *config = options_config(p->options);
    char cert[4096], key[4096];
    if (str_empty(config->net.tls_cert))
        return ERR_OK;
    str_copy(cert, sizeof cert, config->net.tls_cert);
    str_copy(key, sizeof key, config->net.tls_key);
    return net_tls_new(p->net, cert, key, &p->tls, e);
}

static enum err listen_on(struct parts *p, struct str address, struct net_tls *tls, struct error *e)
{
    char text[256];
    const struct config *config = options_config(p->options);
    if (p->listener_count == LISTENERS_MAX)
        return error_set(e, ERR_INVALID, "server.listen names more than %d addresses.", LISTENERS_MAX);
    if (!loopback(address) && str_empty(config->server.token))
        return error_set(
            e, ERR_REFUSED,
            "Listening on %.*s would let other machines in, and no credential is set: set server.token, or "
            "listen on 127.0.0.1.",
            STR_ARG(address));
    if (!str_copy(text, sizeof text, address))
        return error_set(e, ERR_INVALID, "An address of server.listen is too long.");
    enum err err = net_listen_tcp(p->net, text, api_http(p->api), tls, &p->listeners[p->listener_count], e);
    if (err == ERR_OK)
        p->listener_count++;
    return err;
}

/* The data folder's own socket, for the commands of the owner. Whoever opens it holds the store's lock, so
 * what lies there of an earlier run is stale. */
static enum err open_data_socket(struct parts *p, struct error *e)
{
    enum err err = socket_of_folder(&p->socket, options_config(p->options)->server.data, e);
    if (err == ERR_OK)
        socket_mark(&p->socket, p->local);
    if (err == ERR_OK)
        err = net_listen_unix(p->net, p->socket.path, S_IRUSR | S_IWUSR, api_http(p->api),
                              &p->socket_listener, e);
    return err;
}

/* ---- phones ---- */

struct token_making {
    struct parts *parts;
    struct settings_change *change;
    struct errand errand;
};

static void token_made(struct settings_change *change)
{
    on_loop();
    struct token_making *m = change->arg;
    errand_done(&m->errand);
}

static void make_token(void *arg)
{
    on_loop();
    struct token_making *m = arg;
    settings_submit(m->parts->options->settings, m->change);
}

/* Nobody but who pairs, or reads it in the settings, knows it. */
static enum err ensure_token(struct parts *p, struct error *e)
{
    enum { TOKEN_BYTES = 24 };
    unsigned char bytes[TOKEN_BYTES];
    CLEANUP_BUF struct buf hex = BUF_INIT;
    if (!str_empty(options_config(p->options)->server.token))
        return ERR_OK;
    if (RAND_bytes(bytes, sizeof bytes) != 1)
        return error_set(e, ERR_INTERNAL,
                         "No random numbers are to be had for an access token; set server.token.");
    for (size_t i = 0; i < sizeof bytes; i++)
        buf_printf(&hex, "%02x", bytes[i]);
    struct token_making m = {.parts = p, .errand = ERRAND(NULL, NULL)};
    struct settings_value value = {.key = STR("server.token"), .value = buf_str(&hex)};
    m.change = settings_change_new(SETTINGS_PLAIN, STR_NONE);
    m.change->values = &value;
    m.change->count = 1;
    m.change->done = token_made;
    m.change->arg = &m;
    loop_call(loops_get(p->loops, 0), make_token, &m);
    errand_wait(&m.errand);
    enum err err = m.change->err;
    if (err)
        *e = m.change->error;
    settings_change_free(m.change);
    return err;
}

/* The address that a QR code shows: the one listened on, or for "every address" the first that others reach.
 */
static void name_https(struct parts *p, const struct net_listener *listener, const struct local_names *names)
{
    struct str bound = str_c(net_listener_address(listener));
    bool every = str_starts(bound, STR("0.0.0.0:")) || str_starts(bound, STR("[::]:"));
    struct str host = names->reachable < names->n ? names->v[names->reachable] : STR("localhost");
    bool v6 = str_find_char(host, ':') != SIZE_MAX;
    if (!str_empty(p->https.url))
        return;
    p->https.url = every ? arena_printf(&p->https_arena, "https://%s%.*s%s:%u", v6 ? "[" : "", STR_ARG(host),
                                        v6 ? "]" : "", net_listener_port(listener))
                         : arena_printf(&p->https_arena, "https://%.*s", STR_ARG(bound));
}

static enum err open_https(struct parts *p, struct error *e)
{
    struct arena *a = &p->https_arena;
    struct local_names names;
    struct local_cert cert = {0};
    struct net_tls *tls = NULL;
    enum err err = ensure_token(p, e);
    const struct config *config = options_config(p->options);
    local_names_find(a, &names);
    if (err == ERR_OK)
        err = local_cert_make(a, arena_printf(a, "%.*s/tls", STR_ARG(config->server.data)), &names, &cert, e);
    if (err == ERR_OK)
        err = net_tls_new(p->net, cert.cert_file.p, cert.key_file.p, &tls, e);
    for (size_t i = 0; err == ERR_OK && i < config->server.https.n; i++) {
        err = listen_on(p, config->server.https.v[i], tls, e);
        if (err == ERR_OK)
            name_https(p, p->listeners[p->listener_count - 1], &names);
    }
    if (err != ERR_OK)
        return err;
    p->https.ca_file = cert.ca_file;
    p->https.fingerprint = cert.fingerprint;
    api_set_https(p->api, &p->https);
    return ERR_OK;
}

static enum err open_listeners(struct parts *p, struct error *e)
{
    if (p->local)
        return open_data_socket(p, e);
    struct error complaint = {0};
    const struct config *config = options_config(p->options);
    enum err err = net_listen_inherited(p->net, api_http(p->api), p->tls, &p->inherited, e);
    /* With sockets of the service manager, only addresses that were really asked for are opened besides. */
    for (size_t i = 0; err == ERR_OK && !p->inherited && i < config->server.listen.n; i++)
        err = listen_on(p, config->server.listen.v[i], p->tls, e);
    if (err == ERR_OK && !str_empty(config->server.unix_socket)) {
        char path[4096];
        str_copy(path, sizeof path, config->server.unix_socket);
        err = net_listen_unix(p->net, path, 0600, api_http(p->api), &p->listeners[p->listener_count], e);
        if (err == ERR_OK)
            p->listener_count++;
    }
    p->plain_count = p->listener_count;
    if (err == ERR_OK && config->server.https.n)
        err = open_https(p, e);
    if (err == ERR_OK && open_data_socket(p, &complaint) != ERR_OK)
        log_warn("app", "commands on this data folder will not reach this server: %s", complaint.message);
    return err;
}

enum err listeners_open(struct parts *p, struct error *e)
{
    enum err err = open_tls(p, e);
    return err ? err : open_listeners(p, e);
}
