/*
 * A chat as a file that people and other programs read: SillyTavern's JSONL, Markdown, text, a page of HTML.
 *
 * Pieces are appended to a buffer, which the caller sends away as it fills: the head, each message in order,
 * the end. Everything is escaped as its format wants it; HTML has no script and loads nothing. Pure.
 */
#ifndef EIDOLON_CHAT_WRITE_H
#define EIDOLON_CHAT_WRITE_H

#include "base/buf.h"
#include "base/json.h"

enum chat_file { CHAT_FILE_SILLYTAVERN, CHAT_FILE_MARKDOWN, CHAT_FILE_TEXT, CHAT_FILE_HTML };

struct chat_about {
    struct str title, user, character; /* character: the first of others, or empty */
    struct str others;                 /* all names but the user's, as a sentence has them */
    int64_t created_ms, exported_ms;
    struct str extra; /* what the file it came from said of it (JSON), or empty */
};

enum chat_by { CHAT_BY_NOBODY, CHAT_BY_USER, CHAT_BY_PERSONA };

/* The same message said otherwise. */
struct chat_other {
    struct str text;
    struct str extra; /* JSON or empty */
};

struct chat_line {
    enum chat_by by;
    struct str name, text;
    int64_t at_ms;
    bool edited;
    struct str extra; /* what the file it came from said of it (JSON), or empty */
    const struct chat_other *others;
    size_t other_count;
};

struct chat_writer {
    enum chat_file file;
    struct buf *to;
    int64_t day; /* of the last message, from 1; 0: none yet */
};

void chat_write_head(struct chat_writer *w, const struct chat_about *about);
void chat_write_line(struct chat_writer *w, const struct chat_line *line);
void chat_write_end(struct chat_writer *w, const struct chat_about *about);

#endif
