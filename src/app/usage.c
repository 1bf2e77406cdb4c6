/* The table of commands and their --help; see usage.h. */
#include "app/usage.h"

#include "app/command.h"

static const struct usage commands[] = {
#define COMMAND(name, function, operands, kind, most, summary, text, examples)                               \
    {name, function, operands, USAGE_##kind, most, summary, text, examples},
#include "app/usage.def"
};
enum { COMMANDS = sizeof commands / sizeof *commands };

/* Options of all commands one after another; a row without a name begins the next command's. */
static const struct usage_option options[] = {
#define COMMAND(name, function, operands, kind, most, summary, text, examples)                               \
    {NULL, 0, NULL, USAGE_NONE, name},
#define OPTION(name, letter, value, kind, doc) {name, letter, value, USAGE_##kind, doc},
#include "app/usage.def"
};
enum { OPTIONS = sizeof options / sizeof *options };

static const struct usage_option common[] = {
#define COMMON(name, letter, value, kind, doc) {name, letter, value, USAGE_##kind, doc},
#include "app/usage.def"
};
enum { COMMONS = sizeof common / sizeof *common };

const struct usage *usage_at(size_t i)
{
    return i < COMMANDS ? &commands[i] : NULL;
}

const struct usage *usage_named(const char *name)
{
    for (size_t i = 0; i < COMMANDS; i++)
        if (!strcmp(commands[i].name, name))
            return &commands[i];
    return NULL;
}

const struct usage *usage_find(int argc, char **argv, int *words)
{
    for (size_t i = 0; i < COMMANDS; i++) {
        struct str rest = str_c(commands[i].name), word;
        int n = 0;
        while (str_cut(&rest, ' ', &word) && n < argc && str_eq(word, str_c(argv[n])))
            n++;
        size_t in_name = 1 + (strchr(commands[i].name, ' ') != NULL);
        if ((size_t)n == in_name) {
            *words = n;
            return &commands[i];
        }
    }
    return NULL;
}

bool usage_is_group(const char *word)
{
    size_t n = strlen(word);
    for (size_t i = 0; i < COMMANDS; i++)
        if (!strncmp(commands[i].name, word, n) && commands[i].name[n] == ' ')
            return true;
    return false;
}

const struct usage_option *usage_option_at(const struct usage *u, size_t i)
{
    size_t at = 0;
    while (at < OPTIONS && (options[at].name || strcmp(options[at].doc, u->name) != 0))
        at++;
    size_t own = 0;
    for (at++; at < OPTIONS && options[at].name; at++, own++)
        if (own == i)
            return &options[at];
    return i - own < COMMONS ? &common[i - own] : NULL;
}

bool usage_option_common(const struct usage_option *option)
{
    return option >= common && option < common + COMMONS;
}

/* ---- --help ---- */

enum { OPTION_COLUMN = 26, NAME_COLUMN = 18 };

/* Words of text from column `at` on, broken before `columns` and indented to `indent`. */
static void add_words(struct buf *to, struct str text, unsigned at, unsigned indent, unsigned columns)
{
    struct str line, word;
    for (bool first_line = true; str_cut(&text, '\n', &line); first_line = false) {
        if (!first_line) {
            buf_printf(to, "\n%*s", (int)indent, "");
            at = indent;
        }
        for (bool first = true; str_cut(&line, ' ', &word); first = false) {
            if (!first && at + 1 + word.n > columns) {
                buf_printf(to, "\n%*s", (int)indent, "");
                at = indent;
            } else if (!first) {
                buf_add_char(to, ' ');
                at++;
            }
            buf_add(to, word);
            at += (unsigned)word.n;
        }
    }
    buf_add_char(to, '\n');
}

static void add_option(struct buf *to, const struct usage_option *o, unsigned columns)
{
    char left[64];
    int n =
        snprintf(left, sizeof left, "  %s%c%s --%s%s%s", o->letter ? "-" : " ", o->letter ? o->letter : ' ',
                 o->letter ? "," : " ", o->name, o->value[0] ? " " : "", o->value);
    buf_printf(to, "%-*s ", OPTION_COLUMN, left);
    unsigned at = n > OPTION_COLUMN ? (unsigned)n + 1 : OPTION_COLUMN + 1;
    add_words(to, str_c(o->doc), at, OPTION_COLUMN + 1, columns);
}

void usage_write_help(struct buf *to, const struct usage *u, unsigned columns)
{
    const struct usage_option *o;
    buf_printf(to, "Usage: eidolon %s%s%s [OPTIONS]\n\n", u->name, u->operands[0] ? " " : "", u->operands);
    add_words(to, str_c(u->text), 0, 0, columns);
    buf_add(to, STR("\nOptions:\n"));
    for (size_t i = 0; (o = usage_option_at(u, i)); i++)
        add_option(to, o, columns);
    buf_printf(to, "  %-*s ", OPTION_COLUMN - 2, "   --SECTION.KEY=VALUE");
    add_words(to, STR("Any setting (docs/SETTINGS.md); also EIDOLON_SECTION_KEY in the environment."),
              OPTION_COLUMN + 1, OPTION_COLUMN + 1, columns);
    buf_add(to, STR("\nExamples:\n"));
    struct str rest = str_c(u->examples), line;
    while (str_cut(&rest, '\n', &line))
        buf_printf(to, "  %.*s\n", STR_ARG(line));
}

void usage_write_group(struct buf *to, const char *group)
{
    size_t n = strlen(group);
    buf_printf(to, "Usage: eidolon %s COMMAND [OPTIONS]\n\nCommands:\n", group);
    for (size_t i = 0; i < COMMANDS; i++)
        if (!strncmp(commands[i].name, group, n) && commands[i].name[n] == ' ')
            buf_printf(to, "  %-*s %s\n", NAME_COLUMN, commands[i].name, commands[i].summary);
    buf_printf(to, "\n`eidolon %s COMMAND --help` says more.\n", group);
}

void usage_write_all(struct buf *to)
{
    buf_add(to, STR("Eidolon: a home for AI personas.\n\nUsage: eidolon COMMAND [OPTIONS]\n\nCommands:\n"));
    for (size_t i = 0; i < COMMANDS; i++)
        buf_printf(to, "  %-*s %s\n", NAME_COLUMN, commands[i].name, commands[i].summary);
    buf_add(to, STR("\n`eidolon COMMAND --help` says more.\n"));
}
