/* The screen of a chat; see chat.h for how it is made up. */
#include "app/chat.h"

#include "base/clock.h"
#include "term/markdown.h"
#include "term/text.h"
#include "term/wrap.h"

#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

enum { DRAW_MS = 33, SPIN_MS = 300, ROWS_KEPT = 6, ROWS_LEAST = 4, IDLE_MS = 30000 };

unsigned view_columns(void)
{
    unsigned columns = term_columns();
    return columns < CHAT_COLUMNS ? columns : CHAT_COLUMNS;
}

static bool moves(const struct chat *c)
{
    return c->line && line_moves(c->line);
}

static size_t count_lines(struct str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += s.p[i] == '\n';
    return n;
}

/* The text after its first n lines. */
static struct str after_lines(struct str s, size_t n)
{
    size_t at = 0;
    for (; at < s.n && n; at++)
        n -= s.p[at] == '\n';
    return str_from(s, at);
}

/* ---- what is said for good ---- */

/* The oldest turn is partly said for good: what else is to be said waits for its end. */
static bool in_between(const struct chat *c)
{
    return c->turns && c->turns->headed;
}

void view_say(struct chat *c, struct str lines)
{
    if (c->silent || !lines.n)
        return;
    c->blank = str_eq(lines, STR("\n")) || str_ends(lines, STR("\n\n"));
    if (in_between(c)) {
        buf_add(&c->held, lines);
        return;
    }
    buf_add(&c->said, lines);
    c->changed = true;
    if (!moves(c))
        view_draw(c, true);
}

static void say_styled(struct chat *c, unsigned style, struct str text)
{
    CLEANUP_BUF struct buf out = BUF_INIT;
    struct wrap wrap;
    wrap_init(&wrap, &out, c->term, view_columns());
    struct str rest = text, line;
    while (str_cut(&rest, '\n', &line)) {
        /* A line's own indent stays, also where it goes on in the next one. */
        char indent[PREFIX_TEXT] = "";
        size_t blanks = 0;
        while (blanks < line.n && line.p[blanks] == ' ' && blanks + 1 < sizeof indent)
            indent[blanks++] = ' ';
        wrap_push(&wrap, indent, indent, 0);
        wrap_text(&wrap, line, style);
        wrap_pop(&wrap);
    }
    view_say(c, buf_str(&out));
}

void view_gap(struct chat *c)
{
    if (!c->blank)
        view_say(c, STR("\n"));
}

void view_note(struct chat *c, const char *format, ...)
{
    char text[2048];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    c->noted = true;
    say_styled(c, STYLE_DIM, str_c(text));
}

void view_wrong(struct chat *c, struct str sentence)
{
    say_styled(c, STYLE_BAD, sentence);
}

void view_header(struct chat *c, struct buf *to, struct str name, struct str mood)
{
    CLEANUP_BUF struct buf clean = BUF_INIT;
    text_clean_line(&clean, name);
    style_text(to, c->term, STYLE_NAME, buf_str(&clean));
    buf_clear(&clean);
    text_clean_line(&clean, mood);
    if (clean.n && !str_eq(buf_str(&clean), STR("neutral"))) {
        style_text(to, c->term, STYLE_DIM, STR(" · "));
        style_text(to, c->term, STYLE_DIM, buf_str(&clean));
    }
    buf_add_char(to, '\n');
}

void view_message(struct chat *c, struct str name, struct str mood, struct str text, bool own)
{
    CLEANUP_BUF struct buf out = BUF_INIT;
    if (own) {
        CLEANUP_BUF struct buf clean = BUF_INIT;
        text_clean(&clean, text);
        struct str rest = buf_str(&clean), line;
        for (bool first = true; str_cut(&rest, '\n', &line); first = false) {
            style_text(&out, c->term, STYLE_BOLD, first ? STR("› ") : STR("  "));
            buf_add(&out, line);
            buf_add_char(&out, '\n');
        }
    } else {
        view_header(c, &out, name, mood);
        markdown_render(&out, c->term, text, view_columns(), CHAT_INDENT);
    }
    buf_add_char(&out, '\n');
    view_say(c, buf_str(&out));
}

/* ---- turns ---- */

struct chat_turn *turn_of(struct chat *c, struct str id)
{
    for (struct chat_turn *t = c->turns; t; t = t->next)
        if (str_eq(str_c(t->id), id))
            return t;
    return NULL;
}

struct chat_turn *turn_begin(struct chat *c, struct str id, struct str persona, struct str name)
{
    struct chat_turn *t = turn_of(c, id), **at = &c->turns;
    if (t)
        return t;
    t = heap_alloc(sizeof *t);
    str_copy(t->id, sizeof t->id, id);
    str_copy(t->persona, sizeof t->persona, persona);
    str_copy(t->name, sizeof t->name, name);
    while (*at)
        at = &(*at)->next;
    *at = t;
    c->changed = true;
    return t;
}

