/* What endpoints' answers mean: statuses, waits, and thousands of mutilated documents that must not hurt. */
#include "../unit.h"

#include "base/id.h"
#include "base/utf8.h"
#include "engine/openai_inner.h"
#include "loop/peer.h"

#include <stdio.h>
#include <string.h>

static void statuses(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *body;
        enum gen_code code;
        bool fallback, retry, sick;
    } table[] = {
        {401, "{}", GEN_AUTH, true, false, false},
        {403, "{}", GEN_AUTH, true, false, false},
        {402, "{}", GEN_QUOTA, true, false, false},
        {429, "{}", GEN_RATE_LIMIT, true, true, false},
        {429, "{\"error\":{\"message\":\"maximum context tokens per minute\"}}", GEN_RATE_LIMIT, true, true,
         false},
        {429, "{\"error\":{\"code\":\"insufficient_quota\"}}", GEN_QUOTA, true, false, false},
        {400, "{\"error\":{\"type\":\"exceed_context_size_error\"}}", GEN_CONTEXT_TOO_LONG, true, false,
         false},
        {413, "", GEN_CONTEXT_TOO_LONG, true, false, false},
        {400, "{\"error\":{\"code\":\"content_filter\"}}", GEN_REFUSED, false, false, false},
        {422, "{\"detail\":\"bad temperature\"}", GEN_REFUSED, true, false, false},
        {404, "", GEN_UNAVAILABLE, true, false, false},
        {408, "", GEN_OVERLOADED, true, true, true},
        {409, "", GEN_OVERLOADED, true, true, true},
        {500, "{\"error\":\"x\"}", GEN_UNAVAILABLE, true, true, true},
        {500, "{\"error\":{\"message\":\"the context length is exceeded\"}}", GEN_CONTEXT_TOO_LONG, true,
         false, false},
        {502, "<html>", GEN_UNAVAILABLE, true, true, true},
        {503, "", GEN_OVERLOADED, true, true, true},
        {529, "", GEN_OVERLOADED, true, true, true},
        {301, "", GEN_MALFORMED, true, false, true},
        {204, "", GEN_UNAVAILABLE, true, true, true},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct answer a = {.endpoint = "http://h", .model = STR("m")};
        answer_refused(&a, table[i].status, str_c(table[i].body), -1, STR_NONE);
        if (a.end.code != table[i].code || !(a.end.flags & GEN_FALLBACK) == table[i].fallback ||
            !(a.end.flags & GEN_RETRY) == table[i].retry || !(a.end.flags & GEN_SICK) == table[i].sick)
            fail_msg("%d %s: %s, flags %u, '%s'", table[i].status, table[i].body, gen_code_name(a.end.code),
                     a.end.flags, a.end.sentence);
    }
    struct answer a = {.endpoint = "http://h", .model = STR("m")};
    answer_refused(&a, 400, STR(""), -1, STR("true"));
    assert_true(a.end.flags & GEN_RETRY);
}

static void quotes_are_short_and_clean(void **state)
{
    (void)state;
    struct answer a = {.endpoint = "http://h", .model = STR("m"), .key = STR("sk-1")};
    CLEANUP_BUF struct buf body = BUF_INIT;
    buf_add(&body, STR("{\"error\":\"with sk-1\\u001b[31m\\nand sk-1 "));
    for (int i = 0; i < 1000; i++)
        buf_add(&body, STR("\xe2\x82\xac"));
    buf_add(&body, STR("\"}"));
    answer_refused(&a, 500, buf_str(&body), -1, STR_NONE);
    assert_null(strstr(a.end.sentence, "sk-1"));
    assert_null(strpbrk(a.end.sentence, "\n\x1b"));
    assert_non_null(strstr(a.end.sentence, "with *** [31m and ***"));
    assert_true(utf8_valid(str_c(a.end.sentence)));
    assert_true(strlen(a.end.sentence) < 300);
}

