/* Man pages from the table of commands; see usage.h. One page a first word: eidolon(1), eidolon-chat(1),
 * eidolon-persona(1) with all its commands. Roff of the man macros, as man(7) has them. */
#include "app/usage.h"

#include <stdio.h>
#include <sysexits.h>

/* Text with what roff would take for its own made plain. */
static void roff(struct buf *to, struct str text)
{
    bool line_start = true;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (line_start && (c == '.' || c == '\''))
            buf_add(to, STR("\\&"));
        line_start = c == '\n';
        if (c == '\\')
            buf_add(to, STR("\\e"));
        else if (c == '-')
            buf_add(to, STR("\\-"));
        else
            buf_add_char(to, c);
    }
}

static void roff_c(struct buf *to, const char *text)
{
    roff(to, str_c(text));
}

/* Paragraphs; "\n\n" parts them. */
static void paragraphs(struct buf *to, struct str text)
{
    struct str rest = text, line;
    while (str_cut(&rest, '\n', &line)) {
        if (str_empty(line))
            buf_add(to, STR(".PP\n"));
        else
            roff(to, line);
        if (!str_empty(line))
            buf_add_char(to, '\n');
    }
}

static void option(struct buf *to, const struct usage_option *o)
{
    buf_add(to, STR(".TP\n"));
    if (o->letter)
        buf_printf(to, "\\fB\\-%c\\fR, ", o->letter);
    buf_add(to, STR("\\fB\\-\\-"));
    roff_c(to, o->name);
    buf_add(to, STR("\\fR"));
    if (o->value[0]) {
        buf_add(to, STR(" \\fI"));
        roff_c(to, o->value);
        buf_add(to, STR("\\fR"));
    }
    buf_add_char(to, '\n');
    roff_c(to, o->doc);
    buf_add_char(to, '\n');
}

static void examples(struct buf *to, const struct usage *u)
{
    struct str rest = str_c(u->examples), line;
    while (str_cut(&rest, '\n', &line)) {
        size_t at = str_find(line, STR(" # "));
        buf_add(to, STR(".TP\n\\fB"));
        roff(to, str_sub(line, 0, at));
        buf_add(to, STR("\\fR\n"));
        struct str what = at == SIZE_MAX ? STR("Runs it.") : str_from(line, at + 3);
        roff(to, what);
        buf_add_char(to, '\n');
    }
}

static void synopsis(struct buf *to, const struct usage *u)
{
    buf_add(to, STR(".B eidolon "));
    roff_c(to, u->name);
    buf_add(to, STR("\n"));
    if (u->operands[0]) {
        buf_add(to, STR(".I "));
        roff_c(to, u->operands);
        buf_add(to, STR("\n"));
    }
    buf_add(to, STR(".RI [ options ]\n.br\n"));
}

static void own_options(struct buf *to, const struct usage *u)
{
    const struct usage_option *o;
    for (size_t i = 0; (o = usage_option_at(u, i)) && !usage_option_common(o); i++)
        option(to, o);
}

static void common_options(struct buf *to)
{
    const struct usage *any = usage_at(0);
    const struct usage_option *o;
    buf_add(to, STR(".SH OPTIONS OF EVERY COMMAND\n"));
    for (size_t i = 0; (o = usage_option_at(any, i)); i++)
        if (usage_option_common(o))
            option(to, o);
    buf_add(to, STR(".TP\n\\fB\\-\\-\\fISECTION.KEY\\fB=\\fIVALUE\\fR\nAny setting; also "
                    "\\fBEIDOLON_SECTION_KEY\\fR in the environment.\n"));
}

static void exit_status(struct buf *to)
{
    static const struct {
        int code;
        const char *what;
    } codes[] = {
        {EX_OK, "It was done."},
        {EX_USAGE, "The command line was not understood."},
        {EX_DATAERR, "Some of what was given was refused."},
        {EX_NOINPUT, "There is no such file, persona, room or model."},
        {EX_UNAVAILABLE, "The server, the engine or something else that is needed does not answer."},
        {EX_SOFTWARE, "A fault of the program."},
        {EX_CANTCREAT, "A file cannot be made."},
        {EX_IOERR, "Reading or writing failed."},
        {EX_TEMPFAIL, "It may work later: something is busy."},
        {EX_NOPERM, "The access token is missing or wrong."},
        {EX_CONFIG, "A setting is wrong."},
    };
    buf_add(to, STR(".SH EXIT STATUS\n"));
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        buf_printf(to, ".TP\n.B %d\n%s\n", codes[i].code, codes[i].what);
    buf_add(to, STR(".TP\n.B 130\nIt was interrupted.\n"));
}