static void turn_free(struct chat_turn *t)
{
    buf_release(&t->text);
    buf_release(&t->after);
    free(t);
}

static struct str mood_of(struct chat *c, const struct chat_turn *t)
{
    struct chat_persona *p = chat_persona_of(c->room, str_c(t->persona));
    return p ? str_c(p->mood) : STR_NONE;
}

/* Lines of the turn's text from `firm` on, the header before them where it has not been said. */
static void render_rest(struct chat *c, struct chat_turn *t, struct buf *to)
{
    if (!t->headed)
        view_header(c, to, str_c(t->name), mood_of(c, t));
    markdown_render(to, c->term, str_from(buf_str(&t->text), t->firm), view_columns(), CHAT_INDENT);
}

/* Lines go from what changes to what is said for good. */
static void say_lines(struct chat *c, struct chat_turn *t, struct str lines)
{
    buf_add(&c->said, lines);
    t->headed = true;
}

/* The oldest turn has outgrown the screen: its firm blocks, then as many lines as are too many. */
static void move_up(struct chat *c, struct chat_turn *t, size_t budget)
{
    CLEANUP_BUF struct buf lines = BUF_INIT;
    size_t stable = t->firm + markdown_stable(str_from(buf_str(&t->text), t->firm));
    if (stable > t->firm) {
        struct buf all = t->text;
        all.n = stable;
        if (!t->headed)
            view_header(c, &lines, str_c(t->name), mood_of(c, t));
        markdown_render(&lines, c->term, str_from(buf_str(&all), t->firm), view_columns(), CHAT_INDENT);
        buf_add_char(&lines, '\n');
        say_lines(c, t, after_lines(buf_str(&lines), t->lines));
        t->firm = stable;
        t->lines = 0;
        buf_clear(&lines);
    }
    render_rest(c, t, &lines);
    size_t count = count_lines(buf_str(&lines));
    if (count > t->lines + budget) {
        struct str fresh = after_lines(buf_str(&lines), t->lines);
        size_t over = count - t->lines - budget;
        struct str below = after_lines(fresh, over);
        bool was_headed = t->headed;
        say_lines(c, t, str_sub(fresh, 0, fresh.n - below.n));
        /* The header is a line of its own, which the next rendering will not have. */
        t->lines += over - !was_headed;
    }
}

static void finish_first(struct chat *c)
{
    while (c->turns && c->turns->over) {
        struct chat_turn *t = c->turns;
        CLEANUP_BUF struct buf lines = BUF_INIT;
        if (moves(c) && t->text.n) {
            render_rest(c, t, &lines);
            buf_add(&c->said, after_lines(buf_str(&lines), t->lines));
            buf_add_char(&c->said, '\n');
        }
        buf_add(&c->said, buf_str(&t->after));
        buf_add(&c->said, buf_str(&c->held));
        c->blank = !c->held.n || str_ends(buf_str(&c->held), STR("\n\n"));
        buf_clear(&c->held);
        c->turns = t->next;
        turn_free(t);
        c->changed = true;
    }
    if (!moves(c))
        view_draw(c, true);
}

void turn_add(struct chat *c, struct chat_turn *t, struct str text)
{
    buf_add(&t->text, text);
    c->changed = true;
    if (moves(c) || t != c->turns)
        return;
    /* Without a moving cursor the oldest turn is written as it comes. */
    CLEANUP_BUF struct buf out = BUF_INIT;
    if (!t->plain_begun)
        view_header(c, &out, str_c(t->name), mood_of(c, t));
    text_clean(&out, t->plain_begun ? text : buf_str(&t->text));
    t->plain_begun = true;
    t->headed = true;
    t->firm = t->text.n;
    term_write(STDOUT_FILENO, buf_str(&out));
}

void turn_end(struct chat *c, struct chat_turn *t, struct str text, unsigned style, struct str note)
{
    struct str so_far = buf_str(&t->text);
    if (text.n && !str_eq(text, so_far)) {
        /* The message as it was stored. What is said for good of another beginning cannot be taken back. */
        bool same = t->firm <= text.n && str_eq(str_sub(so_far, 0, t->firm), str_sub(text, 0, t->firm));
        CLEANUP_BUF struct buf copy = BUF_INIT;
        buf_add(&copy, text);
        if (!moves(c) && same && t == c->turns)
            turn_add(c, t, str_from(buf_str(&copy), t->text.n));
        buf_clear(&t->text);
        buf_add(&t->text, buf_str(&copy));
        if (!same)
            t->firm = t->lines = 0;
    }
    if (!moves(c) && t->text.n) {
        if (t == c->turns && !t->plain_begun)
            turn_add(c, t, STR_NONE);
        if (t == c->turns) {
            buf_add(&t->after, STR("\n\n"));
        } else {
            view_header(c, &t->after, str_c(t->name), mood_of(c, t));
            text_clean(&t->after, buf_str(&t->text));
            buf_add(&t->after, STR("\n\n"));
        }
    }
    if (note.n) {
        CLEANUP_BUF struct buf clean = BUF_INIT;
        text_clean_line(&clean, note);
        style_text(&t->after, c->term, style, buf_str(&clean));
        buf_add(&t->after, STR("\n\n"));
    }
    t->over = true;
    finish_first(c);
}

