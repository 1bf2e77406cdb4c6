/* Server-sent events: every text cut at every place gives the same events. */
#include "../unit.h"

#include "base/sse.h"

#include <stdio.h>
#include <string.h>

struct heard {
    struct buf all; /* "name|data;" an event */
    int stop_after; /* -1: never */
};

static bool on_event(void *arg, struct str name, struct str data)
{
    struct heard *h = arg;
    buf_printf(&h->all, "%.*s|%.*s;", STR_ARG(name), STR_ARG(data));
    return h->stop_after < 0 || h->stop_after-- > 0;
}

static const struct {
    const char *text, *events, *pending;
} table[] = {
    {"data: a\n\n", "|a;", ""},
    {"data:a\r\n\r\ndata:  b\r\rdata\n\n", "|a;| b;|;", ""},
    {"data: a\ndata: b\n\n", "|a\nb;", ""},
    {"event: error\ndata: x\nid: 3\nretry: 7\n: comment\nother: y\n\n", "error|x;", ""},
    {"event: lonely\n\ndata: x\n\n", "|x;", ""},
    {"\xef\xbb\xbf"
     "data: a\n\n",
     "|a;", ""},
    {"data: \xf0\x9f\x98\x80\n\n\n\n", "|\xf0\x9f\x98\x80;", ""},
    {"data: a\n\ndata: left", "|a;", "data: left"},
    {"data: a\n\ndata: left\n", "|a;", "left"},
    {"data: a\n\n{\"error\":\n\n  1}\n", "|a;", "{\"error\":\n\n  1}\n"},
    {"\r\n\r\n", "", ""},
};

static void cut_everywhere(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct str text = str_c(table[i].text);
        for (size_t cut = 0; cut <= text.n; cut++) {
            for (size_t step = 0; step < 2; step++) {
                struct heard h = {.stop_after = -1};
                struct sse sse;
                sse_init(&sse, on_event, &h);
                assert_int_equal(sse_feed(&sse, str_sub(text, 0, cut)), ERR_OK);
                for (size_t k = cut; step && k < text.n; k++)
                    assert_int_equal(sse_feed(&sse, str_sub(text, k, 1)), ERR_OK);
                if (!step)
                    assert_int_equal(sse_feed(&sse, str_from(text, cut)), ERR_OK);
                assert_str(buf_str(&h.all), table[i].events);
                assert_str(sse_pending(&sse), table[i].pending);
                sse_release(&sse);
                buf_release(&h.all);
            }
        }
    }
}

static void stops_when_told(void **state)
{
    (void)state;
    struct heard h = {.stop_after = 1};
    struct sse sse;
    sse_init(&sse, on_event, &h);
    assert_int_equal(sse_feed(&sse, STR("data: a\n\ndata: b\n\ndata: c\n\n")), ERR_CANCELLED);
    assert_str(buf_str(&h.all), "|a;|b;");
    sse_release(&sse);
    buf_release(&h.all);
}

static void has_limits(void **state)
{
    (void)state;
    enum { PIECE = 1 << 20 };
    char *piece = malloc(PIECE);
    struct heard h = {.stop_after = -1};
    struct sse sse;
    enum err err = ERR_OK;
    memset(piece, 'x', PIECE);
    sse_init(&sse, on_event, &h);
    for (int i = 0; i < 8 && err == ERR_OK; i++)
        err = sse_feed(&sse, str_of(piece, PIECE));
    assert_int_equal(err, ERR_TOO_BIG);
    sse_release(&sse);
    /* Many lines of one event count together. */
    memcpy(piece, "data: ", 6);
    piece[PIECE - 1] = '\n';
    sse_init(&sse, on_event, &h);
    err = ERR_OK;
    for (int i = 0; i < 8 && err == ERR_OK; i++)
        err = sse_feed(&sse, str_of(piece, PIECE));
    assert_int_equal(err, ERR_TOO_BIG);
    sse_release(&sse);
    buf_release(&h.all);
    free(piece);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cut_everywhere),
        cmocka_unit_test(stops_when_told),
        cmocka_unit_test(has_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
