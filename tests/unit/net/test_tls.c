/* TLS: certificates made here, a real handshake, requests, large bodies, reload, refusals, WebSocket. */
#include "serve.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

static char out[1 << 20], cert_path[80], key_path[80];
static struct net_tls *tls;
static int tls_port;
static SSL_CTX *client_ctx;

/* A self-signed certificate for this name, in PEM files. */
static void make_certificate(const char *name)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = X509_new();
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    X509_set_pubkey(x, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC, (const unsigned char *)name, -1,
                               -1, 0);
    X509_set_issuer_name(x, X509_get_subject_name(x));
    assert_true(X509_sign(x, key, EVP_sha256()) > 0);
    FILE *f = fopen(cert_path, "w");
    PEM_write_X509(f, x);
    fclose(f);
    f = fopen(key_path, "w");
    PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL);
    fclose(f);
    X509_free(x);
    EVP_PKEY_free(key);
}

static SSL *tls_connect(void)
{
    int fd = client_to(tls_port);
    SSL *ssl = SSL_new(client_ctx);
    SSL_set_fd(ssl, fd);
    if (SSL_connect(ssl) != 1)
        fail_msg("no handshake: %s", ERR_error_string(ERR_get_error(), NULL));
    return ssl;
}

static void tls_close(SSL *ssl)
{
    int fd = SSL_get_fd(ssl);
    SSL_shutdown(ssl);
    SSL_free(ssl);
    close(fd);
}

static void tls_say(SSL *ssl, const char *p, size_t n)
{
    while (n) {
        int sent = SSL_write(ssl, p, n > 100000 ? 100000 : (int)n);
        if (sent <= 0)
            fail_msg("the server stopped reading");
        p += sent;
        n -= (size_t)sent;
    }
}

static void tls_ask_on(SSL *ssl, const char *request)
{
    tls_say(ssl, request, strlen(request));
}

/* Everything until the end; *total may exceed what fits into `to`. */
static struct str tls_all(SSL *ssl, char *to, size_t max, size_t *total)
{
    static char block[65536];
    size_t n = 0;
    *total = 0;
    for (int got; (got = SSL_read(ssl, block, sizeof block)) > 0;) {
        size_t take = (size_t)got < max - 1 - n ? (size_t)got : max - 1 - n;
        memcpy(to + n, block, take);
        n += take;
        *total += (size_t)got;
    }
    to[n] = '\0';
    return str_of(to, n);
}

static struct str tls_ask(const char *request)
{
    size_t total;
    SSL *ssl = tls_connect();
    tls_ask_on(ssl, request);
    struct str a = tls_all(ssl, out, sizeof out, &total);
    tls_close(ssl);
    return a;
}

static void common_name(char to[64])
{
    SSL *ssl = tls_connect();
    X509 *x = SSL_get1_peer_certificate(ssl);
    X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName, to, 64);
    X509_free(x);
    tls_close(ssl);
}

static void requests(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++)
        assert_has(tls_ask("GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), "\r\n\r\nhello");
    const unsigned char *alpn = NULL;
    unsigned n = 0;
    SSL *ssl = tls_connect();
    SSL_get0_alpn_selected(ssl, &alpn, &n);
    assert_int_equal(n, 8);
    tls_close(ssl);
}

static void large_bodies(void **state)
{
    (void)state;
    size_t total, size = 20 << 20;
    SSL *ssl = tls_connect();
    tls_ask_on(ssl, "GET /flood HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    usleep(100000);
    tls_all(ssl, out, 1000, &total);
    assert_true(total > (size_t)FLOOD_PIECE * FLOOD_PIECES);
    tls_close(ssl);
    char *body = malloc(size), want[64];
    memset(body, 3, size);
    ssl = tls_connect();
    tls_say(ssl, out,
            (size_t)snprintf(
                out, sizeof out,
                "POST /file HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n", size));
    tls_say(ssl, body, size);
    struct str a = tls_all(ssl, out, sizeof out, &total);
    snprintf(want, sizeof want, "\r\n\r\n%zu %zu %zu", size, size, size * 3);
    assert_has(a, want);
    tls_close(ssl);
    free(body);
}

static void reload(void **state)
{
    (void)state;
    char name[64];
    struct error e;
    SSL *old = tls_connect();
    common_name(name);
    assert_string_equal(name, "first");
    make_certificate("second");
    assert_int_equal(net_tls_reload(tls, &e), ERR_OK);
    common_name(name);
    assert_string_equal(name, "second");
    /* A broken file changes nothing; a connection from before goes on. */
    FILE *f = fopen(cert_path, "w");
    fputs("nonsense", f);
    fclose(f);
    assert_int_equal(net_tls_reload(tls, &e), ERR_INVALID);
    assert_non_null(strstr(e.message, cert_path));
    common_name(name);
    assert_string_equal(name, "second");
    tls_ask_on(old, "GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    size_t total;
    assert_has(tls_all(old, out, sizeof out, &total), "\r\n\r\nhello");
    tls_close(old);
}

static void not_tls(void **state)
{
    (void)state;
    int fd = client_to(tls_port);
    client_say(fd, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_false(has(client_all(fd, out, sizeof out), "200 OK"));
    close(fd);
    SSL_CTX *old = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_security_level(old, 0);
    SSL_CTX_set_max_proto_version(old, TLS1_1_VERSION);
    SSL *ssl = SSL_new(old);
    fd = client_to(tls_port);
    SSL_set_fd(ssl, fd);
    assert_int_not_equal(SSL_connect(ssl), 1);
    SSL_free(ssl);
    SSL_CTX_free(old);
    close(fd);
    ERR_clear_error();
}

static void websocket(void **state)
{
    (void)state;
    static const char request[] =
        "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        "\x81\x82\0\0\0\0hi\x88\x82\0\0\0\0\x03\xe8";
    size_t total;
    SSL *ssl = tls_connect();
    tls_say(ssl, request, sizeof request - 1);
    struct str a = tls_all(ssl, out, sizeof out, &total);
    assert_has(a, "101 Switching Protocols");
    assert_has(a, "\x81\x02hi\x88\x02\x03\xe8");
    tls_close(ssl);
}

static int setup(void **state)
{
    (void)state;
    struct error e = {.message = ""};
    struct net_listener *l = NULL;
    server_start(2, NULL);
    snprintf(cert_path, sizeof cert_path, "%s/cert.pem", folder);
    snprintf(key_path, sizeof key_path, "%s/key.pem", folder);
    struct net_tls *none = NULL;
    assert_int_equal(net_tls_new(server.net, cert_path, key_path, &none, &e), ERR_INVALID);
    make_certificate("first");
    if (net_tls_new(server.net, cert_path, key_path, &tls, &e) ||
        net_listen_tcp(server.net, "127.0.0.1:0", &test_app, tls, &l, &e))
        fail_msg("%s", e.message);
    tls_port = net_listener_port(l);
    client_ctx = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_alpn_protos(client_ctx, (const unsigned char *)"\x08http/1.1", 9);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    server_stop();
    SSL_CTX_free(client_ctx);
    unlink(cert_path);
    unlink(key_path);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests), cmocka_unit_test(large_bodies), cmocka_unit_test(reload),
        cmocka_unit_test(not_tls),  cmocka_unit_test(websocket),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
