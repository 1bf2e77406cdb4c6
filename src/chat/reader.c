/*
 * The reader: recognises the format from the first bytes, hands everything on to its parser, numbers what
 * comes and keeps the limits. Lines and mending of text are here too. See chat.h, inner.h.
 */
#include "chat/inner.h"

#include "base/clock.h"
#include "base/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { SNIFF_BYTES = 64 * 1024 };

const char *const chat_format_names[CHAT_FORMATS] = {"auto", "sillytavern", "text", "openai", "eidolon"};

bool chat_format_parse(struct str name, enum chat_format *out)
{
    for (int i = 0; i < CHAT_FORMATS; i++) {
        if (str_eq(name, str_c(chat_format_names[i]))) {
            *out = (enum chat_format)i;
            return true;
        }
    }
    return false;
}

struct chat_reader *chat_reader_new(const struct chat_options *options, const struct chat_sink *sink,
                                    void *arg)
{
    struct chat_reader *r = heap_alloc(sizeof *r);
    r->options = *options;
    r->options.title = arena_str(&r->arena, options->title);
    r->options.message_max = options->message_max ? options->message_max : CHAT_MESSAGE_MAX;
    r->options.total_max = options->total_max ? options->total_max : CHAT_TOTAL_MAX;
    r->options.messages_max = options->messages_max ? options->messages_max : CHAT_MESSAGES_MAX;
    r->options.chats_max = options->chats_max ? options->chats_max : CHAT_CHATS_MAX;
    r->sink = sink;
    r->arg = arg;
    r->head = BUF_MAX(2 * SNIFF_BYTES);
    return r;
}

void chat_reader_free(struct chat_reader *r)
{
    if (!r)
        return;
    if (r->parser)
        r->parser->close(r->state);
    buf_release(&r->head);
    arena_release(&r->arena);
    free(r);
}

enum chat_format chat_reader_format(const struct chat_reader *r)
{
    return r->format;
}

size_t chat_message_max(const struct chat_reader *r)
{
    return r->options.message_max;
}

struct chat_clock chat_clock_of(const struct chat_reader *r)
{
    return (struct chat_clock){.zone_minutes = r->options.zone_minutes};
}

/* ---- what parsers say ---- */

static struct chat_reader *root_of(struct chat_reader *r)
{
    return r->of ? r->of : r;
}

/* What is carried along must be an object that everybody can read again; else it is not carried. */
static struct str carried(struct str extra)
{
    struct arena a = ARENA_INIT;
    struct json *object = NULL;
    bool good =
        !str_empty(extra) && json_parse(&a, extra, &object, NULL) == ERR_OK && object->type == JSON_OBJECT;
    arena_release(&a);
    return good ? extra : STR_NONE;
}

void chat_begin(struct chat_reader *r, const struct chat_head *head)
{
    struct chat_head named = *head;
    named.extra = carried(head->extra);
    if (r->open)
        chat_end(r);
    if (str_empty(named.title))
        named.title = r->options.title;
    r->open = true;
    r->numbered = 0;
    root_of(r)->chats++;
    r->sink->begin(r->arg, &named);
}

enum err chat_emit(struct chat_reader *r, struct chat_message *m, struct error *e)
{
    struct chat_reader *root = root_of(r);
    if (root->messages >= root->options.messages_max)
        return error_set(e, ERR_TOO_BIG,
                         "The file has more than %llu messages; split it and import the parts.",
                         (unsigned long long)root->options.messages_max);
    if (root->chats > root->options.chats_max)
        return error_set(e, ERR_TOO_BIG, "The file has more than %u chats; split it and import the parts.",
                         root->options.chats_max);
    m->name = str_trim(m->name);
    if (m->name.n > CHAT_NAME_MAX) {
        m->name.n = CHAT_NAME_MAX;
        while (m->name.n && ((unsigned char)m->name.p[m->name.n] & 0xC0) == 0x80)
            m->name.n--;
    }
    m->extra = carried(m->extra);
    if (m->kind == CHAT_SAID) {
        m->number = ++r->numbered;
        root->messages++;
    }
    r->sink->message(r->arg, m);
    return ERR_OK;
}

void chat_end(struct chat_reader *r)
{
    if (r->open)
        r->sink->end(r->arg);
    r->open = false;
}

void chat_skip(struct chat_reader *r, uint64_t line, const char *format, ...)
{
    char reason[300];
    va_list args;
    va_start(args, format);
    vsnprintf(reason, sizeof reason, format, args);
    va_end(args);
    r->sink->skip(r->arg, line, reason);
}

