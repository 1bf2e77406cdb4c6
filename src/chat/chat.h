/*
 * Chats of other programs: bytes in, messages out.
 *
 * A reader is fed the bytes of a file piece by piece, in pieces of any size, and tells its sink what it
 * finds: begin, messages, end for each chat, and skip for what it could not take, with the line and a reason.
 * It holds one message at a time (text logs: their first LEARN_BYTES too; OpenAI's conversations: one
 * conversation), whatever the size of the file. The same bytes give the same calls, however they are cut, so
 * a file may be read twice: once to look, once to take.
 *
 *   reader.c       what kind of file it is, and who reads it     zip.c   files inside of a zip, as they come
 *   sillytavern.c  JSONL chats of SillyTavern                    text.c, speech.c   logs of people talking
 *   openai.c, cut.c   conversations.json, trees of messages      own.c   what our own export writes
 *   when.c         times in all the ways they are written        wire.c  messages as bytes, for the child
 *
 * A chat's messages are numbered 1, 2, 3, ... in the order in which they come; `parent` and `retry_of` are
 * such numbers, always smaller than the message's own. Texts are valid UTF-8 without NUL.
 *
 * It does not: know rooms or personas, keep anything, decide who a speaker is here.
 */
#ifndef EIDOLON_CHAT_CHAT_H
#define EIDOLON_CHAT_CHAT_H

#include "base/arena.h"
#include "base/error.h"

enum chat_format { CHAT_AUTO, CHAT_SILLYTAVERN, CHAT_TEXT, CHAT_OPENAI, CHAT_EIDOLON, CHAT_FORMATS };
extern const char *const chat_format_names[CHAT_FORMATS]; /* "auto", "sillytavern", ... */
bool chat_format_parse(struct str name, enum chat_format *out);

/* Who says it, as far as the file tells. */
enum chat_role {
    CHAT_SPEAKER, /* only a name is known */
    CHAT_USER,    /* the person whose chat it is */
    CHAT_CHARACTER,
    CHAT_NARRATOR, /* nobody: a note, a hidden message */
    CHAT_ROLES
};
enum chat_kind { CHAT_SAID, CHAT_EDITED, CHAT_DELETED, CHAT_KINDS };

struct chat_message {
    enum chat_kind kind;
    enum chat_role role;
    struct str name; /* as written */
    struct str text;
    int64_t at_ms;     /* 0: the file does not say */
    uint64_t number;   /* CHAT_SAID: its own; else the message that was changed */
    uint64_t parent;   /* the message it follows; 0: it begins the chat */
    uint64_t retry_of; /* the message it stands beside as another one; 0: none */
    uint64_t reply_to; /* the message it answers by name; 0: none */
    uint64_t line;     /* of the file, from 1 */
    struct str extra;  /* a JSON object: what else the file says of it, or empty */
};

/* Somebody of a chat, where the file lists them (our own export). */
struct chat_member {
    struct str name, slug, id;
};

struct chat_head {
    struct str title, user, character; /* names, or empty */
    int64_t at_ms;                     /* when it began, or 0 */
    struct str extra;                  /* a JSON object: the head as it was, or empty */
    const struct chat_member *members;
    size_t member_count;
};

struct chat_sink {
    void (*begin)(void *arg, const struct chat_head *head);
    void (*message)(void *arg, const struct chat_message *message);
    void (*end)(void *arg);
    /* `reason` is a sentence. Also between chats. */
    void (*skip)(void *arg, uint64_t line, const char *reason);
};

struct chat_options {
    enum chat_format format;
    struct str title;      /* of a chat that has none of its own: the file's name */
    int zone_minutes;      /* what times without a zone are east of UTC */
    size_t message_max;    /* bytes of a message; 0: CHAT_MESSAGE_MAX */
    uint64_t total_max;    /* bytes that a zip may unfold to; 0: CHAT_TOTAL_MAX */
    uint64_t messages_max; /* of one file; 0: CHAT_MESSAGES_MAX */
    unsigned chats_max;    /* of one file; 0: CHAT_CHATS_MAX */
};
#define CHAT_MESSAGE_MAX ((size_t)1 << 20)
#define CHAT_TOTAL_MAX ((uint64_t)2 << 30)
#define CHAT_MESSAGES_MAX ((uint64_t)2000000)
#define CHAT_CHATS_MAX 20000u
#define CHAT_LINE_MAX ((size_t)16 << 20)  /* of one line, or one JSON value */
#define CHAT_TREE_MAX ((size_t)256 << 20) /* of one conversation that is a tree */
enum { CHAT_NAME_MAX = 200, CHAT_MEMBERS_MAX = 64 };

struct chat_reader;

/* The options' strings are copied. Any thread; a reader belongs to one at a time. */
struct chat_reader *chat_reader_new(const struct chat_options *options, const struct chat_sink *sink,
                                    void *arg);
/* ERR_TOO_BIG, ERR_INVALID, ERR_UNSUPPORTED_TYPE with a sentence; then only chat_reader_free() is left. */
enum err chat_feed(struct chat_reader *r, struct str bytes, struct error *e);
/* The file ended. ERR_INVALID if nothing in it was a message. */
enum err chat_finish(struct chat_reader *r, struct error *e);
enum chat_format
chat_reader_format(const struct chat_reader *r); /* what it was taken for; CHAT_AUTO: not yet */
void chat_reader_free(struct chat_reader *r);

/*
 * Times as people and programs write them, at the front of `s`: RFC 3339, "2023-11-4 @14h 22m 33s 12ms",
 * "January 3, 2024 5:04pm", "31.12.23, 21:41", "12/31/23, 9:41 PM", "31-Dec-23 09:41 PM", seconds or
 * milliseconds since 1970. *used: how many bytes it took. False: there is none.
 */
enum chat_order { CHAT_DAY_FIRST = 1, CHAT_MONTH_FIRST = 2 };
struct chat_clock {
    int zone_minutes;
    enum chat_order
        order; /* of 3/4/2023; 0: the month first with AM and PM or slashes and no sign against it */
};
bool chat_when(struct str s, const struct chat_clock *clock, int64_t *at_ms, size_t *used);
/* What a time at the front of `s` tells about the order: CHAT_DAY_FIRST, CHAT_MONTH_FIRST, or 0. */
enum chat_order chat_when_order(struct str s);

/* JSON text that json_parse() refuses for lone surrogates, NULs or broken UTF-8, with U+FFFD in their place.
 */
struct str chat_json_mended(struct arena *a, struct str text);
/* Text without NUL and broken UTF-8; the same view where nothing is to be done. */
struct str chat_text_mended(struct arena *a, struct str text);

#endif
