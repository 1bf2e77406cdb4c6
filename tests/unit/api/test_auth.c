/* Who a request is: names, forwarding headers, origins, tokens and cookies. */
#include "../unit.h"

#include "api/auth.h"

static struct config config;

static int setup(void **state)
{
    (void)state;
    config_init(&config);
    config_set(&config, STR("server.token"), STR("a-long-word"), CONFIG_FROM_FLAG, "test", NULL);
    config_set(&config, STR("server.hosts"), STR("my.home"), CONFIG_FROM_FLAG, "test", NULL);
    config_set(&config, STR("server.origins"), STR("https://app.example"), CONFIG_FROM_FLAG, "test", NULL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    config_release(&config);
    return 0;
}

static enum err check(const char *host, bool loopback, const char *name, const char *value, unsigned flags)
{
    struct http_header header = {str_c(name), str_c(value)};
    struct http_req req = {.host = str_c(host),
                           .headers = &header,
                           .header_count = name ? 1 : 0,
                           .peer = {.loopback = loopback}};
    struct principal who = {0};
    enum err err = auth_check(&config, &req, flags, &who, NULL);
    if (!err)
        assert_int_equal(who.scopes, SCOPE_ALL);
    return err;
}

static void loopback_names(void **state)
{
    (void)state;
    static const char *const own[] = {"localhost", "LocalHost:8080", "127.0.0.1", "127.0.0.1:1", "127.9.9.9",
                                      "[::1]",     "[::1]:8080",     "my.home",   "MY.HOME:80"};
    static const char *const others[] = {"",
                                         "evil.example",
                                         "localhost.evil.example",
                                         "127.0.0.1.evil.example",
                                         "127.0.0",
                                         "127.0.0.1.",
                                         "128.0.0.1",
                                         "[::2]",
                                         "[::1",
                                         "0.0.0.0",
                                         "127.0.0.256",
                                         "127.0.0.0.1",
                                         "notmy.home"};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        assert_int_equal(check(own[i], true, NULL, NULL, 0), ERR_OK);
        assert_int_equal(check(own[i], false, NULL, NULL, 0), ERR_UNAUTHORIZED);
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_int_equal(check(others[i], true, NULL, NULL, 0), ERR_UNAUTHORIZED);
}

static void forwarded(void **state)
{
    (void)state;
    static const char *const names[] = {"Forwarded", "X-Forwarded-For", "x-forwarded-port", "Via",
                                        "X-Real-IP"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_int_equal(check("localhost", true, names[i], "x", 0), ERR_UNAUTHORIZED);
    assert_int_equal(check("localhost", true, "X-Other", "x", 0), ERR_OK);
}

static void origins(void **state)
{
    (void)state;
    static const char *const good[] = {"http://localhost:8080", "https://app.example"};
    static const char *const bad[] = {"https://localhost:8080",
                                      "http://localhost",
                                      "http://127.0.0.1:8080",
                                      "null",
                                      "",
                                      "http://localhost:8080.evil.example"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_int_equal(check("localhost:8080", true, "Origin", good[i], AUTH_UNSAFE), ERR_OK);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(check("localhost:8080", true, "Origin", bad[i], AUTH_UNSAFE), ERR_FORBIDDEN);
        assert_int_equal(check("localhost:8080", true, "Origin", bad[i], 0), ERR_OK);
    }
    assert_int_equal(check("localhost", true, "Sec-Fetch-Site", "cross-site", AUTH_UNSAFE), ERR_FORBIDDEN);
    assert_int_equal(check("localhost", true, "Sec-Fetch-Site", "same-origin", AUTH_UNSAFE), ERR_OK);
}

static void tokens(void **state)
{
    (void)state;
    assert_int_equal(check("x", false, "Authorization", "Bearer a-long-word", AUTH_UNSAFE), ERR_OK);
    assert_int_equal(check("x", false, "Authorization", "bearer a-long-word", 0), ERR_OK);
    assert_int_equal(check("x", false, "Authorization", "Bearer a-long-wore", 0), ERR_UNAUTHORIZED);
    assert_int_equal(check("x", false, "Authorization", "Bearer ", 0), ERR_UNAUTHORIZED);
    assert_int_equal(check("x", false, "Authorization", "Basic a-long-word", 0), ERR_UNAUTHORIZED);
}

static void cookies(void **state)
{
    (void)state;
    char cookie[AUTH_COOKIE_MAX];
    const int64_t now_ms = 1700000000000, life_ms = (int64_t)AUTH_SESSION_SECONDS * 1000;
    auth_cookie_make(&config, now_ms, cookie);
    assert_true(auth_cookie_good(&config, now_ms, str_c(cookie)));
    assert_true(auth_cookie_good(&config, now_ms + life_ms - 1000, str_c(cookie)));
    assert_false(auth_cookie_good(&config, now_ms + life_ms, str_c(cookie)));
    for (size_t i = 0; i < strlen(cookie); i++) {
        char kept = cookie[i];
        cookie[i] = kept == 'a' ? 'b' : 'a';
        assert_false(auth_cookie_good(&config, now_ms, str_c(cookie)));
        cookie[i] = kept;
        assert_false(auth_cookie_good(&config, now_ms, str_of(cookie, i)));
    }
}

static void addresses(void **state)
{
    (void)state;
    assert_true(auth_address_is_loopback(STR("127.0.0.1:8080")));
    assert_true(auth_address_is_loopback(STR("[::1]:0")));
    assert_true(auth_address_is_loopback(STR("localhost:80")));
    assert_false(auth_address_is_loopback(STR(":8080")));
    assert_false(auth_address_is_loopback(STR("0.0.0.0:8080")));
    assert_false(auth_address_is_loopback(STR("[::]:8080")));
    assert_false(auth_address_is_loopback(STR("192.168.1.2:80")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(loopback_names), cmocka_unit_test(forwarded),
                                       cmocka_unit_test(origins),        cmocka_unit_test(tokens),
                                       cmocka_unit_test(cookies),        cmocka_unit_test(addresses)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
