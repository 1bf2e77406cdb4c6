/*
 * Logs of people talking, as text; see speech.h for the ways they are written.
 *
 * The first LEARN_BYTES are kept back and looked over: which style most lines have, whether days or months
 * stand first in dates, and, where lines have no times, which words before a colon are names (those that come
 * twice, or one each of only two). Then the lines are taken: one in that style begins a message, every other
 * goes on with the last one. What stands before the first message is told as skipped, as is what the log
 * itself says.
 */
#include "chat/inner.h"
#include "chat/speech.h"

#include <stdlib.h>

enum {
    LEARN_BYTES = 256 * 1024,
    NAMES_MAX = 64,
    SLACK_BYTES = 4096, /* of empty lines around a message, which are not counted */
};

struct text {
    struct chat_reader *r;
    struct chat_lines lines;
    struct chat_clock clock;
    struct buf sample;
    bool learned;
    enum speech_style style;
    struct str names[NAMES_MAX]; /* plain style; in names_arena */
    unsigned counts[NAMES_MAX];
    size_t name_count;
    struct arena names_arena;
    /* the message under way */
    struct buf body;
    char name[CHAT_NAME_MAX + 1];
    int64_t at_ms;
    uint64_t line, previous;
    bool speaking, too_long;
};

static void *open_text(struct chat_reader *r)
{
    struct text *t = heap_alloc(sizeof *t);
    t->r = r;
    t->clock = chat_clock_of(r);
    t->sample = BUF_MAX(2 * LEARN_BYTES);
    t->body = BUF_MAX(chat_message_max(r) + SLACK_BYTES);
    return t;
}

static void close_text(void *state)
{
    struct text *t = state;
    buf_release(&t->sample);
    buf_release(&t->body);
    buf_release(&t->lines.rest);
    arena_release(&t->names_arena);
    free(t);
}

/* ---- learning ---- */

static void count_name(struct text *t, struct str name)
{
    for (size_t i = 0; i < t->name_count; i++) {
        if (str_eq(t->names[i], name)) {
            t->counts[i]++;
            return;
        }
    }
    if (t->name_count < NAMES_MAX) {
        t->names[t->name_count] = arena_str(&t->names_arena, name);
        t->counts[t->name_count++] = 1;
    }
}

static void keep_names(struct text *t)
{
    size_t kept = 0;
    bool few = t->name_count <= 2;
    for (size_t i = 0; i < t->name_count; i++) {
        if (few || t->counts[i] > 1 || i == 0)
            t->names[kept++] = t->names[i];
    }
    t->name_count = kept;
}

static void learn(struct text *t)
{
    unsigned styles[SPEECH_STYLES] = {0}, day_first = 0, month_first = 0;
    struct str rest = buf_str(&t->sample), line;
    while (str_cut(&rest, '\n', &line)) {
        struct speech s;
        if (line.n > CHAT_LINE_MAX || !speech_read(line, &t->clock, &s))
            continue;
        styles[s.style]++;
        if (s.style == SPEECH_PLAIN)
            count_name(t, s.name);
        enum chat_order order = str_empty(s.when) ? 0 : chat_when_order(s.when);
        day_first += order == CHAT_DAY_FIRST;
        month_first += order == CHAT_MONTH_FIRST;
    }
    t->style = SPEECH_PLAIN;
    unsigned most = 0; /* a plain line is easily found where there are others: times win */
    for (int i = SPEECH_BRACKET; i < SPEECH_PLAIN; i++) {
        if (styles[i] > most) {
            most = styles[i];
            t->style = (enum speech_style)i;
        }
    }
    if (most * 8 < styles[SPEECH_PLAIN])
        t->style = SPEECH_PLAIN;
    if (day_first != month_first)
        t->clock.order = day_first > month_first ? CHAT_DAY_FIRST : CHAT_MONTH_FIRST;
    keep_names(t);
    t->learned = true;
}

/* ---- taking ---- */

static enum err finish_message(struct text *t, struct error *e)
{
    if (!t->speaking)
        return ERR_OK;
    t->speaking = false;
    struct str text = str_trim(buf_str(&t->body));
    if (t->too_long || text.n > chat_message_max(t->r)) {
        chat_skip(t->r, t->line, "The message is longer than %zu bytes.", chat_message_max(t->r));
        return ERR_OK;
    }
    if (str_empty(text)) {
        chat_skip(t->r, t->line, "The message is empty.");
        return ERR_OK;
    }
    struct arena a = ARENA_INIT;
    struct chat_message m = {.name = chat_text_mended(&a, str_c(t->name)),
                             .text = chat_text_mended(&a, text),
                             .at_ms = t->at_ms,
                             .parent = t->previous,
                             .line = t->line};
    if (!t->r->open)
        chat_begin(t->r, &(struct chat_head){.at_ms = t->at_ms});
    enum err err = chat_emit(t->r, &m, e);
    t->previous = m.number;
    arena_release(&a);
    return err;
}

static bool known_name(const struct text *t, struct str name)
{
    for (size_t i = 0; i < t->name_count; i++) {
        if (str_eq(t->names[i], name))
            return true;
    }
    return false;
}

static void add_text(struct text *t, struct str text)
{
    if (t->body.n + text.n > chat_message_max(t->r) + SLACK_BYTES) {
        t->too_long = true;
        return;
    }
    buf_add(&t->body, text);
}

static enum err take_line(void *arg, struct str line, struct error *e)
{
    struct text *t = arg;
    struct speech s;
    bool begins = speech_read(line, &t->clock, &s) && s.style == t->style &&
                  (s.style != SPEECH_PLAIN || known_name(t, s.name));
    if (!begins) {
        if (t->speaking) {
            add_text(t, STR("\n"));
            add_text(t, line);
        } else if (!str_empty(str_trim(line))) {
            chat_skip(t->r, t->lines.number, "Nobody says this line.");
        }
        return ERR_OK;
    }
    enum err err = finish_message(t, e);
    if (err)
        return err;
    if (str_empty(s.name)) {
        chat_skip(t->r, t->lines.number, "The log itself says this, nobody else.");
        return ERR_OK;
    }
    buf_clear(&t->body);
    t->too_long = false;
    t->speaking = true;
    t->line = t->lines.number;
    t->at_ms = s.at_ms;
    str_copy(t->name, sizeof t->name, s.name);
    add_text(t, s.text);
    return ERR_OK;
}

static enum err take_sample(struct text *t, struct error *e)
{
    learn(t);
    enum err err = chat_lines_feed(&t->lines, t->r, buf_str(&t->sample), take_line, t, e);
    buf_release(&t->sample);
    return err;
}

static enum err feed_text(void *state, struct str bytes, struct error *e)
{
    struct text *t = state;
    if (!t->learned) {
        struct str first = str_sub(bytes, 0, LEARN_BYTES - t->sample.n);
        buf_add(&t->sample, first);
        bytes = str_from(bytes, first.n);
        if (t->sample.n < LEARN_BYTES)
            return ERR_OK;
        enum err err = take_sample(t, e);
        if (err)
            return err;
    }
    return chat_lines_feed(&t->lines, t->r, bytes, take_line, t, e);
}

static enum err finish_text(void *state, struct error *e)
{
    struct text *t = state;
    enum err err = t->learned ? ERR_OK : take_sample(t, e);
    if (!err)
        err = chat_lines_end(&t->lines, t->r, take_line, t, e);
    return err ? err : finish_message(t, e);
}

const struct chat_parser chat_reads_text = {open_text, feed_text, finish_text, close_text};