/* ---- what it is ---- */

static const struct str bom = STR_INIT("\xEF\xBB\xBF");

static bool has_word(struct str s, const char *word)
{
    return str_find(s, str_c(word)) != SIZE_MAX;
}

static enum chat_format sniff(struct str s)
{
    s = str_trim(s);
    struct str line = str_sub(s, 0, str_find_char(s, '\n'));
    if (str_starts(s, STR("[")) || str_starts(s, STR("{"))) {
        if (str_starts(s, STR("{\"eidolon\"")))
            return CHAT_EIDOLON;
        bool tree =
            has_word(s, "\"mapping\"") || has_word(s, "\"messages\"") || has_word(s, "\"chat_messages\"");
        bool tavern = has_word(line, "\"chat_metadata\"") || has_word(line, "\"user_name\"") ||
                      has_word(line, "\"mes\"");
        if (s.p[0] == '{' && tavern && !has_word(line, "\"mapping\""))
            return CHAT_SILLYTAVERN;
        /* "[31/12/2023, 21:41:05] Ana: ..." begins with a bracket too. */
        struct str inside = str_trim(str_from(s, 1));
        bool json = s.p[0] == '{' ? tree || str_starts(inside, STR("\""))
                                  : str_starts(inside, STR("{")) || str_starts(inside, STR("]"));
        if (json)
            return CHAT_OPENAI;
    }
    return CHAT_TEXT;
}

static enum err choose(struct chat_reader *r, struct error *e)
{
    static const struct chat_parser *const parsers[CHAT_FORMATS] = {[CHAT_SILLYTAVERN] =
                                                                        &chat_reads_sillytavern,
                                                                    [CHAT_TEXT] = &chat_reads_text,
                                                                    [CHAT_OPENAI] = &chat_reads_openai,
                                                                    [CHAT_EIDOLON] = &chat_reads_own};
    struct str s = buf_str(&r->head);
    if (str_starts(s, STR("PK\x03\x04")) && !r->of) {
        r->parser = &chat_reads_zip;
    } else {
        if (str_starts(s, STR("\xFF\xFE")) || str_starts(s, STR("\xFE\xFF")) ||
            memchr(s.p ? s.p : "", '\0', s.n))
            return error_set(
                e, ERR_UNSUPPORTED_TYPE,
                "This is no text in UTF-8; save the chat as UTF-8 text or JSON and import that.");
        if (str_starts(s, bom))
            s = str_from(s, bom.n);
        r->format = r->options.format != CHAT_AUTO ? r->options.format : sniff(s);
        r->parser = parsers[r->format];
    }
    r->state = r->parser->open(r);
    enum err err = r->parser->feed(r->state, s, e);
    buf_release(&r->head);
    return err;
}

enum err chat_feed(struct chat_reader *r, struct str bytes, struct error *e)
{
    if (r->parser)
        return r->parser->feed(r->state, bytes, e);
    struct str first = str_sub(bytes, 0, SNIFF_BYTES - (r->head.n < SNIFF_BYTES ? r->head.n : SNIFF_BYTES));
    buf_add(&r->head, first);
    if (r->head.n < SNIFF_BYTES)
        return ERR_OK;
    enum err err = choose(r, e);
    return err ? err : r->parser->feed(r->state, str_from(bytes, first.n), e);
}

enum err chat_finish(struct chat_reader *r, struct error *e)
{
    enum err err = r->parser ? ERR_OK : choose(r, e);
    if (!err)
        err = r->parser->finish(r->state, e);
    if (!err)
        chat_end(r);
    if (!err && !r->of && !r->messages)
        return error_set(
            e, ERR_INVALID,
            "No message was found in the file; SillyTavern's JSONL, OpenAI's conversations.json (or its "
            "zip), text as \"Name: text\" and Eidolon's own JSONL can be read.");
    return err;
}

/* ---- lines ---- */

static enum err give_line(struct chat_lines *l, struct chat_reader *r, struct str line, chat_line_fn *take,
                          void *arg, struct error *e)
{
    l->number++;
    bool skip = l->too_long || line.n > CHAT_LINE_MAX;
    l->too_long = false;
    if (skip) {
        chat_skip(r, l->number, "The line is longer than %zu bytes.", CHAT_LINE_MAX);
        return ERR_OK;
    }
    if (line.n && line.p[line.n - 1] == '\r')
        line.n--;
    return take(arg, line, e);
}

