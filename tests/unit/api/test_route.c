/* The route table's matching, and multipart bodies. */
#include "../unit.h"

#include "api/multipart.h"
#include "api/route.h"

static const struct route *find(enum http_method method, const char *path, struct route_params *params,
                                unsigned *allow)
{
    static struct arena a;
    arena_release(&a);
    const struct route *route = route_find(&a, method, str_c(path), params, allow);
    if (!route)
        arena_release(&a);
    return route;
}

static void paths_are_found(void **state)
{
    (void)state;
    static const struct {
        enum http_method method;
        const char *path, *pattern, *param;
    } cases[] = {
        {HTTP_GET, "/healthz", "/healthz", NULL},
        {HTTP_HEAD, "/healthz", "/healthz", NULL},
        {HTTP_GET, "/api/personas/mia", "/api/personas/{persona}", "mia"},
        {HTTP_GET, "/api/characters/mia", "/api/personas/{persona}", "mia"},
        {HTTP_GET, "/api/sessions", "/api/rooms", NULL},
        {HTTP_POST, "/api/personas/import", "/api/personas/import", NULL},
        {HTTP_GET, "/api/personas/mia/card.json", "/api/personas/{persona}/card.{format}", "mia"},
        {HTTP_GET, "/v1/models/engine/a/b", "/v1/models/{model+}", "engine/a/b"},
        {HTTP_POST, "/api/rooms/x/turns/y/cancel", "/api/rooms/{room}/turns/{turn}/cancel", "x"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct route_params params;
        unsigned allow;
        const struct route *route = find(cases[i].method, cases[i].path, &params, &allow);
        assert_non_null(route);
        assert_string_equal(route->pattern, cases[i].pattern);
        if (cases[i].param)
            assert_str(params.v[0], cases[i].param);
    }
}

static void others_are_not(void **state)
{
    (void)state;
    static const char *const none[] = {"",
                                       "/",
                                       "/api",
                                       "/api/rooms/",
                                       "/api/rooms//x",
                                       "/healthz/x",
                                       "/healthzx",
                                       "/api/sessionx",
                                       "/v1/models/",
                                       "/API/rooms",
                                       "/api/personas/mia/card.",
                                       "/api/rooms/x/turns//cancel"};
    struct route_params params;
    unsigned allow;
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        assert_null(find(HTTP_GET, none[i], &params, &allow));
        assert_int_equal(allow, 0);
    }
    struct arena a = ARENA_INIT;
    assert_null(find(HTTP_DELETE, "/api/rooms", &params, &allow));
    assert_str(route_allow(&a, allow), "GET, HEAD, POST, OPTIONS");
    arena_release(&a);
}

#define TYPE "multipart/form-data; boundary=\"b-1\""

static void forms(void **state)
{
    (void)state;
    static const char body[] =
        "--b-1\r\nContent-Disposition: form-data; name=\"other\"\r\n\r\nx\r\n"
        "--b-1\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.json\"\r\n"
        "Content-Type: application/json\r\n\r\n{\"a\":\r\n--b1\r\n}\r\n--b-1--\r\n";
    struct multipart_part part;
    assert_int_equal(multipart_find(STR(TYPE), str_c(body), STR("file"), &part, NULL), ERR_OK);
    assert_str(part.bytes, "{\"a\":\r\n--b1\r\n}");
    assert_str(part.type, "application/json");
    assert_str(part.filename, "a.json");
    assert_int_equal(multipart_find(STR(TYPE), str_c(body), STR("none"), &part, NULL), ERR_INVALID);
    assert_int_equal(multipart_find(STR("multipart/form-data"), str_c(body), STR("file"), &part, NULL),
                     ERR_INVALID);
    assert_true(multipart_is(STR("Multipart/Form-Data ; boundary=x")));
    assert_false(multipart_is(STR("application/json")));
    /* Cut anywhere, it is read or refused, never past its end. */
    for (size_t n = 0; n < sizeof body; n++) {
        char *cut = malloc(n ? n : 1);
        memcpy(cut, body, n);
        multipart_find(STR(TYPE), str_of(cut, n), STR("file"), &part, NULL);
        free(cut);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(paths_are_found), cmocka_unit_test(others_are_not),
                                       cmocka_unit_test(forms)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
