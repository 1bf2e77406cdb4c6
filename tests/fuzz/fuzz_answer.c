/*
 * Fuzzes what a model's endpoint sends: the first byte gives the size of the pieces in which the rest is fed
 * as a stream, and its events are read as answers. What is emitted must not depend on the pieces; every
 * failure has a sentence that is valid UTF-8 and does not hold the key.
 */
#include "base/sse.h"
#include "engine/openai_inner.h"

#include "base/utf8.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct reader {
    struct answer answer;
    struct buf text;
};

static void on_text(void *arg, struct str text)
{
    struct reader *r = arg;
    if (text.n == 0 || !utf8_valid(text))
        abort();
    buf_add(&r->text, text);
}

static void on_json(void *arg, struct str json)
{
    struct reader *r = arg;
    buf_add(&r->text, json);
}

static bool on_event(void *arg, struct str name, struct str data)
{
    struct reader *r = arg;
    const struct answer_sink sink = {on_text, on_text, on_json, r};
    return answer_read(&r->answer, name, data, &sink) && !r->answer.failed;
}

static enum err read_stream(struct reader *r, struct str bytes, size_t step)
{
    struct sse sse;
    enum err err = ERR_OK;
    *r = (struct reader){.answer = {.endpoint = "http://h", .model = STR("m"), .key = STR("sk-key")}};
    sse_init(&sse, on_event, r);
    for (size_t at = 0; at < bytes.n && err == ERR_OK; at += step)
        err = sse_feed(&sse, str_sub(bytes, at, step));
    sse_release(&sse);
    const struct gen_end *end = &r->answer.end;
    if (r->answer.failed && (!end->sentence[0] || !utf8_valid(str_c(end->sentence)) ||
                             str_find(str_c(end->sentence), r->answer.key) != SIZE_MAX))
        abort();
    return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct reader whole, cut;
    if (n < 2)
        return 0;
    struct str bytes = str_of((const char *)data + 1, n - 1);
    enum err err = read_stream(&whole, bytes, bytes.n);
    if (read_stream(&cut, bytes, 1 + data[0] % 16u) != err ||
        !str_eq(buf_str(&whole.text), buf_str(&cut.text)) || whole.answer.finished != cut.answer.finished ||
        whole.answer.end.code != cut.answer.end.code)
        abort();
    buf_release(&whole.text);
    buf_release(&cut.text);
    struct answer refused = {.endpoint = "http://h", .model = STR("m"), .key = STR("sk-key")};
    answer_refused(&refused, 400 + data[0], bytes, -1, STR_NONE);
    if (!utf8_valid(str_c(refused.end.sentence)) ||
        str_find(str_c(refused.end.sentence), refused.key) != SIZE_MAX)
        abort();
    return 0;
}
