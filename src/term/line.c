/* Line editing; see line.h. */
#include "term/line.h"

#include "base/utf8.h"
#include "term/text.h"

#include <errno.h>
#include <fcntl.h>
#include <histedit.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>
#include <wchar.h>

enum {
    KEYS = 4096,
    PASTE_MARK = 6,
    KEY_KILL_LINE = 0x15,
    HISTORY_FILE_MAX = 4 << 20,
    OUTPUT_BUFFER = 1 << 16
};
#define PASTE_BEGINS STR("\033[200~")
#define PASTE_ENDS STR("\033[201~")
#define QUOTES STR("\"\"\"")

struct line {
    struct line_options options;
    EditLine *el;
    History *history;
    struct termios before; /* of the terminal, restored at the end */
    char prompt[256];      /* with sequences between \1 */
    size_t prompt_width;
    unsigned rows;
    char keys[KEYS];
    size_t key_at, key_count;
    bool editing, ended, stopped, pasting;
    struct buf paste, preset;
};

/* libedit calls its functions with its own struct alone. */
static struct line *self(EditLine *el)
{
    struct line *l = NULL;
    el_get(el, EL_CLIENTDATA, &l);
    return l;
}

/* Takes the prompt off; what is put next goes in its place. */
static void hide(const struct line *l)
{
    CLEANUP_BUF struct buf out = BUF_INIT;
    line_hide(l, &out);
    fwrite(out.p ? out.p : "", 1, out.n, stdout);
}

/* ---- history ---- */

static void remember(struct line *l, const char *text)
{
    HistEvent ev;
    history(l->history, &ev, H_ENTER, text);
}

/* One entry a line; \n and \\ stand for a line end and a backslash. */
static void unescape(struct buf *to, struct str line)
{
    for (size_t i = 0; i < line.n; i++) {
        if (line.p[i] == '\\' && i + 1 < line.n)
            buf_add_char(to, line.p[++i] == 'n' ? '\n' : line.p[i]);
        else
            buf_add_char(to, line.p[i]);
    }
    buf_add_char(to, '\0');
}

static void escape(struct buf *to, struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '\n')
            buf_add(to, STR("\\n"));
        else if (text.p[i] == '\\')
            buf_add(to, STR("\\\\"));
        else
            buf_add_char(to, text.p[i]);
    }
    buf_add_char(to, '\n');
}

static void read_history(struct line *l)
{
    CLEANUP_BUF struct buf text = BUF_MAX(HISTORY_FILE_MAX);
    char piece[4096];
    size_t lines = 0, skip;
    FILE *file = fopen(l->options.history, "re");
    if (!file)
        return;
    for (size_t n; (n = fread(piece, 1, sizeof piece, file)) > 0;)
        buf_add(&text, str_of(piece, n));
    fclose(file);
    struct str rest = buf_str(&text), line;
    while (str_cut(&rest, '\n', &line))
        lines++;
    skip = lines > HISTORY_MAX ? lines - HISTORY_MAX : 0;
    rest = buf_str(&text);
    for (size_t i = 0; str_cut(&rest, '\n', &line); i++) {
        CLEANUP_BUF struct buf entry = BUF_INIT;
        unescape(&entry, line);
        if (i >= skip && entry.n > 1)
            remember(l, entry.p);
        /* Twice as long as it should be: written again from here on. */
        if (i == skip && lines > 2 * HISTORY_MAX && (file = fopen(l->options.history, "we"))) {
            struct str kept = str_of(line.p, (size_t)(text.p + text.n - line.p));
            fwrite(kept.p, 1, kept.n, file);
            fclose(file);
        }
    }
}

