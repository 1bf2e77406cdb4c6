/* The parsers without sockets: refused heads, targets, chunks, ranges, dates, Accept. */
#include "../unit.h"

#include <stdio.h>

#include "net/chunk.h"
#include "net/deflate.h"
#include "net/parse_head.h"
#include "net/range.h"
#include "net/target.h"

#define H "Host: a\r\n"

/* Heads that two servers could understand in two ways, or that no grammar allows. */
static const struct {
    enum err err;
    const char *head;
} refused[] = {
    /* framing: what smuggles */
    {ERR_INVALID, "POST / HTTP/1.1\r\n" H "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"},
    {ERR_INVALID, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n"},
    {ERR_INVALID, "POST / HTTP/1.1\r\n" H "Content-Length: 1\r\nContent-Length: 2\r\n\r\n"},
    {ERR_INVALID, "POST / HTTP/1.1\r\n" H "Content-Length: 1\r\nContent-Length: 1\r\n\r\n"},
    {ERR_INVALID, "POST / HTTP/1.1\r\n" H "Content-Length: 1, 1\r\n\r\n"},
    {ERR_INVALID, "POST / HTTP/1.1\r\n" H "Content-Length: +1\r\n\r\n"},
    {ERR_INVALID, "POST / HTTP/1.1\r\n" H "Content-Length: -1\r\n\r\n"},
    {ERR_INVALID, "POST / HTTP/1.1\r\n" H "Content-Length: 0x1\r\n\r\n"},
    {ERR_INVALID, "POST / HTTP/1.1\r\n" H "Content-Length: 1 1\r\n\r\n"},
    {ERR_INVALID, "POST / HTTP/1.1\r\n" H "Content-Length:\r\n\r\n"},
    {ERR_INVALID, "POST / HTTP/1.1\r\n" H "Content-Length: 99999999999999999999\r\n\r\n"},
    {ERR_INVALID, "POST / HTTP/1.1\r\n" H "Content-Length: 9223372036854775808\r\n\r\n"},
    {ERR_INVALID, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"},
    {ERR_INVALID, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked, chunked\r\n\r\n"},
    {ERR_INVALID, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked, gzip\r\n\r\n"},
    {ERR_INVALID, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: identity\r\n\r\n"},
    {ERR_INVALID, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: xchunked\r\n\r\n"},
    {ERR_INVALID, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked;q=1\r\n\r\n"},
    {ERR_INVALID, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: \vchunked\r\n\r\n"},
    {ERR_INVALID, "POST / HTTP/1.1\r\n" H "Transfer-Encoding:\r\n\r\n"},
    {ERR_INVALID, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: \"chunked\"\r\n\r\n"},
    {ERR_NOT_IMPLEMENTED, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n\r\n"},
    {ERR_INVALID, "POST / HTTP/1.0\r\n" H "Transfer-Encoding: chunked\r\n\r\n"},
    /* white space and line ends */
    {ERR_INVALID, "POST / HTTP/1.1\r\n" H "Content-Length : 1\r\n\r\n"},
    {ERR_INVALID, "POST / HTTP/1.1\r\n" H "Transfer-Encoding\t: chunked\r\n\r\n"},
    {ERR_INVALID, "POST / HTTP/1.1\r\n" H " Content-Length: 1\r\n\r\n"},
    {ERR_INVALID, "GET / HTTP/1.1\r\n" H "X: a\r\n b\r\n\r\n"},
    {ERR_INVALID, "GET / HTTP/1.1\r\n" H "X: a\r\n\tb\r\n\r\n"},
    {ERR_INVALID, "GET / HTTP/1.1\r\n X: a\r\n" H "\r\n"},
    {ERR_INVALID, "GET / HTTP/1.1\r\n" H "X: a\rb\r\n\r\n"},
    {ERR_INVALID, "GET / HTTP/1.1\r\n" H "X: a\r\r\n\r\n"},
    {ERR_INVALID, "GET / HTTP/1.1\r\r\n" H "\r\n"},
    {ERR_INVALID, "GET / HTTP/1.1\r\n" H "X\r\n\r\n"},
    {ERR_INVALID, "GET / HTTP/1.1\r\n" H ": empty\r\n\r\n"},
    {ERR_INVALID, "GET / HTTP/1.1\r\n" H "X Y: a\r\n\r\n"},
    {ERR_INVALID, "GET / HTTP/1.1\r\n" H "X\x80: a\r\n\r\n"},
    {ERR_INVALID, "GET / HTTP/1.1\r\n" H "X(: a\r\n\r\n"},
    {ERR_INVALID, "GET / HTTP/1.1\r\n" H "X: a\x01\r\n\r\n"},
    {ERR_INVALID, "GET / HTTP/1.1\r\n" H "X: a\x7f\r\n\r\n"},
    /* Host */
    {ERR_INVALID, "GET / HTTP/1.1\r\n\r\n"},
    {ERR_INVALID, "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"},
    {ERR_INVALID, "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"},
    {ERR_INVALID, "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"},
    {ERR_INVALID, "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n"},
    {ERR_INVALID, "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"},
    {ERR_INVALID, "GET http://u@a/ HTTP/1.1\r\n" H "\r\n"},
    /* the request line */
    {ERR_INVALID, "GET  / HTTP/1.1\r\n" H "\r\n"},
    {ERR_INVALID, "GET /  HTTP/1.1\r\n" H "\r\n"},
    {ERR_INVALID, "GET\t/ HTTP/1.1\r\n" H "\r\n"},
    {ERR_INVALID, " GET / HTTP/1.1\r\n" H "\r\n"},
    {ERR_INVALID, "GET / HTTP/1.1 \r\n" H "\r\n"},
    {ERR_INVALID, "GET /\r\n" H "\r\n"},
    {ERR_INVALID, "GET / http/1.1\r\n" H "\r\n"},
    {ERR_INVALID, "GET / HTTP/1.10\r\n" H "\r\n"},
    {ERR_INVALID, "GET / HTTP/11\r\n" H "\r\n"},
    {ERR_INVALID, "GET / HTTP/+1.1\r\n" H "\r\n"},
    {ERR_HTTP_VERSION, "GET / HTTP/2.0\r\n" H "\r\n"},
    {ERR_HTTP_VERSION, "GET / HTTP/0.9\r\n" H "\r\n"},
    {ERR_INVALID, "G@T / HTTP/1.1\r\n" H "\r\n"},
    {ERR_INVALID, "/ HTTP/1.1\r\n" H "\r\n"},
    {ERR_INVALID, "GET x HTTP/1.1\r\n" H "\r\n"},
    {ERR_INVALID, "GET * HTTP/1.1\r\n" H "\r\n"},
    {ERR_INVALID, "CONNECT a:80 HTTP/1.1\r\n" H "\r\n"},
    {ERR_INVALID, "GET ftp://a/ HTTP/1.1\r\n" H "\r\n"},
    {ERR_INVALID, "GET /a#b HTTP/1.1\r\n" H "\r\n"},
    {ERR_INVALID, "GET /\xc3\xa4 HTTP/1.1\r\n" H "\r\n"},
    {ERR_INVALID, "GET /\x01 HTTP/1.1\r\n" H "\r\n"},
    {ERR_EXPECTATION, "POST / HTTP/1.1\r\n" H "Expect: 200-ok\r\n\r\n"},
};

enum { HEADERS = 8 };

static void smuggling_heads_are_refused(void **state)
{
    (void)state;
    struct http_header headers[HEADERS];
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct head head;
        struct error e = {.message = ""};
        enum err err = head_parse(str_c(refused[i].head), headers, HEADERS, &head, &e);
        if (err != refused[i].err)
            fail_msg("got %s, expected %s, for: %s", err_info(err)->symbol, err_info(refused[i].err)->symbol,
                     refused[i].head);
        assert_true(strlen(e.message) > 20);
    }
}

static void nul_and_bare_lf(void **state)
{
    (void)state;
    struct http_header headers[HEADERS];
    struct head head;
    static const char nul[] = "GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n";
    assert_int_equal(head_parse(str_of(nul, sizeof nul - 1), headers, HEADERS, &head, NULL), ERR_INVALID);
    static const char *const bare[] = {"GET / HTTP/1.1\nHost: a\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\n\r\n",
                                       "GET / HTTP/1.1\r\nHost: a\r\n\n", "\n"};
    for (size_t i = 0; i < 4; i++) {
        size_t scanned = 0, end = 0;
        assert_int_equal(head_find(str_c(bare[i]), 1000, &scanned, &end), HEAD_BARE_LF);
    }
    size_t scanned = 0, end = 0;
    assert_int_equal(head_find(STR("GET / HTTP/1.1\r\nHost: a\r\n\r"), 1000, &scanned, &end), HEAD_MORE);
    assert_int_equal(head_find(STR("GET / HTTP/1.1\r\nHost: a\r\n\r\nbody"), 1000, &scanned, &end),
                     HEAD_WHOLE);
    assert_int_equal(end, 27);
    scanned = 0;
    assert_int_equal(head_find(STR("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), 20, &scanned, &end), HEAD_TOO_LONG);
}

static void good_heads(void **state)
{
    (void)state;
    struct http_header headers[HEADERS];
    struct head head;
    assert_int_equal(head_parse(STR("POST /a?b HTTP/1.1\r\nhost:  x.y:80\t\r\nTRANSFER-ENCODING: Chunked\r\n"
                                    "Connection: foo, close\r\nExpect: 100-Continue\r\nX: \xff\r\n\r\n"),
                                headers, HEADERS, &head, NULL),
                     ERR_OK);
    assert_str(head.host, "x.y:80");
    assert_true(head.chunked && head.expect && !head.keep_alive);
    assert_int_equal(head.count, 5);
    assert_int_equal(head_parse(STR("GET HTTP://b:1/c HTTP/1.1\r\nHost: a\r\nContent-Length: 007\r\n\r\n"),
                                headers, HEADERS, &head, NULL),
                     ERR_OK);
    assert_str(head.host, "b:1");
    assert_str(head.target, "/c");
    assert_int_equal(head.content_length, 7);
    assert_int_equal(
        head_parse(STR("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"), headers, HEADERS, &head, NULL),
        ERR_OK);
    assert_true(head.keep_alive);
    assert_int_equal(
        head_parse(STR("GET / HTTP/1.1\r\nHost: a\r\nB: 1\r\nC: 1\r\n\r\n"), headers, 2, &head, NULL),
        ERR_HEADERS_TOO_BIG);
}

static void targets(void **state)
{
    (void)state;
    static const struct {
        const char *target, *path;
    } cases[] = {
        {"/a/b?x=1", "/a/b"},     {"/a/./b/../c", "/a/c"}, {"/a/..", "/"},
        {"/%61%2Fb", "/a/b"},     {"/a%2f..%2fb", "/b"},   {"/%252e%252e/", "/%2e%2e/"},
        {"/%C3%A4", "/\xc3\xa4"}, {"/...", "/..."},        {"/..", NULL},
        {"/%2e%2e/etc", NULL},    {"/a/../../b", NULL},    {"/%00", NULL},
        {"/%zz", NULL},           {"/%4", NULL},           {"/%ff", NULL},
        {"/%5c..%5c", NULL},      {"/%0d%0a", NULL},       {"/%ed%a0%80", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arena a = ARENA_INIT;
        struct str path, query;
        enum err err = target_split(&a, str_c(cases[i].target), &path, &query, NULL);
        if (cases[i].path ? err != ERR_OK || !str_eq(path, str_c(cases[i].path)) : err == ERR_OK)
            fail_msg("%s gave '%.*s'", cases[i].target, err ? 0 : (int)path.n, path.p);
        arena_release(&a);
    }
}

static void queries_and_accept(void **state)
{
    (void)state;
    struct http_header h[] = {
        {STR_INIT("Accept"), STR_INIT("text/html, application/json;q=0, text/*;q=0.5")}};
    struct http_req req = {.query = STR("a=1&b=%C3%A4+x&c=%ff&&d&a=2"), .headers = h, .header_count = 1};
    struct str v;
    struct error e;
    assert_int_equal(http_query(&req, "a", &v, &e), ERR_OK);
    assert_str(v, "1");
    assert_int_equal(http_query(&req, "b", &v, &e), ERR_OK);
    assert_str(v, "\xc3\xa4 x");
    assert_int_equal(http_query(&req, "c", &v, &e), ERR_INVALID);
    assert_str(str_c(e.param), "c");
    assert_int_equal(http_query(&req, "d", &v, &e), ERR_OK);
    assert_int_equal(v.n, 0);
    assert_int_equal(http_query(&req, "z", &v, &e), ERR_NOT_FOUND);
    assert_true(http_accepts(&req, "text/plain"));
    assert_true(http_accepts_exactly(&req, "text/html"));
    assert_false(http_accepts(&req, "application/json"));
    assert_false(http_accepts_exactly(&req, "text/plain"));
    assert_false(http_accepts(&req, "image/png"));
    arena_release(&req.arena);
}

/* Decodes in pieces of `step` bytes; the body, or "BAD", or "MORE". */
static const char *dechunk(const char *text, size_t step)
{
    static char body[256];
    struct chunk c = {0};
    size_t n = 0, total = strlen(text);
    for (size_t at = 0; at < total; at += step) {
        struct str rest = str_sub(str_c(text), at, step), data;
        for (;;) {
            enum chunk_result r = chunk_next(&c, &rest, &data);
            if (r == CHUNK_BAD)
                return "BAD";
            if (r == CHUNK_MORE)
                break;
            if (r == CHUNK_END) {
                snprintf(body + n, sizeof body - n, "|%.*s", STR_ARG(rest));
                return body;
            }
            memcpy(body + n, data.p, data.n);
            n += data.n;
        }
    }
    return "MORE";
}

static void chunks(void **state)
{
    (void)state;
    static const struct {
        const char *text, *body;
    } cases[] = {
        {"0\r\n\r\n", "|"},
        {"3\r\nabc\r\n0\r\n\r\n", "abc|"},
        {"00003;a=\"b\";c\r\nabc\r\n00\r\nT: x\r\nU: y\r\n\r\n", "abc|"},
        {"a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n", "01234567890123456789|"},
        {"3\r\nabcd\r\n0\r\n\r\n", "BAD"},
        {"3\r\nab\r\n0\r\n\r\n", "BAD"},
        {"\r\n", "BAD"},
        {"-1\r\n", "BAD"},
        {"+1\r\n", "BAD"},
        {"0x1\r\n", "BAD"},
        {" 1\r\n", "BAD"},
        {"1 \r\na\r\n0\r\n\r\n", "BAD"},
        {"1\na\r\n0\r\n\r\n", "BAD"},
        {"1\r\na\n0\r\n\r\n", "BAD"},
        {"1;x\ny\r\na\r\n", "BAD"},
        {"1;\x01\r\na\r\n", "BAD"},
        {"ffffffffffffffff\r\n", "BAD"},
        {"10000000000000000\r\n", "BAD"},
        {"0\r\nT: x\n\r\n", "BAD"},
        {"0\r\n T: x\r\n\r\n", "BAD"},
        {"0\r\n\rx", "BAD"},
        {"5\r\nabc", "MORE"},
        {"0\r\n", "MORE"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (size_t step = 1; step < 40; step += 6) {
            const char *got = dechunk(cases[i].text, step);
            if (strcmp(got, cases[i].body) != 0)
                fail_msg("case %zu, step %zu: got '%s', expected '%s'", i, step, got, cases[i].body);
        }
    }
    char line[CHUNK_LINE];
    assert_int_equal(chunk_line(line, 0x1a2b), 6);
    assert_memory_equal(line, "1a2b\r\n", 6);
}

static void ranges(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        enum range_kind kind;
        uint64_t from, n;
    } cases[] = {
        {"bytes=0-0", RANGE_PART, 0, 1},
        {"bytes=2-", RANGE_PART, 2, 8},
        {"bytes=-3", RANGE_PART, 7, 3},
        {"bytes=-30", RANGE_PART, 0, 10},
        {"bytes=5-99999", RANGE_PART, 5, 5},
        {"bytes=0-99999999999999999999", RANGE_PART, 0, 10},
        {"bytes=10-", RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=-0", RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=99999999999999999999-", RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=5-4", RANGE_WHOLE, 0, 0},
        {"bytes=a-b", RANGE_WHOLE, 0, 0},
        {"bytes=0-1,3-4", RANGE_WHOLE, 0, 0},
        {"items=0-1", RANGE_WHOLE, 0, 0},
        {"bytes=-", RANGE_WHOLE, 0, 0},
        {"bytes=", RANGE_WHOLE, 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t from = 0, n = 0;
        enum range_kind kind = range_parse(str_c(cases[i].header), 10, &from, &n);
        if (kind != cases[i].kind || (kind == RANGE_PART && (from != cases[i].from || n != cases[i].n)))
            fail_msg("%s: kind %d, %d+%d", cases[i].header, (int)kind, (int)from, (int)n);
    }
    uint64_t from, n;
    assert_int_equal(range_parse(STR("bytes=-1"), 0, &from, &n), RANGE_UNSATISFIABLE);
}

static void dates(void **state)
{
    (void)state;
    char text[HTTP_DATE];
    int64_t t = 0;
    http_date(text, 784111777);
    assert_string_equal(text, "Sun, 06 Nov 1994 08:49:37 GMT");
    assert_true(http_date_parse(str_c(text), &t));
    assert_int_equal(t, 784111777);
    assert_false(http_date_parse(STR("Sun, 06 Nov 1994 08:49:37 CET"), &t));
    assert_false(http_date_parse(STR("yesterday"), &t));
}

static void inflating_is_bounded(void **state)
{
    (void)state;
    CLEANUP_BUF struct buf zeros = BUF_INIT, packed = BUF_INIT;
    memset(buf_reserve(&zeros, 1 << 20), 0, 1 << 20);
    zeros.n = 1 << 20;
    assert_true(deflate_message(buf_str(&zeros), &packed));
    assert_true(packed.n < 8000);
    CLEANUP_BUF struct buf small = BUF_MAX((1 << 20) - 1), whole = BUF_MAX(1 << 20);
    assert_int_equal(inflate_message(buf_str(&packed), &small), INFLATE_TOO_BIG);
    assert_int_equal(inflate_message(buf_str(&packed), &whole), INFLATE_OK);
    assert_int_equal(whole.n, 1 << 20);
    /* RFC 7692 7.2.3: one block, a stored block, a final block followed by another */
    static const struct {
        const char *bytes;
        size_t n;
    } hello[] = {{"\xf2\x48\xcd\xc9\xc9\x07\x00", 7},
                 {"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", 11},
                 {"\xf3\x48\xcd\xc9\xc9\x07\x00\x00", 8},
                 {"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00", 13}};
    for (size_t i = 0; i < 4; i++) {
        CLEANUP_BUF struct buf out = BUF_MAX(100);
        assert_int_equal(inflate_message(str_of(hello[i].bytes, hello[i].n), &out), INFLATE_OK);
        assert_str(buf_str(&out), "Hello");
    }
    CLEANUP_BUF struct buf bad = BUF_MAX(100);
    assert_int_equal(inflate_message(STR("\xff\xff\xff\xff"), &bad), INFLATE_BAD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(smuggling_heads_are_refused),
        cmocka_unit_test(nul_and_bare_lf),
        cmocka_unit_test(good_heads),
        cmocka_unit_test(targets),
        cmocka_unit_test(queries_and_accept),
        cmocka_unit_test(chunks),
        cmocka_unit_test(ranges),
        cmocka_unit_test(dates),
        cmocka_unit_test(inflating_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
