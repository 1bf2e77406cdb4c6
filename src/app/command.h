/*
 * The commands of the program and what they share: options, the settings, saying what went wrong.
 *
 * A command gets the arguments after its name and returns an exit code of sysexits.h. Which commands there
 * are and what each of them understands says usage.def. Only here, in src/app, does anything print to a
 * terminal.
 */
#ifndef EIDOLON_APP_COMMAND_H
#define EIDOLON_APP_COMMAND_H

#include "api/settings.h"
#include "app/usage.h"

#include <sysexits.h>

#define COMMAND(name, function, operands, kind, most, summary, text, examples)                               \
    int function(int argc, char **argv);
#include "app/usage.def"

enum { OPTIONS_MAX = 256 };

/* The arguments, read; and the settings that they, the environment and the file make. */
struct options {
    struct arena arena;
    const struct usage *command;
    char *flags[OPTIONS_MAX + 1]; /* --section.key=value, NULL at the end */
    size_t flag_count;
    struct {
        const struct usage_option *option;
        const char *value;
    } given[OPTIONS_MAX];
    size_t given_count;
    const char **operands;
    size_t operand_count;
    const char *config_file;
    struct settings *settings;
    bool help;
};

/*
 * Reads the arguments of that command and the settings, sets up the log. EX_OK, or the code to end with,
 * after saying why. With --help it prints the help, sets o->help and reads no settings: the command ends.
 */
int options_read(struct options *o, const char *command, int argc, char **argv);
void options_release(struct options *o);
const struct config *options_config(const struct options *o);
/* The value of an option of the command ("" for a switch), the last one given; NULL: it was not. */
const char *option_value(const struct options *o, const char *name);
/* The next one given; *at is 0 to begin. */
const char *option_next(const struct options *o, const char *name, size_t *at);

/* Prints the sentence on standard error and returns the exit code that fits it. */
int complain(const struct error *e);
/* The program's version and its libraries', on standard output. */
void print_versions(void);

#endif
