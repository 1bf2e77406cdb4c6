/* Frames and records; see wire.h. */
#include "chat/wire.h"

#include "base/utf8.h"

#include <stdlib.h>
#include <unistd.h>

enum { RECORD_BEGIN = 1, RECORD_MESSAGE, RECORD_END, RECORD_SKIP };

/* ---- writing ---- */

static void put(struct buf *to, uint64_t value)
{
    char bytes[8];
    for (int i = 0; i < 8; i++)
        bytes[i] = (char)(value >> 8 * i);
    buf_add(to, str_of(bytes, sizeof bytes));
}

static void put_str(struct buf *to, struct str s)
{
    put(to, s.n);
    buf_add(to, s);
}

enum wire_frame wire_frame_of(struct str frame)
{
    return frame.n && frame.p[0] >= WIRE_OPEN && frame.p[0] <= WIRE_DONE ? (enum wire_frame)frame.p[0] : 0;
}

void wire_write_plain(struct buf *to, enum wire_frame frame)
{
    buf_clear(to);
    buf_add_char(to, (char)frame);
}

void wire_write_open(struct buf *to, const struct chat_options *o)
{
    wire_write_plain(to, WIRE_OPEN);
    put(to, o->format);
    put_str(to, o->title);
    put(to, (uint64_t)(int64_t)o->zone_minutes);
    put(to, o->message_max);
    put(to, o->total_max);
    put(to, o->messages_max);
    put(to, o->chats_max);
}

void wire_write_bytes(struct buf *to, struct str bytes)
{
    wire_write_plain(to, WIRE_BYTES);
    buf_add(to, bytes);
}

void wire_write_done(struct buf *to, enum err result, const struct error *said, enum chat_format format)
{
    wire_write_plain(to, WIRE_DONE);
    put(to, (uint64_t)result);
    put_str(to, str_c(result ? said->message : ""));
    put(to, format);
}

static void begin_record(struct wire_out *out, int kind)
{
    if (!out->frame.n)
        buf_add_char(&out->frame, WIRE_FOUND);
    buf_add_char(&out->frame, (char)kind);
}

static void end_record(struct wire_out *out)
{
    if (out->flush && out->frame.n >= WIRE_FOUND_BYTES)
        out->flush(out);
}

static void tell_begin(void *arg, const struct chat_head *h)
{
    struct wire_out *out = arg;
    begin_record(out, RECORD_BEGIN);
    put_str(&out->frame, h->title);
    put_str(&out->frame, h->user);
    put_str(&out->frame, h->character);
    put(&out->frame, (uint64_t)h->at_ms);
    put_str(&out->frame, h->extra);
    put(&out->frame, h->member_count);
    for (size_t i = 0; i < h->member_count; i++) {
        put_str(&out->frame, h->members[i].name);
        put_str(&out->frame, h->members[i].slug);
        put_str(&out->frame, h->members[i].id);
    }
    end_record(out);
}

static void tell_message(void *arg, const struct chat_message *m)
{
    struct wire_out *out = arg;
    begin_record(out, RECORD_MESSAGE);
    put(&out->frame, m->kind);
    put(&out->frame, m->role);
    put_str(&out->frame, m->name);
    put_str(&out->frame, m->text);
    put(&out->frame, (uint64_t)m->at_ms);
    put(&out->frame, m->number);
    put(&out->frame, m->parent);
    put(&out->frame, m->retry_of);
    put(&out->frame, m->reply_to);
    put(&out->frame, m->line);
    put_str(&out->frame, m->extra);
    end_record(out);
}

static void tell_end(void *arg)
{
    begin_record(arg, RECORD_END);
    end_record(arg);
}

static void tell_skip(void *arg, uint64_t line, const char *reason)
{
    struct wire_out *out = arg;
    begin_record(out, RECORD_SKIP);
    put(&out->frame, line);
    put_str(&out->frame, str_c(reason));
    end_record(out);
}

const struct chat_sink wire_sink = {tell_begin, tell_message, tell_end, tell_skip};

/* ---- reading ---- */

struct in {
    struct str rest;
    bool bad;
};

static uint64_t get(struct in *in)
{
    uint64_t value = 0;
    if (in->rest.n < 8) {
        in->bad = true;
        return 0;
    }
    for (int i = 0; i < 8; i++)
        value |= (uint64_t)(unsigned char)in->rest.p[i] << 8 * i;
    in->rest = str_from(in->rest, 8);
    return value;
}

static struct str get_str(struct in *in)
{
    uint64_t n = get(in);
    if (in->bad || n > in->rest.n || !utf8_valid(str_sub(in->rest, 0, n))) {
        in->bad = true;
        return STR_NONE;
    }
    struct str s = str_sub(in->rest, 0, n);
    in->rest = str_from(in->rest, n);
    return s;
}

static uint64_t get_below(struct in *in, uint64_t limit)
{
    uint64_t value = get(in);
    in->bad |= value >= limit;
    return value;
}

