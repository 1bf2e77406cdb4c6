/*
 * TLS over OpenSSL, directly on the descriptor; see listen.h and conn.h.
 *
 * Idle connections give their buffers back (SSL_MODE_RELEASE_BUFFERS); writes may be partial and may come
 * again from another address. TLS 1.2 is the oldest, renegotiation is refused, ALPN chooses http/1.1.
 * A reload makes a whole new SSL_CTX and swaps it in: running connections keep the one they began with.
 */
#include "net/conn.h"

#include <openssl/err.h>
#include <pthread.h>
#include <stdlib.h>

struct net_tls {
    struct net_tls *next;
    char *cert_file, *key_file;
    pthread_mutex_t mutex; /* ctx */
    SSL_CTX *ctx;
};

static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_n, const unsigned char *in,
                           unsigned in_n, void *arg)
{
    (void)ssl;
    (void)arg;
    static const unsigned char ours[] = "\x08http/1.1";
    unsigned char *chosen = NULL;
    if (SSL_select_next_proto(&chosen, out_n, ours, sizeof ours - 1, in, in_n) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static const char *reason(void)
{
    const char *text = ERR_reason_error_string(ERR_peek_last_error());
    return text ? text : "unknown reason";
}

static enum err make_ctx(const struct net_tls *tls, SSL_CTX **out, struct error *e)
{
    ERR_clear_error();
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    if (!ctx)
        return error_set(e, ERR_INTERNAL, "OpenSSL could not be set up (%s).", reason());
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_options(ctx,
                        SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, NULL);
    SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"eidolon", 7);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF); /* tickets do */
    enum err err = ERR_OK;
    if (SSL_CTX_use_certificate_chain_file(ctx, tls->cert_file) != 1)
        err = error_set(e, ERR_INVALID,
                        "The TLS certificate '%s' cannot be used (%s); give a PEM file, leaf first.",
                        tls->cert_file, reason());
    else if (SSL_CTX_use_PrivateKey_file(ctx, tls->key_file, SSL_FILETYPE_PEM) != 1 ||
             SSL_CTX_check_private_key(ctx) != 1)
        err = error_set(e, ERR_INVALID, "The TLS key '%s' cannot be used with '%s' (%s).", tls->key_file,
                        tls->cert_file, reason());
    if (err)
        SSL_CTX_free(ctx);
    else
        *out = ctx;
    ERR_clear_error();
    return err;
}

enum err net_tls_new(struct net *net, const char *cert_file, const char *key_file, struct net_tls **out,
                     struct error *e)
{
    struct net_tls *tls = heap_alloc(sizeof *tls);
    tls->cert_file = heap_cstr(str_c(cert_file));
    tls->key_file = heap_cstr(str_c(key_file));
    pthread_mutex_init(&tls->mutex, NULL);
    tls->next = net->tls;
    net->tls = tls; /* the net frees it, also after a failure */
    enum err err = make_ctx(tls, &tls->ctx, e);
    if (!err)
        *out = tls;
    return err;
}

enum err net_tls_reload(struct net_tls *tls, struct error *e)
{
    SSL_CTX *fresh = NULL, *old;
    enum err err = make_ctx(tls, &fresh, e);
    if (err)
        return err;
    pthread_mutex_lock(&tls->mutex);
    old = tls->ctx;
    tls->ctx = fresh;
    pthread_mutex_unlock(&tls->mutex);
    SSL_CTX_free(old);
    return ERR_OK;
}

void tls_free_all(struct net *net)
{
    while (net->tls) {
        struct net_tls *tls = net->tls;
        net->tls = tls->next;
        SSL_CTX_free(tls->ctx);
        pthread_mutex_destroy(&tls->mutex);
        free(tls->cert_file);
        free(tls->key_file);
        free(tls);
    }
}

SSL *tls_accept(struct net_tls *tls, int fd)
{
    pthread_mutex_lock(&tls->mutex);
    SSL *ssl = SSL_new(tls->ctx);
    pthread_mutex_unlock(&tls->mutex);
    if (!ssl)
        return NULL;
    SSL_set_fd(ssl, fd);
    SSL_set_accept_state(ssl);
    return ssl;
}

int tls_handshake(struct conn *c, bool *want_write)
{
    ERR_clear_error();
    int rc = SSL_do_handshake(c->ssl);
    if (rc == 1)
        return 1;
    int why = SSL_get_error(c->ssl, rc);
    *want_write = why == SSL_ERROR_WANT_WRITE;
    return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? IO_AGAIN : IO_ERROR;
}

ssize_t tls_read(struct conn *c, char *to, size_t n)
{
    size_t got = 0;
    while (got < n) {
        ERR_clear_error();
        int rc = SSL_read(c->ssl, to + got, (int)(n - got));
        if (rc > 0) {
            got += (size_t)rc;
            continue;
        }
        if (got)
            break; /* what went wrong shows again at the next call */
        switch (SSL_get_error(c->ssl, rc)) {
        case SSL_ERROR_WANT_READ:
            return IO_AGAIN;
        case SSL_ERROR_WANT_WRITE:
            c->read_blocked = true;
            return IO_AGAIN;
        case SSL_ERROR_ZERO_RETURN:
            return 0;
        default:
            return IO_ERROR;
        }
    }
    return (ssize_t)got;
}

ssize_t tls_write(struct conn *c, const char *p, size_t n)
{
    ERR_clear_error();
    int rc = SSL_write(c->ssl, p, (int)n);
    if (rc > 0)
        return rc;
    int why = SSL_get_error(c->ssl, rc);
    return why == SSL_ERROR_WANT_WRITE || why == SSL_ERROR_WANT_READ ? IO_AGAIN : IO_ERROR;
}
