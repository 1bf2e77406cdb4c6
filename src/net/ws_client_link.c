/*
 * The connection under an outgoing WebSocket: name, addresses, TCP, TLS; see ws_client_inner.h.
 *
 * Addresses are tried in the order of the resolver, each for a fair part of what is left of connect_ms, as an
 * address that swallows packets must not hide one that answers. TLS runs over memory BIOs, so that libuv
 * alone moves bytes. What the peer does not take is kept by libuv's own write queue, which is what is
 * counted.
 */
#include "net/ws_client_inner.h"

#include "base/arena.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdlib.h>

struct ws_lookup {
    uv_getaddrinfo_t uv;
    struct ws_client *client; /* NULL: nobody waits */
};

struct ws_link {
    uv_tcp_t tcp;
    uv_connect_t connect;
    struct ws_client *client; /* NULL: dropped, being closed */
};

struct ws_push {
    uv_write_t uv;
    char bytes[];
};

/* ---- TLS ---- */

static SSL_CTX *trust;

static void make_trust(void)
{
    trust = SSL_CTX_new(TLS_client_method());
    if (!trust)
        return;
    SSL_CTX_set_min_proto_version(trust, TLS1_2_VERSION);
    SSL_CTX_set_options(trust, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(trust, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_verify(trust, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_default_verify_paths(trust); /* the system's, or SSL_CERT_FILE's */
    ERR_clear_error();
}

static bool tls_begin(struct ws_client *c) LOOP
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    static const unsigned char alpn[] = "\x08http/1.1";
    pthread_once(&once, make_trust);
    c->ssl = trust ? SSL_new(trust) : NULL;
    if (!c->ssl)
        return false;
    c->from_peer = BIO_new(BIO_s_mem());
    c->to_peer = BIO_new(BIO_s_mem());
    SSL_set_bio(c->ssl, c->from_peer, c->to_peer);
    SSL_set_connect_state(c->ssl);
    SSL_set_alpn_protos(c->ssl, alpn, sizeof alpn - 1);
    if (c->target.is_ip)
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(c->ssl), c->target.host) == 1;
    SSL_set_tlsext_host_name(c->ssl, c->target.host);
    SSL_set_hostflags(c->ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set1_host(c->ssl, c->target.host) == 1;
}

static void push(struct ws_client *c, struct str bytes) LOOP;

static void tls_flush(struct ws_client *c) LOOP
{
    char *p = NULL;
    long n = BIO_get_mem_data(c->to_peer, &p);
    if (n > 0) {
        push(c, str_of(p, (size_t)n));
        (void)BIO_reset(c->to_peer);
    }
}

static void tls_failed(struct ws_client *c) LOOP
{
    long verdict = SSL_get_verify_result(c->ssl);
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    ERR_clear_error();
    tls_flush(c);       /* the alert */
    c->failing = false; /* a peer that is gone already is not the reason */
    ws_client_over(c, WS_CLIENT_TLS, verdict != X509_V_OK ? X509_verify_cert_error_string(verdict) : reason);
}

/* Goes on with the handshake, then hands on what can be read. */
static void tls_pump(struct ws_client *c) LOOP
{
    ERR_clear_error();
    if (c->phase == PHASE_SECURING) {
        int rc = SSL_do_handshake(c->ssl), why = SSL_get_error(c->ssl, rc);
        if (rc != 1 && why != SSL_ERROR_WANT_READ) {
            tls_failed(c);
            return;
        }
        tls_flush(c);
        if (rc != 1)
            return;
        ws_client_connected(c);
    }
    while (!c->over && !c->eof) {
        ERR_clear_error();
        int n = SSL_read(c->ssl, c->all->plain, WS_CLIENT_PLAIN);
        if (n > 0) {
            ws_client_bytes(c, c->all->plain, (size_t)n);
            continue;
        }
        int why = SSL_get_error(c->ssl, n);
        ERR_clear_error();
        if (why == SSL_ERROR_WANT_READ)
            break;
        c->eof = true;
        if (why == SSL_ERROR_ZERO_RETURN)
            ws_client_eof(c);
        else
            ws_client_over(c, WS_CLIENT_CUT, "its TLS records cannot be read");
    }
    if (!c->over)
        tls_flush(c); /* what a key update answers */
}

/* ---- bytes ---- */

static void on_written(uv_write_t *uv, int status)
{
    on_loop();
    struct ws_link *link = uv->handle->data;
    free(uv->data);
    if (!link->client)
        return;
    if (status < 0)
        ws_client_over(link->client, WS_CLIENT_CUT, uv_strerror(status));
    else
        ws_client_drained(link->client);
}

/* Sends at once what the kernel takes; libuv keeps the rest. */
static void push(struct ws_client *c, struct str bytes)
{
    if (!c->link)
        return;
    uv_stream_t *stream = (uv_stream_t *)&c->link->tcp;
    uv_buf_t at = uv_buf_init((char *)bytes.p, (unsigned)bytes.n);
    int sent = uv_stream_get_write_queue_size(stream) ? UV_EAGAIN : uv_try_write(stream, &at, 1);
    if (sent < 0 && sent != UV_EAGAIN) {
        ws_client_over_later(c, WS_CLIENT_CUT, uv_strerror(sent));
        return;
    }
    struct str rest = str_from(bytes, sent > 0 ? (size_t)sent : 0);
    if (!rest.n)
        return;
    struct ws_push *p = heap_alloc(sizeof *p + rest.n);
    memcpy(p->bytes, rest.p, rest.n);
    p->uv.data = p;
    at = uv_buf_init(p->bytes, (unsigned)rest.n);
    int rc = uv_write(&p->uv, stream, &at, 1, on_written);
    if (rc < 0) {
        free(p);
        ws_client_over_later(c, WS_CLIENT_CUT, uv_strerror(rc));
    }
}

void ws_link_write(struct ws_client *c, struct str bytes)
{
    if (!c->ssl) {
        push(c, bytes);
        return;
    }
    ERR_clear_error();
    /* A memory BIO takes everything, so one call writes it all. */
    if (bytes.n && SSL_write(c->ssl, bytes.p, (int)bytes.n) <= 0)
        ws_client_over_later(c, WS_CLIENT_CUT, "nothing can be written over TLS any more");
    ERR_clear_error();
    tls_flush(c);
}

size_t ws_link_queued(const struct ws_client *c)
{
    return c->link ? uv_stream_get_write_queue_size((const uv_stream_t *)&c->link->tcp) : 0;
}

static void on_room(uv_handle_t *handle, size_t wanted, uv_buf_t *out)
{
    struct ws_link *link = handle->data;
    (void)wanted;
    *out = link->client ? uv_buf_init(link->client->all->raw, WS_CLIENT_READ) : uv_buf_init(NULL, 0);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *from)
{
    on_loop();
    struct ws_link *link = stream->data;
    struct ws_client *c = link->client;
    if (!c || n == 0)
        return;
    c->busy++;
    if (n < 0) {
        uv_read_stop(stream);
        if (c->phase == PHASE_SECURING)
            ws_client_over(c, WS_CLIENT_TLS, "the connection was closed during the TLS handshake");
        else if (n == UV_EOF || c->phase != PHASE_OPEN)
            ws_client_eof(c);
        else
            ws_client_over(c, WS_CLIENT_CUT, uv_strerror((int)n));
    } else if (c->ssl) {
        BIO_write(c->from_peer, from->base, (int)n);
        tls_pump(c);
    } else {
        ws_client_bytes(c, from->base, (size_t)n);
    }
    ws_client_release(c);
}

void ws_link_pause(struct ws_client *c, bool paused)
{
    if (!c->link)
        return;
    if (paused)
        uv_read_stop((uv_stream_t *)&c->link->tcp);
    else
        uv_read_start((uv_stream_t *)&c->link->tcp, on_room, on_read);
}

/* ---- addresses ---- */

static void free_link(uv_handle_t *handle)
{
    free(handle->data);
}

static void drop_tcp(struct ws_client *c) LOOP
{
    if (!c->link)
        return;
    c->link->client = NULL;
    uv_close((uv_handle_t *)&c->link->tcp, free_link);
    c->link = NULL;
}

void ws_link_drop(struct ws_client *c)
{
    if (c->lookup) {
        c->lookup->client = NULL;
        uv_cancel((uv_req_t *)&c->lookup->uv);
        c->lookup = NULL;
    }
    drop_tcp(c);
    SSL_free(c->ssl);
    c->ssl = NULL;
    uv_freeaddrinfo(c->addresses);
    c->addresses = c->address = NULL;
}

static void on_connect(uv_connect_t *uv, int status)
{
    on_loop();
    struct ws_link *link = uv->handle->data;
    struct ws_client *c = link->client;
    if (!c)
        return;
    c->busy++;
    if (status < 0) {
        c->connect_error = status;
        ws_link_next(c);
    } else {
        uv_tcp_nodelay(&link->tcp, 1);
        c->address_deadline_ms = 0;
        uv_read_start((uv_stream_t *)&link->tcp, on_room, on_read);
        if (!c->target.tls) {
            ws_client_connected(c);
        } else if (tls_begin(c)) {
            c->phase = PHASE_SECURING;
            ws_client_watch(c);
            tls_pump(c);
        } else {
            ws_client_over(c, WS_CLIENT_TLS, "OpenSSL could not be set up");
        }
    }
    ws_client_release(c);
}

/* Starts connecting to the present address; false: not even that. */
static bool try_address(struct ws_client *c) LOOP
{
    struct ws_link *link = heap_alloc(sizeof *link);
    uint64_t now = ws_client_now(c), left = c->deadline_ms > now ? c->deadline_ms - now : 0;
    if ((c->connect_error = uv_tcp_init(loop_uv(c->all->loop), &link->tcp)) != 0) {
        free(link);
        return false;
    }
    link->client = c;
    link->tcp.data = link;
    c->link = link;
    c->address_deadline_ms = c->address->ai_next ? now + left / 2 : c->deadline_ms;
    c->connect_error = uv_tcp_connect(&link->connect, &link->tcp, c->address->ai_addr, on_connect);
    ws_client_watch(c);
    return c->connect_error == 0;
}

void ws_link_next(struct ws_client *c)
{
    do {
        drop_tcp(c);
        c->address = c->address->ai_next;
    } while (c->address && !try_address(c));
    if (!c->address)
        ws_client_over(c, WS_CLIENT_NO_CONNECT,
                       uv_strerror(c->connect_error ? c->connect_error : UV_ETIMEDOUT));
}

static void on_address(uv_getaddrinfo_t *uv, int status, struct addrinfo *found)
{
    on_loop();
    struct ws_lookup *lookup = uv->data;
    struct ws_client *c = lookup->client;
    free(lookup);
    if (!c) {
        uv_freeaddrinfo(found);
        return;
    }
    c->lookup = NULL;
    if (status < 0 || !found) {
        ws_client_over(c, WS_CLIENT_NO_HOST, NULL);
        return;
    }
    c->addresses = c->address = found;
    c->busy++;
    if (!try_address(c))
        ws_link_next(c);
    ws_client_release(c);
}

bool ws_link_start(struct ws_client *c)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct ws_lookup *lookup = heap_alloc(sizeof *lookup);
    lookup->client = c;
    lookup->uv.data = lookup;
    c->lookup = lookup;
    if (uv_getaddrinfo(loop_uv(c->all->loop), &lookup->uv, on_address, c->target.host, c->target.port,
                       &hints) == 0)
        return true;
    c->lookup = NULL;
    free(lookup);
    return false;
}
