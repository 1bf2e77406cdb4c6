/*
 * The line that is being edited, by libedit, with a history, and room for events above it.
 *
 * libedit asks for a character; we ask the caller to wait (`wait`), who meanwhile runs everything else and
 * may write above the line between line_hide() and line_show(). Keys are those of emacs and of arrows;
 * Alt-Enter puts a line end into the text, Tab asks `complete`, what is pasted is taken as it is, with its
 * line ends. A text that ends in a backslash goes on in the next line; one that begins with three quotes ends
 * with three. The history is a file of lines, bounded, readable by its owner alone.
 *
 * One at a time (the terminal is one). Plain thread. It does not: know commands or rooms.
 */
#ifndef EIDOLON_TERM_LINE_H
#define EIDOLON_TERM_LINE_H

#include "base/arena.h"
#include "term/term.h"

enum { HISTORY_MAX = 1000, LINE_TEXT_MAX = 1 << 20, COMPLETIONS_MAX = 200 };

enum line_wait {
    LINE_INPUT, /* there is input, or its end */
    LINE_CLEAR, /* throw away what was typed */
    LINE_STOP,  /* stop editing: line_read() says LINE_STOPPED */
};

enum line_result { LINE_TEXT, LINE_END, LINE_STOPPED };

/* Filled by `complete`: what can stand in place of the `typed` bytes before the cursor. */
struct line_completions {
    struct arena arena;
    struct str candidates[COMPLETIONS_MAX];
    size_t count;
    size_t typed; /* how many bytes before the cursor the candidates replace */
};
void line_offer(struct line_completions *c, struct str candidate);

struct line_options {
    const struct term *term;
    const char *history; /* a file, or NULL */
    enum line_wait (*wait)(void *arg);
    void (*complete)(void *arg, struct str before_cursor, struct line_completions *c); /* or NULL */
    void *arg;
};

struct line;
struct line *line_new(const struct line_options *options);
void line_free(struct line *l);
/* False where the terminal cannot move its cursor: then nothing may be written above the line. */
bool line_moves(const struct line *l);

/* Reads one text, which may have several lines. `prompt` in a style. */
enum line_result line_read(struct line *l, struct str prompt, struct buf *out);
/* Whether line_read() is waiting, and what was typed so far. */
bool line_editing(const struct line *l);
bool line_empty(const struct line *l);
/* Appends what takes the prompt and what was typed off the screen, the cursor where the prompt began. What is
 * written above it goes to standard output's FILE, and line_show() puts the prompt back and flushes: so all
 * of it reaches the terminal in one piece, and nothing flickers. */
void line_hide(const struct line *l, struct buf *to);
void line_show(struct line *l);
/* How many rows of the screen the last line_read() left behind above the cursor, prompts and all. */
unsigned line_rows(const struct line *l);
/* Puts a text at the prompt of the next line_read(), to be edited. */
void line_preset(struct line *l, struct str text);
/* The window's size changed; the process was stopped and goes on. */
void line_resized(struct line *l);
void line_continued(struct line *l);
void line_remember(struct line *l, struct str text);

#endif