void view_forget(struct chat *c)
{
    while (c->turns) {
        struct chat_turn *t = c->turns;
        c->turns = t->next;
        turn_free(t);
    }
    buf_add(&c->said, buf_str(&c->held));
    buf_clear(&c->held);
    c->changed = true;
}

/* ---- drawing ---- */

static void add_thinking(struct chat *c, const struct chat_turn *t, struct buf *live)
{
    static const char *const dots[] = {".  ", ".. ", "...", " ..", "  .", "   "};
    CLEANUP_BUF struct buf text = BUF_INIT;
    text_clean_line(&text, str_c(t->name));
    buf_printf(&text, " is thinking%s", dots[c->spin % (sizeof dots / sizeof *dots)]);
    style_text(live, c->term, STYLE_DIM, buf_str(&text));
    buf_add_char(live, '\n');
}

/* What still changes, in at most `budget` lines. */
static void render_live(struct chat *c, struct buf *live, size_t budget)
{
    for (struct chat_turn *t = c->turns; t; t = t->next) {
        CLEANUP_BUF struct buf lines = BUF_INIT;
        if (!t->text.n) {
            add_thinking(c, t, live);
            continue;
        }
        render_rest(c, t, &lines);
        if (t == c->turns && count_lines(buf_str(&lines)) > t->lines + budget) {
            move_up(c, t, budget);
            buf_clear(&lines);
            render_rest(c, t, &lines);
        }
        struct str rest = after_lines(buf_str(&lines), t->lines);
        size_t count = count_lines(rest), have = count_lines(buf_str(live));
        size_t room = budget > have ? budget - have : 1;
        buf_add(live, count > room ? after_lines(rest, count - room) : rest);
        if (t->next)
            buf_add_char(live, '\n');
    }
}

static void take_off(struct chat *c, struct buf *out)
{
    if (c->live_rows)
        buf_printf(out, "\033[%uA", c->live_rows);
    buf_add(out, STR("\r\033[J"));
    c->live_rows = 0;
}

void view_draw(struct chat *c, bool now)
{
    CLEANUP_BUF struct buf out = BUF_INIT;
    CLEANUP_BUF struct buf live = BUF_INIT;
    uint64_t now_us = clock_mono_us();
    if (!moves(c)) {
        term_write(STDOUT_FILENO, buf_str(&c->said));
        buf_clear(&c->said);
        c->changed = false;
        return;
    }
    if (c->turns && now_us - c->spun_us >= SPIN_MS * 1000) {
        c->spin++;
        c->spun_us = now_us;
        c->changed = true;
    }
    if (!c->changed || (!now && now_us - c->drawn_us < DRAW_MS * 1000))
        return;
    unsigned rows = term_rows();
    render_live(c, &live, rows > ROWS_KEPT + ROWS_LEAST ? rows - ROWS_KEPT : ROWS_LEAST);
    line_hide(c->line, &out);
    take_off(c, &out);
    buf_add(&out, buf_str(&c->said));
    buf_add(&out, buf_str(&live));
    fwrite(out.p, 1, out.n, stdout);
    c->live_rows = (unsigned)count_lines(buf_str(&live));
    buf_clear(&c->said);
    c->changed = false;
    c->drawn_us = now_us;
    line_show(c->line);
}

void view_take_line(struct chat *c, struct str text)
{
    CLEANUP_BUF struct buf out = BUF_INIT;
    if (!moves(c))
        return;
    unsigned rows = line_rows(c->line);
    if (rows)
        buf_printf(&out, "\033[%uA", rows);
    take_off(c, &out);
    fwrite(out.p, 1, out.n, stdout);
    c->changed = true;
    if (text.n)
        view_message(c, STR_NONE, STR_NONE, text, true);
    view_draw(c, true);
}

int view_wait_ms(const struct chat *c)
{
    if (moves(c) && c->changed)
        return DRAW_MS;
    return moves(c) && c->turns ? SPIN_MS : IDLE_MS;
}
