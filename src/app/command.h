/*
 * The commands of the program and what they share: options, the settings, saying what went wrong.
 *
 * A command gets the arguments after its name and returns an exit code of sysexits.h. All of them take
 * --config FILE,
 * --data DIR and any --section.key=value; serve also --listen and --loops. Only here, in src/app, does
 * anything print to a terminal.
 */
#ifndef EIDOLON_APP_COMMAND_H
#define EIDOLON_APP_COMMAND_H

#include "api/settings.h"

#include <sysexits.h>

typedef int command_fn(int argc, char **argv);

struct command {
    const char *name, *summary;
    command_fn *run;
};

command_fn serve_main, backup_main, restore_main, doctor_main, version_main, print_main;

enum { OPTIONS_MAX = 256, OPERANDS_MAX = 8 };

/* The arguments, read; and the settings that they, the environment and the file make. */
struct options {
    struct arena arena;
    char *flags[OPTIONS_MAX + 1]; /* --section.key=value, NULL at the end */
    size_t flag_count;
    const char *operands[OPERANDS_MAX];
    size_t operand_count;
    const char *config_file;
    struct settings *settings;
    bool help;
};

/*
 * Reads the arguments and the settings, sets up the log. EX_OK, or the code to end with, after saying why.
 * `operands` is how many a command wants at most. With --help, settings are not read: the command prints its
 * own.
 */
int options_read(struct options *o, int argc, char **argv, size_t operands);
void options_release(struct options *o);
const struct config *options_config(const struct options *o);

/* Prints the sentence on standard error and returns the exit code that fits it. */
int complain(const struct error *e);
/* "Usage: eidolon USAGE", what the command does, and the options all share. */
void print_help(const char *usage, const char *text);

#endif
