/* Certificates of our own: what is in them, what the authority may not sign, and when they are made again. */
#include "../unit.h"
#include "net/local_cert.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];
static struct arena arena;

static X509 *read_cert(struct str path)
{
    FILE *f = fopen(path.p, "r");
    assert_non_null(f);
    X509 *cert = PEM_read_X509(f, NULL, NULL, NULL);
    fclose(f);
    assert_non_null(cert);
    return cert;
}

static int verify(X509 *ca, X509 *leaf)
{
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    X509_STORE_add_cert(store, ca);
    X509_STORE_CTX_init(ctx, store, leaf, NULL);
    int error = X509_verify_cert(ctx) == 1 ? X509_V_OK : X509_STORE_CTX_get_error(ctx);
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(store);
    return error;
}

static struct local_names names_of(struct str *v, size_t n)
{
    return (struct local_names){.v = v, .n = n};
}

static struct local_cert made(struct str *v, size_t n)
{
    struct local_names names = names_of(v, n);
    struct local_cert cert = {0};
    struct error e = {0};
    if (local_cert_make(&arena, str_c(folder), &names, &cert, &e) != ERR_OK)
        fail_msg("%s", e.message);
    return cert;
}

static void is_good_for_its_names(void **state)
{
    (void)state;
    struct str v[] = {STR("localhost"), STR("127.0.0.1"), STR("::1"), STR("192.168.7.9"), STR("box.local")};
    struct local_cert cert = made(v, 5);
    assert_true(cert.renewed);
    assert_int_equal(cert.fingerprint.n, 95);
    X509 *ca = read_cert(cert.ca_file), *leaf = read_cert(cert.cert_file);
    assert_int_equal(verify(ca, leaf), X509_V_OK);
    assert_int_equal(X509_check_host(leaf, "localhost", 0, 0, NULL), 1);
    assert_int_equal(X509_check_host(leaf, "box.local", 0, 0, NULL), 1);
    assert_int_equal(X509_check_ip_asc(leaf, "192.168.7.9", 0), 1);
    assert_int_equal(X509_check_ip_asc(leaf, "::1", 0), 1);
    assert_int_equal(X509_check_host(leaf, "example.org", 0, 0, NULL), 0);
    struct stat st;
    assert_int_equal(stat(cert.key_file.p, &st), 0);
    assert_int_equal(st.st_mode & 077, 0);
    X509_free(ca);
    X509_free(leaf);
}

/* Whoever trusts the authority trusts it for home only, even if somebody stole its key. */
static void the_authority_is_for_home_only(void **state)
{
    (void)state;
    struct str outside[][2] = {{STR("localhost"), STR("example.org")},
                               {STR("localhost"), STR("203.0.113.7")}};
    for (size_t i = 0; i < 2; i++) {
        struct local_cert cert = made(outside[i], 2);
        X509 *ca = read_cert(cert.ca_file), *leaf = read_cert(cert.cert_file);
        assert_int_equal(verify(ca, leaf), X509_V_ERR_PERMITTED_VIOLATION);
        X509_free(ca);
        X509_free(leaf);
    }
}

static void is_made_again_when_names_change(void **state)
{
    (void)state;
    struct str v[] = {STR("localhost"), STR("10.0.0.5"), STR("10.0.0.6")};
    struct local_cert first = made(v, 2), same = made(v, 2), other = made(v, 3);
    assert_true(first.renewed);
    assert_false(same.renewed);
    assert_true(other.renewed);
    assert_true(str_eq(first.fingerprint, other.fingerprint)); /* phones go on trusting it */
}

static void a_damaged_file_is_made_again(void **state)
{
    (void)state;
    struct str v[] = {STR("localhost")};
    struct local_cert cert = made(v, 1);
    FILE *f = fopen(cert.key_file.p, "w");
    fputs("no key", f);
    fclose(f);
    assert_true(made(v, 1).renewed);
    f = fopen(cert.ca_file.p, "w");
    fclose(f);
    struct local_cert fresh = made(v, 1);
    assert_true(fresh.renewed);
    assert_false(str_eq(fresh.fingerprint, cert.fingerprint));
}

static void a_folder_that_cannot_be_is_said(void **state)
{
    (void)state;
    struct str v[] = {STR("localhost")};
    struct local_names names = names_of(v, 1);
    struct local_cert cert = {0};
    struct error e = {0};
    assert_int_equal(local_cert_make(&arena, STR("/proc/no/such"), &names, &cert, &e), ERR_IO);
    assert_true(str_find(str_c(e.message), STR("/proc/no/such")) != SIZE_MAX);
}

static void this_machine_has_names(void **state)
{
    (void)state;
    struct local_names names;
    local_names_find(&arena, &names);
    assert_true(names.n >= 3);
    assert_true(str_eq(names.v[0], STR("localhost")));
    struct local_cert cert = made(names.v, names.n);
    X509 *ca = read_cert(cert.ca_file), *leaf = read_cert(cert.cert_file);
    assert_int_equal(verify(ca, leaf), X509_V_OK);
    X509_free(ca);
    X509_free(leaf);
}

static int begin(void **state)
{
    (void)state;
    arena = (struct arena)ARENA_INIT;
    strcpy(folder, "/tmp/eidolon-cert-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    static const char *const files[] = {"ca.crt", "ca.key", "server.crt", "server.key"};
    char path[96];
    for (size_t i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, files[i]);
        unlink(path);
    }
    arena_release(&arena);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(is_good_for_its_names, begin, end),
        cmocka_unit_test_setup_teardown(the_authority_is_for_home_only, begin, end),
        cmocka_unit_test_setup_teardown(is_made_again_when_names_change, begin, end),
        cmocka_unit_test_setup_teardown(a_damaged_file_is_made_again, begin, end),
        cmocka_unit_test_setup_teardown(a_folder_that_cannot_be_is_said, begin, end),
        cmocka_unit_test_setup_teardown(this_machine_has_names, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