static void waits(void **state)
{
    (void)state;
    const int64_t now = 1445412480000; /* Wed, 21 Oct 2015 07:28:00 GMT */
    assert_int_equal(peer_retry_after(STR("250"), STR("9"), now), 250);
    assert_int_equal(peer_retry_after(STR_NONE, STR("2"), now), 2000);
    assert_int_equal(peer_retry_after(STR_NONE, STR("0.5"), now), 500);
    assert_int_equal(peer_retry_after(STR_NONE, STR("Wed, 21 Oct 2015 07:28:30 GMT"), now), 30000);
    assert_int_equal(peer_retry_after(STR_NONE, STR("Wed, 21 Oct 2015 07:27:00 GMT"), now), 0);
    assert_int_equal(peer_retry_after(STR_NONE, STR_NONE, now), -1);
    assert_int_equal(peer_retry_after(STR("-1"), STR("soon"), now), -1);
    assert_int_equal(peer_retry_after(STR("1e300"), STR("1e300"), now), -1);
    assert_int_equal(peer_retry_after(STR("nan"), STR("nan"), now), -1);
}

static void on_text(void *arg, struct str text)
{
    (void)arg;
    assert_true(text.n > 0 && utf8_valid(text));
}

static void on_json(void *arg, struct str text)
{
    (void)arg;
    (void)text;
}

static const struct answer_sink sink = {on_text, on_text, on_json, NULL};

static void mutilated(void **state)
{
    (void)state;
    static const char *const seeds[] = {
        ("{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"gr\xc3\xbc\xc3\x9f "
         "\\ud83d\\ude00\",\"reasoning_content\":"
         "\"h\",\"tool_calls\":[{\"index\":0}]},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":1}"
         "}"),
        "{\"error\":{\"message\":\"context length\",\"code\":500,\"type\":\"x\"}}",
        "{\"choices\":[{\"message\":{\"content\":[{\"type\":\"text\",\"text\":\"a\"}]},\"finish_reason\":"
        "\"length\"}]}",
        "{\"object\":\"error\",\"message\":\"no\",\"code\":429}",
    };
    random_seed(20261121);
    for (int round = 0; round < 40000; round++) {
        char text[512];
        size_t n = strlen(seeds[round % 4]);
        memcpy(text, seeds[round % 4], n);
        for (unsigned k = 0; k < 1 + random_u64() % 4; k++) {
            size_t at = random_u64() % n;
            switch (random_u64() % 4) {
            case 0:
                text[at] = (char)random_u64();
                break;
            case 1:
                n = at ? at : 1;
                break;
            case 2:
                memmove(text + at, text + at + 1, n - at - 1);
                n -= n > 1;
                break;
            default:
                text[at] = "\"\\{}[]:,u0"[random_u64() % 10];
            }
        }
        struct answer a = {.endpoint = "http://h", .model = STR("m"), .whole = round % 2};
        bool known = answer_read(&a, STR_NONE, str_of(text, n), &sink);
        assert_true(known || a.failed);
        if (a.failed)
            assert_true(a.end.code != GEN_OK && a.end.sentence[0] && utf8_valid(str_c(a.end.sentence)));
    }
    random_seed(0);
}

static void odd_documents(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool failed, finished;
    } table[] = {
        {"{\"type\":\"ping\"}", false, false},             /* other kinds of objects are skipped */
        {"{\"choices\":[]}", false, false},                /* Azure's first chunk */
        {"{\"choices\":null,\"usage\":{}}", false, false}, /* llama-server's last one */
        {"{\"choices\":[{\"delta\":null,\"finish_reason\":\"eos\"}]}", false, true},
        {"{\"error\":null,\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}", false, true},
        {"{\"choices\":[{\"index\":1,\"delta\":{},\"finish_reason\":\"stop\"}]}", false, false},
        {"{\"choices\":[{\"delta\":{},\"finish_reason\":\"error\",\"error\":{\"message\":\"x\"}}]}", true,
         false},
        {"[]", true, false},
        {"", true, false},
        {"null", true, false},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct answer a = {.endpoint = "http://h", .model = STR("m")};
        answer_read(&a, STR_NONE, str_c(table[i].text), &sink);
        if (a.failed != table[i].failed || a.finished != table[i].finished)
            fail_msg("%s: failed %d, finished %d, '%s'", table[i].text, a.failed, a.finished, a.end.sentence);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statuses),      cmocka_unit_test(quotes_are_short_and_clean),
        cmocka_unit_test(waits),         cmocka_unit_test(mutilated),
        cmocka_unit_test(odd_documents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