enum err chat_lines_feed(struct chat_lines *l, struct chat_reader *r, struct str bytes, chat_line_fn *take,
                         void *arg, struct error *e)
{
    l->rest.max = CHAT_LINE_MAX + 1;
    while (bytes.n) {
        size_t end = str_find_char(bytes, '\n');
        struct str part = str_sub(bytes, 0, end);
        if (end == SIZE_MAX || l->rest.n || l->too_long) {
            if (l->rest.n + part.n > CHAT_LINE_MAX) {
                l->too_long = true;
                buf_clear(&l->rest);
            }
            if (!l->too_long)
                buf_add(&l->rest, part);
            if (end == SIZE_MAX)
                return ERR_OK;
            part = buf_str(&l->rest);
        }
        enum err err = give_line(l, r, part, take, arg, e);
        buf_clear(&l->rest);
        if (err)
            return err;
        bytes = str_from(bytes, end + 1);
    }
    return ERR_OK;
}

enum err chat_lines_end(struct chat_lines *l, struct chat_reader *r, chat_line_fn *take, void *arg,
                        struct error *e)
{
    if (!l->rest.n && !l->too_long)
        return ERR_OK;
    enum err err = give_line(l, r, buf_str(&l->rest), take, arg, e);
    buf_release(&l->rest);
    return err;
}

/* ---- mending ---- */

static const struct str replacement = STR_INIT("\xEF\xBF\xBD");

struct str chat_text_mended(struct arena *a, struct str text)
{
    if (utf8_valid(text) && !memchr(text.p ? text.p : "", '\0', text.n))
        return text;
    CLEANUP_BUF struct buf b = BUF_MAX(4 * text.n + 16);
    char bytes[4];
    while (text.n) {
        uint32_t cp = utf8_next(&text);
        buf_add(&b, cp ? str_of(bytes, utf8_put(bytes, cp)) : replacement);
    }
    return arena_str(a, buf_str(&b));
}

static bool hex4(struct str s, size_t at, unsigned *value)
{
    *value = 0;
    if (at + 4 > s.n)
        return false;
    for (size_t i = at; i < at + 4; i++) {
        char c = s.p[i];
        unsigned d = c >= '0' && c <= '9'                     ? (unsigned)(c - '0')
                     : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (unsigned)((c | 0x20) - 'a' + 10)
                                                              : 16;
        if (d > 15)
            return false;
        *value = *value * 16 + d;
    }
    return true;
}

struct str chat_json_mended(struct arena *a, struct str text)
{
    CLEANUP_BUF struct buf b = BUF_MAX(4 * text.n + 16);
    text = chat_text_mended(a, text);
    for (size_t i = 0; i < text.n; i++) {
        unsigned cp, low;
        if (text.p[i] != '\\' || i + 1 == text.n) {
            buf_add_char(&b, text.p[i]);
        } else if (text.p[i + 1] != 'u' || !hex4(text, i + 2, &cp)) {
            buf_add(&b, str_sub(text, i, 2));
            i++;
        } else {
            bool high = cp >= 0xD800 && cp < 0xDC00;
            bool pair = high && i + 7 < text.n && text.p[i + 6] == '\\' && text.p[i + 7] == 'u' &&
                        hex4(text, i + 8, &low) && low >= 0xDC00 && low < 0xE000;
            size_t n = pair ? 12 : 6;
            bool bad = !pair && ((cp >= 0xD800 && cp < 0xE000) || cp == 0);
            buf_add(&b, bad ? STR("\\ufffd") : str_sub(text, i, n));
            i += n - 1;
        }
    }
    return arena_str(a, buf_str(&b));
}

enum err chat_json(struct arena *a, struct str text, struct json **out, struct error *e)
{
    struct error first = {0};
    if (json_parse(a, text, out, &first) == ERR_OK)
        return ERR_OK;
    struct str mended = chat_json_mended(a, text);
    if (json_parse(a, mended, out, NULL) == ERR_OK)
        return ERR_OK;
    if (e)
        *e = first;
    return first.err;
}

int64_t chat_json_when(const struct json *value, const struct chat_clock *clock)
{
    int64_t at_ms = 0;
    size_t used;
    if (!value)
        return 0;
    if (value->type == JSON_NUMBER && chat_when(value->raw, clock, &at_ms, &used))
        return at_ms;
    if (value->type == JSON_STRING && chat_when(str_trim(value->string), clock, &at_ms, &used))
        return at_ms;
    return 0;
}