static struct str first_word(const struct usage *u)
{
    struct str name = str_c(u->name);
    return str_sub(name, 0, str_find_char(name, ' '));
}

static void heading(struct buf *to, struct str page)
{
    buf_add(to, STR(".TH \""));
    for (size_t i = 0; i < page.n; i++)
        buf_add_char(to, page.p[i] >= 'a' && page.p[i] <= 'z' ? (char)(page.p[i] - 'a' + 'A') : page.p[i]);
    buf_printf(to, "\" 1 \"\" \"Eidolon %s\" \"Eidolon\"\n.SH NAME\n", EIDOLON_VERSION);
    roff(to, page);
}

static void main_page(struct buf *to)
{
    const struct usage *u;
    heading(to, STR("eidolon"));
    buf_add(to, STR(" \\- a home for AI personas\n.SH SYNOPSIS\n.B eidolon\n.I command\n.RI [ options ]\n"
                    ".SH DESCRIPTION\nA self\\-hosted home for AI personas: one program, one data folder. "
                    "\\fBeidolon serve\\fR runs the server, with its page at http://127.0.0.1:8080; the "
                    "other commands "
                    "use it through a socket in the data folder, and where none runs, open the data folder "
                    "themselves.\n.SH COMMANDS\n"));
    for (size_t i = 0; (u = usage_at(i)); i++) {
        buf_add(to, STR(".TP\n\\fBeidolon "));
        roff_c(to, u->name);
        buf_add(to, STR("\\fR \\fI"));
        roff_c(to, u->operands);
        buf_add(to, STR("\\fR\n"));
        roff_c(to, u->summary);
        buf_add_char(to, '\n');
    }
    common_options(to);
    exit_status(to);
    buf_add(
        to,
        STR(".SH FILES\n.TP\n.I eidolon.ini\nSettings, in the data folder.\n.TP\n.I eidolon.sock\nThe socket "
            "on "
            "which a running server listens for commands, in the data folder.\n.TP\n.I "
            "terminal/history\nWhat "
            "was typed in \\fBeidolon chat\\fR, in the data folder.\n"
            ".SH ENVIRONMENT\n.TP\n.B EIDOLON_SECTION_KEY\nA setting.\n.TP\n.B EIDOLON_TOKEN\nThe access "
            "token "
            "for \\fB\\-\\-url\\fR.\n.TP\n.BR NO_COLOR \", \" TERM\nNo colours; what the terminal can.\n"));
}

bool usage_write_man(struct buf *to, struct str page)
{
    const struct usage *u;
    bool found = false;
    if (str_eq(page, STR("eidolon"))) {
        main_page(to);
        return true;
    }
    if (!str_starts(page, STR("eidolon-")))
        return false;
    struct str word = str_from(page, sizeof "eidolon-" - 1);
    for (size_t i = 0; (u = usage_at(i)); i++) {
        if (!str_eq(first_word(u), word))
            continue;
        if (!found) {
            heading(to, page);
            buf_add(to, STR(" \\- "));
            roff_c(to, strchr(u->name, ' ') ? "commands of Eidolon" : u->summary);
            buf_add(to, STR("\n.SH SYNOPSIS\n"));
        }
        found = true;
        synopsis(to, u);
    }
    if (!found)
        return false;
    buf_add(to, STR(".SH DESCRIPTION\n"));
    for (size_t i = 0; (u = usage_at(i)); i++) {
        if (!str_eq(first_word(u), word))
            continue;
        if (strchr(u->name, ' ')) {
            buf_add(to, STR(".SS "));
            roff_c(to, u->name);
            buf_add_char(to, '\n');
        }
        paragraphs(to, str_c(u->text));
        own_options(to, u);
        buf_add(to, STR(".PP\nExamples:\n"));
        examples(to, u);
    }
    common_options(to);
    exit_status(to);
    buf_add(to, STR(".SH SEE ALSO\n.BR eidolon (1)\n"));
    return true;
}

void usage_write_man_list(struct buf *to)
{
    const struct usage *u;
    struct str last = STR_NONE;
    buf_add(to, STR("eidolon\n"));
    for (size_t i = 0; (u = usage_at(i)); i++) {
        if (str_eq(first_word(u), last))
            continue;
        last = first_word(u);
        buf_printf(to, "eidolon-%.*s\n", STR_ARG(last));
    }
}
