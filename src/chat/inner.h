/*
 * What the readers of formats share; see chat.h. Private to src/chat.
 *
 * A format is a table of functions over its own state. It gets bytes by feed() and says what it found through
 * the functions below, which keep the limits, number the messages and open a chat when its first message
 * comes.
 */
#ifndef EIDOLON_CHAT_INNER_H
#define EIDOLON_CHAT_INNER_H

#include "base/buf.h"
#include "base/json.h"
#include "chat/chat.h"

struct chat_reader;

struct chat_parser {
    void *(*open)(struct chat_reader *r);
    enum err (*feed)(void *state, struct str bytes, struct error *e);
    enum err (*finish)(void *state, struct error *e);
    void (*close)(void *state);
};
extern const struct chat_parser chat_reads_sillytavern, chat_reads_text, chat_reads_openai, chat_reads_own,
    chat_reads_zip;

struct chat_reader {
    struct chat_options options;
    struct arena arena; /* the options' strings */
    const struct chat_sink *sink;
    void *arg;
    enum chat_format format;
    const struct chat_parser *parser;
    void *state;
    struct buf head;        /* bytes that are waited for until the format is known */
    struct chat_reader *of; /* the reader of the zip this file lies in, which counts for all */
    bool open;              /* begin was called, end was not */
    uint64_t numbered;      /* messages of the open chat */
    uint64_t messages, chats;
};

void chat_begin(struct chat_reader *r, const struct chat_head *head);
/* Numbers it (CHAT_SAID). The caller has set role, name, text and the rest. ERR_TOO_BIG: too many. */
enum err chat_emit(struct chat_reader *r, struct chat_message *m, struct error *e);
void chat_end(struct chat_reader *r);
void chat_skip(struct chat_reader *r, uint64_t line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
size_t chat_message_max(const struct chat_reader *r);
struct chat_clock chat_clock_of(const struct chat_reader *r);

/* Whole lines out of pieces; without their end ("\n" or "\r\n"). */
struct chat_lines {
    struct buf rest;
    uint64_t number; /* of the line that take() is given */
    bool too_long;   /* the rest of this line is thrown away */
};
typedef enum err chat_line_fn(void *arg, struct str line, struct error *e);
/* A line above CHAT_LINE_MAX is not given but told to `skip_in`. */
enum err chat_lines_feed(struct chat_lines *l, struct chat_reader *skip_in, struct str bytes,
                         chat_line_fn *take, void *arg, struct error *e);
enum err chat_lines_end(struct chat_lines *l, struct chat_reader *skip_in, chat_line_fn *take, void *arg,
                        struct error *e);

/* json_parse(), once more with the text mended if need be. */
enum err chat_json(struct arena *a, struct str text, struct json **out, struct error *e);
/* A time that is a string or a number (seconds or milliseconds). 0: none. */
int64_t chat_json_when(const struct json *value, const struct chat_clock *clock);

#endif
