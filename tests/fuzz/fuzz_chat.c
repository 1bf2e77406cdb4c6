/*
 * Fuzzes the readers of chats: the first byte chooses the format and how the rest is cut into pieces.
 *
 * Checked besides memory errors: numbers count up, parents and alternatives come before, texts are UTF-8
 * without NUL, what is carried along is a JSON object; the same bytes in other pieces tell the same; what
 * goes over the wire comes out as it went in, and rubbish on the wire is survived.
 */
#include "base/json.h"
#include "base/utf8.h"
#include "chat/wire.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct seen {
    struct wire_out out; /* first: wire_sink's */
    uint64_t messages, begun;
    bool open;
};

static void check(bool ok)
{
    if (!ok)
        abort();
}

static void check_extra(struct str extra)
{
    struct arena a = ARENA_INIT;
    struct json *object = NULL;
    check(str_empty(extra) ||
          (json_parse(&a, extra, &object, NULL) == ERR_OK && object->type == JSON_OBJECT));
    arena_release(&a);
}

static bool clean(struct str s)
{
    return utf8_valid(s) && !memchr(s.p ? s.p : "", '\0', s.n);
}

static void begin(void *arg, const struct chat_head *h)
{
    struct seen *s = arg;
    check(!s->open && clean(h->title) && clean(h->user) && clean(h->character) &&
          h->member_count <= CHAT_MEMBERS_MAX);
    check_extra(h->extra);
    s->open = true;
    s->messages = 0;
    s->begun++;
    wire_sink.begin(&s->out, h);
}

static void message(void *arg, const struct chat_message *m)
{
    struct seen *s = arg;
    check(s->open && clean(m->text) && clean(m->name) && m->name.n <= CHAT_NAME_MAX);
    if (m->kind == CHAT_SAID)
        check(m->number == ++s->messages && m->parent < m->number && m->retry_of < m->number && m->text.n);
    else
        check(m->number && m->number <= s->messages);
    check_extra(m->extra);
    wire_sink.message(&s->out, m);
}

static void end(void *arg)
{
    struct seen *s = arg;
    check(s->open);
    s->open = false;
    wire_sink.end(&s->out);
}

static void skip(void *arg, uint64_t line, const char *reason)
{
    struct seen *s = arg;
    check(reason[0]);
    wire_sink.skip(&s->out, line, reason);
}

static const struct chat_sink sink = {begin, message, end, skip};

static enum err read_in(struct str bytes, enum chat_format format, size_t piece, struct seen *s)
{
    struct chat_reader *r = chat_reader_new(
        &(struct chat_options){
            .format = format, .title = STR("t"), .message_max = 2000, .total_max = 1 << 20},
        &sink, s);
    struct error e = {0};
    enum err err = ERR_OK;
    for (size_t i = 0; i < bytes.n && !err; i += piece)
        err = chat_feed(r, str_sub(bytes, i, piece), &e);
    if (!err)
        err = chat_finish(r, &e);
    check(!err || e.message[0]);
    check(err || !s->open);
    chat_reader_free(r);
    return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (!n)
        return 0;
    struct str bytes = str_of((const char *)data + 1, n - 1);
    enum chat_format format = (enum chat_format)(data[0] % CHAT_FORMATS);
    struct seen whole = {0}, pieces = {0}, back = {0};
    enum err err = read_in(bytes, format, bytes.n + 1, &whole);
    enum err err2 = read_in(bytes, format, (size_t)(data[0] >> 3) + 1, &pieces);
    check(err == err2 && str_eq(buf_str(&whole.out.frame), buf_str(&pieces.out.frame)));
    if (!err && whole.out.frame.n) {
        check(wire_read_found(buf_str(&whole.out.frame), &sink, &back, NULL) == ERR_OK);
        check(str_eq(buf_str(&whole.out.frame), buf_str(&back.out.frame)));
    }
    buf_release(&whole.out.frame);
    buf_release(&pieces.out.frame);
    buf_release(&back.out.frame);
    return 0;
}