void line_remember(struct line *l, struct str text)
{
    CLEANUP_BUF struct buf entry = BUF_INIT;
    if (str_empty(str_trim(text)) || text.p[0] == ' ')
        return;
    char *copy = heap_cstr(text);
    remember(l, copy);
    free(copy);
    if (!l->options.history)
        return;
    escape(&entry, text);
    int fd = open(l->options.history, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (fd < 0)
        return;
    term_write(fd, buf_str(&entry));
    close(fd);
}

/* ---- keys ---- */

/* Reads what is there; the caller said that there is something. */
static void read_keys(struct line *l)
{
    if (l->key_at) {
        memmove(l->keys, l->keys + l->key_at, l->key_count - l->key_at);
        l->key_count -= l->key_at;
        l->key_at = 0;
    }
    ssize_t n = read(STDIN_FILENO, l->keys + l->key_count, KEYS - l->key_count);
    if (n > 0)
        l->key_count += (size_t)n;
    else if (n == 0 || (errno != EINTR && errno != EAGAIN))
        l->ended = true;
}

static struct str keys_left(const struct line *l)
{
    return str_of(l->keys + l->key_at, l->key_count - l->key_at);
}

static bool wait_for_keys(struct line *l)
{
    enum line_wait what = l->options.wait(l->options.arg);
    if (what == LINE_INPUT)
        read_keys(l);
    else if (what == LINE_STOP)
        l->stopped = true;
    else
        l->keys[l->key_at = 0] = KEY_KILL_LINE, l->key_count = 1;
    return !l->stopped;
}

static void insert_paste(struct line *l)
{
    CLEANUP_BUF struct buf clean = BUF_INIT;
    CLEANUP_BUF struct buf ends = BUF_INIT;
    for (size_t i = 0; i < l->paste.n; i++)
        buf_add_char(&ends, l->paste.p[i] == '\r' ? '\n' : l->paste.p[i]);
    text_clean(&clean, buf_str(&ends));
    buf_add_char(&clean, '\0');
    hide(l);
    el_insertstr(l->el, clean.p);
    line_show(l);
    buf_clear(&l->paste);
}

/* Takes a pasted text out of the keys. True while there may be more of it to come, or of the mark that begins
 * it. */
static bool take_paste(struct line *l)
{
    struct str left = keys_left(l);
    if (!l->pasting && str_starts(left, PASTE_BEGINS)) {
        l->pasting = true;
        l->key_at += PASTE_MARK;
        left = keys_left(l);
    }
    if (!l->pasting)
        return left.n > 2 && left.n < PASTE_MARK && str_starts(PASTE_BEGINS, left);
    size_t end = str_find(left, PASTE_ENDS);
    if (end == SIZE_MAX) {
        /* The mark may come in two pieces, so its beginning stays. */
        size_t keep = left.n < PASTE_MARK - 1 ? left.n : PASTE_MARK - 1;
        buf_add(&l->paste, str_sub(left, 0, left.n - keep));
        l->key_at += left.n - keep;
        return true;
    }
    buf_add(&l->paste, str_sub(left, 0, end));
    l->key_at += end + PASTE_MARK;
    l->pasting = false;
    insert_paste(l);
    return false;
}

/* Whether the bytes begin a character that is not all there. */
static bool is_cut(struct str s)
{
    unsigned char first = (unsigned char)s.p[0];
    size_t need = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : first >= 0xC0 ? 2 : 1;
    return s.n < need;
}

static int get_char(EditLine *el, wchar_t *to)
{
    struct line *l = self(el);
    if (l->preset.n) {
        buf_add_char(&l->preset, '\0');
        hide(l);
        el_insertstr(el, l->preset.p);
        line_show(l);
        buf_clear(&l->preset);
    }
    while (!l->stopped) {
        if (take_paste(l) || !keys_left(l).n || is_cut(keys_left(l))) {
            if (l->ended)
                return 0;
            if (!wait_for_keys(l))
                break;
            continue;
        }
        struct str left = keys_left(l), rest = left;
        *to = (wchar_t)utf8_next(&rest);
        l->key_at += left.n - rest.n;
        return 1;
    }
    return 0;
}

static unsigned char insert_newline(EditLine *el, int key)
{
    (void)key;
    el_insertstr(el, "\n");
    return CC_REFRESH;
}

/* ---- completion ---- */

void line_offer(struct line_completions *c, struct str candidate)
{
    if (c->count < COMPLETIONS_MAX)
        c->candidates[c->count++] = arena_str(&c->arena, candidate);
}

/* What all candidates begin with, up to a whole character. */
static size_t common_length(const struct line_completions *c)
{
    size_t n = c->candidates[0].n;
    for (size_t i = 1; i < c->count; i++) {
        size_t k = 0;
        while (k < n && k < c->candidates[i].n && c->candidates[i].p[k] == c->candidates[0].p[k])
            k++;
        n = k;
    }
    while (n && n < c->candidates[0].n && (c->candidates[0].p[n] & 0xC0) == 0x80)
        n--;
    return n;
}

static void show_candidates(struct line *l, const struct line_completions *c)
{
    CLEANUP_BUF struct buf out = BUF_INIT;
    size_t column = 0, columns = term_columns();
    for (size_t i = 0; i < c->count; i++) {
        size_t width = text_width(c->candidates[i]);
        if (column && column + 2 + width > columns) {
            buf_add_char(&out, '\n');
            column = 0;
        } else if (column) {
            buf_add(&out, STR("  "));
            column += 2;
        }
        style_text(&out, l->options.term, STYLE_DIM, c->candidates[i]);
        column += width;
    }
    buf_add_char(&out, '\n');
    hide(l);
    fwrite(out.p, 1, out.n, stdout);
    line_show(l);
}

static unsigned char complete(EditLine *el, int key)
{
    struct line *l = self(el);
    const LineInfo *info = el_line(el);
    struct line_completions c = {.count = 0};
    (void)key;
    struct str before = str_of(info->buffer, (size_t)(info->cursor - info->buffer));
    if (l->options.complete)
        l->options.complete(l->options.arg, before, &c);
    unsigned char result = CC_ERROR;
    if (c.count) {
        size_t n = common_length(&c), typed = c.typed <= before.n ? c.typed : before.n;
        /* Characters of libedit are code points. */
        size_t typed_chars = utf8_count(str_from(before, before.n - typed));
        if (n > typed || c.count == 1) {
            char *text = heap_cstr(str_sub(c.candidates[0], 0, n));
            el_deletestr(el, (int)typed_chars);
            el_insertstr(el, text);
            if (c.count == 1)
                el_insertstr(el, " ");
            free(text);
        } else {
            show_candidates(l, &c);
        }
        result = CC_REFRESH;
    }
    arena_release(&c.arena);
    return result;
}

/* ---- the editor ---- */

static char *prompt_of(EditLine *el)
{
    return self(el)->prompt;
}

static void bind_keys(EditLine *el)
{
    static const char *const keys[][2] = {
        {"\\e[1;5C", "em-next-word"}, {"\\e[1;5D", "ed-prev-word"},      {"\\e[1;3C", "em-next-word"},
        {"\\e[1;3D", "ed-prev-word"}, {"\\e[3~", "ed-delete-next-char"}, {"\\e[H", "ed-move-to-beg"},
        {"\\e[F", "ed-move-to-end"},  {"\\e[1~", "ed-move-to-beg"},      {"\\e[4~", "ed-move-to-end"},
        {"\\eOH", "ed-move-to-beg"},  {"\\eOF", "ed-move-to-end"},       {"\\e[A", "ed-prev-history"},
        {"\\e[B", "ed-next-history"}, {"\\e[C", "ed-next-char"},         {"\\e[D", "ed-prev-char"},
        {"\\eOA", "ed-prev-history"}, {"\\eOB", "ed-next-history"},      {"\\eOC", "ed-next-char"},
        {"\\eOD", "ed-prev-char"},    {"\\e^?", "ed-delete-prev-word"},  {"^W", "ed-delete-prev-word"},
        {"^R", "em-inc-search-prev"}, {"\\e^M", "eidolon-newline"},      {"\\e^J", "eidolon-newline"},
        {"^I", "eidolon-complete"},
    };
    /* The wide forms keep the names as they are; the narrow ones make copies that nobody frees. */
    el_wset(el, EL_ADDFN, L"eidolon-newline", L"Puts a line end into the text", insert_newline);
    el_wset(el, EL_ADDFN, L"eidolon-complete", L"Completes the word", complete);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        el_set(el, EL_BIND, keys[i][0], keys[i][1], NULL);
}

struct line *line_new(const struct line_options *options)
{
    HistEvent ev;
    struct line *l = heap_alloc(sizeof *l);
    l->options = *options;
    l->options.history = options->history ? heap_cstr(str_c(options->history)) : NULL;
    l->paste.max = l->preset.max = LINE_TEXT_MAX;
    static char output[OUTPUT_BUFFER];
    setvbuf(stdout, output, _IOFBF, sizeof output);
    tcgetattr(STDIN_FILENO, &l->before);
    l->el = el_init("eidolon", stdin, stdout, stderr);
    l->history = history_init();
    history(l->history, &ev, H_SETSIZE, HISTORY_MAX);
    history(l->history, &ev, H_SETUNIQUE, 1);
    if (options->history)
        read_history(l);
    el_set(l->el, EL_CLIENTDATA, l);
    el_set(l->el, EL_EDITOR, "emacs");
    el_set(l->el, EL_SIGNAL, 0);
    el_set(l->el, EL_PROMPT_ESC, prompt_of, '\1');
    el_set(l->el, EL_HIST, history, l->history);
    el_wset(l->el, EL_GETCFN, get_char);
    bind_keys(l->el);
    if (options->term->moving)
        term_write(STDOUT_FILENO, STR("\033[?2004h"));
    return l;
}

void line_free(struct line *l)
{
    if (!l)
        return;
    if (l->options.term->moving)
        term_write(STDOUT_FILENO, STR("\033[?2004l"));
    el_end(l->el);
    tcsetattr(STDIN_FILENO, TCSADRAIN, &l->before);
    history_end(l->history);
    buf_release(&l->paste);
    buf_release(&l->preset);
    free((char *)l->options.history);
    free(l);
}

bool line_moves(const struct line *l)
{
    return l->options.term->moving;
}

static void set_prompt(struct line *l, struct str prompt)
{
    CLEANUP_BUF struct buf text = BUF_INIT;
    if (l->options.term->color) {
        buf_add_char(&text, '\1');
        style_put(&text, l->options.term, STYLE_BOLD);
        buf_add_char(&text, '\1');
    }
    buf_add(&text, prompt);
    if (l->options.term->color) {
        buf_add_char(&text, '\1');
        style_put(&text, l->options.term, 0);
        buf_add_char(&text, '\1');
    }
    str_copy(l->prompt, sizeof l->prompt, buf_str(&text));
    l->prompt_width = text_width(prompt);
}

/* The row below the prompt's first one in which a text ends, as the terminal has it: full lines wrap at once,
 * and a wide character that does not fit goes down whole. */
static unsigned row_at(const struct line *l, struct str text)
{
    size_t columns = term_columns(), column = l->prompt_width;
    unsigned row = 0;
    while (text.n) {
        uint32_t cp = utf8_next(&text);
        size_t width = cp == '\n' ? 0 : char_width(cp);
        if (cp == '\n' || column + width > columns) {
            row++;
            column = 0;
        }
        column += width;
        if (column >= columns) {
            row++;
            column = 0;
        }
    }
    return row;
}

/* Between two lines, what is typed ahead waits without being shown. */
static void quiet_tty(const struct line *l)
{
    struct termios quiet = l->before;
    quiet.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    tcsetattr(STDIN_FILENO, TCSADRAIN, &quiet);
}

/* One line of the editor, without its end. False: there is none. */
static bool read_one(struct line *l, struct str prompt, struct buf *out)
{
    int n = 0;
    set_prompt(l, prompt);
    l->editing = true;
    const char *text = el_gets(l->el, &n);
    l->editing = false;
    quiet_tty(l);
    if (!text || n <= 0)
        return false;
    struct str got = str_of(text, (size_t)n);
    if (str_ends(got, STR("\n")))
        got.n--;
    l->rows += row_at(l, got) + 1;
    buf_add(out, got);
    return true;
}

/* Whether the text wants another line; a backslash at the end is taken off. */
static bool wants_more(struct buf *out)
{
    struct str text = buf_str(out);
    if (str_starts(text, QUOTES)) {
        size_t end = str_find(str_from(text, 3), QUOTES);
        return end == SIZE_MAX;
    }
    if (!str_ends(text, STR("\\")) || str_ends(text, STR("\\\\")))
        return false;
    out->n--;
    return true;
}

enum line_result line_read(struct line *l, struct str prompt, struct buf *out)
{
    static const struct str more = STR_INIT("… ");
    bool first = true;
    l->stopped = false;
    l->rows = 0;
    buf_clear(out);
    do {
        if (!first)
            buf_add_char(out, '\n');
        if (!read_one(l, first ? prompt : more, out)) {
            bool stopped = l->stopped;
            l->stopped = false;
            return stopped ? LINE_STOPPED : LINE_END;
        }
        first = false;
    } while (wants_more(out));
    struct str text = buf_str(out);
    if (str_starts(text, QUOTES)) {
        size_t end = str_find(str_from(text, 3), QUOTES);
        CLEANUP_BUF struct buf inner = BUF_INIT;
        buf_add(&inner, str_trim(str_sub(text, 3, end)));
        buf_clear(out);
        buf_add(out, buf_str(&inner));
    }
    return LINE_TEXT;
}

bool line_editing(const struct line *l)
{
    return l->editing;
}

bool line_empty(const struct line *l)
{
    const LineInfoW *info = el_wline(l->el);
    return !l->editing || info->lastchar == info->buffer;
}

void line_hide(const struct line *l, struct buf *to)
{
    if (!l->editing || !line_moves(l))
        return;
    const LineInfo *info = el_line(l->el);
    unsigned row = row_at(l, str_of(info->buffer, (size_t)(info->cursor - info->buffer)));
    buf_add_char(to, '\r');
    if (row)
        buf_printf(to, "\033[%uA", row);
    buf_add(to, STR("\033[J"));
}

void line_show(struct line *l)
{
    if (l->editing && line_moves(l))
        el_set(l->el, EL_REFRESH);
    fflush(stdout);
}

unsigned line_rows(const struct line *l)
{
    return l->rows;
}

void line_preset(struct line *l, struct str text)
{
    buf_clear(&l->preset);
    buf_add(&l->preset, text);
}

void line_resized(struct line *l)
{
    if (!l->editing)
        return;
    hide(l);
    el_resize(l->el);
    line_show(l);
}

void line_continued(struct line *l)
{
    if (!l->editing)
        return;
    el_set(l->el, EL_PREP_TERM, 1);
    line_show(l);
}