static void read_begin(struct in *in, const struct chat_sink *sink, void *arg)
{
    struct chat_member members[CHAT_MEMBERS_MAX];
    struct chat_head h = {.title = get_str(in), .members = members};
    h.user = get_str(in);
    h.character = get_str(in);
    h.at_ms = (int64_t)get(in);
    h.extra = get_str(in);
    h.member_count = (size_t)get_below(in, CHAT_MEMBERS_MAX + 1);
    for (size_t i = 0; i < h.member_count && !in->bad; i++) {
        members[i].name = get_str(in);
        members[i].slug = get_str(in);
        members[i].id = get_str(in);
    }
    if (!in->bad)
        sink->begin(arg, &h);
}

static void read_message(struct in *in, const struct chat_sink *sink, void *arg)
{
    struct chat_message m = {.kind = (enum chat_kind)get_below(in, CHAT_KINDS)};
    m.role = (enum chat_role)get_below(in, CHAT_ROLES);
    m.name = get_str(in);
    m.text = get_str(in);
    m.at_ms = (int64_t)get(in);
    m.number = get(in);
    m.parent = get(in);
    m.retry_of = get(in);
    m.reply_to = get(in);
    m.line = get(in);
    m.extra = get_str(in);
    if (!in->bad)
        sink->message(arg, &m);
}

static void read_skip(struct in *in, const struct chat_sink *sink, void *arg)
{
    char reason[400];
    uint64_t line = get(in);
    str_copy(reason, sizeof reason, get_str(in));
    if (!in->bad)
        sink->skip(arg, line, reason);
}

enum err wire_read_found(struct str frame, const struct chat_sink *sink, void *arg, struct error *e)
{
    struct in in = {.rest = str_from(frame, 1)};
    while (in.rest.n && !in.bad) {
        unsigned char kind = (unsigned char)in.rest.p[0];
        in.rest = str_from(in.rest, 1);
        if (kind == RECORD_BEGIN)
            read_begin(&in, sink, arg);
        else if (kind == RECORD_MESSAGE)
            read_message(&in, sink, arg);
        else if (kind == RECORD_SKIP)
            read_skip(&in, sink, arg);
        else if (kind == RECORD_END)
            sink->end(arg);
        else
            in.bad = true;
    }
    return in.bad ? error_set(e, ERR_PROTOCOL, "The reader of chats said something that makes no sense.")
                  : ERR_OK;
}

enum err wire_read_done(struct str frame, enum err *result, struct error *said, enum chat_format *format,
                        struct error *e)
{
    struct in in = {.rest = str_from(frame, 1)};
    *result = (enum err)get_below(&in, ERR_COUNT);
    struct str sentence = get_str(&in);
    *format = (enum chat_format)get_below(&in, CHAT_FORMATS);
    if (in.bad || wire_frame_of(frame) != WIRE_DONE)
        return error_set(e, ERR_PROTOCOL, "The reader of chats said something that makes no sense.");
    if (*result)
        error_set(said, *result, "%.*s", STR_ARG(sentence));
    return ERR_OK;
}

/* ---- the child ---- */

struct served {
    struct wire_out out; /* first: flush() gets it */
    struct buf in;
    bool (*read)(struct buf *);
    bool (*write)(struct str);
};

static void send_found(struct wire_out *out)
{
    struct served *s = (struct served *)out;
    bool on =
        s->write(buf_str(&out->frame)) && s->read(&s->in) && wire_frame_of(buf_str(&s->in)) == WIRE_NEXT;
    buf_clear(&out->frame);
    if (!on)
        _exit(0); /* the server is gone, or wants another file, which it says by starting anew */
}

static struct chat_reader *open_reader(struct served *s, struct str frame)
{
    struct in in = {.rest = str_from(frame, 1)};
    struct chat_options o = {.format = (enum chat_format)get_below(&in, CHAT_FORMATS)};
    o.title = get_str(&in);
    o.zone_minutes = (int)(int64_t)get(&in);
    o.message_max = (size_t)get(&in);
    o.total_max = get(&in);
    o.messages_max = get(&in);
    o.chats_max = (unsigned)get(&in);
    return in.bad ? NULL : chat_reader_new(&o, &wire_sink, &s->out);
}

int wire_serve(bool (*read)(struct buf *to), bool (*write)(struct str frame))
{
    struct served s = {.out.flush = send_found, .read = read, .write = write};
    struct buf first = BUF_INIT, done = BUF_INIT;
    struct chat_reader *r = NULL;
    while (read(&first)) {
        struct str frame = buf_str(&first);
        struct error said = {0};
        enum wire_frame what = wire_frame_of(frame);
        if (what == WIRE_OPEN) {
            chat_reader_free(r);
            r = open_reader(&s, frame);
            buf_clear(&s.out.frame);
            continue;
        }
        if (!r || (what != WIRE_BYTES && what != WIRE_END))
            break;
        enum err err = what == WIRE_BYTES ? chat_feed(r, str_from(frame, 1), &said) : chat_finish(r, &said);
        if (s.out.frame.n)
            send_found(&s.out);
        wire_write_done(&done, err, &said, chat_reader_format(r));
        if (!write(buf_str(&done)))
            break;
    }
    chat_reader_free(r);
    buf_release(&first);
    buf_release(&done);
    buf_release(&s.out.frame);
    buf_release(&s.in);
    return 0;
}
