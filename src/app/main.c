/* The program: finds the command and runs it. Exit codes follow sysexits.h. See command.h and usage.def. */
#include "app/child.h"
#include "app/command.h"
#include "app/usage.h"

#include "engine/model_inspect.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool is_help(const char *word)
{
    return !strcmp(word, "--help") || !strcmp(word, "-h") || !strcmp(word, "help");
}

static int usage(FILE *to, const char *group)
{
    CLEANUP_BUF struct buf text = BUF_INIT;
    if (group)
        usage_write_group(&text, group);
    else
        usage_write_all(&text);
    fwrite(text.p, 1, text.n, to);
    return to == stderr ? EX_USAGE : EX_OK;
}

int main(int argc, char **argv)
{
    int words = 0;
    if (argc < 2)
        return usage(stderr, NULL);
    if (is_help(argv[1]))
        return usage(stdout, NULL);
    if (!strcmp(argv[1], "--version"))
        argv[1] = "version";
    if (!strcmp(argv[1], MODEL_INSPECT_COMMAND) && argc == 3) /* what the server starts of itself */
        _exit(model_inspect_child(argv[2]));                  /* confined: exit() would do what is denied */
    if (!strcmp(argv[1], "child") && argc == 3)               /* the same; no command for people */
        _exit(child_run(argv[2]));
    const struct usage *command = usage_find(argc - 1, argv + 1, &words);
    if (command)
        return command->run(argc - 1 - words, argv + 1 + words);
    if (usage_is_group(argv[1])) {
        if (argc < 3)
            return usage(stderr, argv[1]);
        if (is_help(argv[2]))
            return usage(stdout, argv[1]);
        fprintf(stderr, "eidolon: there is no command '%s %s'; `eidolon %s --help` lists them.\n", argv[1],
                argv[2], argv[1]);
    } else {
        fprintf(stderr, "eidolon: there is no command '%s'; `eidolon --help` lists them.\n", argv[1]);
    }
    return EX_USAGE;
}
