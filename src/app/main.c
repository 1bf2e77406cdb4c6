/* The program: finds the command and runs it. Exit codes follow sysexits.h. See command.h. */
#include "app/command.h"

#include "engine/model_inspect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct command commands[] = {
    {"serve", "run the server", serve_main},
    {"backup", "write a consistent copy of the data to a file", backup_main},
    {"restore", "put a backup in the place of the data", restore_main},
    {"doctor", "say what is missing or wrong, and how to mend it", doctor_main},
    {"version", "print the version, and those of the libraries", version_main},
    {"print", "print a generated text: openapi, types, routes, settings", print_main},
};

static void usage(FILE *to)
{
    fprintf(to, "Eidolon: a home for AI personas.\n\nUsage: eidolon COMMAND [OPTIONS]\n\nCommands:\n");
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        fprintf(to, "  %-10s %s\n", commands[i].name, commands[i].summary);
    fprintf(to, "\n`eidolon COMMAND --help` says more.\n");
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        usage(stderr);
        return EX_USAGE;
    }
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
        usage(stdout);
        return EX_OK;
    }
    if (!strcmp(argv[1], "--version"))
        argv[1] = "version";
    if (!strcmp(argv[1], MODEL_INSPECT_COMMAND) && argc == 3) /* what the server starts of itself */
        _exit(model_inspect_child(argv[2])); /* confined: exit() would do what is denied */
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (!strcmp(argv[1], commands[i].name))
            return commands[i].run(argc - 2, argv + 2);
    }
    fprintf(stderr, "eidolon: there is no command '%s'; `eidolon --help` lists them.\n", argv[1]);
    return EX_USAGE;
}
