/* What the terminal is and can; see term.h. */
#include "term/term.h"

#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

void term_begin(struct term *t)
{
    const char *name = getenv("TERM"), *no_color = getenv("NO_COLOR");
    bool dumb = !name || !name[0] || !strcmp(name, "dumb");
    if (!setlocale(LC_CTYPE, "") || strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
        setlocale(LC_CTYPE, "C.UTF-8");
    t->in_tty = isatty(STDIN_FILENO);
    t->out_tty = isatty(STDOUT_FILENO);
    t->err_tty = isatty(STDERR_FILENO);
    t->color = t->out_tty && !dumb && !(no_color && no_color[0]);
    t->moving = t->in_tty && t->out_tty && !dumb;
}

static struct winsize size_now(void)
{
    struct winsize size = {0};
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0)
        size = (struct winsize){0};
    return size;
}

unsigned term_columns(void)
{
    unsigned columns = size_now().ws_col;
    return columns == 0 ? TERM_COLUMNS : columns < TERM_LEAST ? TERM_LEAST : columns;
}

unsigned term_rows(void)
{
    unsigned rows = size_now().ws_row;
    return rows == 0 ? TERM_ROWS : rows;
}

void style_put(struct buf *to, const struct term *t, unsigned styles)
{
    static const struct {
        unsigned style;
        const char *code;
    } codes[] = {
        {STYLE_BOLD, ";1"},    {STYLE_DIM, ";2"},   {STYLE_ITALIC, ";3"},     {STYLE_UNDERLINE, ";4"},
        {STYLE_STRIKE, ";9"},  {STYLE_CODE, ";36"}, {STYLE_HEADING, ";1;35"}, {STYLE_LINK, ";4;34"},
        {STYLE_NAME, ";1;32"}, {STYLE_GOOD, ";32"}, {STYLE_WARN, ";33"},      {STYLE_BAD, ";31"},
    };
    if (!t->color)
        return;
    buf_add(to, STR("\033[0"));
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (styles & codes[i].style)
            buf_add(to, str_c(codes[i].code));
    buf_add_char(to, 'm');
}

void style_text(struct buf *to, const struct term *t, unsigned styles, struct str text)
{
    style_put(to, t, styles);
    buf_add(to, text);
    style_put(to, t, 0);
}

bool term_write(int fd, struct str bytes)
{
    while (bytes.n) {
        ssize_t n = write(fd, bytes.p, bytes.n);
        if (n < 0 && errno == EAGAIN) {
            struct pollfd p = {.fd = fd, .events = POLLOUT};
            poll(&p, 1, -1);
        } else if (n < 0 && errno != EINTR) {
            return false;
        } else if (n > 0) {
            bytes = str_from(bytes, (size_t)n);
        }
    }
    return true;
}
